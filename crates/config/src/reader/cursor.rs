//! A typed walk over the tree that notes every mistake and goes on.
//!
//! A [`Map`] remembers which keys were asked for; [`Map::finish`] then reports the others. So a key is
//! known exactly if some code reads it, and the list of known keys cannot drift from the code.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::finding::{Finding, Severity};
use super::keys::Record;
use super::source::{Span, is_secret};
use super::suggest::nearest;
use super::tree::{Entry, Kind, Node};
use crate::Place;

/// Longest time in milliseconds that a file can ask for (49 days): far from overflowing any clock.
pub(crate) const MAX_MS: i64 = u32::MAX as i64;

/// What the whole walk shares.
pub(crate) struct Cx<'t> {
    pub(crate) env: &'t dyn Fn(&str) -> Option<String>,
    /// Relative paths start here.
    pub(crate) node_dir: &'t Path,
    pub(crate) findings: RefCell<Vec<Finding>>,
    /// Default IDs given out so far, by kind.
    pub(crate) ids: Ids,
    /// Notes the keys that were asked for, when somebody wants to know them.
    pub(crate) record: Option<RefCell<Record>>,
}

/// Counters of default IDs: they number over the whole node, in order of appearance.
#[derive(Default)]
pub(crate) struct Ids {
    pub(crate) worker: Cell<u32>,
    pub(crate) realm: Cell<u32>,
    pub(crate) role: Cell<u32>,
    pub(crate) transport: Cell<u32>,
    pub(crate) webservice: Cell<u32>,
}

impl Cx<'_> {
    pub(crate) fn note(
        &self,
        severity: Severity,
        place: &Place,
        span: Span,
        message: String,
        hint: Option<String>,
    ) {
        let finding = Finding { severity, place: place.clone(), span: Some(span), message, hint };
        self.findings.borrow_mut().push(finding);
    }

    /// `subject` is right, but this release cannot do it.
    pub(crate) fn unsupported(&self, place: &Place, span: Span, subject: &str, hint: Option<&str>) {
        let message = format!("{subject} is valid, but this release does not run it");
        self.note(Severity::Unsupported, place, span, message, hint.map(str::to_owned));
    }

    /// An absolute path, relative ones starting at the node directory, without `.` and inner `..`.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        let mut clean = PathBuf::new();
        for part in self.node_dir.join(path).components() {
            match part {
                std::path::Component::CurDir => {}
                std::path::Component::ParentDir if clean.file_name().is_some() => {
                    clean.pop();
                }
                other => clean.push(other),
            }
        }
        clean
    }
}

/// A value and what it is called.
#[derive(Clone)]
pub(crate) struct Val<'t> {
    pub(crate) cx: &'t Cx<'t>,
    pub(crate) node: &'t Node,
    pub(crate) place: Place,
    /// As in `attribute "port" in listening tcp endpoint`.
    label: String,
    /// The map and the key that it is the value of, or an item in the value of.
    origin: Option<(Cow<'static, str>, &'t str)>,
    secret: bool,
}

/// A map that is being read.
pub(crate) struct Map<'t> {
    pub(crate) cx: &'t Cx<'t>,
    pub(crate) place: Place,
    pub(crate) span: Span,
    /// As in `listening tcp endpoint`.
    what: Cow<'static, str>,
    entries: &'t [Entry],
    known: RefCell<Vec<&'static str>>,
}

impl<'t> Val<'t> {
    /// The whole configuration.
    pub(crate) fn root(cx: &'t Cx<'t>, node: &'t Node) -> Self {
        let label = "the configuration".to_owned();
        Self { cx, node, place: Place::root(), label, origin: None, secret: false }
    }

    /// The value as messages show it.
    pub(crate) fn shown(&self) -> String {
        match &self.node.kind {
            _ if self.secret => "***".to_owned(),
            Kind::Map(_) => "{…}".to_owned(),
            Kind::List(items) if items.is_empty() => "[]".to_owned(),
            Kind::List(_) => "[…]".to_owned(),
            Kind::Str(text) if text.chars().count() > 60 => {
                format!("{:?}…", text.chars().take(60).collect::<String>())
            }
            Kind::Str(text) => format!("{text:?}"),
            _ => self.node.to_json().to_string(),
        }
    }

    pub(crate) fn say(&self, severity: Severity, message: impl Into<String>, hint: Option<&str>) {
        self.cx.note(severity, &self.place, self.node.span, message.into(), hint.map(str::to_owned));
    }

    /// `invalid type T for …: must be …`
    pub(crate) fn invalid_type(&self, allowed: impl Display, hint: Option<&str>) {
        let found = self.node.type_name();
        self.say(
            Severity::Error,
            format!("invalid type {found} for {}: must be {allowed}", self.label),
            hint,
        );
    }

    /// `invalid value V for …: …`
    pub(crate) fn invalid_value(&self, why: impl Display, hint: Option<&str>) {
        let message = format!("invalid value {} for {}: {why}", self.shown(), self.label);
        self.say(Severity::Error, message, hint);
    }

    pub(crate) fn unsupported(&self, subject: &str, hint: Option<&str>) {
        self.cx.unsupported(&self.place, self.node.span, subject, hint);
    }

    /// The text, without a finding if it is none.
    pub(crate) fn as_str(&self) -> Option<&'t str> {
        match &self.node.kind {
            Kind::Str(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn str(&self) -> Option<&'t str> {
        if self.as_str().is_none() {
            self.invalid_type("str", None);
        }
        self.as_str()
    }

    /// A text with something in it.
    pub(crate) fn non_empty(&self) -> Option<&'t str> {
        let text = self.str()?;
        if text.trim().is_empty() {
            self.invalid_value("must not be empty", None);
            return None;
        }
        Some(text)
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        if let Kind::Bool(value) = self.node.kind {
            return Some(value);
        }
        self.invalid_type("bool (true or false)", None);
        None
    }

    /// An int of that range; never a bool, a float or a text.
    pub(crate) fn int(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let (least, most) = (*range.start(), *range.end());
        let allowed = if most == i64::MAX { format!("at least {least}") } else { format!("{least}..{most}") };
        match &self.node.kind {
            Kind::Number(number) if !number.is_f64() => {
                let value = number.as_i64().filter(|value| range.contains(value));
                if value.is_none() {
                    self.invalid_value(format!("must be {allowed}"), None);
                }
                value
            }
            kind => {
                let numeric = matches!(kind, Kind::Str(text) if text.parse::<i64>().is_ok());
                self.invalid_type(format!("int ({allowed})"), numeric.then_some("write it as a number"));
                None
            }
        }
    }

    pub(crate) fn port(&self) -> Option<u16> {
        self.int(1..=65535).and_then(|port| u16::try_from(port).ok())
    }

    /// Milliseconds, 0 = off.
    pub(crate) fn ms(&self) -> Option<Option<Duration>> {
        let ms = u64::try_from(self.int(0..=MAX_MS)?).ok()?;
        Some((ms > 0).then(|| Duration::from_millis(ms)))
    }

    /// Seconds, 0 = off.
    pub(crate) fn seconds(&self, range: RangeInclusive<i64>) -> Option<Option<Duration>> {
        let seconds = u64::try_from(self.int(range)?).ok()?;
        Some((seconds > 0).then(|| Duration::from_secs(seconds)))
    }

    pub(crate) fn list(&self) -> Option<Vec<Val<'t>>> {
        let Kind::List(items) = &self.node.kind else {
            self.invalid_type("list", None);
            return None;
        };
        let item = |(index, node): (usize, &'t Node)| Val {
            cx: self.cx,
            node,
            place: self.place.index(index),
            label: format!("an item of {}", self.label),
            origin: self.origin.clone(),
            secret: self.secret,
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// A list of non-empty texts; wrong ones are left out.
    pub(crate) fn str_list(&self) -> Option<Vec<String>> {
        Some(self.list()?.iter().filter_map(Val::non_empty).map(str::to_owned).collect())
    }

    /// The map, which is `what`.
    pub(crate) fn map(&self, what: impl Into<Cow<'static, str>>) -> Option<Map<'t>> {
        let Kind::Map(entries) = &self.node.kind else {
            self.invalid_type("map", None);
            return None;
        };
        Some(Map {
            cx: self.cx,
            place: self.place.clone(),
            span: self.node.span,
            what: what.into(),
            entries,
            known: RefCell::default(),
        })
    }

    /// Says which words this value may be, for the record; whoever calls it then reads the value.
    pub(crate) fn has_words<'w>(&self, words: impl IntoIterator<Item = &'w str>) {
        if let (Some(record), Some((within, key))) = (&self.cx.record, &self.origin) {
            record.borrow_mut().words(within, key, words, self.as_str().map(|text| (text, &self.place)));
        }
    }

    /// One of a closed set of words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        self.has_words(words.iter().map(|(word, _)| *word));
        let text = self.str()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let names = words.iter().map(|(word, _)| *word);
        let hint = nearest(text, names).map(|word| format!("did you mean {word:?}?"));
        self.invalid_value(
            format!("must be {}", one_of(words.iter().map(|(word, _)| *word))),
            hint.as_deref(),
        );
        None
    }
}

/// `"a", "b" or "c"`
pub(crate) fn one_of<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

impl<'t> Map<'t> {
    /// The keys in file order, each with its span and value, whatever they are: for maps whose keys are
    /// names. Nothing is then unknown.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'t str, Span, Val<'t>)> + '_ {
        self.entries.iter().map(|entry| (entry.key.as_str(), entry.key_span, self.value(entry)))
    }

    fn value(&self, entry: &'t Entry) -> Val<'t> {
        Val {
            cx: self.cx,
            node: &entry.value,
            place: self.place.key(&entry.key),
            label: format!("attribute {:?} in {}", entry.key, self.what),
            origin: Some((self.what.clone(), &entry.key)),
            secret: is_secret(&entry.key),
        }
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

    /// The value of a key, which is known from here on.
    pub(crate) fn get(&self, key: &'static str) -> Option<Val<'t>> {
        self.known.borrow_mut().push(key);
        self.entry(key).map(|entry| self.value(entry))
    }

    /// The value of a key that must be there.
    pub(crate) fn req(&self, key: &'static str) -> Option<Val<'t>> {
        let value = self.get(key);
        if value.is_none() {
            self.missing(key, None);
        }
        value
    }

    pub(crate) fn missing(&self, key: &str, hint: Option<&str>) {
        let message = format!("missing mandatory attribute {key:?} in {}", self.what);
        self.cx.note(Severity::Error, &self.place, self.span, message, hint.map(str::to_owned));
    }

    /// A finding at a key rather than at its value.
    pub(crate) fn say_at_key(&self, severity: Severity, key: &str, message: String, hint: Option<&str>) {
        let span = self.entry(key).map_or(self.span, |entry| entry.key_span);
        self.cx.note(severity, &self.place.key(key), span, message, hint.map(str::to_owned));
    }

    pub(crate) fn bool(&self, key: &'static str, default: bool) -> bool {
        self.get(key).and_then(|value| value.bool()).unwrap_or(default)
    }

    pub(crate) fn int(&self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        self.get(key).and_then(|value| value.int(range))
    }

    /// A count or size of that range.
    pub(crate) fn size(&self, key: &'static str, range: RangeInclusive<i64>, default: usize) -> usize {
        self.int(key, range).and_then(|value| usize::try_from(value).ok()).unwrap_or(default)
    }

    /// A count or size where 0 means none.
    pub(crate) fn size_or_none(&self, key: &'static str, most: i64, default: Option<usize>) -> Option<usize> {
        match self.int(key, 0..=most) {
            Some(value) => usize::try_from(value).ok().filter(|value| *value > 0),
            None => default,
        }
    }

    /// A count per something where 0 means no limit.
    pub(crate) fn limit(&self, key: &'static str, most: i64) -> Option<u32> {
        self.int(key, 0..=most).and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0)
    }

    /// Milliseconds, 0 = off.
    pub(crate) fn ms(&self, key: &'static str, default: Option<Duration>) -> Option<Duration> {
        self.get(key).and_then(|value| value.ms()).unwrap_or(default)
    }

    pub(crate) fn non_empty(&self, key: &'static str) -> Option<String> {
        self.get(key)?.non_empty().map(str::to_owned)
    }

    /// A key of the dialect that this release does not run, if it is there.
    pub(crate) fn unsupported(&self, key: &'static str, hint: Option<&str>) -> bool {
        let Some(value) = self.get(key) else { return false };
        let span = self.entry(key).map_or(self.span, |entry| entry.key_span);
        self.cx.unsupported(&value.place, span, &value.label, hint);
        true
    }

    /// A key that has no effect here, if it is there.
    pub(crate) fn ignored(&self, severity: Severity, key: &'static str, why: &str) {
        if let Some(value) = self.get(key) {
            self.say_at_key(
                severity,
                key,
                format!("{} is accepted, but has no effect: {why}", value.label),
                None,
            );
        }
    }

    /// Reports every key that nobody asked for; `trap` may know what was meant.
    pub(crate) fn finish(&self, trap: &dyn Fn(&str) -> Option<String>) {
        self.report_unknown(Severity::Error, trap);
    }

    /// The same where the dialect lets unknown keys pass.
    pub(crate) fn finish_open(&self) {
        self.report_unknown(Severity::Warning, &|_| None);
    }

    fn report_unknown(&self, severity: Severity, trap: &dyn Fn(&str) -> Option<String>) {
        let known = self.known.borrow();
        if let Some(record) = &self.cx.record {
            for key in known.iter().copied() {
                let place = self.has(key).then(|| self.place.key(key));
                record.borrow_mut().key(&self.what, key, place);
            }
        }
        let absent: Vec<&str> = known.iter().copied().filter(|key| !self.has(key)).collect();
        for entry in self.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let near = || {
                let word = nearest(&entry.key, absent.iter().copied());
                word.map(|key| format!("did you mean {key:?}?"))
            };
            let hint = trap(&entry.key).or_else(near).or_else(|| {
                (severity == Severity::Error && !known.is_empty()).then(|| {
                    let mut names: Vec<&str> = known.clone();
                    names.sort_unstable();
                    names.dedup();
                    format!("known: {}", names.join(", "))
                })
            });
            let ignored = if severity == Severity::Warning { "; it is ignored" } else { "" };
            let message = format!("unknown attribute {:?} in {}{ignored}", entry.key, self.what);
            self.cx.note(severity, &self.place, entry.key_span, message, hint);
        }
    }

    /// The `id` key or the next default ID. `strict`: an ID that does not follow the pattern is an error
    /// instead of a warning.
    pub(crate) fn id(&self, prefix: &str, counter: &Cell<u32>, strict: bool) -> String {
        if let Some(value) = self.get("id") {
            return checked_id(&value, strict).unwrap_or_default();
        }
        counter.set(counter.get() + 1);
        format!("{prefix}{:03}", counter.get())
    }
}

/// An ID: `^[a-z][a-z0-9_]{2,63}$`.
pub(crate) fn checked_id(value: &Val<'_>, strict: bool) -> Option<String> {
    let id = value.str()?;
    let sound = id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && (3..=64).contains(&id.len());
    let rule = "an ID is 3 to 64 characters of a-z, 0-9 and _, beginning with a letter";
    match (sound, strict) {
        (true, _) => {}
        (false, true) => value.invalid_value(rule, None),
        (false, false) => value.say(Severity::Warning, format!("unusual ID {}: {rule}", value.shown()), None),
    }
    Some(id.to_owned())
}

/// No trap.
pub(crate) fn plain(_: &str) -> Option<String> {
    None
}
