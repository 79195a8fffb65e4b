//! A configuration from the structs: what is in effect, every default filled in.

use serde_json::{Map as JsonMap, Value as Json};

use super::kind::{Group, Kind};

/// A map that is being written.
#[derive(Debug)]
pub(crate) struct Writer {
    map: JsonMap<String, Json>,
    /// Whether secrets are shown.
    pub(crate) secrets: bool,
}

impl Writer {
    /// For eyes: asterisks in place of secrets.
    pub(crate) fn masked() -> Self {
        Self { map: JsonMap::new(), secrets: false }
    }

    /// Everything, secrets included: to compare, never to show.
    pub(crate) fn complete() -> Self {
        Self { map: JsonMap::new(), secrets: true }
    }

    /// A map inside this one.
    pub(crate) fn nested(&self) -> Self {
        Self { map: JsonMap::new(), secrets: self.secrets }
    }

    pub(crate) fn key<K: Kind>(&mut self, name: &str, kind: &K, value: &K::Value) {
        if let Some(json) = kind.write(value, self) {
            self.map.insert(name.to_owned(), json);
        }
    }

    /// Keys that were written and yet do not exist.
    pub(crate) fn without(&mut self, keys: &[&str]) {
        for key in keys {
            self.map.shift_remove(*key);
        }
    }

    pub(crate) fn part<G: Group>(&mut self, group: &G, value: &G::Value) {
        group.write(value, self);
    }

    pub(crate) fn word(&mut self, name: &str, word: &str) {
        self.map.insert(name.to_owned(), word.into());
    }

    pub(crate) fn number(&mut self, name: &str, number: i64) {
        self.map.insert(name.to_owned(), number.into());
    }

    /// The word under `type`, if it is written already.
    pub(crate) fn kind(&self) -> Option<&str> {
        self.map.get("type")?.as_str()
    }

    /// The map, with what people look for first in front.
    pub(crate) fn done(mut self) -> Json {
        self.first("type");
        Json::Object(self.map)
    }

    /// Moves a key to the front.
    pub(crate) fn first(&mut self, key: &str) {
        if let Some(value) = self.map.shift_remove(key) {
            self.map.shift_insert(0, key.to_owned(), value);
        }
    }
}
