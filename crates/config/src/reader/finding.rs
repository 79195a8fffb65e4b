//! Findings: everything there is to say about a configuration, each with its place.

use std::fmt;

use super::source::{Index, Span};
use super::tree::{Finder, Node};
use crate::Place;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration is wrong: neither `check` nor `start` accepts it.
    Error,
    /// The configuration is right, but this release cannot do what it asks for: `check` warns, `start`
    /// refuses, because running without it would be another node than the one described.
    Unsupported,
    /// It will run, though perhaps not as meant.
    Warning,
    /// Something worth knowing.
    Note,
}

impl Severity {
    /// The word shown for it.
    pub fn word(self, purpose: Purpose) -> &'static str {
        match (self, purpose) {
            (Self::Error, _) | (Self::Unsupported, Purpose::Start) => "error",
            (Self::Unsupported, Purpose::Check) | (Self::Warning, _) => "warning",
            (Self::Note, _) => "note",
        }
    }
}

/// What the findings are shown for: it decides whether something unsupported reads as warning or error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `check`
    Check,
    /// `start`
    Start,
}

/// One thing to say about a configuration.
///
/// Its [`Display`](fmt::Display) form is one line: path, message and hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The thing it is about.
    pub place: Place,
    /// The very token, if there is a text.
    pub span: Option<Span>,
    /// What is wrong, with the value found and what is allowed. Never a secret.
    pub message: String,
    /// What was probably meant, or what to do.
    pub hint: Option<String>,
}

impl Finding {
    /// A finding without span: [`Findings::add`] looks that up.
    pub fn new(severity: Severity, place: &Place, message: impl Into<String>) -> Self {
        Self { severity, place: place.clone(), span: None, message: message.into(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.as_str().is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// All findings about one configuration, in the order of the text.
///
/// Its [`Display`](fmt::Display) form is one line each, `file:line:column: severity: path: message (hint)`,
/// as `check` words them; see `render` for the form with carets.
#[derive(Clone)]
pub struct Findings {
    /// What the configuration is called in front of a line number.
    pub(super) name: String,
    /// The text, secrets masked; empty if there was none to read.
    pub(super) text: String,
    index: Index,
    tree: Option<Node>,
    list: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(
        name: String,
        text: String,
        index: Index,
        tree: Option<Node>,
        list: Vec<Finding>,
    ) -> Self {
        let mut findings = Self { name, text, index, tree, list: Vec::new() };
        findings.add_all(list);
        findings
    }

    /// Adds what another layer found, as [`add`](Self::add) does.
    pub(super) fn add_all(&mut self, found: Vec<Finding>) {
        let first = self.list.len();
        if let Some(tree) = &self.tree {
            let mut finder = Finder::default();
            self.list.extend(found.into_iter().map(|mut finding| {
                let span = |token| self.index.span(&self.text, token);
                finding.span = finding.span.or_else(|| Some(span(finder.token_at(tree, &finding.place))));
                finding
            }));
        } else {
            self.list.extend(found);
        }
        self.list.iter_mut().skip(first).for_each(|finding| shorten(&mut finding.message));
        self.list.sort_by_key(|finding| finding.span.map(|span| span.start));
    }

    /// The findings, in the order of the text.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds what another layer found. A missing span is looked up: that of the place, or of the nearest
    /// place around it that stands in the file.
    pub fn add(&mut self, mut finding: Finding) {
        finding.span = finding.span.or_else(|| self.span_of(&finding.place));
        let at = finding.span.map(|span| span.start);
        let index = self.list.partition_point(|other| other.span.map(|span| span.start) <= at);
        self.list.insert(index, finding);
    }

    /// The token at that place, or at the nearest place around it that stands in the file.
    pub fn span_of(&self, place: &Place) -> Option<Span> {
        let token = Finder::default().token_at(self.tree.as_ref()?, place);
        Some(self.index.span(&self.text, token))
    }

    /// Where the first secret stands that is written in the text itself.
    pub(super) fn first_secret(&self) -> Option<Place> {
        self.tree.as_ref()?.first_secret(&Place::root())
    }

    /// How many there are of that severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Whether the configuration is wrong.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// Whether a node must not start from it: because it is wrong, or because it asks for something that
    /// this release does not do.
    pub fn refuse_start(&self) -> bool {
        self.has_errors() || self.count(Severity::Unsupported) > 0
    }

    /// For machines: the file, whether it is right, and each finding with severity, place, message, hint, and where it
    /// stands: `line` and `column` count from 1, `start` and `end` are bytes.
    pub fn to_json(&self, purpose: Purpose) -> serde_json::Value {
        let findings = self.iter().map(|finding| {
            let mut json = serde_json::json!({
                "severity": finding.severity.word(purpose),
                "unsupported": finding.severity == Severity::Unsupported,
                "path": finding.place.as_str(),
                "message": finding.message,
            });
            if let Some(hint) = &finding.hint {
                json["hint"] = hint.as_str().into();
            }
            if let Some(span) = finding.span {
                json["line"] = span.line.into();
                json["column"] = span.column.into();
                json["start"] = span.start.into();
                json["end"] = span.end.into();
            }
            json
        });
        let findings: Vec<_> = findings.collect();
        serde_json::json!({"file": self.name, "ok": !self.has_errors(), "findings": findings})
    }

    /// The one-line form of a finding, with file, line and column in front.
    pub fn line(&self, finding: &Finding, purpose: Purpose) -> String {
        let word = finding.severity.word(purpose);
        match finding.span {
            Some(Span { line, column, .. }) => format!("{}:{line}:{column}: {word}: {finding}", self.name),
            None => format!("{}: {word}: {finding}", self.name),
        }
    }
}

/// Leaves out the middle of what nobody reads to its end: names and values in a file may be of any length.
fn shorten(message: &mut String) {
    const KEPT: usize = 600;
    let cut = |index| message.char_indices().nth(index).map(|(at, _)| at);
    if message.len() > 2 * KEPT
        && let Some(start) = cut(KEPT)
        && let Some(end) =
            message.char_indices().rev().nth(KEPT / 2).map(|(at, _)| at).filter(|end| *end > start)
    {
        message.replace_range(start..end, " … ");
    }
}

impl<'f> IntoIterator for &'f Findings {
    type Item = &'f Finding;
    type IntoIter = std::slice::Iter<'f, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.list {
            writeln!(f, "{}", self.line(finding, Purpose::Check))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Findings").field("name", &self.name).field("list", &self.list).finish_non_exhaustive()
    }
}
