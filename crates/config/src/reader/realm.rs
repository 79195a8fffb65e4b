//! Realms, roles and permissions.

use super::cursor::{Map, Val, plain};
use super::finding::Severity;
use super::tree::Kind;
use crate::{
    Allow, Authorization, Disclose, MatchPolicy, Permission, Realm, RealmOptions, Role, SessionLimits,
    SlowConsumer, UriCheck,
};

/// A realm of a router worker.
pub(crate) fn realm(value: &Val<'_>) -> Option<Realm> {
    let map = value.map("realm")?;
    let id = map.id("realm", &map.cx.ids.realm, false);
    let name = map.req("name").and_then(|name| realm_name(&name)).unwrap_or_default();
    let roles = map.get("roles").and_then(|roles| roles.list()).unwrap_or_default();
    let roles = roles.iter().filter_map(role).collect();
    let options = map.get("options").and_then(|options| options.map("realm options"));
    let options = options.map(|options| realm_options(&options)).unwrap_or_default();
    for key in ["store", "stats", "inventory"] {
        map.unsupported(key, None);
    }
    if let Some(links) = map.get("rlinks").and_then(|links| links.list()) {
        links.iter().for_each(|link| link.unsupported("a router link", None));
    }
    map.finish_open();
    Some(Realm { place: map.place.clone(), id, name, roles, options })
}

/// A realm name: a letter and 2 to 254 of letters, digits, `_-@.`, or an Ethereum address.
pub(crate) fn realm_name(value: &Val<'_>) -> Option<String> {
    let name = value.str()?;
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-@.".contains(&b))
        && (3..=255).contains(&name.len());
    let address = name
        .strip_prefix("0x")
        .is_some_and(|hex| hex.len() == 40 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if !plain && !address {
        value.invalid_value(
            "a realm name is 3 to 255 characters of letters, digits, _ - @ and ., beginning with a letter",
            None,
        );
        return None;
    }
    Some(name.to_owned())
}

fn realm_options(map: &Map<'_>) -> RealmOptions {
    let defaults = RealmOptions::default();
    let mut chunk = defaults.event_dispatching_chunk_size;
    if let Some(value) = map.get("event_dispatching_chunk_size") {
        // The dialect also takes a number written as text.
        match value.as_str().map(|text| text.trim().parse::<usize>()) {
            Some(Ok(number)) if number > 0 => chunk = number,
            Some(_) => value.invalid_value("must be an int of at least 1", None),
            None => {
                chunk = value.int(1..=i64::MAX).and_then(|n| usize::try_from(n).ok()).unwrap_or(chunk);
            }
        }
    }
    let check = map
        .get("uri_check")
        .and_then(|value| value.word(&[("strict", UriCheck::Strict), ("loose", UriCheck::Loose)]));
    let bridge_meta_api = map.bool("bridge_meta_api", defaults.bridge_meta_api);
    if bridge_meta_api {
        map.ignored(Severity::Warning, "bridge_meta_api", "there is no management realm");
    }
    let enable_meta_api = map.get("enable_meta_api").and_then(|value| value.bool());
    if enable_meta_api == Some(true) {
        map.ignored(Severity::Warning, "enable_meta_api", "this release has no meta API");
    }
    let options = RealmOptions {
        event_dispatching_chunk_size: chunk,
        uri_check: check.unwrap_or(defaults.uri_check),
        enable_meta_api: enable_meta_api.unwrap_or(defaults.enable_meta_api),
        bridge_meta_api,
    };
    map.finish(&plain);
    options
}

fn role(value: &Val<'_>) -> Option<Role> {
    let map = value.map("role")?;
    let id = map.id("role", &map.cx.ids.role, false);
    let name = map.req("name").and_then(|name| {
        let text = name.non_empty()?;
        if text == "trusted" {
            name.invalid_value("this role is built in and cannot be configured", None);
        }
        Some(text.to_owned())
    });
    let authorization = authorization(&map);
    let slow_consumer = map.get("slow_consumer").and_then(|value| {
        value.word(&[
            ("drop", SlowConsumer::Drop),
            ("disconnect", SlowConsumer::Disconnect),
            ("push-back", SlowConsumer::PushBack),
        ])
    });
    let limits = session_limits(&map);
    map.finish_open();
    Some(Role {
        place: map.place.clone(),
        id,
        name: name.unwrap_or_default(),
        authorization,
        slow_consumer: slow_consumer.unwrap_or_default(),
        limits,
    })
}

fn session_limits(map: &Map<'_>) -> SessionLimits {
    let defaults = SessionLimits::default();
    let size = |key, default| map.size(key, 1..=SessionLimits::MOST as i64, default);
    SessionLimits {
        max_subscriptions: size("max_subscriptions", defaults.max_subscriptions),
        max_registrations: size("max_registrations", defaults.max_registrations),
        max_pending_calls: size("max_pending_calls", defaults.max_pending_calls),
    }
}

fn authorization(map: &Map<'_>) -> Authorization {
    let by_default = map.get("allow-by-default").and_then(|value| value.bool());
    let authorizer = map.get("authorizer");
    let permissions = map.get("permissions");
    if let (Some(authorizer), true) = (&authorizer, permissions.is_some()) {
        authorizer.say(
            Severity::Error,
            "invalid value: a role has either \"permissions\" or an \"authorizer\", not both",
            None,
        );
    }
    if let Some(authorizer) = authorizer {
        if let Some(uri) = authorizer.str()
            && !strict_uri(uri)
        {
            authorizer.invalid_value("must be a URI with components of a-z, 0-9 and _", None);
        }
        map.unsupported("authorizer", None);
        // Without the authorizer nothing is allowed.
        return Authorization::Always(false);
    }
    match permissions {
        Some(list) => {
            let rules = list.list().unwrap_or_default();
            if by_default.is_some() {
                map.ignored(Severity::Warning, "allow-by-default", "the role has \"permissions\"");
            }
            Authorization::Permissions(rules.iter().filter_map(permission).collect())
        }
        None => Authorization::Always(by_default.unwrap_or(false)),
    }
}

fn strict_uri(uri: &str) -> bool {
    uri.split('.').all(|part| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    })
}

fn permission(value: &Val<'_>) -> Option<Permission> {
    let map = value.map("permission")?;
    let uri = map.req("uri").and_then(|uri| {
        let text = uri.str()?;
        if text.contains(|c: char| c.is_whitespace() || c == '#') {
            uri.invalid_value("must not contain blanks or #", None);
        }
        Some(text)
    });
    let written = map.get("match").and_then(|value| {
        value.word(&[
            ("exact", MatchPolicy::Exact),
            ("prefix", MatchPolicy::Prefix),
            ("wildcard", MatchPolicy::Wildcard),
        ])
    });
    let (match_policy, uri) = match (uri.unwrap_or_default(), written) {
        (uri, Some(policy)) => {
            if uri.contains('*') {
                let message = "with \"match\" a * in \"uri\" is an ordinary character, not a wildcard";
                map.say_at_key(Severity::Warning, "uri", message.to_owned(), None);
            }
            (policy, uri.to_owned())
        }
        (uri, None) => MatchPolicy::derive(uri),
    };
    let mut allow = Allow::default();
    if let Some(allowed) = map.get("allow").and_then(|value| value.map("allow")) {
        allow = Allow {
            call: allowed.bool("call", false),
            register: allowed.bool("register", false),
            publish: allowed.bool("publish", false),
            subscribe: allowed.bool("subscribe", false),
        };
        allowed.finish(&plain);
    }
    let mut disclose = Disclose::default();
    if let Some(disclosed) = map.get("disclose").and_then(|value| value.map("disclose")) {
        disclose = Disclose {
            caller: disclosed.bool("caller", false),
            publisher: disclosed.bool("publisher", false),
        };
        disclosed.finish(&plain);
    }
    let cache = map.bool("cache", false);
    match map.get("validate") {
        Some(value) if matches!(&value.node.kind, Kind::Map(entries) if entries.is_empty()) => {}
        Some(_) => {
            map.unsupported("validate", None);
        }
        None => {}
    }
    map.finish(&|key| match key {
        "call" | "register" | "publish" | "subscribe" => {
            Some("this is the form of version 1; put it under \"allow\"".to_owned())
        }
        "caller" | "publisher" => Some("put it under \"disclose\"".to_owned()),
        _ => None,
    });
    Some(Permission { place: map.place.clone(), uri, match_policy, allow, disclose, cache })
}
