//! The top level of a configuration.

use super::describe::{Definition, KeyDefinition, Shape, Status};
use super::kind::Group;
use super::map::Map;
use super::writer::Writer;
use crate::DialectVersion;

pub(crate) fn trap(key: &str) -> Option<String> {
    match key {
        "processes" => Some("this is the form of an old pre-release; use \"workers\"".to_owned()),
        "realms" | "transports" | "components" => {
            Some("it belongs to a worker of type \"router\"".to_owned())
        }
        _ => None,
    }
}

/// `version`, which must be 2.
pub(crate) struct Version;

impl Group for Version {
    type Value = DialectVersion;

    fn read(&self, map: &Map<'_>, _: impl FnOnce() -> DialectVersion) -> Option<DialectVersion> {
        match map.get("version") {
            None => map.missing("version", Some("write \"version\": 2")),
            Some(value) => {
                if value.int_that(|version| version == 1 || version == 2, "2") == Some(1) {
                    value.invalid_value(
                        "version 1 is too old and has to be upgraded to version 2",
                        Some("`transom upgrade` does that; by hand, permissions go under \"allow\""),
                    );
                }
            }
        }
        Some(DialectVersion)
    }

    fn write(&self, _: &DialectVersion, out: &mut Writer) {
        out.number("version", 2);
    }

    fn define(&self, definition: &mut Definition) {
        definition.keys.insert(
            0,
            KeyDefinition {
                name: "version",
                text: "The version of the dialect.".to_owned(),
                shape: Shape::Values(vec![2.into()]),
                required: true,
                default: None,
                status: Status::Works,
            },
        );
    }
}
