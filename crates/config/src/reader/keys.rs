//! Which keys and words there are, as one list.

use std::collections::{BTreeMap, BTreeSet};

use super::describe::{Definition, KeyDefinition, MapReference, Shape, Status, Variant};
use super::kind::{Fields, Named};
use crate::Node;

/// A key that a configuration can have, or a word that its value can be.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The map it stands in, as findings call it: `listening tcp endpoint`.
    pub within: &'static str,
    /// The key.
    pub name: &'static str,
    /// For the entry of a single value, where the values are a closed set of words.
    pub word: Option<&'static str>,
    /// What this release does with it.
    pub status: Status,
}

/// The definition of the whole configuration, from which all others can be reached.
pub fn dialect() -> MapReference {
    MapReference { what: Node::WHAT, open: false, define: Node::define }
}

/// Every map of the dialect, each once, in the order in which a reader meets them.
pub(crate) fn maps() -> Vec<(MapReference, Definition)> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    visit(dialect(), &mut seen, &mut out);
    out
}

fn visit(map: MapReference, seen: &mut BTreeSet<&'static str>, out: &mut Vec<(MapReference, Definition)>) {
    if !seen.insert(map.what) {
        return;
    }
    let definition = map.definition();
    out.push((map, definition.clone()));
    for key in &definition.keys {
        for inner in key.shape.maps() {
            visit(inner, seen, out);
        }
    }
    for variant in &definition.variants {
        let variant_definition = definition.of_variant(variant);
        if seen.insert(variant.map.what) {
            out.push((variant.map, variant_definition.clone()));
        }
        for key in &variant_definition.keys {
            for inner in key.shape.maps() {
                visit(inner, seen, out);
            }
        }
    }
}

/// Every key and word of the dialect, in alphabetic order.
pub fn keys() -> Vec<Key> {
    let mut all = BTreeMap::new();
    for (map, definition) in maps() {
        let mut add = |within, name, word, status| {
            all.entry((within, name, word)).or_insert(Key { within, name, word, status });
        };
        if definition.variants.is_empty() {
            for key in &definition.keys {
                add(map.what, key.name, None, key.status);
                for word in key.shape.words() {
                    add(map.what, key.name, Some(word.word), word.status);
                }
            }
        }
        for variant in &definition.variants {
            add(map.what, "type", Some(variant.word), variant.status);
        }
    }
    all.into_values().collect()
}

impl Definition {
    /// What the map is with that word under `type`: the common keys and its own.
    pub fn of_variant(&self, variant: &Variant) -> Self {
        let own = variant.map.definition();
        let kind = KeyDefinition {
            name: "type",
            text: "What it is.".to_owned(),
            shape: Shape::Values(vec![variant.word.into()]),
            required: self.default_type != Some(variant.word),
            default: None,
            status: Status::Works,
        };
        let mut keys = vec![kind];
        keys.extend(self.keys.iter().filter(|key| !own.without.contains(&key.name)).cloned());
        keys.extend(own.keys);
        Self {
            text: variant.text.clone(),
            keys,
            variants: Vec::new(),
            default_type: None,
            open: self.open || own.open,
            one_of: own.one_of,
            without: &[],
        }
    }
}

impl Shape {
    /// The maps that a value of this shape holds.
    pub(super) fn maps(&self) -> Vec<MapReference> {
        match self {
            Self::Map(map) => vec![*map],
            Self::List { item: inner, .. } | Self::Dict { value: inner, .. } => inner.maps(),
            Self::Either(shapes) => shapes.iter().flat_map(Self::maps).collect(),
            _ => Vec::new(),
        }
    }

    /// The words that a value of this shape is, or holds.
    fn words(&self) -> Vec<super::describe::WordDefinition> {
        match self {
            Self::Words(words) => words.clone(),
            Self::List { item: inner, .. } | Self::Dict { value: inner, .. } => inner.words(),
            Self::Either(shapes) => shapes.iter().flat_map(Self::words).collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_when_listed_say_what_becomes_of_them() {
        let keys = keys();
        let status = |within: &str, name: &str, word: Option<&str>| {
            let is = |key: &&Key| key.within == within && key.name == name && key.word == word;
            keys.iter().find(is).unwrap_or_else(|| panic!("no key {name} in {within}")).status
        };
        let unsupported = |status| matches!(status, Status::Unsupported { .. });
        assert_eq!(status("listening tcp endpoint", "port", None), Status::Works);
        assert_eq!(status("transport", "type", Some("web")), Status::Works);
        assert!(unsupported(status("router component", "type", Some("class"))));
        assert!(matches!(status("websocket options", "tcp_nodelay", None), Status::Ignored { .. }));
    }

    /// What a map is called leads to its definition, so no two may share it.
    #[test]
    fn maps_when_reached_on_several_ways_are_the_same() {
        let maps = maps();
        let names = |what: &str| {
            let (_, definition) = maps.iter().find(|(map, _)| map.what == what).unwrap();
            definition.keys.iter().map(|key| key.name).collect::<Vec<_>>()
        };
        for (map, definition) in &maps {
            for inner in definition.keys.iter().flat_map(|key| key.shape.maps()) {
                let own: Vec<_> = inner.definition().keys.iter().map(|key| key.name).collect();
                assert_eq!(own, names(inner.what), "{} in {}", inner.what, map.what);
            }
            for variant in &definition.variants {
                let own: Vec<_> = definition.of_variant(variant).keys.iter().map(|key| key.name).collect();
                assert_eq!(own, names(variant.map.what), "{} in {}", variant.map.what, map.what);
            }
        }
    }

    #[test]
    fn maps_when_listed_have_one_definition_each() {
        for (map, definition) in maps() {
            let mut names = BTreeSet::new();
            for key in &definition.keys {
                assert!(names.insert(key.name), "{} has {:?} twice", map.what, key.name);
                assert!(!key.text.is_empty(), "{} / {} is not explained", map.what, key.name);
            }
        }
    }
}
