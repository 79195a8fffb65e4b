//! The definitions against `keys.txt`, which was written from the specification: the same maps with the same keys, types
//! and defaults, in both directions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use transom_config::{Definition, MapReference, Shape};

/// What is known of a map: whether unknown keys are only warned of, and each key with its type and default.
#[derive(Default, PartialEq)]
struct Map {
    open: bool,
    keys: BTreeMap<String, (String, String)>,
}

type Maps = BTreeMap<String, Map>;

/// The maps as they are written down.
fn written() -> Maps {
    let text = include_str!("keys.txt");
    let (mut maps, mut current) = (Maps::new(), Vec::new());
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some((names, flag)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            current = names.split("; ").map(str::to_owned).collect();
            for name in &current {
                let map = maps.entry(name.clone()).or_default();
                map.open |= match flag.trim() {
                    "open" => true,
                    "" => false,
                    other => panic!("{other:?} in {line:?}"),
                };
            }
            continue;
        }
        let (key, rest) = line.split_once('|').unwrap_or_else(|| panic!("no type: {line:?}"));
        let (shape, default) = rest.rsplit_once('|').unwrap_or_else(|| panic!("no default: {line:?}"));
        for name in &current {
            let value = (shape.trim().to_owned(), default.trim().to_owned());
            let before = maps.get_mut(name).unwrap().keys.insert(key.trim().to_owned(), value);
            assert!(before.is_none(), "{name} / {key} is written twice");
        }
    }
    maps
}

/// The maps as they are defined.
fn defined() -> Maps {
    let (mut maps, mut seen) = (Maps::new(), BTreeSet::new());
    add(transom_config::dialect(), &mut maps, &mut seen);
    maps
}

fn add(map: MapReference, maps: &mut Maps, seen: &mut BTreeSet<&'static str>) {
    if !seen.insert(map.what) {
        return;
    }
    let definition = map.definition();
    if definition.variants.is_empty() {
        maps.insert(map.what.to_owned(), described(&definition));
    } else {
        let words: Vec<_> = definition.variants.iter().map(|variant| variant.word.to_owned()).collect();
        let default = definition.default_type.map_or("required".to_owned(), |word| format!("{word:?}"));
        let kind = (alternatives(words.iter().map(|word| format!("{word:?}"))), default);
        let keys = BTreeMap::from([("type".to_owned(), kind)]);
        maps.insert(map.what.to_owned(), Map { open: false, keys });
    }
    let mut definitions = vec![definition.clone()];
    for variant in &definition.variants {
        let of_variant = definition.of_variant(variant);
        if seen.insert(variant.map.what) {
            maps.insert(variant.map.what.to_owned(), described(&of_variant));
        }
        definitions.push(of_variant);
    }
    for inner in definitions.iter().flat_map(|definition| &definition.keys).flat_map(|key| inside(&key.shape))
    {
        add(inner, maps, seen);
    }
}

fn inside(shape: &Shape) -> Vec<MapReference> {
    match shape {
        Shape::Map(map) => vec![*map],
        Shape::List { item: inner, .. } | Shape::Dict { value: inner, .. } => inside(inner),
        Shape::Either(shapes) => shapes.iter().flat_map(inside).collect(),
        _ => Vec::new(),
    }
}

fn described(definition: &Definition) -> Map {
    let keys = definition.keys.iter().map(|key| {
        let default = match &key.default {
            _ if definition.one_of.contains(&key.name) => "one of".to_owned(),
            _ if key.required => "required".to_owned(),
            None => "-".to_owned(),
            Some(default) => default.to_string(),
        };
        (key.name.to_owned(), (shown(&key.shape), default))
    });
    Map { open: definition.open, keys: keys.collect() }
}

/// Words in the order of the alphabet: theirs means nothing.
fn alternatives(words: impl Iterator<Item = String>) -> String {
    let words: BTreeSet<String> = words.collect();
    words.into_iter().collect::<Vec<_>>().join(", ")
}

/// Times in milliseconds go as far as any clock.
const MOST_MS: i64 = 4_294_967_295;

fn shown(shape: &Shape) -> String {
    match shape {
        Shape::Any => "any".to_owned(),
        Shape::Null => "null".to_owned(),
        Shape::Bool => "bool".to_owned(),
        Shape::Number => "number".to_owned(),
        Shape::Int { least: 0, most: MOST_MS, unit: Some("ms") } => "ms".to_owned(),
        Shape::Int { least, most, unit: Some("s") } => format!("s {least}..{most}"),
        Shape::Int { least, most, unit } => {
            let most = if *most == i64::MAX { String::new() } else { most.to_string() };
            let unit = unit.map_or(String::new(), |unit| format!(" {unit}"));
            format!("int {least}..{most}{unit}")
        }
        Shape::Text { rule: "" | "not empty", .. } => "str".to_owned(),
        Shape::Text { rule, .. } => match *rule {
            rule if rule.starts_with("an ID: ") => "id".to_owned(),
            // The name of the rule; what it says comes after.
            rule => format!("str: {}", rule.split(": ").next().unwrap()),
        },
        Shape::Words(words) => alternatives(words.iter().map(|word| format!("{:?}", word.word))),
        Shape::Values(values) => alternatives(values.iter().map(Json::to_string)),
        Shape::List { item, length } => match *length {
            (0, usize::MAX) => format!("list of {}", shown(item)),
            (least, usize::MAX) => format!("list of {least}.. {}", shown(item)),
            (least, most) if least == most => format!("list of {least} {}", shown(item)),
            (least, most) => format!("list of {least}..{most} {}", shown(item)),
        },
        Shape::Dict { value, .. } => format!("map to {}", shown(value)),
        Shape::Map(map) => format!("{{{}}}", map.what),
        Shape::Either(shapes) => match shapes.as_slice() {
            [Shape::Values(zero), Shape::Int { least, most: MOST_MS, unit: Some("ms") }]
                if *zero == [json!(0)] =>
            {
                format!("ms from {least}")
            }
            shapes => shapes.iter().map(shown).collect::<Vec<_>>().join(" or "),
        },
    }
}

/// The words of a type as it is written in the order of the alphabet too.
fn sorted(shape: &str) -> String {
    let part = |part: &str| {
        let (before, words) = match part.find('"') {
            Some(at) => part.split_at(at),
            None => return part.to_owned(),
        };
        let end = words.rfind('"').unwrap() + 1;
        let (words, after) = words.split_at(end);
        format!("{before}{}{after}", alternatives(words.split(", ").map(str::to_owned)))
    };
    if shape.contains('`') {
        return shape.to_owned();
    }
    shape.split(" or ").map(part).collect::<Vec<_>>().join(" or ")
}

#[test]
fn definitions_are_those_of_the_specification() {
    let (written, defined) = (written(), defined());
    let mut differences = String::new();
    let empty = Map::default();
    let maps: BTreeSet<&String> = written.keys().chain(defined.keys()).collect();
    for name in maps {
        let (Some(wanted), found) = (written.get(name), defined.get(name).unwrap_or(&empty)) else {
            writeln!(differences, "[{name}] is not written down").unwrap();
            continue;
        };
        if !defined.contains_key(name) {
            writeln!(differences, "[{name}] is not defined").unwrap();
        }
        if wanted.open != found.open {
            writeln!(differences, "[{name}] is written as open: {}", wanted.open).unwrap();
        }
        let keys: BTreeSet<&String> = wanted.keys.keys().chain(found.keys.keys()).collect();
        for key in keys {
            let wanted =
                wanted.keys.get(key).map(|(shape, default)| format!("{} | {default}", sorted(shape)));
            let found = found.keys.get(key).map(|(shape, default)| format!("{shape} | {default}"));
            if wanted != found {
                let none = || "-".to_owned();
                let (wanted, found) = (wanted.unwrap_or_else(none), found.unwrap_or_else(none));
                writeln!(differences, "[{name}] {key}\n    written: {wanted}\n    defined: {found}").unwrap();
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
