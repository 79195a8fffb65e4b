//! A map of a configuration that is being read.
//!
//! It remembers which keys were asked for; [`Map::finish`] then reports the others. So a key is known exactly if its
//! definition has it.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};

use super::describe::{ChoiceHooks, Status};
use super::finding::Severity;
use super::kind::{Group, Kind};
use super::source::Token;
use super::suggest::nearest;
use super::tree::Entry;
use super::val::{Cx, Val};
use super::writer::Writer;
use crate::Place;

/// What may have been meant by a key that does not exist.
type Trap = fn(&str) -> Option<String>;

/// A map that is being read.
pub(crate) struct Map<'t> {
    pub(crate) cx: &'t Cx<'t>,
    pub(crate) place: Place,
    pub(crate) token: Token,
    /// As in `listening tcp endpoint`.
    what: RefCell<Cow<'static, str>>,
    entries: &'t [Entry],
    known: RefCell<Vec<&'static str>>,
    /// Keys that were asked for and yet do not exist.
    without: Cell<&'static [&'static str]>,
    traps: RefCell<Vec<Trap>>,
    open: Cell<bool>,
    /// What it is could not be told, so nothing can be said about its keys.
    unclear: Cell<bool>,
}

impl<'t> Map<'t> {
    pub(crate) fn new(
        cx: &'t Cx<'t>,
        place: Place,
        token: Token,
        what: Cow<'static, str>,
        entries: &'t [Entry],
    ) -> Self {
        Self {
            cx,
            place,
            token,
            what: RefCell::new(what),
            entries,
            known: RefCell::default(),
            without: Cell::default(),
            traps: RefCell::default(),
            open: Cell::new(false),
            unclear: Cell::new(false),
        }
    }

    pub(crate) fn what(&self) -> Cow<'static, str> {
        self.what.borrow().clone()
    }

    pub(crate) fn hook(&self, trap: Trap, open: bool, without: &'static [&'static str]) {
        self.traps.borrow_mut().push(trap);
        self.open.set(self.open.get() || open);
        if !without.is_empty() {
            self.without.set(without);
        }
    }

    /// The keys in file order, each with its token and value, whatever they are: for maps whose keys are names.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'t str, Token, Val<'t>)> + '_ {
        self.entries.iter().map(|entry| (entry.key.as_str(), entry.key_token, Val::of_key(self, entry)))
    }

    fn entry(&self, key: &str) -> Option<&'t Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the key is there; does not make it known.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Whether the key is there with a value that is no bool: what it would ask for cannot be told.
    pub(crate) fn is_wrong(&self, key: &str) -> bool {
        self.peek(key).is_some_and(|value| !value.is_bool())
    }

    /// The value of a key that is known already, to say something about it.
    pub(crate) fn peek(&self, key: &str) -> Option<Val<'t>> {
        self.entry(key).map(|entry| Val::of_key(self, entry))
    }

    /// The value of a key, which is known from here on.
    pub(crate) fn get(&self, key: &'static str) -> Option<Val<'t>> {
        self.known.borrow_mut().push(key);
        self.peek(key)
    }

    /// The value of a key that must be there.
    pub(crate) fn required<K: Kind>(&self, key: &'static str, kind: &K, status: &Status) -> Option<K::Value> {
        let Some(value) = self.get(key) else {
            self.missing(key, None);
            return None;
        };
        let read = kind.read(&value)?;
        self.report(key, &value, status);
        Some(read)
    }

    /// The value of a key, or its default.
    pub(crate) fn optional<K: Kind>(
        &self,
        key: &'static str,
        kind: &K,
        default: impl Fn() -> K::Value,
        status: &Status,
    ) -> K::Value {
        let Some(value) = self.get(key) else { return kind.absent(self, key).unwrap_or_else(default) };
        let Some(read) = kind.read(&value) else { return default() };
        let unsupported = self.cx.unsupported.get();
        match status {
            Status::Works => {}
            Status::Ignored { always: false, .. } | Status::Unsupported { always: false, .. } => {
                let writer = Writer::complete();
                if kind.write(&read, &writer) != kind.write(&default(), &writer) {
                    self.report(key, &value, status);
                }
            }
            Status::Unsupported { .. } | Status::Ignored { .. } => self.report(key, &value, status),
        }
        if kind.is_whole() && self.cx.unsupported.replace(unsupported) > unsupported && self.cx.leave_out {
            return default();
        }
        read
    }

    /// The value of a group of keys.
    pub(crate) fn part<G: Group>(&self, group: &G, default: impl FnOnce() -> G::Value) -> Option<G::Value> {
        group.read(self, default)
    }

    /// Says what this release makes of a key.
    fn report(&self, key: &str, value: &Val<'_>, status: &Status) {
        match *status {
            Status::Works => {}
            Status::Unsupported { hint, .. } => {
                self.cx.unsupported(value.place(), self.key_token(key), &value.label(), hint);
            }
            Status::Ignored { severity, why, .. } => self.ignored(severity, key, why),
        }
    }

    /// The word under `type`, of those that there are: the map is what it selects from here on.
    pub(crate) fn chosen(
        &self,
        what: &str,
        words: &[(&'static str, &'static str, Status)],
        hooks: &ChoiceHooks,
    ) -> Option<&'static str> {
        let found = |word: &str| words.iter().find(|(known, _, _)| *known == word);
        let chosen = match (self.get("type"), hooks.default) {
            (None, None) => {
                self.missing("type", None);
                None
            }
            (None, Some(default)) => found(default),
            (Some(value), _) => value.word(words.iter().map(|(word, _, _)| *word)).and_then(|word| {
                let chosen = found(word);
                match chosen {
                    None => value.none_of(words.iter().map(|(word, _, _)| *word), (hooks.trap)(word)),
                    Some((_, _, Status::Unsupported { hint, .. })) => {
                        value.unsupported(&format!("{what} type {word:?}"), *hint);
                    }
                    Some((_, _, Status::Ignored { severity, why, .. })) => {
                        value.say(*severity, format!("{what} type {word:?} has no effect: {why}"), None);
                    }
                    Some((_, _, Status::Works)) => {}
                }
                chosen
            }),
        };
        let Some((word, variant, _)) = chosen else {
            self.unclear.set(true);
            return None;
        };
        *self.what.borrow_mut() = Cow::Borrowed(variant);
        Some(word)
    }

    pub(crate) fn missing(&self, key: &str, hint: Option<&str>) {
        let message = format!("missing mandatory attribute {key:?} in {}", self.what());
        self.say(Severity::Error, message, hint);
    }

    /// A finding about the map as a whole.
    pub(crate) fn say(&self, severity: Severity, message: impl Into<String>, hint: Option<&str>) {
        self.cx.note(severity, self.place.clone(), self.token, message.into(), hint.map(str::to_owned));
    }

    fn key_token(&self, key: &str) -> Token {
        self.entry(key).map_or(self.token, |entry| entry.key_token)
    }

    /// A finding at a key rather than at its value.
    pub(crate) fn say_at_key(
        &self,
        severity: Severity,
        key: &str,
        message: impl Into<String>,
        hint: Option<&str>,
    ) {
        let place = self.place.key(key);
        self.cx.note(severity, place, self.key_token(key), message.into(), hint.map(str::to_owned));
    }

    /// An `invalid value` that is found by looking at several keys, said at one of them.
    pub(crate) fn conflict(&self, key: &str, why: &str, hint: Option<&str>) {
        let shown = self.peek(key).map_or_else(String::new, |value| format!("{} ", value.shown()));
        let message = format!("invalid value {shown}for attribute {key:?} in {}: {why}", self.what());
        let token = self.peek(key).map_or(self.token, |value| value.node.token);
        self.cx.note(Severity::Error, self.place.key(key), token, message, hint.map(str::to_owned));
    }

    /// A key that has no effect here, if it is there.
    pub(crate) fn ignored(&self, severity: Severity, key: &str, why: &str) {
        if let Some(value) = self.peek(key) {
            let message = format!("{} is accepted, but has no effect: {why}", value.label());
            self.say_at_key(severity, key, message, None);
        }
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(&self) {
        if self.unclear.get() {
            return;
        }
        let (severity, ignored) = match self.open.get() {
            true => (Severity::Warning, "; it is ignored"),
            false => (Severity::Error, ""),
        };
        let mut known = self.known.borrow_mut();
        known.retain(|key| !self.without.get().contains(key));
        let absent: Vec<&str> = known.iter().copied().filter(|key| !self.has(key)).collect();
        let names = OnceCell::new();
        let list = || {
            let mut names: Vec<&str> = known.clone();
            names.sort_unstable();
            names.dedup();
            format!("known: {}", names.join(", "))
        };
        for entry in self.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let trap = || self.traps.borrow().iter().find_map(|trap| trap(&entry.key));
            let near = || {
                let word = nearest(&entry.key, absent.iter().copied());
                word.map(|key| format!("did you mean {key:?}?"))
            };
            let hint = trap().or_else(near).or_else(|| {
                (severity == Severity::Error && !known.is_empty()).then(|| names.get_or_init(list).clone())
            });
            let message = format!("unknown attribute {:?} in {}{ignored}", entry.key, self.what());
            self.cx.note(severity, self.place.clone(), entry.key_token, message, hint);
        }
    }
}
