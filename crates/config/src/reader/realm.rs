//! Kinds and checks of realms, roles and permissions.

use serde_json::{Map as JsonMap, Value as Json};

use super::describe::{Definition, Shape};
use super::finding::Severity;
use super::kind::{Group, Kind, Text, flag, int, list, map, regular, some, strict_uri};
use super::map::Map;
use super::tree;
use super::val::Val;
use super::writer::Writer;
use crate::reader::describe::Status;
use crate::{Authorization, MatchPolicy, PayloadTypes, Permission, RealmStats};

/// A realm name: a letter and 2 to 254 of letters, digits, `_-@.`, or an Ethereum address.
pub(crate) fn realm_name() -> Text {
    regular(
        "a realm name: 3 to 255 letters, digits and `_-@.`, beginning with a letter",
        Some(r"^([A-Za-z][A-Za-z0-9_\-@.]{2,254}|0x[0-9A-Fa-f]{40})$"),
        |name| {
            let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-@.".contains(&b))
                && (3..=255).contains(&name.len());
            let address = name
                .strip_prefix("0x")
                .is_some_and(|hex| hex.len() == 40 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
            (!plain && !address).then_some(
                "a realm name is 3 to 255 characters of letters, digits, _ - @ and ., beginning with a letter",
            )
        },
    )
}

pub(crate) fn role_name() -> Text {
    regular("not empty, and not `trusted`", Some(r"^(?!trusted$)[\s\S]*\S"), |name| match name {
        "trusted" => Some("this role is built in and cannot be configured"),
        _ => name.trim().is_empty().then_some("must not be empty"),
    })
}

pub(crate) fn rule_uri() -> Text {
    regular("without blanks and `#`", Some(r"^[^\s#]*$"), |uri| {
        uri.contains(|c: char| c.is_whitespace() || c == '#').then_some("must not contain blanks or #")
    })
}

/// `event_dispatching_chunk_size`: a number, which may be written as text.
pub(crate) struct ChunkSize;

impl Kind for ChunkSize {
    type Value = usize;

    fn read(&self, value: &Val<'_>) -> Option<usize> {
        match value.as_str().map(|text| text.trim().parse::<usize>()) {
            Some(Ok(number)) if number > 0 => Some(number),
            Some(_) => {
                value.invalid_value("must be an int of at least 1", None);
                None
            }
            None => int(1..=i64::MAX).read(value),
        }
    }

    fn write(&self, value: &usize, out: &Writer) -> Option<Json> {
        int(1..=i64::MAX).write(value, out)
    }

    fn shape(&self) -> Shape {
        let digits = Shape::Text { rule: "the number as text", pattern: Some(r"^\s*\+?0*[1-9][0-9]*\s*$") };
        Shape::Either(vec![int::<usize>(1..=i64::MAX).shape(), digits])
    }
}

/// `permissions`, `authorizer`, `allow-by-default`.
pub(crate) struct HowAuthorized;

impl Group for HowAuthorized {
    type Value = Authorization;

    fn read(&self, role: &Map<'_>, _: impl FnOnce() -> Authorization) -> Option<Authorization> {
        let by_default = role.optional("allow-by-default", &some(flag()), || None, &Status::Works);
        let authorizer = role.optional("authorizer", &some(strict_uri()), || None, &Status::Works);
        let permissions = role.optional("permissions", &some(list(map())), || None, &Status::Works);
        if role.has("authorizer") && role.has("permissions") {
            let why = "a role has either \"permissions\" or an \"authorizer\", not both";
            role.conflict("authorizer", why, None);
        }
        if by_default.is_some() && (role.has("permissions") || role.has("authorizer")) {
            let other = if role.has("permissions") { "\"permissions\"" } else { "an \"authorizer\"" };
            role.ignored(Severity::Warning, "allow-by-default", &format!("the role has {other}"));
        }
        Some(match (authorizer, permissions) {
            (Some(authorizer), _) => Authorization::Authorizer(authorizer),
            (None, Some(permissions)) => Authorization::Permissions(permissions),
            (None, None) => Authorization::Always(by_default.unwrap_or(false)),
        })
    }

    fn write(&self, value: &Authorization, out: &mut Writer) {
        match value {
            Authorization::Permissions(rules) => out.key("permissions", &list(map()), rules),
            Authorization::Authorizer(uri) => out.key("authorizer", &strict_uri(), uri),
            Authorization::Always(allow) => out.key("allow-by-default", &flag(), allow),
        }
    }

    fn define(&self, definition: &mut Definition) {
        definition.optional(
            "permissions",
            "Rules; what no rule allows is denied. Not together with `authorizer`.",
            &list(map::<Permission>()),
            &Vec::new(),
            &Status::Works,
        );
        definition.optional(
            "authorizer",
            "A procedure of the realm that is called for each decision. Not together with `permissions`.",
            &some(strict_uri()),
            &None,
            &Status::Works,
        );
        definition.optional(
            "allow-by-default",
            "Without `permissions` and `authorizer`: allow everything, or nothing.",
            &flag(),
            &false,
            &Status::Works,
        );
    }
}

/// What `match` says, or else the stars in `uri`.
pub(crate) fn settle_permission(permission: &mut Permission, map: &Map<'_>) {
    if !map.has("match") {
        (permission.match_policy, permission.uri) = MatchPolicy::derive(&permission.uri);
    } else if permission.uri.contains('*') {
        let message = "with \"match\" a * in \"uri\" is an ordinary character, not a wildcard";
        map.peek("uri").into_iter().for_each(|uri| uri.warn(message, None));
    }
}

pub(crate) fn permission_trap(key: &str) -> Option<String> {
    match key {
        "call" | "register" | "publish" | "subscribe" => {
            Some("this is the form of version 1; put it under \"allow\"".to_owned())
        }
        "caller" | "publisher" => Some("put it under \"disclose\"".to_owned()),
        _ => None,
    }
}

/// `validate`: nothing, as long as it is empty.
pub(crate) struct Validate;

impl Kind for Validate {
    type Value = Option<PayloadTypes>;

    fn read(&self, value: &Val<'_>) -> Option<Self::Value> {
        let types = map::<PayloadTypes>().read(value)?;
        if matches!(&value.node.kind, tree::Kind::Map(entries) if entries.is_empty()) {
            return Some(None);
        }
        Some(Some(types))
    }

    fn write(&self, value: &Self::Value, out: &Writer) -> Option<Json> {
        map::<PayloadTypes>().write(value.as_ref()?, out)
    }

    fn shape(&self) -> Shape {
        map::<PayloadTypes>().shape()
    }
}

/// Any map, kept as it is.
pub(crate) struct JsonObject;

impl Kind for JsonObject {
    type Value = JsonMap<String, Json>;

    fn read(&self, value: &Val<'_>) -> Option<Self::Value> {
        match value.node.to_json() {
            Json::Object(map) => Some(map),
            _ => {
                value.invalid_type("map", None);
                None
            }
        }
    }

    fn write(&self, value: &Self::Value, _: &Writer) -> Option<Json> {
        Some(Json::Object(value.clone()))
    }

    fn shape(&self) -> Shape {
        Shape::Dict { names: ("", None), value: Box::new(Shape::Any) }
    }
}

pub(crate) fn store_trap(_: &str) -> Option<String> {
    Some("events and calls are kept in memory only".to_owned())
}

/// A positive even number.
pub(crate) fn even() -> Even {
    Even
}

pub(crate) struct Even;

impl Kind for Even {
    type Value = u32;

    fn read(&self, value: &Val<'_>) -> Option<u32> {
        let number: u32 = int(1..=i64::from(u32::MAX)).read(value)?;
        if number % 2 == 1 {
            value.invalid_value("must be an even number", None);
            return None;
        }
        Some(number)
    }

    fn write(&self, value: &u32, _: &Writer) -> Option<Json> {
        Some((*value).into())
    }

    fn shape(&self) -> Shape {
        Shape::Int { least: 2, most: i64::from(u32::MAX), unit: Some("bytes") }
    }
}

pub(crate) fn check_stats(stats: &mut RealmStats, map: &Map<'_>) {
    if stats.trigger_after_rated_messages == 0 && stats.trigger_after_duration == 0 {
        map.say(
            Severity::Error,
            "missing mandatory attribute in realm stats: one of \"trigger_after_rated_messages\" and \
             \"trigger_after_duration\" must be above 0",
            None,
        );
    }
}
