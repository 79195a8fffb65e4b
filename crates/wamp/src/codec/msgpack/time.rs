//! The one extension type that MessagePack defines: timestamps.

use transom_base::Timestamp;

/// The type number of timestamps.
const TIMESTAMP: i8 = -1;

/// A timestamp as RFC 3339 writes it, if it is one of the years 0 to 9999.
pub(super) fn rfc3339(kind: i8, data: &[u8]) -> Option<Vec<u8>> {
    if kind != TIMESTAMP {
        return None;
    }
    let (seconds, nanos) = parts(data)?;
    Some(Timestamp::new(seconds, nanos)?.to_string().into_bytes())
}

/// Seconds since 1970 and nanoseconds.
fn parts(data: &[u8]) -> Option<(i64, u32)> {
    if let Ok(seconds) = <[u8; 4]>::try_from(data) {
        return Some((u32::from_be_bytes(seconds).into(), 0));
    }
    if let Ok(both) = <[u8; 8]>::try_from(data) {
        let both = u64::from_be_bytes(both);
        return Some(((both & 0x3_ffff_ffff) as i64, (both >> 34) as u32));
    }
    if data.len() != 12 {
        return None;
    }
    let (nanos, seconds) = data.split_first_chunk::<4>()?;
    Some((i64::from_be_bytes(*seconds.first_chunk()?), u32::from_be_bytes(*nanos)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(data: &[u8]) -> Option<String> {
        rfc3339(TIMESTAMP, data).map(|text| String::from_utf8(text).unwrap())
    }

    fn long(seconds: i64, nanos: u32) -> Option<String> {
        text(&[&nanos.to_be_bytes()[..], &seconds.to_be_bytes()].concat())
    }

    #[test]
    fn timestamps_when_in_range_become_text() {
        for (seconds, nanos, expected) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (951_782_400, 0, "2000-02-29T00:00:00Z"),
            (1_700_000_000, 120_000_000, "2023-11-14T22:13:20.12Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
            (-62_167_219_200, 0, "0000-01-01T00:00:00Z"),
            (253_402_300_799, 1, "9999-12-31T23:59:59.000000001Z"),
        ] {
            assert_eq!(long(seconds, nanos).as_deref(), Some(expected));
        }
        assert_eq!(text(&1_700_000_000u32.to_be_bytes()).as_deref(), Some("2023-11-14T22:13:20Z"));
        let both = (500_000_000u64 << 34) | 1_700_000_000;
        assert_eq!(text(&both.to_be_bytes()).as_deref(), Some("2023-11-14T22:13:20.5Z"));
    }

    #[test]
    fn timestamps_when_out_of_range_or_of_other_length_are_none() {
        assert_eq!(long(253_402_300_800, 0), None);
        assert_eq!(long(-62_167_219_201, 0), None);
        assert_eq!(long(i64::MAX, 0), None);
        assert_eq!(long(i64::MIN, 0), None);
        assert_eq!(long(0, 1_000_000_000), None);
        assert_eq!(text(&[0; 5]), None);
        assert_eq!(rfc3339(5, &[0; 4]), None);
    }
}
