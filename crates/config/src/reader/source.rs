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

/// A token of the text: its first byte and the byte after its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// So many bytes lie between two places where the characters before are counted: a configuration may be all in one
/// line, and the column of every finding is wanted.
const STRIDE: usize = 256;

/// A text whose byte offsets can be turned into lines and columns.
pub(crate) struct Lines<'t> {
    text: &'t str,
    index: Index,
}

/// What is known of a text in order to find lines and columns in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    /// Offset of the first byte of each line.
    starts: Vec<usize>,
    /// Characters that begin before each multiple of [`STRIDE`].
    characters: Vec<usize>,
}

/// Whether a character begins with that byte.
fn begins(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1));
        let mut characters = vec![0];
        for chunk in text.as_bytes().chunks(STRIDE) {
            let before = characters.last().copied().unwrap_or(0);
            characters.push(before + chunk.iter().filter(|b| begins(**b)).count());
        }
        Self { text, index: Index { starts, characters } }
    }

    /// The token of those bytes, moved to character boundaries within the text if it has to be.
    pub(crate) fn token(&self, start: usize, end: usize) -> Token {
        let start = self.boundary(start);
        let end = self.boundary(end.max(start));
        let narrow = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        Token { start: narrow(start), end: narrow(end) }
    }

    /// The token of the one character at that offset.
    pub(crate) fn point(&self, start: usize) -> Token {
        let start = self.boundary(start);
        let width = self.text.get(start..).and_then(|s| s.chars().next()).map_or(0, char::len_utf8);
        self.token(start, start + width)
    }

    /// The token of the one character at a line (from 1) and byte column (from 1).
    pub(crate) fn at(&self, line: usize, byte_column: usize) -> Token {
        let start = self.index.starts.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        self.point(start + byte_column.saturating_sub(1))
    }

    /// Where a token stands, for people.
    pub(crate) fn span(&self, token: Token) -> Span {
        self.index.span(self.text, token)
    }

    pub(crate) fn into_index(self) -> Index {
        self.index
    }

    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

impl Index {
    /// Where a token of that text stands, for people.
    pub(crate) fn span(&self, text: &str, token: Token) -> Span {
        let (start, end) = (token.start as usize, token.end as usize);
        let line = self.starts.partition_point(|s| *s <= start).max(1);
        let line_start = self.starts.get(line - 1).copied().unwrap_or(0);
        let characters =
            self.characters_before(text, start).saturating_sub(self.characters_before(text, line_start));
        Span { start, end, line, column: characters + 1 }
    }

    fn characters_before(&self, text: &str, offset: usize) -> usize {
        let counted = offset / STRIDE;
        let rest = text.as_bytes().get(counted * STRIDE..offset).unwrap_or_default();
        let before = self.characters.get(counted).copied().unwrap_or(0);
        before + rest.iter().filter(|b| begins(**b)).count()
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

/// Whether it is the configuration of an authentication method, one of which is called `ticket`.
fn is_method(node: &Node) -> bool {
    matches!(&node.kind, Kind::Map(entries) if entries.iter().any(|entry| entry.key == "type"))
}

fn mask_values(bytes: &mut [u8], node: &Node, secret: bool) {
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                mask_values(
                    bytes,
                    &entry.value,
                    secret || (is_secret(&entry.key) && !is_method(&entry.value)),
                );
            }
        }
        Kind::List(items) => items.iter().for_each(|item| mask_values(bytes, item, secret)),
        Kind::Null | Kind::Bool(_) => {}
        Kind::Number(_) | Kind::Str(_) if secret => {
            let token = bytes.get_mut(node.token.start as usize..node.token.end as usize).unwrap_or_default();
            // A block of YAML reaches up to what comes after it.
            let end = token.trim_ascii_end().len();
            for byte in token.iter_mut().take(end) {
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
        let span = lines.span(lines.token(start, start + 4));
        assert_eq!((span.line, span.column), (2, 3));
        assert_eq!(&text[span.start..span.end], "\"é\"");
        // Inside a character, and far outside.
        assert_eq!(lines.token(3, 3).start, 2);
        assert_eq!(lines.token(900, 1000).start as usize, text.len());
        assert_eq!(lines.at(2, 4).start, 5);
        assert_eq!(lines.at(77, 1).start as usize, text.len());
    }

    #[test]
    fn column_when_the_line_is_long() {
        let text = format!("{}ü\n{}x", "é".repeat(1000), "aü€".repeat(700));
        let lines = Lines::new(&text);
        for (at, character) in text.char_indices() {
            let span = lines.span(lines.point(at));
            let before = &text[..at];
            let line_start = before.rfind('\n').map_or(0, |i| i + 1);
            assert_eq!(span.column, text[line_start..at].chars().count() + 1, "{character} at {at}");
            assert_eq!(span.line, before.matches('\n').count() + 1);
        }
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
