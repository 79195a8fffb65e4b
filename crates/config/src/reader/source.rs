//! The text of a configuration file: positions in it, and a copy that is fit to be shown.
//!
//! Secrets are masked before anything keeps the text, so neither a rendered finding nor a debug print
//! can give one away.

use super::tree::{Kind, Node};

/// A place in the text of a configuration file: one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte, from 0.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// Line of the first character, from 1.
    pub line: usize,
    /// Column of the first character, in characters, from 1.
    pub column: usize,
}

/// Turns byte offsets into spans.
#[derive(Debug)]
pub(crate) struct Lines<'t> {
    text: &'t str,
    /// Offset of the first byte of each line.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1));
        Self { text, starts }
    }

    /// The span of those bytes, moved to character boundaries within the text if it has to be.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        let start = self.boundary(start);
        let end = self.boundary(end.max(start));
        let line = self.starts.partition_point(|s| *s <= start).max(1);
        let line_start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(line_start..start).map_or(1, |s| s.chars().count() + 1);
        Span { start, end, line, column }
    }

    /// The span of the one character at that offset.
    pub(crate) fn point(&self, start: usize) -> Span {
        let start = self.boundary(start);
        let width = self.text.get(start..).and_then(|s| s.chars().next()).map_or(0, char::len_utf8);
        self.span(start, start + width)
    }

    /// The span of the one character at a line (from 1) and byte column (from 1).
    pub(crate) fn at(&self, line: usize, byte_column: usize) -> Span {
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        self.point(start + byte_column.saturating_sub(1))
    }

    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

/// Keys whose values are never shown.
const SECRET_KEYS: [&str; 8] = [
    "ticket",
    "secret",
    "github_secret",
    "password",
    "control_password",
    "stored-key",
    "server-key",
    "private_key",
];

/// Whether the value of that key is a secret.
pub(crate) fn is_secret(key: &str) -> bool {
    SECRET_KEYS.contains(&key)
}

/// The text with the values of secret keys overwritten by asterisks; every offset stays what it was.
pub(crate) fn masked(text: &str, tree: Option<&Node>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for key in SECRET_KEYS {
        for (at, _) in text.match_indices(key) {
            mask_after(&mut bytes, at + key.len());
        }
    }
    if let Some(tree) = tree {
        mask_values(&mut bytes, tree, false);
    }
    // Asterisks replace whole values, so this is UTF-8; if it were not, showing less is right.
    String::from_utf8(bytes).unwrap_or_else(|_| "*".repeat(text.len()))
}

/// Masks what follows a secret key in any text, sound or not: past the colon up to the closing quote,
/// else up to what ends a plain value.
fn mask_after(bytes: &mut [u8], after_key: usize) {
    let skip = |from: usize, set: &[u8]| {
        from + bytes.get(from..).unwrap_or_default().iter().take_while(|b| set.contains(b)).count()
    };
    let mut at = skip(after_key, b"\"'");
    at = skip(at, b" \t");
    if bytes.get(at) != Some(&b':') {
        return;
    }
    let plain = skip(at + 1, b" \t");
    let quoted = skip(plain, b" \t\r\n");
    let quote = bytes.get(quoted).copied().filter(|b| matches!(b, b'"' | b'\''));
    let mut escaped = false;
    for byte in bytes.get_mut(if quote.is_some() { quoted + 1 } else { plain }..).unwrap_or_default() {
        let end = match quote {
            Some(quote) => *byte == quote && !escaped,
            None => matches!(byte, b',' | b'{' | b'}' | b'[' | b'\r' | b'\n'),
        };
        if end {
            return;
        }
        escaped = *byte == b'\\' && !escaped;
        if !matches!(byte, b'\r' | b'\n') {
            *byte = b'*';
        }
    }
}

fn mask_values(bytes: &mut [u8], node: &Node, secret: bool) {
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                mask_values(bytes, &entry.value, secret || is_secret(&entry.key));
            }
        }
        Kind::List(items) => items.iter().for_each(|item| mask_values(bytes, item, secret)),
        Kind::Null | Kind::Bool(_) => {}
        Kind::Number(_) | Kind::Str(_) if secret => {
            for byte in bytes.get_mut(node.span.start..node.span.end).unwrap_or_default() {
                if !matches!(*byte, b'"' | b'\'' | b'\n' | b'\r') {
                    *byte = b'*';
                }
            }
        }
        Kind::Number(_) | Kind::Str(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_when_characters_are_wide() {
        let text = "a\nü \"é\"\n";
        let lines = Lines::new(text);
        let start = text.find('"').unwrap();
        let span = lines.span(start, start + 4);
        assert_eq!((span.line, span.column), (2, 3));
        assert_eq!(&text[span.start..span.end], "\"é\"");
        // Inside a character, and far outside.
        assert_eq!(lines.span(3, 3).start, 2);
        assert_eq!(lines.span(900, 1000).start, text.len());
        assert_eq!(lines.at(2, 4).start, 5);
        assert_eq!(lines.at(77, 1).start, text.len());
    }

    #[test]
    fn secrets_when_masked_without_a_tree() {
        let table = [
            (r#"{"secret": "abc", "port": 1}"#, r#"{"secret": "***", "port": 1}"#),
            (r#"{"secret":"a,b" "x": 1"#, r#"{"secret":"***" "x": 1"#),
            ("secret: abc\nport: 1", "secret: ***\nport: 1"),
            ("ticket: 'a b'\nport: 1", "ticket: '***'\nport: 1"),
            ("the secret of it: no", "the secret of it: no"),
        ];
        for (text, expected) in table {
            assert_eq!(masked(text, None), expected);
        }
    }
}
