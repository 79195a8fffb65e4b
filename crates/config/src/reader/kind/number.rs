//! Numbers, times, switches, and values that may be anything.

use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value as Json;

use super::Kind;
use crate::reader::describe::Shape;
use crate::reader::val::Val;
use crate::reader::writer::Writer;

/// Longest time in milliseconds that a file can ask for (49 days): far from overflowing any clock.
const MAX_MS: i64 = u32::MAX as i64;

/// `true` or `false`.
pub(crate) fn flag() -> Flag {
    Flag
}

pub(crate) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn read(&self, value: &Val<'_>) -> Option<bool> {
        value.bool()
    }

    fn write(&self, value: &bool, _: &Writer) -> Option<Json> {
        Some((*value).into())
    }

    fn shape(&self) -> Shape {
        Shape::Bool
    }
}

/// An integer of that range.
pub(crate) fn int<T>(range: RangeInclusive<i64>) -> Int<T> {
    Int { range, unit: None, number: PhantomData }
}

/// A TCP port.
pub(crate) fn port() -> Int<u16> {
    int(1..=65_535)
}

/// A TCP port where 0 means any.
pub(crate) fn port_or_none() -> OrNone<u16> {
    OrNone { range: 0..=65_535, unit: None, number: PhantomData }
}

/// How many of something, 0 included.
pub(crate) fn count<T>() -> Int<T> {
    int(0..=i64::MAX)
}

/// A number of bytes of that range.
pub(crate) fn size<T>(range: RangeInclusive<i64>) -> Int<T> {
    Int { range, unit: Some("bytes"), number: PhantomData }
}

pub(crate) struct Int<T> {
    range: RangeInclusive<i64>,
    unit: Option<&'static str>,
    number: PhantomData<fn() -> T>,
}

impl<T: TryFrom<i64> + TryInto<i64> + Copy> Kind for Int<T> {
    type Value = T;

    fn read(&self, value: &Val<'_>) -> Option<T> {
        value.int(&self.range)?.try_into().ok()
    }

    fn write(&self, value: &T, _: &Writer) -> Option<Json> {
        (*value).try_into().ok().map(|number: i64| number.into())
    }

    fn shape(&self) -> Shape {
        Shape::Int { least: *self.range.start(), most: *self.range.end(), unit: self.unit }
    }
}

/// A count where 0 means no limit.
pub(crate) fn limit(most: i64) -> OrNone<u32> {
    OrNone { range: 0..=most, unit: None, number: PhantomData }
}

/// A size in bytes where 0 means no limit.
pub(crate) fn size_or_none(most: i64) -> OrNone<usize> {
    OrNone { range: 0..=most, unit: Some("bytes"), number: PhantomData }
}

pub(crate) struct OrNone<T> {
    range: RangeInclusive<i64>,
    unit: Option<&'static str>,
    number: PhantomData<fn() -> T>,
}

impl<T: TryFrom<i64> + TryInto<i64> + Copy> Kind for OrNone<T> {
    type Value = Option<T>;

    fn read(&self, value: &Val<'_>) -> Option<Option<T>> {
        let number = value.int(&self.range)?;
        Some(if number == 0 { None } else { Some(number.try_into().ok()?) })
    }

    fn write(&self, value: &Option<T>, _: &Writer) -> Option<Json> {
        let number = value.map_or(Some(0), |number| number.try_into().ok())?;
        Some(number.into())
    }

    fn shape(&self) -> Shape {
        Shape::Int { least: *self.range.start(), most: *self.range.end(), unit: self.unit }
    }
}

/// Milliseconds, 0 = off.
pub(crate) fn ms() -> Time {
    Time { most: MAX_MS, least: 1, milliseconds: true, zero: true }
}

/// Seconds of that range; if it holds 0, that means off.
pub(crate) fn seconds(range: RangeInclusive<i64>) -> Time {
    Time { most: *range.end(), least: *range.start(), milliseconds: false, zero: *range.start() == 0 }
}

pub(crate) struct Time {
    most: i64,
    /// The least that is not 0.
    least: i64,
    milliseconds: bool,
    /// Whether it can be switched off by 0.
    zero: bool,
}

impl Time {
    /// Milliseconds where less than a second is a mistake for seconds.
    pub(crate) fn of_at_least_a_second(self) -> Self {
        Self { least: 1_000, ..self }
    }
}

impl Kind for Time {
    type Value = Option<Duration>;

    fn read(&self, value: &Val<'_>) -> Option<Option<Duration>> {
        let least = if self.zero { 0 } else { self.least };
        let number = value.int(&(least..=self.most))?;
        if number > 0 && number < self.least {
            value.invalid_value(
                format!("must be 0 (off) or at least {}: it is in milliseconds", self.least),
                Some(&format!("{number} seconds are {}", number.saturating_mul(1_000))),
            );
            return None;
        }
        let number = u64::try_from(number).ok()?;
        Some((number > 0).then(|| match self.milliseconds {
            true => Duration::from_millis(number),
            false => Duration::from_secs(number),
        }))
    }

    fn write(&self, value: &Option<Duration>, _: &Writer) -> Option<Json> {
        let time = value.unwrap_or_default();
        let number = if self.milliseconds { time.as_millis() } else { time.as_secs().into() };
        (value.is_some() || self.zero).then(|| u64::try_from(number).unwrap_or(u64::MAX).into())
    }

    fn shape(&self) -> Shape {
        let unit = Some(if self.milliseconds { "ms" } else { "s" });
        let at_least = |least| Shape::Int { least, most: self.most, unit };
        match (self.zero, self.least) {
            (true, 2..) => Shape::Either(vec![Shape::Values(vec![0.into()]), at_least(self.least)]),
            (true, _) => at_least(0),
            (false, least) => at_least(least),
        }
    }
}

/// Anything, kept as it is.
pub(crate) fn any() -> Any {
    Any
}

pub(crate) struct Any;

impl Kind for Any {
    type Value = Json;

    fn read(&self, value: &Val<'_>) -> Option<Json> {
        Some(value.node.to_json())
    }

    fn write(&self, value: &Json, _: &Writer) -> Option<Json> {
        Some(value.clone())
    }

    fn shape(&self) -> Shape {
        Shape::Any
    }
}

/// One of a few numbers, each standing for something.
pub(crate) fn value_of<T: Copy + PartialEq + 'static>(values: &'static [(i64, T)]) -> ValueOf<T> {
    ValueOf { values }
}

pub(crate) struct ValueOf<T: 'static> {
    values: &'static [(i64, T)],
}

impl<T: Copy + PartialEq> Kind for ValueOf<T> {
    type Value = T;

    fn read(&self, value: &Val<'_>) -> Option<T> {
        let known: Vec<_> = self.values.iter().map(|(known, _)| known.to_string()).collect();
        let find =
            |number| self.values.iter().find(|(known, _)| *known == number).map(|(_, meaning)| *meaning);
        find(value.int_that(|number| find(number).is_some(), &known.join(" or "))?)
    }

    fn write(&self, value: &T, _: &Writer) -> Option<Json> {
        self.values.iter().find(|(_, meaning)| meaning == value).map(|(number, _)| (*number).into())
    }

    fn shape(&self) -> Shape {
        Shape::Values(self.values.iter().map(|(number, _)| (*number).into()).collect())
    }
}
