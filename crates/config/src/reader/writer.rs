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

    pub(crate) fn done(self) -> Json {
        Json::Object(self.map)
    }
}
