//! YAML with spans: a safe subset in one document.
//!
//! Plain words mean what they mean in the YAML of Crossbar.io (version 1.1): `yes`, `no`, `on` and `off`
//! are bools, `0666` is an octal number, `<<` merges maps. Tags other than the core ones are refused.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle, Tag};

use super::source::{Lines, Token};
use super::tree::{Entry, Kind, MAX_DEPTH, MAX_NODES, Node, SyntaxError};

/// A list or map that is still open.
struct Frame {
    token: Token,
    anchor: usize,
    body: Body,
}

enum Body {
    List(Vec<Node>),
    /// `merges`: which entries hold maps that are merged.
    Map {
        entries: Vec<Entry>,
        key: Option<(String, Token)>,
        flow: bool,
        merges: Vec<usize>,
    },
}

/// The tree of a YAML text.
pub(crate) fn parse(text: &str, lines: &Lines<'_>) -> Result<Node, SyntaxError> {
    let mut build = Build { frames: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None };
    let mut documents = 0;
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| SyntaxError {
            token: lines.point(offset(text, *error.marker())),
            message: format!("invalid YAML: {}", error.info()),
            hint: None,
        })?;
        let start = offset(text, span.start);
        let token = lines.token(start, offset(text, span.end));
        let fail = |message: &str| SyntaxError { token, message: message.to_owned(), hint: None };
        // A tag stands in front of what it is about.
        let wrong = |tag: &Tag, message: String| {
            let tag = tag.original();
            let at = text.get(..start).and_then(|before| before.rfind(&tag));
            let token = at.map_or(token, |at| lines.token(at, at + tag.len()));
            SyntaxError { token, message, hint: None }
        };
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err(fail("invalid YAML: a configuration is one document"));
                }
            }
            Event::Scalar(value, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                if plain && tag.is_none() && value == "<<" {
                    build.expect_merge();
                }
                let kind = match tag.as_deref() {
                    Some(tag) => tagged(&value, tag).map_err(|message| wrong(tag, message))?,
                    None if plain && !build.expects_key() => resolve(&value),
                    None => Kind::Str(value.into_owned()),
                };
                build.put(Node { token, kind }, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                if let Some(tag) = tag.as_deref().filter(|tag| !tag.is_yaml_core_schema_tag("seq")) {
                    return Err(wrong(tag, not_supported(tag)));
                }
                let token = lines.point(start);
                build.open(Frame { token, anchor, body: Body::List(Vec::new()) })?;
            }
            Event::MappingStart(style, anchor, tag) => {
                if let Some(tag) = tag.as_deref().filter(|tag| !tag.is_yaml_core_schema_tag("map")) {
                    return Err(wrong(tag, not_supported(tag)));
                }
                let flow = style == granit_parser::StructureStyle::Flow;
                let token = lines.point(start);
                build.open(Frame {
                    token,
                    anchor,
                    body: Body::Map { entries: Vec::new(), key: None, flow, merges: Vec::new() },
                })?;
            }
            Event::SequenceEnd | Event::MappingEnd => build.close()?,
            Event::Alias(id) => {
                let mut node = match build.anchors.get(&id) {
                    Some(node) => node.clone(),
                    None => return Err(fail("invalid YAML: an alias inside what it stands for")),
                };
                if node.depth() + build.frames.len() > MAX_DEPTH {
                    return Err(fail("nested too deeply"));
                }
                build.nodes += node.weight();
                if build.nodes > MAX_NODES {
                    return Err(fail("too many values in one configuration"));
                }
                if !matches!(node.kind, Kind::Map(_) | Kind::List(_)) {
                    node.token = token;
                }
                build.put(node, 0)?;
            }
            _ => {}
        }
    }
    Ok(build.root.unwrap_or(Node { token: lines.point(0), kind: Kind::Null }))
}

fn offset(text: &str, marker: granit_parser::Marker) -> usize {
    marker
        .byte_offset()
        .unwrap_or_else(|| text.char_indices().nth(marker.index()).map_or(text.len(), |(offset, _)| offset))
}

struct Build {
    frames: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

impl Build {
    /// The key that comes next says that its value is merged into the map.
    fn expect_merge(&mut self) {
        if let Some(Frame { body: Body::Map { entries, key: None, merges, .. }, .. }) = self.frames.last_mut()
        {
            merges.push(entries.len());
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { body: Body::Map { key: None, .. }, .. }))
    }

    fn open(&mut self, frame: Frame) -> Result<(), SyntaxError> {
        let message = if self.expects_key() {
            "invalid YAML: a key is a single word here"
        } else if self.frames.len() >= MAX_DEPTH {
            "nested too deeply"
        } else {
            self.frames.push(frame);
            return Ok(());
        };
        Err(SyntaxError { token: frame.token, message: message.to_owned(), hint: None })
    }

    fn close(&mut self) -> Result<(), SyntaxError> {
        let Some(Frame { mut token, anchor, body }) = self.frames.pop() else { return Ok(()) };
        let kind = match body {
            Body::List(items) => Kind::List(items),
            Body::Map { entries, flow, merges, .. } => {
                if let (false, Some(first)) = (flow, entries.first()) {
                    token = first.key_token;
                }
                Kind::Map(merged(entries, &merges)?)
            }
        };
        self.put(Node { token, kind }, anchor)
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxError> {
        self.nodes += 1;
        let fail = |message: &str| SyntaxError { token: node.token, message: message.to_owned(), hint: None };
        if self.nodes > MAX_NODES {
            return Err(fail("too many values in one configuration"));
        }
        if anchor != 0 {
            self.nodes += node.weight();
            self.anchors.insert(anchor, node.clone());
        }
        match self.frames.last_mut().map(|frame| &mut frame.body) {
            None => self.root = Some(node),
            Some(Body::List(items)) => items.push(node),
            Some(Body::Map { entries, key, .. }) => match (key.take(), node.kind) {
                (Some((key, key_token)), kind) => {
                    // Nothing has no token of its own.
                    let token = if node.token.start == node.token.end { key_token } else { node.token };
                    entries.push(Entry { key, key_token, value: Node { token, kind } });
                }
                (None, Kind::Str(text)) => *key = Some((text, node.token)),
                (None, _) => return Err(fail("invalid YAML: a key is a single word here")),
            },
        }
        Ok(())
    }
}

/// Puts the maps given under `<<` in its place; a key that stands in the map itself wins.
fn merged(entries: Vec<Entry>, merges: &[usize]) -> Result<Vec<Entry>, SyntaxError> {
    if merges.is_empty() {
        return Ok(entries);
    }
    let (mut merged, mut own) = (Vec::new(), Vec::new());
    for (index, entry) in entries.into_iter().enumerate() {
        if merges.binary_search(&index).is_ok() { merged.push(entry) } else { own.push(entry) }
    }
    let mut known: HashSet<String> = own.iter().map(|entry| entry.key.clone()).collect();
    for Entry { value, key_token, .. } in merged {
        let maps = match value.kind {
            Kind::List(items) => items,
            _ => vec![value],
        };
        for map in maps {
            let Kind::Map(entries) = map.kind else {
                let message = "invalid YAML: `<<` takes a map or a list of maps".to_owned();
                return Err(SyntaxError { token: key_token, message, hint: None });
            };
            for entry in entries {
                if known.insert(entry.key.clone()) {
                    own.push(entry);
                }
            }
        }
    }
    Ok(own)
}

/// What a scalar with a tag means.
fn tagged(word: &str, tag: &Tag) -> Result<Kind, String> {
    let kind = match (tag.core_suffix(), resolve(word)) {
        (Some("str"), _) => Kind::Str(word.to_owned()),
        (Some("int"), Kind::Number(number)) if !number.is_f64() => Kind::Number(number),
        (Some("float"), Kind::Number(number)) => {
            let float = number.as_f64().and_then(serde_json::Number::from_f64);
            float.map_or(Kind::Number(number), Kind::Number)
        }
        (Some("bool"), Kind::Bool(value)) => Kind::Bool(value),
        (Some("null"), Kind::Null) => Kind::Null,
        (Some("int" | "float" | "bool" | "null"), _) => {
            return Err(format!("invalid YAML: the value does not fit its tag {}", tag.original()));
        }
        _ => return Err(not_supported(tag)),
    };
    Ok(kind)
}

fn not_supported(tag: &Tag) -> String {
    format!("invalid YAML: the tag {} is not supported here", tag.original())
}

/// What a plain word means.
fn resolve(word: &str) -> Kind {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Kind::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Kind::Bool(false),
        _ => {}
    }
    number(word).map_or_else(|| Kind::Str(word.to_owned()), Kind::Number)
}

fn number(word: &str) -> Option<serde_json::Number> {
    let (negative, digits) = match word.as_bytes().first()? {
        b'-' => (true, word.get(1..)?),
        b'+' => (false, word.get(1..)?),
        _ => (false, word),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let digits = digits.replace('_', "");
    let (radix, body) = if let Some(hex) = digits.strip_prefix("0x") {
        (16, hex)
    } else if let Some(octal) = digits.strip_prefix("0o") {
        (8, octal)
    } else if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
        (8, digits.get(1..)?)
    } else {
        (10, digits.as_str())
    };
    if !body.starts_with(['+', '-'])
        && let Ok(value) = u64::from_str_radix(body, radix)
    {
        return match negative {
            true => 0_i64.checked_sub_unsigned(value).map(Into::into),
            false => Some(value.into()),
        };
    }
    let float = radix == 10
        && body.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    let value: f64 = if float { body.parse().ok()? } else { return None };
    serde_json::Number::from_f64(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let lines = Lines::new(text);
        parse(text, &lines).map(|node| node.to_json().to_string()).map_err(|error| error.message)
    }

    #[test]
    fn plain_words_when_resolved() {
        let table = [
            ("a: yes", r#"{"a":true}"#),
            ("a: 'yes'", r#"{"a":"yes"}"#),
            ("a: 0666", r#"{"a":438}"#),
            ("a: 0x1F", r#"{"a":31}"#),
            ("a: 1_000", r#"{"a":1000}"#),
            ("a: -5", r#"{"a":-5}"#),
            ("a: 1.5e3", r#"{"a":1500.0}"#),
            ("a: 127.0.0.1", r#"{"a":"127.0.0.1"}"#),
            ("a: +-5", r#"{"a":"+-5"}"#),
            ("a: ws://h:80/", r#"{"a":"ws://h:80/"}"#),
            ("a: !!str 5", r#"{"a":"5"}"#),
            ("a: !!int '5'", r#"{"a":5}"#),
            ("a: !!float 5", r#"{"a":5.0}"#),
            ("a: !!seq [!!bool yes, !!null '']", r#"{"a":[true,null]}"#),
            ("!!map {!!str 8080: x}", r#"{"8080":"x"}"#),
            ("a:", r#"{"a":null}"#),
            ("8080: x", r#"{"8080":"x"}"#),
            ("", "null"),
            ("base: &b {x: 1, y: 2}\nz: {<<: *b, y: 3}", r#"{"base":{"x":1,"y":2},"z":{"y":3,"x":1}}"#),
            ("a: {'<<': {x: 1}}", r#"{"a":{"<<":{"x":1}}}"#),
        ];
        for (text, expected) in table {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn text_when_outside_the_subset() {
        let table = [
            ("a: 1\n---\nb: 2", "invalid YAML: a configuration is one document"),
            ("? [a, b]\n: c", "invalid YAML: a key is a single word here"),
            ("a: !python/object x", "invalid YAML: the tag !python/object is not supported here"),
            ("a: !!set {x, y}", "invalid YAML: the tag !!set is not supported here"),
            ("a: !x [1]", "invalid YAML: the tag !x is not supported here"),
            ("a: !!int x", "invalid YAML: the value does not fit its tag !!int"),
            ("a: *x", "invalid YAML: while parsing node, found unknown anchor"),
            ("a: &x [*x]", "invalid YAML: an alias inside what it stands for"),
            ("a: {<<: 5}", "invalid YAML: `<<` takes a map or a list of maps"),
        ];
        for (text, expected) in table {
            assert_eq!(read(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn aliases_when_they_multiply() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            let star = format!("*a{}", i - 1);
            text += &format!("a{i}: &a{i} [{}]\n", vec![star; 10].join(", "));
        }
        assert_eq!(read(&text), Err("too many values in one configuration".to_owned()));
    }
}
