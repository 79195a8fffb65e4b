//! Masking (RFC 6455 §5.3): XOR with a key of four octets, and where keys come from.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

/// Octets XORed at once; the inner loop over them compiles to vector instructions.
const WIDE: usize = 32;

/// Random octets fetched at once.
const BLOCK: usize = 256;

/// Masks or unmasks, which is the same. `at` is where in the frame's payload `data` begins.
pub(crate) fn apply(data: &mut [u8], key: [u8; 4], at: usize) {
    let mut turned = key;
    turned.rotate_left(at % 4);
    let mut wide = [0; WIDE];
    for (octet, key) in wide.iter_mut().zip(turned.iter().cycle()) {
        *octet = *key;
    }
    let (chunks, rest) = data.as_chunks_mut::<WIDE>();
    for chunk in chunks {
        xor(chunk, &wide);
    }
    xor(rest, &wide);
}

fn xor(data: &mut [u8], key: &[u8; WIDE]) {
    for (octet, key) in data.iter_mut().zip(key) {
        *octet ^= key;
    }
}

/// A new key, not to be guessed by the application (RFC 6455 §5.3).
pub(crate) fn key() -> [u8; 4] {
    let mut key = [0; 4];
    random(&mut key);
    key
}

/// Fills at most [`BLOCK`] octets with random ones, fetched from the operating system in blocks.
pub(crate) fn random(out: &mut [u8]) {
    struct Block {
        octets: [u8; BLOCK],
        used: usize,
    }
    thread_local! {
        static RANDOM: RefCell<Block> = const { RefCell::new(Block { octets: [0; BLOCK], used: BLOCK }) };
    }
    RANDOM.with_borrow_mut(|block| {
        if block.used + out.len() > BLOCK {
            if getrandom::fill(&mut block.octets).is_err() {
                // Without the system's randomness a keyed hash is the best that is left; masks keep no secret.
                let keyed = RandomState::new();
                let (words, _) = block.octets.as_chunks_mut::<8>();
                for (n, word) in words.iter_mut().enumerate() {
                    *word = keyed.hash_one(n).to_ne_bytes();
                }
            }
            block.used = 0;
        }
        for (octet, random) in out.iter_mut().zip(block.octets.iter().skip(block.used)) {
            *octet = *random;
        }
        block.used += out.len();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_piece_at_any_place_is_masked_like_octet_by_octet() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for len in 0..150 {
            for at in 0..5 {
                let plain: Vec<u8> = (0..len).collect();
                let mut masked = plain.clone();
                apply(&mut masked, key, at);
                let expected: Vec<u8> =
                    plain.iter().enumerate().map(|(i, b)| b ^ key[(i + at) % 4]).collect();
                assert_eq!(masked, expected, "length {len} at {at}");
            }
        }
    }

    #[test]
    fn keys_differ() {
        let keys: std::collections::HashSet<_> = (0..200).map(|_| key()).collect();
        assert!(keys.len() > 190);
    }
}
