//! Values and names as the reference page shows them.

use crate::reader::describe::{Shape, WordDefinition};

/// Numbers that are no limit that anybody meets.
const HUGE: i64 = u32::MAX as i64;
const NONE: i64 = i64::MAX;

/// The name of a heading in a link, as mdBook and GitHub make it.
pub(super) fn anchor(what: &str) -> String {
    let kept = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    };
    what.to_lowercase().chars().filter_map(kept).collect()
}

/// A text inside a table.
pub(super) fn cell(text: &str) -> String {
    text.replace("\n\n", " ").replace('|', "\\|")
}

/// What a value may be.
pub(super) fn shown(shape: &Shape) -> String {
    match shape {
        Shape::Any => "any".to_owned(),
        Shape::Null => "null".to_owned(),
        Shape::Bool => "bool".to_owned(),
        Shape::Number => "number".to_owned(),
        Shape::Int { least, most, unit } => int(*least, *most, *unit),
        Shape::Text { rule: "" | "not empty", .. } => "str".to_owned(),
        Shape::Text { rule, .. } => format!("str: {}", name(rule)),
        Shape::Words(words) => {
            words.iter().map(|word| format!("`\"{}\"`", word.word)).collect::<Vec<_>>().join(", ")
        }
        Shape::Values(values) => {
            values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" or ")
        }
        Shape::List { item, length: (2, 2) } => format!("list of two: {}", shown(item)),
        Shape::List { item, .. } => match &**item {
            Shape::Words(_) => format!("list of {}", shown(item)),
            item => format!("list of {}", plural(item)),
        },
        Shape::Dict { names: ("", _), .. } => "map".to_owned(),
        Shape::Dict { names: (names, _), value } => format!("map from {} to {}", name(names), shown(value)),
        Shape::Map(map) => format!("[{}](#{})", map.what, anchor(map.what)),
        Shape::Either(shapes) => match shapes.as_slice() {
            [Shape::Values(_), Shape::Int { least, most: HUGE | NONE, unit: Some("ms") }] => {
                format!("0, or ms from {least}")
            }
            // A word of a closed set, or several.
            [one @ Shape::Words(_), Shape::List { .. }] => format!("one of, or list of, {}", shown(one)),
            shapes => shapes.iter().map(shown).collect::<Vec<_>>().join(", or "),
        },
    }
}

/// What a rule is called: what it says stands at the head of the page.
fn name(rule: &'static str) -> &'static str {
    rule.split_once(": ").map_or(rule, |(name, _)| name)
}

fn int(least: i64, most: i64, unit: Option<&str>) -> String {
    match (least, most, unit) {
        (0 | i64::MIN, HUGE | NONE, None) => "int".to_owned(),
        (0, HUGE | NONE, Some(unit)) => unit.to_owned(),
        (least, HUGE | NONE, None) => format!("int from {least}"),
        (least, HUGE | NONE, Some(unit)) => format!("{unit} from {least}"),
        (least, most, None) => format!("{least}..{most}"),
        (least, most, Some(unit)) => format!("{least}..{most} {unit}"),
    }
}

/// Several of a shape.
fn plural(shape: &Shape) -> String {
    match shape {
        Shape::Map(map) => format!("maps: {}", shown(&Shape::Map(*map))),
        Shape::Text { rule: "a file", .. } => "files".to_owned(),
        Shape::Text { rule: "a folder", .. } => "folders".to_owned(),
        other => shown(other),
    }
}

/// The words of a value, if it is one of a closed set.
pub(super) fn words(shape: &Shape) -> &[WordDefinition] {
    match shape {
        Shape::Words(words) => words,
        Shape::List { item, .. } => words(item),
        Shape::Either(shapes) => shapes.iter().map(words).find(|words| !words.is_empty()).unwrap_or_default(),
        _ => &[],
    }
}
