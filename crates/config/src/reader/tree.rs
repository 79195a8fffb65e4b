//! The tree of a configuration file with the span of every token; the same for JSON and YAML.

use std::collections::{BTreeMap, HashMap};

use super::finding::{Finding, Severity};
use super::source::Span;
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
    pub(crate) span: Span,
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
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// What kept a text from becoming a tree.
pub(crate) struct SyntaxError {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
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

/// Makes keys unique (the last value wins, at the position of the first, with a warning) and notes the
/// span of every place.
pub(crate) fn settle(
    node: &mut Node,
    place: &Place,
    places: &mut BTreeMap<Place, Span>,
    findings: &mut Vec<Finding>,
) {
    places.insert(place.clone(), node.span);
    match &mut node.kind {
        Kind::Map(entries) => {
            let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
            let mut at: HashMap<String, usize> = HashMap::with_capacity(entries.len());
            for entry in entries.drain(..) {
                let first = at.get(&entry.key).and_then(|i| kept.get_mut(*i));
                if let Some(first) = first {
                    findings.push(Finding {
                        severity: Severity::Warning,
                        place: place.clone(),
                        span: Some(entry.key_span),
                        message: format!("attribute {:?} is given twice; the last one counts", entry.key),
                        hint: None,
                    });
                    *first = entry;
                } else {
                    at.insert(entry.key.clone(), kept.len());
                    kept.push(entry);
                }
            }
            for entry in &mut kept {
                settle(&mut entry.value, &place.key(&entry.key), places, findings);
            }
            *entries = kept;
        }
        Kind::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                settle(item, &place.index(index), places, findings);
            }
        }
        _ => {}
    }
}
