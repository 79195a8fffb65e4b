//! The tree of a configuration file with the span of every token; the same for JSON and YAML.

use std::collections::{HashMap, HashSet};

use super::finding::{Finding, Severity};
use super::source::{Lines, Token, is_secret};
use super::{Format, json, yaml};
use crate::Place;

/// Deepest nesting of lists and maps. Nothing in the dialect comes near; the walks over the tree are
/// recursive and rely on it.
pub(crate) const MAX_DEPTH: usize = 100;
/// Most values in one file, counted after YAML aliases are replaced by what they stand for.
pub(crate) const MAX_NODES: usize = 500_000;

/// One value.
#[derive(Clone)]
pub(crate) struct Node {
    /// The token of a scalar; of a map or list its head: the opening bracket, or the first key or dash
    /// of a YAML block.
    pub(crate) token: Token,
    pub(crate) kind: Kind,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Str(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map, in file order.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_token: Token,
    pub(crate) value: Node,
}

/// What kept a text from becoming a tree.
pub(crate) struct SyntaxError {
    pub(crate) token: Token,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl SyntaxError {
    pub(crate) fn finding(self, lines: &Lines<'_>) -> Finding {
        let span = Some(lines.span(self.token));
        Finding {
            severity: Severity::Error,
            place: Place::root(),
            span,
            message: self.message,
            hint: self.hint,
        }
    }
}

/// The tree of a text, keys not yet unique.
pub(crate) fn parse(text: &str, format: Format, lines: &Lines<'_>) -> Result<Node, SyntaxError> {
    match format {
        Format::Json => json::parse(text, lines),
        Format::Yaml => yaml::parse(text, lines),
    }
}

impl Node {
    /// How many values this one is made of, itself included.
    pub(crate) fn weight(&self) -> usize {
        match &self.kind {
            Kind::List(items) => items.iter().map(Self::weight).sum::<usize>() + 1,
            Kind::Map(entries) => entries.iter().map(|e| e.value.weight()).sum::<usize>() + 1,
            _ => 1,
        }
    }

    /// How deep lists and maps are nested in this value.
    pub(crate) fn depth(&self) -> usize {
        match &self.kind {
            Kind::List(items) => items.iter().map(Self::depth).max().unwrap_or(0) + 1,
            Kind::Map(entries) => entries.iter().map(|e| e.value.depth()).max().unwrap_or(0) + 1,
            _ => 0,
        }
    }

    /// Whether it is a scalar that is shown in full, whatever stands around it.
    pub(crate) fn is_short(&self) -> bool {
        match &self.kind {
            Kind::Str(text) => text.len() <= 16,
            _ => !self.is_nested(),
        }
    }

    fn is_nested(&self) -> bool {
        matches!(self.kind, Kind::List(_) | Kind::Map(_))
    }

    /// The dialect's word for its type.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "bool",
            Kind::Number(n) if n.is_f64() => "float",
            Kind::Number(_) => "int",
            Kind::Str(_) => "str",
            Kind::List(_) => "list",
            Kind::Map(_) => "map",
        }
    }

    /// The same value without spans.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Bool(b) => (*b).into(),
            Kind::Number(n) => n.clone().into(),
            Kind::Str(s) => s.as_str().into(),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => serde_json::Value::Object(
                entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect(),
            ),
        }
    }
}

impl Node {
    /// Where the first secret stands that is written out: neither empty nor `${NAME}`.
    pub(crate) fn first_secret(&self, place: &Place) -> Option<Place> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find_map(|entry| match &entry.value.kind {
                Kind::Str(text) if is_secret(&entry.key) => {
                    (!text.is_empty() && !text.starts_with("${")).then(|| place.key(&entry.key))
                }
                _ if entry.value.is_nested() => entry.value.first_secret(&place.key(&entry.key)),
                _ => None,
            }),
            Kind::List(items) => {
                items.iter().enumerate().find_map(|(index, item)| item.first_secret(&place.index(index)))
            }
            _ => None,
        }
    }
}

/// Finds the tokens of places. It remembers the keys of large maps, so that many places cost no more than the tree is
/// large.
#[derive(Default)]
pub(crate) struct Finder<'n> {
    large: HashMap<*const Node, HashMap<String, &'n Node>>,
}

impl<'n> Finder<'n> {
    /// The token at a place, or at the nearest place around it that stands in the file.
    pub(crate) fn token_at(&mut self, tree: &'n Node, place: &Place) -> Token {
        let (mut node, mut rest) = (tree, place.as_str());
        while let Some((next, after)) = self.step(node, rest) {
            (node, rest) = (next, after);
        }
        node.token
    }

    /// The value that the first step of a written path leads to, and the steps after it.
    fn step<'p>(&mut self, node: &'n Node, path: &'p str) -> Option<(&'n Node, &'p str)> {
        let written = |key: &str| Place::root().key(key).as_str().to_owned();
        match &node.kind {
            Kind::List(items) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                Some((items.get(index.parse::<usize>().ok()?)?, rest))
            }
            Kind::Map(entries) => {
                let path = path.strip_prefix('.').unwrap_or(path);
                let (key, rest) = path.split_at_checked(key_length(path))?;
                let node = if entries.len() <= 32 {
                    let bracketed = key.starts_with('[');
                    let is = |entry: &&Entry| {
                        if bracketed { written(&entry.key) == key } else { entry.key == key }
                    };
                    &entries.iter().find(is)?.value
                } else {
                    let keys = self.large.entry(std::ptr::from_ref(node)).or_insert_with(|| {
                        entries.iter().map(|entry| (written(&entry.key), &entry.value)).collect()
                    });
                    *keys.get(key)?
                };
                Some((node, rest))
            }
            _ => None,
        }
    }
}

/// How long the key is that a written path begins with.
fn key_length(path: &str) -> usize {
    if !path.starts_with("[\"") {
        return path.find(['.', '[']).unwrap_or(path.len());
    }
    let mut escaped = false;
    let quote = path.bytes().skip(2).position(|byte| {
        let end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        end
    });
    quote.map_or(path.len(), |quote| (quote + 4).min(path.len()))
}

/// Makes keys unique: the last value wins, at the position of the first, with a warning.
pub(crate) fn settle(node: &mut Node, place: &Place, lines: &Lines<'_>, findings: &mut Vec<Finding>) {
    match &mut node.kind {
        Kind::Map(entries) => {
            let mut seen = HashSet::with_capacity(entries.len());
            let repeated = entries.iter().any(|entry| !seen.insert(entry.key.as_str()));
            if repeated {
                keep_last(entries, place, lines, findings);
            }
            for entry in entries {
                if entry.value.is_nested() {
                    settle(&mut entry.value, &place.key(&entry.key), lines, findings);
                }
            }
        }
        Kind::List(items) => {
            for (index, item) in items.iter_mut().enumerate().filter(|(_, item)| item.is_nested()) {
                settle(item, &place.index(index), lines, findings);
            }
        }
        _ => {}
    }
}

fn keep_last(entries: &mut Vec<Entry>, place: &Place, lines: &Lines<'_>, findings: &mut Vec<Finding>) {
    let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
    let mut at: HashMap<String, usize> = HashMap::with_capacity(entries.len());
    for entry in entries.drain(..) {
        let first = at.get(&entry.key).and_then(|i| kept.get_mut(*i));
        if let Some(first) = first {
            findings.push(Finding {
                severity: Severity::Warning,
                place: place.clone(),
                span: Some(lines.span(entry.key_token)),
                message: format!("attribute {:?} is given twice; the last one counts", entry.key),
                hint: None,
            });
            *first = entry;
        } else {
            at.insert(entry.key.clone(), kept.len());
            kept.push(entry);
        }
    }
    *entries = kept;
}
