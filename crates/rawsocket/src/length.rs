//! The largest message of one direction, as four bits of the handshake say it.

use std::fmt;

/// The largest message that one end accepts: a power of two from 512 octets to 16 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MaxLength(u8);

impl MaxLength {
    /// 512 octets.
    pub const MIN: MaxLength = MaxLength(0);
    /// 16 MiB.
    pub const MAX: MaxLength = MaxLength(15);

    /// The limit that four bits of the handshake stand for: 2^(9 + nibble). Higher bits are not looked at.
    pub fn from_nibble(nibble: u8) -> Self {
        MaxLength(nibble & 0x0F)
    }

    /// The smallest limit that is at least `octets`; [`MaxLength::MAX`] when there is none.
    pub fn at_least(octets: usize) -> Self {
        (0..15).map(MaxLength).find(|max| max.octets() >= octets).unwrap_or(MaxLength::MAX)
    }

    /// The four bits, in the lower half.
    pub fn nibble(self) -> u8 {
        self.0
    }

    /// The limit in octets.
    pub fn octets(self) -> usize {
        1 << (9 + self.0)
    }

    /// The largest message to send to a peer with this limit. One octet less than 16 MiB at most: a message of exactly
    /// 2^24 octets needs a bit in the prefix that several clients do not know.
    pub fn sendable(self) -> usize {
        self.octets().min((1 << 24) - 1)
    }
}

impl fmt::Display for MaxLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", self.octets())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_when_no_power_of_two_is_rounded_up() {
        for (octets, nibble, rounded) in [
            (0, 0, 512),
            (512, 0, 512),
            (513, 1, 1024),
            (131_072, 8, 131_072),
            (1_000_000, 11, 1 << 20),
            ((1 << 23) + 1, 15, 1 << 24),
            (1 << 24, 15, 1 << 24),
            (usize::MAX, 15, 1 << 24),
        ] {
            let max = MaxLength::at_least(octets);
            assert_eq!((max.nibble(), max.octets()), (nibble, rounded), "{octets}");
        }
    }

    #[test]
    fn nibble_when_read_back_is_the_same_limit() {
        for nibble in 0..16 {
            assert_eq!(MaxLength::at_least(MaxLength::from_nibble(nibble).octets()).nibble(), nibble);
        }
        assert_eq!(MaxLength::MAX.sendable(), 0xFF_FFFF);
        assert_eq!(MaxLength::MIN.sendable(), 512);
    }
}
