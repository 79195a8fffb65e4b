//! UBJSON in the two dialects that share its name on the wire: draft 12, which is big-endian, and BJData, its
//! successor, which is little-endian and has unsigned integers of every width. The HELLO of a client looks the same in
//! both, so whoever opens the session must know which one its peer speaks.
//!
//! Where a type is generic over `BJ`, true means BJData.

mod reader;
mod writer;

pub(super) use reader::Reader;
pub(super) use writer::Writer;

/// Draft 12.
pub(super) const DRAFT12: bool = false;
/// BJData.
pub(super) const BJDATA: bool = true;

/// The type of the items of a list that stands for bytes.
const fn octet<const BJ: bool>() -> u8 {
    if BJ { b'B' } else { b'U' }
}
