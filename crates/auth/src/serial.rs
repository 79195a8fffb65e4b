//! Random names for those who have none.

use crate::{Env, NoRandomness};

/// Characters that people do not confuse when they read them out.
const ALPHABET: &[u8; 27] = b"345679ACEFGHJKLMNPQRSTUVWXY";

/// A random `XXXX-XXXX-XXXX-XXXX-XXXX-XXXX`: 114 bits.
///
/// # Errors
/// When there is no randomness to be had.
pub(crate) fn serial(env: &Env) -> Result<String, NoRandomness> {
    // The largest multiple of the alphabet's length that a byte holds; bytes from there on would favour its beginning.
    const FAIR: u8 = 9 * 27;
    let mut out = String::with_capacity(29);
    let mut drawn = 0;
    while drawn < 24 {
        let random: [u8; 32] = env.random()?;
        for byte in random.iter().filter(|byte| **byte < FAIR).take(24 - drawn) {
            if drawn > 0 && drawn % 4 == 0 {
                out.push('-');
            }
            if let Some(character) = ALPHABET.get(usize::from(byte % 27)) {
                out.push(char::from(*character));
            }
            drawn += 1;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_have_their_form_and_differ() {
        let env = Env::default();
        let all: std::collections::HashSet<String> = (0..200).map(|_| serial(&env).unwrap()).collect();
        assert_eq!(all.len(), 200);
        for serial in &all {
            let groups: Vec<&str> = serial.split('-').collect();
            assert_eq!(groups.len(), 6, "{serial}");
            assert!(groups.iter().all(|group| group.len() == 4), "{serial}");
            assert!(serial.bytes().all(|b| b == b'-' || ALPHABET.contains(&b)), "{serial}");
        }
    }

    #[test]
    fn every_character_is_drawn() {
        let env = Env::default();
        let drawn: String = (0..100).map(|_| serial(&env).unwrap()).collect();
        assert!(ALPHABET.iter().all(|character| drawn.contains(char::from(*character))));
    }
}
