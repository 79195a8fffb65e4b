//! Findings with the line they are about and a caret under the token.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::finding::{Finding, Findings, Purpose};

/// Longest piece of a line that is shown; a configuration may be all in one line.
const SHOWN: usize = 240;

impl Findings {
    /// All findings for people: severity, message, `file:line:column`, the line, and a caret under the
    /// very token with the hint. With `colour`, ANSI colours.
    pub fn render(&self, purpose: Purpose, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for finding in self {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}\n", self.render_one(finding, purpose, &renderer));
        }
        out
    }

    fn render_one(&self, finding: &Finding, purpose: Purpose, renderer: &Renderer) -> String {
        let level = match finding.severity.word(purpose) {
            "error" => Level::ERROR,
            "note" => Level::NOTE,
            _ => Level::WARNING,
        };
        let title = match finding.place.as_str() {
            "" => printable(&finding.message),
            place => printable(&format!("{place}: {}", finding.message)),
        };
        let hint = finding.hint.as_deref().map(printable).unwrap_or_default();
        let Some((span, line)) =
            finding.span.and_then(|span| Some((span, self.shown(span.start, span.end)?)))
        else {
            let mut group =
                level.primary_title(&title).element(Level::NOTE.message(format!("in {}", self.name)));
            if !hint.is_empty() {
                group = group.element(Level::HELP.message(&hint));
            }
            return renderer.render(&[group]);
        };
        let caret = AnnotationKind::Primary.span(line.token.clone()).label(&hint);
        let snippet = Snippet::source(line.text).line_start(span.line).path(&self.name).annotation(caret);
        let rendered = renderer.render(&[level.primary_title(&title).element(snippet)]);
        // What is shown may be a piece of the line, and the renderer counts columns in what it shows.
        let counted = line.text.get(..line.token.start).map_or(0, |before| before.chars().count()) + 1;
        let place = |column| format!("{}:{}:{column}", self.name, span.line);
        rendered.replacen(&place(counted), &place(span.column), 1)
    }

    /// The line around a token, or the part of it next to the token if it is long.
    fn shown(&self, start: usize, end: usize) -> Option<Shown<'_>> {
        let text = &self.text;
        // No further than is shown, whatever the length of the line.
        let (mut least, mut most) = (start.saturating_sub(SHOWN), text.len().min(start + SHOWN));
        while !text.is_char_boundary(least) {
            least += 1;
        }
        while !text.is_char_boundary(most) {
            most -= 1;
        }
        let from = text.get(least..start)?.rfind('\n').map_or(least, |i| least + i + 1);
        let to = text.get(start..most)?.find('\n').map_or(most, |i| start + i);
        let (mut first, mut last) = (from, to);
        if to - from > SHOWN {
            first = from.max(start.saturating_sub(SHOWN / 2));
            last = to.min(start + SHOWN / 2);
            while !text.is_char_boundary(first) {
                first += 1;
            }
            while !text.is_char_boundary(last) {
                last -= 1;
            }
        }
        let token = start.checked_sub(first)?..end.min(last).max(start).checked_sub(first)?;
        Some(Shown { text: text.get(first..last)?, token })
    }
}

struct Shown<'f> {
    text: &'f str,
    token: std::ops::Range<usize>,
}

/// The text without control characters: a key in a file may hold any, and it ends up on a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
