//! CRC-32C (Castagnoli), the checksum a PROXY header of version 2 may carry (RFC 3309, appendix).

/// The reversed polynomial.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// Of the octets of all pieces, in order.
pub(super) fn crc32c<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let octets = pieces.into_iter().flatten();
    !octets.fold(u32::MAX, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_when_computed_is_that_of_rfc_3720() {
        // RFC 3720, B.4.
        assert_eq!(crc32c([&[0_u8; 32][..]]), 0x8a91_36aa);
        assert_eq!(crc32c([&[0xff_u8; 32][..]]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c([&ascending[..5], &[], &ascending[5..]]), 0x46dd_794e);
        assert_eq!(crc32c([&b"123456789"[..]]), 0xe306_9283);
        assert_eq!(crc32c([]), 0);
    }
}
