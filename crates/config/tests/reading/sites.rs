//! Where a configuration can be changed: every map, and every value with what it may be by the definition of the dialect.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value as Json;
use transom_config::{Definition, MapReference, Shape, dialect};

/// A step into a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

pub(crate) type Path = Vec<Step>;

/// A place in a configuration.
pub(crate) struct Site {
    pub(crate) path: Path,
    pub(crate) kind: SiteKind,
}

pub(crate) enum SiteKind {
    /// A map of the dialect.
    Map(Rc<Definition>),
    /// A value, and what it may be.
    Value(Shape),
}

/// All places of a sound configuration.
#[derive(Default)]
pub(crate) struct Sites {
    definitions: HashMap<&'static str, Rc<Definition>>,
    pub(crate) list: Vec<Site>,
}

impl Sites {
    pub(crate) fn of(config: &Json) -> Vec<Site> {
        let mut sites = Self::default();
        sites.value(config, &Shape::Map(dialect()), &mut Vec::new());
        sites.list
    }

    fn value(&mut self, value: &Json, shape: &Shape, path: &mut Path) {
        self.list.push(Site { path: path.clone(), kind: SiteKind::Value(shape.clone()) });
        match (fitting(value, shape), value) {
            (Shape::Map(reference), Json::Object(map)) => {
                let definition = self.definition(*reference, map.get("type").and_then(Json::as_str));
                self.list.push(Site { path: path.clone(), kind: SiteKind::Map(Rc::clone(&definition)) });
                for (key, value) in map {
                    if let Some(known) = definition.keys.iter().find(|known| known.name == key) {
                        self.at(Step::Key(key.clone()), value, &known.shape, path);
                    }
                }
            }
            (Shape::Dict { value: inner, .. }, Json::Object(map)) => {
                for (key, value) in map {
                    self.at(Step::Key(key.clone()), value, inner, path);
                }
            }
            (Shape::List { item, .. }, Json::Array(items)) => {
                for (index, value) in items.iter().enumerate() {
                    self.at(Step::Index(index), value, item, path);
                }
            }
            _ => {}
        }
    }

    fn at(&mut self, step: Step, value: &Json, shape: &Shape, path: &mut Path) {
        path.push(step);
        self.value(value, shape, path);
        path.pop();
    }

    /// The definition of a map, that of its variant if it has some.
    fn definition(&mut self, reference: MapReference, kind: Option<&str>) -> Rc<Definition> {
        let find = |definition: &Definition| {
            let word = kind.or(definition.default_type);
            definition
                .variants
                .iter()
                .find(|variant| Some(variant.word) == word)
                .map(|v| (v.map.what, v.clone()))
        };
        let common =
            self.definitions.entry(reference.what).or_insert_with(|| Rc::new(reference.definition()));
        let common = Rc::clone(common);
        match find(&common) {
            None => common,
            Some((what, variant)) => Rc::clone(
                self.definitions.entry(what).or_insert_with(|| Rc::new(common.of_variant(&variant))),
            ),
        }
    }
}

/// Of several shapes, the one that a sound value has.
pub(crate) fn fitting<'s>(value: &Json, shape: &'s Shape) -> &'s Shape {
    let Shape::Either(shapes) = shape else { return shape };
    let is_websocket = |value: &Json| value["type"] == "websocket";
    let by_path = matches!(value, Json::Object(map) if !map.is_empty() && map.values().all(is_websocket));
    let fits = |shape: &&Shape| match (shape, value) {
        (Shape::Map(_), Json::Object(_)) => !by_path,
        (Shape::Dict { .. }, Json::Object(_)) => by_path,
        (Shape::List { .. }, Json::Array(_)) => true,
        (Shape::Map(_) | Shape::Dict { .. } | Shape::List { .. }, _)
        | (_, Json::Object(_) | Json::Array(_)) => false,
        _ => true,
    };
    shapes.iter().find(fits).unwrap_or(shape)
}
