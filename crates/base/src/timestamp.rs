//! Moments of the calendar, as people and protocols write them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in UTC between the years 0 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

const DAY: i64 = 86_400;

impl Timestamp {
    /// Seconds since 1970 and nanoseconds of the next; none outside the years 0 to 9999 and for 10^9 nanoseconds or more.
    pub fn new(seconds: i64, nanos: u32) -> Option<Self> {
        // 0000-01-01 and 9999-12-31.
        let days = -719_528..=2_932_896;
        (days.contains(&seconds.div_euclid(DAY)) && nanos < 1_000_000_000)
            .then_some(Timestamp { seconds, nanos })
    }

    /// Reads RFC 3339, such as `2026-11-23T15:06:38.741Z` or `2026-11-23t16:06:38+01:00`. Digits after the ninth of a
    /// fraction are dropped, and a leap second counts as the second before it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut input = text.as_bytes();
        let year = number(&mut input, 4)?;
        sign(&mut input, b"-")?;
        let month = number(&mut input, 2)?;
        sign(&mut input, b"-")?;
        let day = number(&mut input, 2)?;
        sign(&mut input, b"Tt ")?;
        let hour = number(&mut input, 2)?;
        sign(&mut input, b":")?;
        let minute = number(&mut input, 2)?;
        sign(&mut input, b":")?;
        let second = number(&mut input, 2)?;
        let nanos = fraction(&mut input)?;
        let offset = match sign(&mut input, b"Zz+-")? {
            b'Z' | b'z' => 0,
            sign_of_offset => {
                let hours = number(&mut input, 2)?;
                sign(&mut input, b":")?;
                let minutes = number(&mut input, 2)?;
                let offset = hours * 3600 + minutes * 60;
                (hours < 24 && minutes < 60).then_some(if sign_of_offset == b'-' {
                    -offset
                } else {
                    offset
                })?
            }
        };
        let valid = input.is_empty()
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        let seconds =
            days_before(year, month, day) * DAY + hour * 3600 + minute * 60 + second.min(59) - offset;
        if valid { Timestamp::new(seconds, nanos) } else { None }
    }

    /// Nanoseconds since 1970.
    pub fn as_nanos(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// RFC 3339 in UTC with milliseconds, such as `2026-11-23T15:06:38.741Z`.
    pub fn to_millis(self) -> String {
        format!("{}.{:03}Z", self.to_seconds(), self.nanos / 1_000_000)
    }

    fn to_seconds(self) -> String {
        let (year, month, day) = date(self.seconds.div_euclid(DAY));
        let time = self.seconds.rem_euclid(DAY);
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}

/// RFC 3339 in UTC, with as many digits of a fraction as it takes.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_seconds())?;
        if self.nanos != 0 {
            f.write_str(format!(".{:09}", self.nanos).trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// Moments that are out of range become the nearest that is in it.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let nanos = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => signed(after),
            Err(before) => -signed(before.duration()),
        };
        let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
        let nanos = nanos.rem_euclid(1_000_000_000) as u32;
        Timestamp::new(seconds, nanos).unwrap_or(if seconds < 0 {
            Timestamp { seconds: -719_528 * DAY, nanos: 0 }
        } else {
            Timestamp { seconds: 2_932_897 * DAY - 1, nanos: 999_999_999 }
        })
    }
}

fn signed(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

/// One of these bytes.
fn sign(input: &mut &[u8], signs: &[u8]) -> Option<u8> {
    let (first, rest) = input.split_first()?;
    *input = rest;
    signs.contains(first).then_some(*first)
}

/// A number of so many digits.
fn number(input: &mut &[u8], digits: usize) -> Option<i64> {
    let (text, rest) = input.split_at_checked(digits)?;
    *input = rest;
    text.iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// Nanoseconds after a dot, if there is one.
fn fraction(input: &mut &[u8]) -> Option<u32> {
    let Some(rest) = input.strip_prefix(b".") else { return Some(0) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (text, rest) = rest.split_at_checked(digits)?;
    *input = rest;
    let nine = text.iter().map(|digit| u32::from(digit - b'0')).chain(std::iter::repeat(0)).take(9);
    (digits > 0).then(|| nine.fold(0, |nanos, digit| nanos * 10 + digit))
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn date(days: i64) -> (i64, i64, i64) {
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
    (year, month, day)
}

/// Days from 1970-01-01 to a day: the other way round.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, shifted) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let cycle = year.div_euclid(400);
    let of_cycle = year.rem_euclid(400);
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    cycle * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - 719_468
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_when_written_and_read_again_are_the_same() {
        for (seconds, nanos, text, millis) in [
            (0, 0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
            (951_782_400, 0, "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"),
            (1_700_000_000, 120_000_000, "2023-11-14T22:13:20.12Z", "2023-11-14T22:13:20.120Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999Z"),
            (-62_167_219_200, 0, "0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            (253_402_300_799, 1, "9999-12-31T23:59:59.000000001Z", "9999-12-31T23:59:59.000Z"),
        ] {
            let moment = Timestamp::new(seconds, nanos).unwrap();
            assert_eq!((moment.to_string(), moment.to_millis()), (text.to_owned(), millis.to_owned()));
            assert_eq!(Timestamp::parse(text), Some(moment));
            assert_eq!(moment.as_nanos(), i128::from(seconds) * 1_000_000_000 + i128::from(nanos));
        }
        // Every day of the calendar.
        for days in -719_528..=2_932_896 {
            let (year, month, day) = date(days);
            assert_eq!(days_before(year, month, day), days);
            assert!((1..=days_in(year, month)).contains(&day));
        }
    }

    #[test]
    fn moments_when_out_of_range_are_none_or_the_nearest() {
        assert_eq!(Timestamp::new(253_402_300_800, 0), None);
        assert_eq!(Timestamp::new(-62_167_219_201, 0), None);
        assert_eq!(Timestamp::new(i64::MAX, 0), None);
        assert_eq!(Timestamp::new(i64::MIN, 0), None);
        assert_eq!(Timestamp::new(0, 1_000_000_000), None);
        let late = UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert_eq!(Timestamp::from(late).to_string(), "9999-12-31T23:59:59.999999999Z");
        let before = UNIX_EPOCH - Duration::from_millis(500);
        assert_eq!(Timestamp::from(before).to_string(), "1969-12-31T23:59:59.5Z");
    }

    #[test]
    fn text_when_it_has_an_offset_or_odd_signs_is_read_as_rfc_3339_says() {
        for (text, expected) in [
            ("2023-11-14T23:13:20+01:00", Some("2023-11-14T22:13:20Z")),
            ("2023-11-14t14:13:20.50-08:00", Some("2023-11-14T22:13:20.5Z")),
            ("2023-11-14 22:13:20z", Some("2023-11-14T22:13:20Z")),
            ("1990-12-31T23:59:60Z", Some("1990-12-31T23:59:59Z")),
            ("2023-11-14T22:13:20.1234567899Z", Some("2023-11-14T22:13:20.123456789Z")),
            ("0000-01-01T00:00:00+00:01", None),
            ("2023-02-29T00:00:00Z", None),
            ("2023-00-01T00:00:00Z", None),
            ("2023-13-01T00:00:00Z", None),
            ("2023-11-31T00:00:00Z", None),
            ("2023-11-14T24:00:00Z", None),
            ("2023-11-14T22:60:20Z", None),
            ("2023-11-14T22:13:61Z", None),
            ("2023-11-14T22:13:20.Z", None),
            ("2023-11-14T22:13:20", None),
            ("2023-11-14T22:13:20+1:00", None),
            ("2023-11-14T22:13:20+24:00", None),
            ("2023-11-14T22:13:20Zx", None),
            ("2023-1-14T22:13:20Z", None),
            ("+023-11-14T22:13:20Z", None),
            ("", None),
        ] {
            assert_eq!(
                Timestamp::parse(text).map(|moment| moment.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }
}
