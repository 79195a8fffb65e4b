//! JSON with spans. A strict parser judges the syntax first; the walk here then only has to find the
//! tokens again.

use serde::de::IgnoredAny;

use super::source::Lines;
use super::tree::{Entry, Kind, MAX_DEPTH, MAX_NODES, Node, SyntaxError};

/// The tree of a JSON text.
pub(crate) fn parse(text: &str, lines: &Lines<'_>) -> Result<Node, SyntaxError> {
    if text.starts_with('\u{feff}') {
        return Err(SyntaxError {
            token: lines.point(0),
            message: "invalid JSON: it begins with a byte order mark".to_owned(),
            hint: Some("save the file as UTF-8 without byte order mark".to_owned()),
        });
    }
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        let full = error.to_string();
        let message = full.split(" at line ").next().unwrap_or(&full);
        let mut token = lines.at(error.line().max(1), error.column());
        let (before, after) = text.split_at_checked(token.start as usize).unwrap_or((text, ""));
        let mut hint = None;
        let in_text = message.starts_with("control character");
        if before.trim_end().ends_with(',') && after.starts_with(['}', ']']) {
            hint = Some("remove the comma before it");
        } else if after.starts_with(['/', '#']) {
            hint = Some("JSON has no comments");
        } else if after.starts_with('\'') {
            hint = Some("JSON has double quotes only");
        } else if let Some((end, _)) = after.char_indices().find(|(_, c)| c.is_control()).filter(|_| in_text)
            && !after.get(end..).is_some_and(|rest| rest.starts_with(['\n', '\r']))
        {
            token = lines.point(token.start as usize + end);
            hint = Some("write it as \\t or \\u and four hex digits");
        } else if (in_text || message.starts_with("EOF"))
            && let Some(open) = last_open(before)
        {
            // Where it began says more than where it should have ended at the latest.
            token = lines.point(open);
            hint = Some("it is not closed");
        }
        let message = format!("invalid JSON: {message}");
        return Err(SyntaxError { token, message, hint: hint.map(str::to_owned) });
    }
    let mut walk = Walk { text, lines, pos: 0, nodes: 0 };
    walk.value(0)
}

/// The innermost bracket or quote that is still open at the end of a text.
fn last_open(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if quoted && !escaped => {
                quoted = false;
                open.pop();
            }
            b'"' if !quoted => {
                quoted = true;
                open.push(at);
            }
            b'{' | b'[' if !quoted => open.push(at),
            b'}' | b']' if !quoted => _ = open.pop(),
            _ => {}
        }
        escaped = quoted && byte == b'\\' && !escaped;
    }
    open.pop()
}

struct Walk<'a, 't> {
    text: &'t str,
    lines: &'a Lines<'t>,
    pos: usize,
    nodes: usize,
}

impl Walk<'_, '_> {
    fn fail<T>(&self, message: &str) -> Result<T, SyntaxError> {
        Err(SyntaxError { token: self.lines.point(self.pos), message: message.to_owned(), hint: None })
    }

    /// The next byte that is not a blank.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.pos..)?;
        self.pos += rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.text.as_bytes().get(self.pos).copied()
    }

    /// Steps over that byte if it comes next.
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return self.fail("too many values in one configuration");
        }
        let first = self.peek();
        let start = self.pos;
        match first {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => self.fail("nested too deeply"),
            Some(b'{') => {
                self.pos += 1;
                let mut entries = Vec::new();
                while !self.eat(b'}') {
                    if !entries.is_empty() && !self.eat(b',') {
                        return self.fail("invalid JSON: expected `,` or `}`");
                    }
                    self.peek();
                    let key_start = self.pos;
                    let key = self.string()?;
                    let key_token = self.lines.token(key_start, self.pos);
                    if !self.eat(b':') {
                        return self.fail("invalid JSON: expected `:`");
                    }
                    entries.push(Entry { key, key_token, value: self.value(depth + 1)? });
                }
                Ok(Node { token: self.lines.point(start), kind: Kind::Map(entries) })
            }
            Some(b'[') => {
                self.pos += 1;
                let mut items = Vec::new();
                while !self.eat(b']') {
                    if !items.is_empty() && !self.eat(b',') {
                        return self.fail("invalid JSON: expected `,` or `]`");
                    }
                    items.push(self.value(depth + 1)?);
                }
                Ok(Node { token: self.lines.point(start), kind: Kind::List(items) })
            }
            Some(b'"') => {
                let text = self.string()?;
                Ok(Node { token: self.lines.token(start, self.pos), kind: Kind::Str(text) })
            }
            _ => self.word(),
        }
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let start = self.pos;
        let bytes = self.text.as_bytes().get(start..).unwrap_or_default();
        let mut escaped = false;
        let length = bytes.iter().skip(1).position(|byte| {
            let end = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            end
        });
        let end = start + length.map_or(bytes.len(), |l| l + 2);
        match self.text.get(start..end).map(serde_json::from_str) {
            Some(Ok(text)) => {
                self.pos = end;
                Ok(text)
            }
            _ => self.fail("invalid JSON: expected a string"),
        }
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Node, SyntaxError> {
        let start = self.pos;
        let rest = self.text.get(start..).unwrap_or_default();
        let length =
            rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')).count();
        let word = rest.get(..length).unwrap_or_default();
        let kind = match word {
            "null" => Kind::Null,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            _ => match serde_json::from_str(word) {
                Ok(number) => Kind::Number(number),
                Err(_) => return self.fail("invalid JSON: number out of range"),
            },
        };
        self.pos += length;
        Ok(Node { token: self.lines.token(start, self.pos), kind })
    }
}
