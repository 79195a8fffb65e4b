//! Lists, maps by name, and values that may be absent or of several kinds.

use serde_json::Value as Json;

use super::Kind;
use crate::reader::describe::Shape;
use crate::reader::map::Map;
use crate::reader::source::Token;
use crate::reader::val::Val;
use crate::reader::writer::Writer;

/// A value that need not be there.
pub(crate) fn some<K: Kind>(kind: K) -> Maybe<K> {
    Maybe { kind }
}

pub(crate) struct Maybe<K> {
    kind: K,
}

impl<K: Kind> Kind for Maybe<K> {
    type Value = Option<K::Value>;

    fn read(&self, value: &Val<'_>) -> Option<Self::Value> {
        self.kind.read(value).map(Some)
    }

    fn write(&self, value: &Self::Value, out: &Writer) -> Option<Json> {
        self.kind.write(value.as_ref()?, out)
    }

    fn shape(&self) -> Shape {
        self.kind.shape()
    }

    fn is_whole(&self) -> bool {
        self.kind.is_whole()
    }
}

/// A value that need not be there, and is not if it is `null`.
pub(crate) fn some_or_null<K: Kind>(kind: K) -> MaybeNull<K> {
    MaybeNull { kind: some(kind) }
}

pub(crate) struct MaybeNull<K> {
    kind: Maybe<K>,
}

impl<K: Kind> Kind for MaybeNull<K> {
    type Value = Option<K::Value>;

    fn read(&self, value: &Val<'_>) -> Option<Self::Value> {
        if value.is_null() { Some(None) } else { self.kind.read(value) }
    }

    fn write(&self, value: &Self::Value, out: &Writer) -> Option<Json> {
        self.kind.write(value, out)
    }

    fn shape(&self) -> Shape {
        Shape::Either(vec![self.kind.shape(), Shape::Null])
    }
}

/// A value that must be there, although code can do without.
pub(crate) fn needed<K: Kind>(kind: K) -> Needed<K> {
    Needed { kind }
}

pub(crate) struct Needed<K> {
    kind: K,
}

impl<K: Kind> Kind for Needed<K> {
    type Value = K::Value;

    fn read(&self, value: &Val<'_>) -> Option<Self::Value> {
        self.kind.read(value)
    }

    fn write(&self, value: &Self::Value, out: &Writer) -> Option<Json> {
        self.kind.write(value, out)
    }

    fn shape(&self) -> Shape {
        self.kind.shape()
    }

    fn absent(&self, map: &Map<'_>, key: &str) -> Option<Self::Value> {
        map.missing(key, None);
        None
    }

    fn is_needed(&self) -> bool {
        true
    }
}

/// A value whose absence means what other keys make of it.
pub(crate) fn depending<K: Kind>(kind: K) -> Depending<K> {
    Depending { kind }
}

pub(crate) struct Depending<K> {
    kind: K,
}

impl<K: Kind> Kind for Depending<K> {
    type Value = K::Value;

    fn read(&self, value: &Val<'_>) -> Option<Self::Value> {
        self.kind.read(value)
    }

    fn write(&self, value: &Self::Value, out: &Writer) -> Option<Json> {
        self.kind.write(value, out)
    }

    fn shape(&self) -> Shape {
        self.kind.shape()
    }

    fn default_shown(&self, _: &Self::Value) -> Option<Json> {
        None
    }
}

/// A value that may be `null`, which is nothing.
pub(crate) fn or_null<T, K: Kind<Value = Option<T>>>(kind: K) -> OrNull<K> {
    OrNull { kind }
}

pub(crate) struct OrNull<K> {
    kind: K,
}

impl<T, K: Kind<Value = Option<T>>> Kind for OrNull<K> {
    type Value = Option<T>;

    fn read(&self, value: &Val<'_>) -> Option<Option<T>> {
        if value.is_null() { Some(None) } else { self.kind.read(&value.or("null")) }
    }

    fn write(&self, value: &Option<T>, out: &Writer) -> Option<Json> {
        if value.is_none() { Some(Json::Null) } else { self.kind.write(value, out) }
    }

    fn shape(&self) -> Shape {
        Shape::Either(vec![self.kind.shape(), Shape::Null])
    }
}

/// A list. An item that is wrong is left out.
pub(crate) fn list<K: Kind>(item: K) -> List<K> {
    List { item, length: (0, usize::MAX), or_one: false, why: "" }
}

/// A list of so many items.
pub(crate) fn list_of_at_least<K: Kind>(least: usize, why: &'static str, item: K) -> List<K> {
    List { item, length: (least, usize::MAX), or_one: false, why }
}

/// A list, or an item without the list around it.
pub(crate) fn one_or_list<K: Kind>(item: K) -> List<K> {
    List { item, length: (0, usize::MAX), or_one: true, why: "" }
}

pub(crate) struct List<K> {
    item: K,
    length: (usize, usize),
    or_one: bool,
    why: &'static str,
}

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn read(&self, value: &Val<'_>) -> Option<Vec<K::Value>> {
        if self.or_one && !value.is_list() {
            return self.item.read(&value.or("list")).map(|item| vec![item]);
        }
        let items = value.list()?;
        if items.len() < self.length.0 {
            value.invalid_value(self.why, None);
            return None;
        }
        Some(items.iter().filter_map(|item| self.item.read(item)).collect())
    }

    fn write(&self, value: &Vec<K::Value>, out: &Writer) -> Option<Json> {
        Some(value.iter().filter_map(|item| self.item.write(item, out)).collect())
    }

    fn shape(&self) -> Shape {
        let list = Shape::List { item: Box::new(self.item.shape()), length: self.length };
        if self.or_one { Shape::Either(vec![self.item.shape(), list]) } else { list }
    }
}

/// Whether a name is right, and what has to be said if it is not.
pub(crate) type CheckName = fn(&Map<'_>, &str, Token) -> bool;

/// A map whose keys are names, in file order. `names`: what they must be, and as a regular expression.
pub(crate) fn dict<K: Kind>(
    what: &'static str,
    names: (&'static str, Option<&'static str>),
    check: CheckName,
    value: K,
) -> Dict<K> {
    Dict { what, names, check, value }
}

pub(crate) struct Dict<K> {
    what: &'static str,
    names: (&'static str, Option<&'static str>),
    check: CheckName,
    value: K,
}

impl<K: Kind> Kind for Dict<K> {
    type Value = Vec<(String, K::Value)>;

    fn read(&self, value: &Val<'_>) -> Option<Self::Value> {
        let map = value.map(self.what)?;
        let mut out = Vec::new();
        for (name, token, value) in map.entries() {
            let sound = (self.check)(&map, name, token);
            if let Some(value) = self.value.read(&value)
                && sound
            {
                out.push((name.to_owned(), value));
            }
        }
        Some(out)
    }

    fn write(&self, value: &Self::Value, out: &Writer) -> Option<Json> {
        let written =
            value.iter().filter_map(|(name, value)| Some((name.clone(), self.value.write(value, out)?)));
        Some(Json::Object(written.collect()))
    }

    fn shape(&self) -> Shape {
        Shape::Dict { names: self.names, value: Box::new(self.value.shape()) }
    }
}
