//! Texts: words, names, paths, URIs, secrets.

use std::cell::Cell;
use std::marker::PhantomData;
use std::path::PathBuf;

use serde_json::Value as Json;

use super::Kind;
use crate::Secret;
use crate::reader::describe::{Shape, Status, WordDefinition};
use crate::reader::map::Map;
use crate::reader::val::{Ids, Val};
use crate::reader::writer::Writer;

/// A text with something in it.
pub(crate) fn text() -> Text {
    Text { rule: "not empty", pattern: Some(r"\S"), fault: |_| None, empty: Empty::Refused }
}

/// A text that should have something in it, although a node can run without.
pub(crate) fn filled() -> Text {
    Text { rule: "", pattern: None, fault: |_| None, empty: Empty::Warned }
}

/// Any text, the empty one too.
pub(crate) fn unchecked_text() -> Text {
    Text { rule: "", pattern: None, fault: |_| None, empty: Empty::Allowed }
}

/// A text that follows a rule: `fault` says what is wrong. `pattern` is the rule as a regular expression, as far as one
/// can say it.
pub(crate) fn regular(
    rule: &'static str,
    pattern: Option<&'static str>,
    fault: fn(&str) -> Option<&'static str>,
) -> Text {
    Text { rule, pattern, fault, empty: Empty::Allowed }
}

/// A URI of a procedure or topic in the strict sense: components of `a-z`, `0-9` and `_`.
pub(crate) fn strict_uri() -> Text {
    regular("a strict URI: components of a-z, 0-9 and _", Some(r"^([0-9a-z_]+\.)*[0-9a-z_]+$"), |uri| {
        let sound = uri.split('.').all(|part| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        });
        (!sound).then_some("must be a URI with components of a-z, 0-9 and _")
    })
}

pub(crate) struct Text {
    rule: &'static str,
    pattern: Option<&'static str>,
    fault: fn(&str) -> Option<&'static str>,
    empty: Empty,
}

/// What becomes of a text that is empty, or blank.
enum Empty {
    Allowed,
    Warned,
    Refused,
}

impl Kind for Text {
    type Value = String;

    fn read(&self, value: &Val<'_>) -> Option<String> {
        let text = match self.empty {
            Empty::Refused => value.non_empty()?,
            Empty::Allowed | Empty::Warned => value.str()?,
        };
        if matches!(self.empty, Empty::Warned) && text.trim().is_empty() {
            value.warn(format!("{} is empty", value.label()), None);
        }
        if let Some(fault) = (self.fault)(text) {
            value.invalid_value(fault, None);
            return None;
        }
        Some(text.to_owned())
    }

    fn write(&self, value: &String, _: &Writer) -> Option<Json> {
        Some(value.as_str().into())
    }

    fn shape(&self) -> Shape {
        Shape::Text { rule: self.rule, pattern: self.pattern }
    }

    fn default_shown(&self, default: &String) -> Option<Json> {
        (!default.is_empty()).then(|| default.as_str().into())
    }
}

/// A closed set of words.
pub(crate) trait Words: Copy + PartialEq + 'static {
    /// Each word with its meaning, its explanation and what this release does with it.
    const WORDS: &'static [(&'static str, Self, &'static str, Status)];
}

/// One word of a closed set.
pub(crate) fn word<T: Words>() -> Word<T> {
    Word { hint: |_| None, known: |_| true, value: PhantomData }
}

pub(crate) struct Word<T> {
    hint: fn(&str) -> Option<String>,
    known: fn(T) -> bool,
    value: PhantomData<fn() -> T>,
}

impl<T: Words> Word<T> {
    /// Only some of the set.
    pub(crate) fn only(self, known: fn(T) -> bool) -> Self {
        Self { known, ..self }
    }

    fn words(&self) -> impl Iterator<Item = &'static (&'static str, T, &'static str, Status)> + Clone {
        let known = self.known;
        T::WORDS.iter().filter(move |(_, meaning, ..)| known(*meaning))
    }

    /// `hint` knows what was meant by some words that are not in the set.
    pub(crate) fn hint(self, hint: fn(&str) -> Option<String>) -> Self {
        Self { hint, ..self }
    }
}

impl<T: Words> Kind for Word<T> {
    type Value = T;

    fn read(&self, value: &Val<'_>) -> Option<T> {
        let text = value.word(self.words().map(|(word, ..)| *word))?;
        let Some((_, meaning, _, status)) = self.words().find(|(word, ..)| *word == text) else {
            value.none_of(self.words().map(|(word, ..)| *word), (self.hint)(text));
            return None;
        };
        let subject = || format!("{text:?} for {}", value.label());
        match *status {
            Status::Works => {}
            Status::Unsupported { hint, .. } => value.unsupported(&subject(), hint),
            Status::Ignored { severity, why, .. } => {
                value.say(severity, format!("{} is accepted, but has no effect: {why}", subject()), None);
            }
        }
        Some(*meaning)
    }

    fn write(&self, value: &T, _: &Writer) -> Option<Json> {
        T::WORDS.iter().find(|(_, meaning, ..)| meaning == value).map(|(word, ..)| (*word).into())
    }

    fn shape(&self) -> Shape {
        let words = self.words().map(|(word, _, text, status)| WordDefinition {
            word,
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
            status: *status,
        });
        Shape::Words(words.collect())
    }
}

/// A list of words, each once, with a warning for one that comes twice.
pub(crate) fn words_list<T: Words>(word: Word<T>) -> WordsList<T> {
    WordsList { word }
}

pub(crate) struct WordsList<T> {
    word: Word<T>,
}

impl<T: Words> Kind for WordsList<T> {
    type Value = Vec<T>;

    fn read(&self, value: &Val<'_>) -> Option<Vec<T>> {
        let items = value.list()?;
        if items.is_empty() {
            value.invalid_value("at least one is needed", None);
        }
        let mut words = Vec::new();
        for item in &items {
            let Some(word) = self.word.read(item) else { continue };
            if words.contains(&word) {
                item.warn(format!("{} is listed twice", item.shown()), None);
            } else {
                words.push(word);
            }
        }
        Some(words)
    }

    fn write(&self, value: &Vec<T>, out: &Writer) -> Option<Json> {
        Some(value.iter().filter_map(|word| self.word.write(word, out)).collect())
    }

    fn shape(&self) -> Shape {
        Shape::List { item: Box::new(self.word.shape()), length: (1, usize::MAX) }
    }
}

/// A path of a file; relative ones start at the node directory.
pub(crate) fn path() -> FilePath {
    FilePath { folder: false }
}

/// A path of a folder; relative ones start at the node directory, and the empty one is the node directory.
pub(crate) fn folder() -> FilePath {
    FilePath { folder: true }
}

pub(crate) struct FilePath {
    folder: bool,
}

impl Kind for FilePath {
    type Value = PathBuf;

    fn read(&self, value: &Val<'_>) -> Option<PathBuf> {
        let text = if self.folder { value.str()? } else { value.non_empty()? };
        if text.contains('\0') {
            value.invalid_value("must not contain a NUL character", None);
            return None;
        }
        Some(value.cx.path(text))
    }

    fn write(&self, value: &PathBuf, _: &Writer) -> Option<Json> {
        Some(value.to_string_lossy().into())
    }

    fn shape(&self) -> Shape {
        match self.folder {
            true => Shape::Text { rule: "a folder", pattern: None },
            false => Shape::Text { rule: "a file", pattern: Some(r"\S") },
        }
    }
}

/// A secret: as it stands, or `${NAME}` of an environment variable if `variables`.
pub(crate) fn secret(variables: bool) -> SecretText {
    SecretText { variables }
}

pub(crate) struct SecretText {
    variables: bool,
}

impl Kind for SecretText {
    type Value = Secret;

    fn read(&self, value: &Val<'_>) -> Option<Secret> {
        let text = value.str()?;
        let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|_| self.variables);
        let Some(name) = name else { return Some(Secret::new(text)) };
        let found = (value.cx.env)(name);
        if found.is_none() {
            value.say(
                crate::Severity::Error,
                format!(
                    "invalid value ${{{name}}} for {}: the environment variable {name} is not set",
                    value.label()
                ),
                Some("set it where the node is started"),
            );
        }
        found.map(|secret| Secret::new(&secret))
    }

    fn write(&self, value: &Secret, out: &Writer) -> Option<Json> {
        Some(if out.secrets { value.expose() } else { "***" }.into())
    }

    fn shape(&self) -> Shape {
        Shape::Text { rule: "", pattern: None }
    }
}

/// The counter of a kind of IDs.
type Counter = fn(&Ids) -> &Cell<u32>;

/// An ID, or else the next default one of `prefix`. `strict`: one that does not follow the pattern is an error instead of
/// a warning.
pub(crate) fn id(prefix: &'static str, counter: Counter, strict: bool) -> Id {
    Id { numbered: Some((prefix, counter)), strict }
}

/// An ID without default.
pub(crate) fn name_of(strict: bool) -> Id {
    Id { numbered: None, strict }
}

pub(crate) struct Id {
    numbered: Option<(&'static str, Counter)>,
    strict: bool,
}

impl Id {
    /// The next default one.
    fn next(&self, ids: &Ids) -> String {
        let Some((prefix, counter)) = self.numbered else { return String::new() };
        let counter = counter(ids);
        counter.set(counter.get() + 1);
        format!("{prefix}{:03}", counter.get())
    }
}

impl Kind for Id {
    type Value = String;

    fn read(&self, value: &Val<'_>) -> Option<String> {
        let id = value.str()?;
        let sound = id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && (3..=64).contains(&id.len());
        let rule = "an ID is 3 to 64 characters of a-z, 0-9 and _, beginning with a letter";
        match (sound, self.strict) {
            (true, _) => {}
            (false, true) => value.invalid_value(rule, None),
            (false, false) => value.warn(format!("unusual ID {}: {rule}", value.shown()), None),
        }
        // Nothing can be told apart by an empty one.
        Some(Some(id).filter(|id| !id.is_empty()).map_or_else(|| self.next(&value.cx.ids), str::to_owned))
    }

    fn write(&self, value: &String, _: &Writer) -> Option<Json> {
        (!value.is_empty()).then(|| value.as_str().into())
    }

    fn shape(&self) -> Shape {
        match self.strict {
            true => Shape::Text {
                rule: "an ID: 3 to 64 characters of a-z, 0-9 and _, beginning with a letter",
                pattern: Some("^[a-z][a-z0-9_]{2,63}$"),
            },
            false => Shape::Text { rule: "", pattern: None },
        }
    }

    fn absent(&self, map: &Map<'_>, _key: &str) -> Option<String> {
        self.numbered.map(|_| self.next(&map.cx.ids))
    }
}
