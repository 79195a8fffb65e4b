//! What the dialect says about itself: the keys of each map, their kinds, defaults and words.
//!
//! Definitions are made on demand from the same kinds that read; the JSON Schema, the reference page and the list of
//! keys are all made from them.

use serde_json::Value as Json;

use super::finding::Severity;
use super::kind::{Group, Kind};
use super::map::Map;

/// What this release does with a key or word of the dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// What it says.
    Works,
    /// It is checked; `check` warns and `start` refuses it.
    Unsupported {
        /// What to do instead.
        hint: Option<&'static str>,
        /// Also when the value is the default.
        always: bool,
    },
    /// It is checked, and a note or warning says that it has no effect.
    Ignored {
        /// [`Severity::Note`] or [`Severity::Warning`].
        severity: Severity,
        /// Why it has none.
        why: &'static str,
        /// Also when the value is the default.
        always: bool,
    },
}

/// Not built yet.
pub(crate) const fn unsupported() -> Status {
    Status::Unsupported { hint: None, always: true }
}

/// Not built yet; the default asks for nothing.
pub(crate) const fn unsupported_if_used() -> Status {
    Status::Unsupported { hint: None, always: false }
}

/// Not built yet, but there is another way.
pub(crate) const fn unsupported_but(hint: &'static str) -> Status {
    Status::Unsupported { hint: Some(hint), always: true }
}

/// Without effect, which hardly matters.
pub(crate) const fn without_effect(why: &'static str) -> Status {
    Status::Ignored { severity: Severity::Note, why, always: false }
}

/// Without effect, which its writer should know.
pub(crate) const fn warned_of(why: &'static str) -> Status {
    Status::Ignored { severity: Severity::Warning, why, always: false }
}

/// Without effect, whatever the value, which hardly matters.
pub(crate) const fn always_noted(why: &'static str) -> Status {
    Status::Ignored { severity: Severity::Note, why, always: true }
}

/// What a value may be.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Anything.
    Any,
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// An integer.
    Int {
        /// The least.
        least: i64,
        /// The most; `i64::MAX` = no limit.
        most: i64,
        /// What it counts: `ms`, `s`, `bytes`.
        unit: Option<&'static str>,
    },
    /// A number that is not negative, whole or not.
    Number,
    /// A text.
    Text {
        /// What it must be, for people; empty = anything.
        rule: &'static str,
        /// The same as a regular expression (ECMA 262), as far as one can say it.
        pattern: Option<&'static str>,
    },
    /// One of these words.
    Words(Vec<WordDefinition>),
    /// One of these values.
    Values(Vec<Json>),
    /// A list.
    List {
        /// Of these.
        item: Box<Shape>,
        /// The fewest and the most items.
        length: (usize, usize),
    },
    /// A map whose keys are names.
    Dict {
        /// What the names must be; as [`Shape::Text`].
        names: (&'static str, Option<&'static str>),
        /// What they stand for.
        value: Box<Shape>,
    },
    /// A map of the dialect.
    Map(MapReference),
    /// One of these.
    Either(Vec<Shape>),
}

/// A word and what it means.
#[derive(Debug, Clone)]
pub struct WordDefinition {
    /// The word.
    pub word: &'static str,
    /// What it means.
    pub text: String,
    /// What this release does with it.
    pub status: Status,
}

/// The name of a map and the way to its definition: maps hold maps of their own kind.
#[derive(Debug, Clone, Copy)]
pub struct MapReference {
    /// What findings call it.
    pub what: &'static str,
    /// Whether unknown keys are only warned of here.
    pub(crate) open: bool,
    /// Fills in the definition.
    pub(crate) define: fn(&mut Definition),
}

impl MapReference {
    /// The definition.
    pub fn definition(&self) -> Definition {
        let mut definition = Definition { open: self.open, ..Definition::default() };
        (self.define)(&mut definition);
        definition
    }
}

/// A map of the dialect.
#[derive(Debug, Clone, Default)]
pub struct Definition {
    /// What it is for.
    pub text: String,
    /// Its keys, in the order in which they are explained.
    pub keys: Vec<KeyDefinition>,
    /// If a word under `type` decides about further keys: the words.
    pub variants: Vec<Variant>,
    /// The word taken if there is no `type`.
    pub default_type: Option<&'static str>,
    /// Whether unknown keys are only warned of.
    pub open: bool,
    /// At least one of these groups of keys must be there.
    pub one_of: &'static [&'static str],
    /// Keys of the choice around it that this variant does not have.
    pub(crate) without: &'static [&'static str],
}

/// A key of a map.
#[derive(Debug, Clone)]
pub struct KeyDefinition {
    /// The key.
    pub name: &'static str,
    /// What it means.
    pub text: String,
    /// What its value may be.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// The value in effect when it is absent, if there is one.
    pub default: Option<Json>,
    /// What this release does with it.
    pub status: Status,
}

/// A word under `type` and the map that it selects.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The word.
    pub word: &'static str,
    /// What it means.
    pub text: String,
    /// What this release does with it.
    pub status: Status,
    /// Its further keys.
    pub map: MapReference,
}

impl Definition {
    pub(crate) fn describe<T>(&mut self, text: &str, hooks: &Hooks<T>) {
        if self.text.is_empty() {
            self.text = plain(text);
        }
        self.open |= hooks.open;
        if !hooks.one_of.is_empty() {
            self.one_of = hooks.one_of;
        }
        if !hooks.without.is_empty() {
            self.without = hooks.without;
        }
    }

    pub(crate) fn required<K: Kind>(&mut self, name: &'static str, text: &str, kind: &K, status: &Status) {
        let shape = kind.shape();
        let key =
            KeyDefinition { name, text: plain(text), shape, required: true, default: None, status: *status };
        self.keys.push(key);
    }

    pub(crate) fn optional<K: Kind>(
        &mut self,
        name: &'static str,
        text: &str,
        kind: &K,
        default: &K::Value,
        status: &Status,
    ) {
        let shape = kind.shape();
        let default = kind.default_shown(default);
        let required = kind.is_needed();
        let default = default.filter(|_| !required);
        let key = KeyDefinition { name, text: plain(text), shape, required, default, status: *status };
        self.keys.push(key);
    }

    pub(crate) fn part<G: Group>(&mut self, group: &G) {
        group.define(self);
    }

    pub(crate) fn variant(
        &mut self,
        word: &'static str,
        what: &'static str,
        text: &str,
        status: Status,
        define: fn(&mut Self),
    ) {
        self.variants.push(Variant {
            word,
            text: plain(text),
            status,
            map: MapReference { what, open: false, define },
        });
    }
}

/// The text of a documentation comment as one paragraph each line, without the marks of its first column.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() {
            out.push_str("\n\n");
        } else {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push(' ');
            }
            out.push_str(line);
        }
    }
    out.trim().to_owned()
}

/// What a map does besides reading its keys one by one.
pub(crate) struct Hooks<T> {
    /// Looks at the keys together; may settle what depends on several.
    pub(crate) check: fn(&mut T, &Map<'_>),
    /// What was probably meant by a key that is not there.
    pub(crate) trap: fn(&str) -> Option<String>,
    /// Unknown keys are only warned of.
    pub(crate) open: bool,
    /// At least one of these keys must be there: `check` reports it, the schema says it.
    pub(crate) one_of: &'static [&'static str],
    /// Keys of the choice around it that this variant does not have.
    pub(crate) without: &'static [&'static str],
}

impl<T> Hooks<T> {
    pub(crate) const NONE: Self =
        Self { check: |_, _| {}, trap: |_| None, open: false, one_of: &[], without: &[] };
}

/// What a choice does besides looking at the word.
pub(crate) struct ChoiceHooks {
    /// What was probably meant by a word that is none of them.
    pub(crate) trap: fn(&str) -> Option<String>,
    /// The word taken if there is no `type`.
    pub(crate) default: Option<&'static str>,
}

impl ChoiceHooks {
    pub(crate) const NONE: Self = Self { trap: |_| None, default: None };
}
