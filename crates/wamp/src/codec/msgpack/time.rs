//! The one extension type that MessagePack defines: timestamps.

/// The type number of timestamps.
const TIMESTAMP: i8 = -1;

/// A timestamp as RFC 3339 writes it, if it is one of the years 0 to 9999.
pub(super) fn rfc3339(kind: i8, data: &[u8]) -> Option<Vec<u8>> {
    if kind != TIMESTAMP {
        return None;
    }
    let (seconds, nanos) = parts(data)?;
    if nanos > 999_999_999 {
        return None;
    }
    let days = seconds.div_euclid(86_400);
    let time = seconds.rem_euclid(86_400);
    let (year, month, day) = date(days)?;
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanos != 0 {
        let digits = format!(".{nanos:09}");
        text.push_str(digits.trim_end_matches('0'));
    }
    text.push('Z');
    Some(text.into_bytes())
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

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn date(days: i64) -> Option<(i64, i64, i64)> {
    // The years 0 to 9999.
    if !(-719_528..=2_932_896).contains(&days) {
        return None;
    }
    // Counted from 0000-03-01, so that the leap day ends the year, in cycles of 400 years.
    let days = days + 719_468;
    let cycle = days.div_euclid(146_097);
    let of_cycle = days.rem_euclid(146_097);
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + cycle * 400 + i64::from(month <= 2);
    Some((year, month, day))
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
