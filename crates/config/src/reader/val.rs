//! One value of a configuration that is being read, with all that is needed to say what is wrong with it.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Severity};
use super::map::Map;
use super::source::{Lines, Token, is_secret};
use super::suggest::nearest;
use super::tree::{Entry, Kind, Node};
use crate::Place;

/// What the whole walk shares.
pub(crate) struct Cx<'t> {
    pub(crate) env: &'t dyn Fn(&str) -> Option<String>,
    /// Relative paths start here.
    pub(crate) node_dir: &'t Path,
    pub(crate) lines: &'t Lines<'t>,
    pub(crate) findings: RefCell<Vec<Finding>>,
    /// Default IDs given out so far, by kind.
    pub(crate) ids: Ids,
    /// What has been found so far that this release does not run.
    pub(crate) unsupported: Cell<usize>,
    /// Leave out what has such things inside, instead of reading it in full.
    pub(crate) leave_out: bool,
    /// A listening port may be 0, any free one.
    pub(crate) any_port: bool,
}

/// Counters of default IDs: they number over the whole node, in order of appearance.
#[derive(Default)]
pub(crate) struct Ids {
    pub(crate) worker: Cell<u32>,
    pub(crate) realm: Cell<u32>,
    pub(crate) role: Cell<u32>,
    pub(crate) transport: Cell<u32>,
    pub(crate) webservice: Cell<u32>,
    pub(crate) component: Cell<u32>,
}

impl Cx<'_> {
    pub(crate) fn note(
        &self,
        severity: Severity,
        place: Place,
        token: Token,
        message: String,
        hint: Option<String>,
    ) {
        let span = Some(self.lines.span(token));
        self.findings.borrow_mut().push(Finding { severity, place, span, message, hint });
    }

    /// `subject` is right, but this release cannot do it.
    pub(crate) fn unsupported(&self, place: Place, token: Token, subject: &str, hint: Option<&str>) {
        self.unsupported.set(self.unsupported.get() + 1);
        let message = format!("{subject} is valid, but this release does not run it");
        self.note(Severity::Unsupported, place, token, message, hint.map(str::to_owned));
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
    /// The map or list that it stands in.
    parent: Place,
    step: Step<'t>,
    /// The map it stands in, as in `listening tcp endpoint`, and the key that it is the value of, or an item in the
    /// value of.
    within: Cow<'static, str>,
    key: &'t str,
    secret: bool,
    /// What it may be besides what its kind takes.
    also: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Step<'t> {
    /// The whole configuration.
    Root,
    Key(&'t str),
    Index(usize),
}

impl<'t> Val<'t> {
    /// The whole configuration.
    pub(crate) fn root(cx: &'t Cx<'t>, node: &'t Node) -> Self {
        let within = Cow::Borrowed("");
        Self { cx, node, parent: Place::root(), step: Step::Root, within, key: "", secret: false, also: None }
    }

    /// The value of a key in a map.
    pub(crate) fn of_key(map: &Map<'t>, entry: &'t Entry) -> Self {
        Self {
            cx: map.cx,
            node: &entry.value,
            parent: map.place.clone(),
            step: Step::Key(&entry.key),
            within: map.what(),
            key: &entry.key,
            secret: is_secret(&entry.key),
            also: None,
        }
    }

    /// The same value, which may be something else too: messages say so.
    pub(crate) fn or(&self, also: &'static str) -> Self {
        Self { also: Some(also), ..self.clone() }
    }

    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        match self.step {
            Step::Root => self.parent.clone(),
            Step::Key(key) => self.parent.key(key),
            Step::Index(index) => self.parent.index(index),
        }
    }

    /// As in `attribute "port" in listening tcp endpoint`.
    pub(crate) fn label(&self) -> String {
        match self.step {
            Step::Root => "the configuration".to_owned(),
            Step::Key(_) => format!("attribute {:?} in {}", self.key, self.within),
            Step::Index(_) => format!("an item of attribute {:?} in {}", self.key, self.within),
        }
    }

    /// The value as messages show it.
    pub(crate) fn shown(&self) -> String {
        match &self.node.kind {
            _ if self.secret => "***".to_owned(),
            Kind::Map(_) => "{…}".to_owned(),
            Kind::List(items) if items.len() <= 4 && items.iter().all(Node::is_short) => {
                self.node.to_json().to_string()
            }
            Kind::List(_) => "[…]".to_owned(),
            Kind::Str(text) if text.chars().count() > 60 => {
                format!("{:?}…", text.chars().take(60).collect::<String>())
            }
            Kind::Str(text) => format!("{text:?}"),
            _ => self.node.to_json().to_string(),
        }
    }

    pub(crate) fn say(&self, severity: Severity, message: impl Into<String>, hint: Option<&str>) {
        self.cx.note(severity, self.place(), self.node.token, message.into(), hint.map(str::to_owned));
    }

    pub(crate) fn warn(&self, message: impl Into<String>, hint: Option<&str>) {
        self.say(Severity::Warning, message, hint);
    }

    /// `invalid type T for …: must be …`
    pub(crate) fn invalid_type(&self, allowed: impl Display, hint: Option<&str>) {
        let found = self.node.type_name();
        let message =
            format!("invalid type {found} for {}: must be {allowed}{}", self.label(), self.or_also());
        self.say(Severity::Error, message, hint);
    }

    /// `invalid value V for …: …`
    pub(crate) fn invalid_value(&self, why: impl Display, hint: Option<&str>) {
        let message = format!("invalid value {} for {}: {why}", self.shown(), self.label());
        self.say(Severity::Error, message, hint);
    }

    fn or_also(&self) -> String {
        self.also.map_or_else(String::new, |also| format!(" or {also}"))
    }

    pub(crate) fn unsupported(&self, subject: &str, hint: Option<&str>) {
        self.cx.unsupported(self.place(), self.node.token, subject, hint);
    }

    /// The text, without a finding if it is none.
    pub(crate) fn as_str(&self) -> Option<&'t str> {
        match &self.node.kind {
            Kind::Str(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.node.kind, Kind::Null)
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.node.kind, Kind::Map(_))
    }

    pub(crate) fn is_bool(&self) -> bool {
        matches!(self.node.kind, Kind::Bool(_))
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.node.kind, Kind::List(_))
    }

    pub(crate) fn is_empty_list(&self) -> bool {
        matches!(&self.node.kind, Kind::List(items) if items.is_empty())
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
    pub(crate) fn int(&self, range: &RangeInclusive<i64>) -> Option<i64> {
        let (least, most) = (*range.start(), *range.end());
        let allowed = if most == i64::MAX { format!("at least {least}") } else { format!("{least}..{most}") };
        self.int_that(|value| range.contains(&value), &allowed)
    }

    /// An int that fits, which is `allowed` in words.
    pub(crate) fn int_that(&self, fits: impl Fn(i64) -> bool, allowed: &str) -> Option<i64> {
        match &self.node.kind {
            Kind::Number(number) if !number.is_f64() => {
                let value = number.as_i64().filter(|value| fits(*value));
                if value.is_none() {
                    self.invalid_value(format!("must be {allowed}{}", self.or_also()), None);
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

    pub(crate) fn list(&self) -> Option<Vec<Val<'t>>> {
        let Kind::List(items) = &self.node.kind else {
            let hint = match &self.node.kind {
                Kind::Null => None,
                Kind::Map(_) => Some("put it in brackets: [{…}]".to_owned()),
                _ => Some(format!("put it in brackets: [{}]", self.shown())),
            };
            self.invalid_type("list", hint.as_deref());
            return None;
        };
        let place = self.place();
        let item = |(index, node): (usize, &'t Node)| Val {
            cx: self.cx,
            node,
            parent: place.clone(),
            step: Step::Index(index),
            within: self.within.clone(),
            key: self.key,
            secret: self.secret,
            also: None,
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// The map, which is `what`.
    pub(crate) fn map(&self, what: impl Into<Cow<'static, str>>) -> Option<Map<'t>> {
        let Kind::Map(entries) = &self.node.kind else {
            self.invalid_type("map", None);
            return None;
        };
        Some(Map::new(self.cx, self.place(), self.node.token, what.into(), entries))
    }

    /// The text, which must be one of a closed set of words.
    pub(crate) fn word<'w>(&self, words: impl IntoIterator<Item = &'w str>) -> Option<&'t str> {
        if self.as_str().is_none() {
            self.invalid_type(one_of(words), None);
        }
        self.as_str()
    }

    /// Says that a text is none of a closed set of words.
    pub(crate) fn none_of<'w>(&self, words: impl IntoIterator<Item = &'w str> + Clone, hint: Option<String>) {
        let near = || {
            let word = nearest(self.as_str()?, words.clone())?;
            Some(format!("did you mean {word:?}?"))
        };
        let hint = hint.or_else(near);
        self.invalid_value(format!("must be {}{}", one_of(words.clone()), self.or_also()), hint.as_deref());
    }
}

/// `"a", "b" or "c"`
pub(crate) fn one_of<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
