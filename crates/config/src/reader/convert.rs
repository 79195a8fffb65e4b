//! The other notation: JSON as YAML, YAML as JSON, keys in their order.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::source::Lines;
use super::{Format, tree};
use crate::{Finding, Place};

/// A configuration in the other notation. Its comments are lost, and so is what a key said that is given twice.
///
/// # Errors
///
/// What keeps the text from being read, as [`crate::parse_str`] reports it. Whether it is a right configuration does not
/// matter here.
pub fn convert(text: &str, format: Format) -> Result<String, Finding> {
    let json = tree_of(text, format)?;
    Ok(match format {
        Format::Json => to_yaml(&json),
        Format::Yaml => to_json(&json),
    })
}

/// What a text says, keys in their order, the last value of one that is given twice.
pub(super) fn tree_of(text: &str, format: Format) -> Result<Json, Finding> {
    let lines = Lines::new(text);
    let mut tree = tree::parse(text, format, &lines).map_err(|error| error.finding(&lines))?;
    tree::settle(&mut tree, &Place::root(), &lines, &mut Vec::new());
    Ok(tree.to_json())
}

/// JSON, indented as configurations usually are.
pub fn to_json(value: &Json) -> String {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    // Writing to a Vec cannot fail, and a tree has only text for keys.
    let _ = serde::Serialize::serialize(value, &mut serializer);
    out.push(b'\n');
    String::from_utf8(out).unwrap_or_default()
}

/// YAML in block style. Every text that could be taken for something else is in quotes, for the YAML of Crossbar.io
/// (version 1.1) too.
pub fn to_yaml(value: &Json) -> String {
    let mut out = String::new();
    match value {
        Json::Object(map) if !map.is_empty() => block(value, 0, &mut out),
        Json::Array(items) if !items.is_empty() => block(value, 0, &mut out),
        scalar => {
            inline(scalar, &mut out);
            out.push('\n');
        }
    }
    out
}

/// A map or list with something in it, on lines of its own.
fn block(value: &Json, indent: usize, out: &mut String) {
    match value {
        Json::Object(map) => {
            for (index, (key, value)) in map.iter().enumerate() {
                // The first key may stand behind the dash of an item.
                if index > 0 || !out.ends_with("- ") {
                    pad(indent, out);
                }
                text(key, out);
                out.push(':');
                below(value, indent, out);
            }
        }
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 || !out.ends_with("- ") {
                    pad(indent, out);
                }
                out.push_str("- ");
                if nested(item) {
                    block(item, indent + 2, out);
                } else {
                    inline(item, out);
                    out.push('\n');
                }
            }
        }
        _ => {}
    }
}

/// The value of a key: behind it, or on the lines below.
fn below(value: &Json, indent: usize, out: &mut String) {
    if nested(value) {
        out.push('\n');
        block(value, indent + 2, out);
    } else {
        out.push(' ');
        inline(value, out);
        out.push('\n');
    }
}

fn nested(value: &Json) -> bool {
    match value {
        Json::Object(map) => !map.is_empty(),
        Json::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn inline(value: &Json, out: &mut String) {
    match value {
        Json::String(string) => text(string, out),
        Json::Number(number) if number.is_f64() => {
            // YAML 1.1 takes 1e30 for a text: it wants a point, and the sign of the exponent.
            let number = format!("{:?}", number.as_f64().unwrap_or_default());
            match number.split_once('e') {
                Some((digits, exponent)) => {
                    let point = if digits.contains('.') { "" } else { ".0" };
                    let sign = if exponent.starts_with('-') { "" } else { "+" };
                    let _ = write!(out, "{digits}{point}e{sign}{exponent}");
                }
                None => out.push_str(&number),
            }
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

/// A text, in quotes unless it can only be a text.
fn text(string: &str, out: &mut String) {
    let first = string.chars().next();
    let word = first.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '_' | '$'))
        && string
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.' | '$' | ' '))
        && !string.ends_with(' ')
        && !string.contains("  ");
    let taken_for_other = matches!(
        string.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if word && !taken_for_other {
        out.push_str(string);
    } else {
        // A JSON text is a YAML text in double quotes, but for characters that YAML wants escaped.
        for c in Json::from(string).to_string().chars() {
            if matches!(
                c,
                '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
            ) {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            } else {
                out.push(c);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_when_written() {
        let value = json!({"version": 2, "workers": [{"type": "router", "list": [[1, "a"], [], {}]}, 5], "e": {},
            "port": "8080", "on": "yes", "": "", "text": "a: b", "path": "../web/x.html", "f": 1500.0, "large": 1e30, "small": 1.5e-30, "nl": "a\nb"});
        let expected = "\
version: 2
workers:
  - type: router
    list:
      - - 1
        - a
      - []
      - {}
  - 5
e: {}
port: \"8080\"
\"on\": \"yes\"
\"\": \"\"
text: \"a: b\"
path: \"../web/x.html\"
f: 1500.0
large: 1.0e+30
small: 1.5e-30
nl: \"a\\nb\"
";
        assert_eq!(to_yaml(&value), expected);
    }

    #[test]
    fn notation_when_changed_twice_is_the_same() {
        let value = json!({"a": [{"b": {"c": ["x", {"d": null}]}}, "~", "-", "1_000", "0x1F", ".5", "é", "#", "a #b"],
            "8080": true, "null": -5, "k v": 1.5, "large": -1e300, "<<": {"x": 1}, "<<<": "<<", "tab\t": "\u{7f}\u{85}\u{2028}\u{feff}"});
        let json = to_json(&value);
        let yaml = convert(&json, Format::Json).unwrap();
        assert_eq!(convert(&yaml, Format::Yaml).unwrap(), json, "{yaml}");
        assert_eq!(to_yaml(&json!("x")), "x\n");
    }

    #[test]
    fn text_when_it_cannot_be_read() {
        let finding = convert("{\"a\": }", Format::Json).unwrap_err();
        assert_eq!((finding.span.unwrap().line, finding.span.unwrap().column), (1, 7));
    }
}
