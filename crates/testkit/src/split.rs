//! Cutting bytes in every way that matters: what a parser says must not depend on how its input arrived.

/// Calls `f` with the bytes in one piece, in two pieces cut at every place, and octet by octet.
pub fn every_split(bytes: &[u8], mut f: impl FnMut(&[&[u8]])) {
    f(&[bytes]);
    for cut in 0..=bytes.len() {
        let (first, second) = bytes.split_at(cut);
        f(&[first, second]);
    }
    let octets: Vec<&[u8]> = bytes.chunks(1).collect();
    f(&octets);
}

/// Calls `f` with every prefix of the bytes, the empty and the whole one included.
pub fn every_prefix(bytes: &[u8], mut f: impl FnMut(&[u8])) {
    for cut in 0..=bytes.len() {
        f(&bytes[..cut]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_when_joined_are_the_bytes() {
        let mut calls = 0;
        every_split(b"abc", |pieces| {
            assert_eq!(pieces.concat(), b"abc");
            calls += 1;
        });
        assert_eq!(calls, 1 + 4 + 1);
        let mut prefixes = Vec::new();
        every_prefix(b"ab", |prefix| prefixes.push(prefix.to_vec()));
        assert_eq!(prefixes, [&b""[..], b"a", b"ab"]);
    }
}
