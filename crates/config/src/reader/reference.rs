//! The reference page: every key of every map, as Markdown.

use std::fmt::Write as _;

use super::describe::{Definition, KeyDefinition, Shape, Status, WordDefinition};
use super::keys::maps;

/// Where a page begins that is written by this.
const HEAD: &str = "\
# Reference

Every key of the configuration, map by map. This page is made from the program itself: `transom schema --format markdown`
prints it. [Configuration](configuration.md) explains how the parts belong together.

A default stands in its column; a key without one may be left out, and then what it is about is not there. **Bold** keys
must be there. Times in ms or s and sizes in bytes are integers; where 0 switches something off, the text says so.
Relative paths start at the node directory.
";

/// The page.
pub fn reference() -> String {
    let mut out = HEAD.to_owned();
    for (map, definition) in maps() {
        // Writing to a String cannot fail.
        let _ = write!(out, "\n## {}\n\n{}\n", capital(map.what), definition.text);
        if definition.open {
            out.push_str("\nUnknown keys are warned of and ignored.\n");
        }
        if definition.variants.is_empty() {
            keys(&definition, &mut out);
        } else {
            variants(&definition, &mut out);
        }
    }
    out
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The name of a heading in a link, as mdBook and GitHub make it.
fn anchor(what: &str) -> String {
    let kept = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    };
    what.to_lowercase().chars().filter_map(kept).collect()
}

fn variants(definition: &Definition, out: &mut String) {
    out.push_str("\n| `type` | |\n| --- | --- |\n");
    for variant in &definition.variants {
        let default = if definition.default_type == Some(variant.word) {
            " Taken when there is no `type`."
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "| `{}` | {}{default}{} See [{}](#{}). |",
            variant.word,
            cell(&variant.text),
            status(variant.status),
            variant.map.what,
            anchor(variant.map.what)
        );
    }
}

fn keys(definition: &Definition, out: &mut String) {
    if definition.keys.is_empty() {
        out.push_str("\nIt has no keys.\n");
        return;
    }
    out.push_str("\n| key | value | default | |\n| --- | --- | --- | --- |\n");
    for key in &definition.keys {
        let name = if key.required { format!("**`{}`**", key.name) } else { format!("`{}`", key.name) };
        let default = match &key.default {
            Some(default) if *default == serde_json::json!({}) => String::new(),
            Some(default) => format!("`{}`", cell(&default.to_string())),
            None => String::new(),
        };
        let _ = writeln!(
            out,
            "| {name} | {} | {default} | {}{} |",
            cell(&shown(&key.shape)),
            explained(key),
            status(key.status)
        );
    }
    let one_of: Vec<_> = definition.one_of.iter().map(|key| format!("`{key}`")).collect();
    if !one_of.is_empty() {
        let _ = write!(out, "\nAt least one of {} must be there.\n", one_of.join(", "));
    }
}

/// The text of a key, with its words if it is one of a closed set.
fn explained(key: &KeyDefinition) -> String {
    let mut text = cell(&key.text);
    let words = words(&key.shape);
    if !words.is_empty() {
        let words: Vec<_> = words
            .iter()
            .map(|word| {
                format!(
                    "`{}`: {}{}",
                    word.word,
                    lower(word.text.trim_end_matches('.')),
                    word_status(word.status)
                )
            })
            .collect();
        let _ = write!(text, " {}.", cell(&words.join("; ")));
    }
    text
}

fn words(shape: &Shape) -> &[WordDefinition] {
    match shape {
        Shape::Words(words) => words,
        Shape::List { item, .. } => words(item),
        Shape::Either(shapes) => shapes.iter().map(words).find(|words| !words.is_empty()).unwrap_or_default(),
        _ => &[],
    }
}

/// The text with a small first letter, unless it is a name.
fn lower(text: &str) -> String {
    let name = text.chars().nth(1).is_some_and(char::is_uppercase);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !name => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

fn status(of: Status) -> String {
    match of {
        Status::Works => String::new(),
        Status::Unsupported { hint: Some(hint), .. } => format!(" *Refused at start: {hint}.*"),
        Status::Unsupported { hint: None, .. } => " *Refused at start: not built yet.*".to_owned(),
        Status::Ignored { why, .. } => format!(" *Without effect: {why}.*"),
    }
}

fn word_status(of: Status) -> &'static str {
    match of {
        Status::Works => "",
        Status::Unsupported { .. } => " (refused at start)",
        Status::Ignored { .. } => " (without effect)",
    }
}

/// A text inside a table.
fn cell(text: &str) -> String {
    text.replace("\n\n", " ").replace('|', "\\|")
}

fn shown(shape: &Shape) -> String {
    match shape {
        Shape::Any => "any".to_owned(),
        Shape::Null => "null".to_owned(),
        Shape::Bool => "bool".to_owned(),
        Shape::Number => "number".to_owned(),
        Shape::Int { least, most, unit } => {
            let range = match (*least, *most) {
                (i64::MIN, i64::MAX) => "int".to_owned(),
                (least, i64::MAX) => format!("int from {least}"),
                (least, most) => format!("{least}..{most}"),
            };
            unit.map_or(range.clone(), |unit| format!("{range} {unit}"))
        }
        Shape::Text { rule: "" | "not empty", .. } => "str".to_owned(),
        Shape::Text { rule, .. } => format!("str: {rule}"),
        Shape::Words(words) => {
            words.iter().map(|word| format!("`\"{}\"`", word.word)).collect::<Vec<_>>().join(", ")
        }
        Shape::Values(values) => {
            values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" or ")
        }
        Shape::List { item, length } => match (&**item, length) {
            (Shape::Words(_), _) => "list of words".to_owned(),
            (item, (least, most)) if least == most => format!("list of {least}: {}", shown(item)),
            (item, _) => format!("list of {}", shown(item)),
        },
        Shape::Dict { names: (names, _), value } => format!("map from {names} to {}", shown(value)),
        Shape::Map(map) => format!("[{}](#{})", map.what, anchor(map.what)),
        Shape::Either(shapes) => shapes.iter().map(shown).collect::<Vec<_>>().join(", or "),
    }
}
