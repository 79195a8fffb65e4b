//! The dialect as a JSON Schema (draft 2020-12), for editors: completion, hover texts, closed sets of words.
//!
//! It says what can be said about one map at a time. What the reader finds by looking at several is not in it, so the
//! reader refuses more, never less.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::describe::{Definition, KeyDefinition, Shape, Status};
use super::keys::{dialect, maps};

/// The schema of the whole dialect.
pub fn schema() -> Json {
    let mut definitions = JsonMap::new();
    for (map, definition) in maps() {
        definitions.insert(map.what.to_owned(), object(&definition));
    }
    let mut schema = JsonMap::new();
    schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".to_owned(), "Node configuration of Transom and Crossbar.io, version 2".into());
    schema.insert("$ref".to_owned(), reference(dialect().what).into());
    schema.insert("$defs".to_owned(), definitions.into());
    schema.into()
}

/// Names of maps are written as people say them, so they are escaped as RFC 6901 and RFC 3986 ask.
fn reference(what: &str) -> String {
    let mut out = "#/$defs/".to_owned();
    for byte in what.bytes() {
        match byte {
            b'~' => out.push_str("~0"),
            b'/' => out.push_str("~1"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn object(definition: &Definition) -> Json {
    if !definition.variants.is_empty() {
        return choice(definition);
    }
    let mut schema = JsonMap::new();
    schema.insert("description".to_owned(), definition.text.clone().into());
    schema.insert("type".to_owned(), "object".into());
    let required: Vec<&str> = definition.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    let properties: JsonMap<_, _> =
        definition.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    schema.insert("properties".to_owned(), properties.into());
    if !definition.one_of.is_empty() {
        let any_of: Vec<Json> = definition.one_of.iter().map(|key| json!({"required": [key]})).collect();
        schema.insert("anyOf".to_owned(), any_of.into());
    }
    if !definition.open {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
    schema.into()
}

/// A map whose `type` selects its keys.
fn choice(definition: &Definition) -> Json {
    let words: Vec<Json> = definition.variants.iter().map(|variant| variant.word.into()).collect();
    let texts =
        definition.variants.iter().map(|variant| word_text(variant.word, &variant.text, variant.status));
    let mut kind = json!({ "enum": words });
    kind["description"] = texts.collect::<Vec<_>>().join("\n\n").into();
    let mut schema = JsonMap::new();
    schema.insert("description".to_owned(), definition.text.clone().into());
    schema.insert("type".to_owned(), "object".into());
    if let Some(default) = definition.default_type {
        kind["default"] = default.into();
    } else {
        schema.insert("required".to_owned(), json!(["type"]));
    }
    schema.insert("properties".to_owned(), json!({ "type": kind }));
    let branches: Vec<Json> = definition
        .variants
        .iter()
        .map(|variant| {
            let is = json!({"properties": {"type": {"const": variant.word}}});
            let condition = match definition.default_type == Some(variant.word) {
                true => is,
                false => json!({"properties": {"type": {"const": variant.word}}, "required": ["type"]}),
            };
            json!({"if": condition, "then": {"$ref": reference(variant.map.what)}})
        })
        .collect();
    schema.insert("allOf".to_owned(), branches.into());
    schema.into()
}

fn property(key: &KeyDefinition) -> Json {
    let mut schema = shape(&key.shape);
    let mut text = key.text.clone();
    match key.status {
        Status::Works => {}
        Status::Unsupported { hint, .. } => {
            text.push_str("\n\nNot run by this release");
            text.push_str(&hint.map_or(".".to_owned(), |hint| format!(": {hint}.")));
        }
        Status::Ignored { why, .. } => text.push_str(&format!("\n\nWithout effect: {why}.")),
    }
    if let Shape::Words(words) = &key.shape {
        let words: Vec<_> = words.iter().map(|word| word_text(word.word, &word.text, word.status)).collect();
        text.push_str(&format!("\n\n{}", words.join("\n\n")));
    }
    if let Some(rule) = rule(&key.shape) {
        text.push_str(&format!("\n\nIt is {rule}."));
    }
    schema["description"] = text.into();
    if let Some(default) = &key.default {
        schema["default"] = default.clone();
    }
    schema
}

fn word_text(word: &str, text: &str, status: Status) -> String {
    let not = match status {
        Status::Works => String::new(),
        Status::Unsupported { .. } => " Not run by this release.".to_owned(),
        Status::Ignored { why, .. } => format!(" Without effect: {why}."),
    };
    format!("`{word}`: {text}{not}")
}

/// What a value must be that the schema says by a pattern, in words.
fn rule(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Text { rule: "" | "not empty", .. } => None,
        Shape::Text { rule, .. } => Some((*rule).to_owned()),
        Shape::Int { unit: Some(unit), .. } => Some(match *unit {
            "ms" => "in milliseconds".to_owned(),
            "s" => "in seconds".to_owned(),
            other => format!("in {other}"),
        }),
        Shape::Either(shapes) => shapes.iter().find_map(rule),
        _ => None,
    }
}

fn shape(of: &Shape) -> Json {
    match of {
        Shape::Any => json!({}),
        Shape::Null => json!({"type": "null"}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Int { least, most, .. } => {
            let mut schema = json!({"type": "integer"});
            if *least != i64::MIN {
                schema["minimum"] = (*least).into();
            }
            schema["maximum"] = (*most).into();
            schema
        }
        Shape::Number => json!({"type": "number", "minimum": 0}),
        Shape::Text { pattern, .. } => match pattern {
            Some(pattern) => json!({"type": "string", "pattern": pattern}),
            None => json!({"type": "string"}),
        },
        Shape::Words(words) => json!({"enum": words.iter().map(|word| word.word).collect::<Vec<_>>()}),
        Shape::Values(values) => match values.as_slice() {
            [value] => json!({ "const": value }),
            values => json!({ "enum": values }),
        },
        Shape::List { item, length: (least, most) } => {
            let mut schema = json!({"type": "array", "items": shape(item)});
            if *least > 0 {
                schema["minItems"] = (*least).into();
            }
            if *most < usize::MAX {
                schema["maxItems"] = (*most).into();
            }
            schema
        }
        Shape::Dict { names, value } => {
            let mut schema = json!({"type": "object", "additionalProperties": shape(value)});
            if let (_, Some(pattern)) = names {
                schema["propertyNames"] = json!({ "pattern": pattern });
            }
            schema
        }
        Shape::Map(map) => json!({"$ref": reference(map.what)}),
        Shape::Either(shapes) => json!({"anyOf": shapes.iter().map(shape).collect::<Vec<_>>()}),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn references(schema: &Json, out: &mut BTreeSet<String>) {
        match schema {
            Json::Object(map) => {
                if let Some(Json::String(to)) = map.get("$ref") {
                    out.insert(to.clone());
                }
                map.values().for_each(|value| references(value, out));
            }
            Json::Array(items) => items.iter().for_each(|item| references(item, out)),
            _ => {}
        }
    }

    #[test]
    fn references_when_followed_lead_to_definitions() {
        let schema = schema();
        let mut used = BTreeSet::new();
        references(&schema, &mut used);
        let defined = schema["$defs"].as_object().unwrap().keys().map(|name| reference(name)).collect();
        assert_eq!(used, defined);
    }
}
