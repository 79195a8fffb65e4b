//! Kinds: how the value of a key is read, written and described.
//!
//! A kind is a value, built by a function with its limits: `int(1..=65535)`, `list(text())`, `map::<TcpListenConfig>()`.
//! Reading notes what is wrong and goes on. Writing gives the value as a configuration would say it.

mod collection;
mod maps;
mod number;
mod text;

use serde_json::Value as Json;

use super::describe::{Definition, Shape};
use super::map::Map;
use super::val::Val;
use super::writer::Writer;

pub(crate) use collection::{
    Dict, depending, dict, list, list_of_at_least, needed, one_or_list, or_null, some, some_or_null,
};
pub(crate) use maps::{Fields, MapOf, Named, Whole, boxed, inside, map, map_as, whole};
pub(crate) use number::{
    OrNone, ValueOf, any, count, flag, int, limit, ms, port, port_or_none, seconds, size, size_or_none,
    value_of,
};
pub(crate) use text::{
    SecretText, Text, Word, Words, filled, folder, id, name_of, path, regular, secret, strict_uri, text,
    unchecked_text, word, words_list,
};

/// How one value is read, written and described.
pub(crate) trait Kind {
    /// What it is in code.
    type Value;

    /// The value, or nothing if it is wrong, which has been noted then.
    fn read(&self, value: &Val<'_>) -> Option<Self::Value>;

    /// The value as a configuration says it; nothing if it is said by leaving the key out.
    fn write(&self, value: &Self::Value, out: &Writer) -> Option<Json>;

    /// What the value may be.
    fn shape(&self) -> Shape;

    /// The value when the key is absent, if the kind knows better than the key.
    fn absent(&self, _map: &Map<'_>, _key: &str) -> Option<Self::Value> {
        None
    }

    /// Whether the key must be there, although there is a value for its absence in code.
    fn is_needed(&self) -> bool {
        false
    }

    /// Whether the value can be left out by itself if this release does not run it.
    fn is_whole(&self) -> bool {
        false
    }

    /// How a default is shown.
    fn default_shown(&self, default: &Self::Value) -> Option<Json> {
        self.write(default, &Writer::masked())
    }
}

/// That kind, which is one of `T`: for kinds of numbers, whose values say which.
pub(crate) fn of<T, K: Kind<Value = T>>(kind: &K) -> &K {
    kind
}

/// That group, which makes a `T`.
pub(crate) fn group_of<T, G: Group<Value = T>>(group: &G) -> &G {
    group
}

/// Several keys of one map that make up one value.
pub(crate) trait Group {
    /// What it is in code.
    type Value;

    /// The value; nothing if a key that it needs is wrong or missing, which has been noted then.
    fn read(&self, map: &Map<'_>, default: impl FnOnce() -> Self::Value) -> Option<Self::Value>;

    /// Writes the keys.
    fn write(&self, value: &Self::Value, out: &mut Writer);

    /// Describes the keys.
    fn define(&self, definition: &mut Definition);
}
