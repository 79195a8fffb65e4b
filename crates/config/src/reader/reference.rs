//! The reference page: every key of every map, as Markdown.

mod parts;
mod shapes;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::describe::{Definition, KeyDefinition, MapReference, Shape, Status, WordDefinition};
use super::keys::maps;
use parts::PARTS;
use shapes::{anchor, cell, shown, words};

/// Where the page begins.
const HEAD: &str = "\
# Reference

Every key of a configuration, map by map. `transom schema --format markdown` prints this page, and a test keeps it as the
program has it. [Configuration](configuration.md) explains how the parts belong together.

- A **bold** key must be there. Any other may be left out: then its default holds, or else what it is about is not there.
- Words in quotes are the only ones allowed. A number stands with its range and its unit; `ms` alone is any number of
  milliseconds. Where 0 switches something off, the text says so.
- Relative paths of files and folders start at the node directory.
- An ID is 3 to 64 characters of `a-z`, `0-9` and `_`, beginning with a letter. Those left out are numbered, `worker001`
  and so on. A realm name is 3 to 255 letters, digits and `_-@.`, beginning with a letter, or `0x` and 40 hex digits. A
  path is one component of letters, digits, `_` and `-`, or `/`. In a strict URI, components hold `a-z`, `0-9` and `_`.
- *Refused at start*: `transom check` warns of it, and `transom start` ends with an error. *Without effect*: both say so,
  and the node runs.
- An unknown key is an error, except where it says otherwise.
";

/// A section: a map, and those that have the same keys.
struct Section {
    map: MapReference,
    definition: Definition,
    /// What else has these keys.
    also: Vec<&'static str>,
}

/// The page.
pub fn reference() -> String {
    let maps = maps();
    let mut sections = sections(&maps);
    let used = used(&maps);
    let mut out = HEAD.to_owned();
    out.push('\n');
    // Writing to a String cannot fail.
    for (title, names) in PARTS {
        let links: Vec<_> = names
            .iter()
            .filter(|name| sections.iter().any(|section| section.map.what == **name))
            .map(|name| link(name))
            .collect();
        let _ = writeln!(out, "- **[{title}](#{})**: {}", anchor(title), links.join(", "));
    }
    for (title, names) in PARTS {
        let _ = write!(out, "\n## {title}\n");
        for name in *names {
            if let Some(at) = sections.iter().position(|section| section.map.what == *name) {
                section(&sections.remove(at), &used, &mut out);
            }
        }
    }
    out
}

/// The maps in the order of the page, each with those that have the same keys.
fn sections(maps: &[(MapReference, Definition)]) -> Vec<Section> {
    let position = |what: &str| PARTS.iter().flat_map(|(_, names)| *names).position(|name| *name == what);
    let mut sorted: Vec<_> = maps.iter().collect();
    sorted.sort_by_key(|(map, _)| position(map.what));
    let mut sections: Vec<Section> = Vec::new();
    for (map, definition) in sorted {
        let same = sections.iter_mut().find(|section| {
            definition.variants.is_empty()
                && definition.keys.len() > 1
                && section.definition.open == definition.open
                && section.definition.one_of == definition.one_of
                && section.definition.text == definition.text
                && rows(&section.definition) == rows(definition)
        });
        match same {
            Some(section) => section.also.push(map.what),
            None => sections.push(Section { map: *map, definition: definition.clone(), also: Vec::new() }),
        }
    }
    sections
}

/// Where each map stands: the maps that it stands in, by key.
type Used = BTreeMap<&'static str, BTreeMap<String, BTreeSet<&'static str>>>;

fn used(maps: &[(MapReference, Definition)]) -> Used {
    let mut used = Used::new();
    let mut add = |what, how, within| used.entry(what).or_default().entry(how).or_default().insert(within);
    for (map, definition) in maps {
        for variant in &definition.variants {
            add(variant.map.what, format!("type `\"{}\"` of", variant.word), map.what);
        }
        for key in definition.keys.iter().filter(|_| definition.variants.is_empty()) {
            for inner in key.shape.maps() {
                add(inner.what, format!("`{}` of", key.name), map.what);
            }
        }
    }
    used
}

fn section(section: &Section, used: &Used, out: &mut String) {
    let Section { map, definition, also } = section;
    out.push('\n');
    for name in also {
        let _ = writeln!(out, "<a id=\"{}\"></a>", anchor(name));
    }
    if !also.is_empty() {
        out.push('\n');
    }
    let _ = write!(out, "### {}\n\n{}\n", map.what, definition.text);
    if !also.is_empty() {
        let names: Vec<_> = also.iter().map(|name| format!("*{name}*")).collect();
        let _ = write!(out, "\nThe same keys in: {}.\n", names.join(", "));
    }
    let mut places: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (how, within) in [&map.what].into_iter().chain(also).filter_map(|name| used.get(name)).flatten() {
        places.entry(how).or_default().extend(within);
    }
    let places: Vec<_> = places
        .into_iter()
        .map(|(how, within)| format!("{how} {}", within.into_iter().map(link).collect::<Vec<_>>().join(", ")))
        .collect();
    if !places.is_empty() {
        let _ = write!(out, "\nWhere: {}.\n", places.join("; "));
    }
    if definition.variants.is_empty() {
        keys(definition, out);
    } else {
        variants(definition, out);
    }
    if definition.open {
        out.push_str("\nUnknown keys are warned of and ignored.\n");
    }
}

fn link(what: &str) -> String {
    format!("[{what}](#{})", anchor(what))
}

fn variants(definition: &Definition, out: &mut String) {
    out.push_str("\n| `type` | meaning | keys |\n| --- | --- | --- |\n");
    for variant in &definition.variants {
        let default = match definition.default_type == Some(variant.word) {
            true => " Taken when there is no `type`.",
            false => "",
        };
        let _ = writeln!(
            out,
            "| `\"{}\"` | {}{default}{} | {} |",
            variant.word,
            cell(&variant.text),
            status(variant.status),
            link(variant.map.what)
        );
    }
}

fn keys(definition: &Definition, out: &mut String) {
    if definition.keys.is_empty() {
        out.push_str("\nIt has no keys.\n");
        return;
    }
    out.push_str("\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
    let (first, rest): (Vec<_>, Vec<_>) = definition.keys.iter().partition(|key| key.name == "type");
    for key in first.into_iter().chain(rest) {
        out.push_str(&row(key));
        out.push('\n');
    }
    let one_of: Vec<_> = definition.one_of.iter().map(|key| format!("`{key}`")).collect();
    if let Some((last, rest)) = one_of.split_last() {
        let _ = write!(out, "\nAt least one must be there: {} or {last}.\n", rest.join(", "));
    }
}

/// The rows of a map, but for the word that tells it apart.
fn rows(definition: &Definition) -> Vec<String> {
    definition.keys.iter().filter(|key| key.name != "type").map(row).collect()
}

fn row(key: &KeyDefinition) -> String {
    let name = if key.required { format!("**`{}`**", key.name) } else { format!("`{}`", key.name) };
    let default = match &key.default {
        Some(default) if *default != serde_json::json!({}) => format!("`{}`", cell(&default.to_string())),
        _ => String::new(),
    };
    let text = match (&key.shape, key.name, key.status) {
        (Shape::Values(_), "type", _) | (_, _, Status::Ignored { .. }) if nothing(key) => String::new(),
        _ => explained(key),
    };
    let text = format!("{text}{}", status(key.status));
    format!("| {name} | {} | {default} | {} |", cell(&shown(&key.shape)), text.trim())
}

/// Whether the text of a key says nothing that its value or its status does not say.
fn nothing(key: &KeyDefinition) -> bool {
    key.name == "type" || key.text == "Nothing."
}

/// The text of a key, with its words if it is one of a closed set and they need explaining.
fn explained(key: &KeyDefinition) -> String {
    let mut text = cell(&key.text);
    let words = words(&key.shape);
    let explained: Vec<_> = words.iter().filter(|word| !is_obvious(word)).collect();
    if explained.is_empty() {
        let not: Vec<_> = words.iter().filter(|word| word.status != Status::Works).collect();
        if let Some(first) = not.first() {
            let names: Vec<_> = not.iter().map(|word| format!("`\"{}\"`", word.word)).collect();
            let _ = write!(text, " {}:{}.", names.join(", "), word_status(first.status));
        }
        return text;
    }
    let words: Vec<_> = words
        .iter()
        .map(|word| {
            let meaning = lower(word.text.trim_end_matches('.'));
            format!("`\"{}\"`: {meaning}{}", word.word, word_status(word.status))
        })
        .collect();
    let _ = write!(text, "<br>{}.", cell(&words.join(";<br>")));
    text
}

/// Whether the meaning of a word is the word again: its letters come in it in their order, as in MessagePack.
fn is_obvious(word: &WordDefinition) -> bool {
    let plain = |text: &str| text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<Vec<_>>();
    let mut rest = plain(&word.text).into_iter();
    word.text.split(' ').count() <= 2
        && plain(word.word).iter().all(|letter| rest.any(|other| other == *letter))
}

/// The text with a small first letter, unless it begins with a name.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first)
            if !text.split(' ').next().is_some_and(|word| word.chars().skip(1).any(char::is_uppercase)) =>
        {
            first.to_lowercase().chain(chars).collect()
        }
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
        Status::Unsupported { .. } => " *refused at start*",
        Status::Ignored { .. } => " *without effect*",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_has_every_map_once() {
        let known: BTreeSet<&str> = maps().iter().map(|(map, _)| map.what).collect();
        let mut placed = BTreeSet::new();
        for name in PARTS.iter().flat_map(|(_, names)| *names) {
            assert!(placed.insert(*name), "{name:?} has two places");
        }
        assert_eq!(placed, known);
    }

    #[test]
    fn links_lead_to_sections() {
        let page = reference();
        let anchors: BTreeSet<String> = page
            .lines()
            .filter_map(|line| {
                line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#'))
            })
            .map(anchor)
            .chain(page.split("<a id=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())))
            .collect();
        let links: BTreeSet<String> =
            page.split("](#").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect();
        let nowhere: Vec<_> = links.difference(&anchors).collect();
        assert!(nowhere.is_empty() && links.len() > 100, "{nowhere:?}");
    }
}
