//! `auth`: authentication methods.

use super::cursor::{Val, plain};
use super::finding::Severity;
use super::realm::realm_name;
use crate::{AnonymousConfig, AuthConfig};

/// Methods of the dialect that this release lacks.
const OTHERS: [&str; 8] =
    ["ticket", "wampcra", "scram", "cryptosign", "tls", "cookie", "anonymous-proxy", "cryptosign-proxy"];

/// `auth` of a transport; `None` if it is an empty map, which means the same as none.
pub(crate) fn auth(value: &Val<'_>) -> Option<AuthConfig> {
    let map = value.map("auth")?;
    if map.is_empty() {
        return None;
    }
    let anonymous = map.get("anonymous").and_then(|value| anonymous(&value));
    for method in OTHERS {
        map.unsupported(method, None);
    }
    map.finish(&|key| match key {
        "type" | "role" => Some("name the method first: \"anonymous\": {\"type\": \"static\", …}".to_owned()),
        _ => None,
    });
    // Methods left out above are not in here, so a client that needs one of them is refused.
    Some(AuthConfig { place: map.place.clone(), anonymous })
}

fn anonymous(value: &Val<'_>) -> Option<AnonymousConfig> {
    let map = value.map("anonymous authentication")?;
    let kind = map.req("type")?;
    if !kind.word(&[("static", true), ("dynamic", false)])? {
        kind.unsupported("anonymous authentication of type \"dynamic\"", None);
        return None;
    }
    let role = map.get("role").and_then(|role| {
        let name = role.non_empty()?;
        if name == "trusted" {
            role.say(
                Severity::Warning,
                "everybody who connects here may do anything (role \"trusted\")",
                None,
            );
        }
        Some(name.to_owned())
    });
    let config = AnonymousConfig {
        place: map.place.clone(),
        role: role.unwrap_or_else(|| AnonymousConfig::default().role),
        authid: map.non_empty("authid"),
        realm: map.get("realm").and_then(|realm| realm_name(&realm)),
    };
    map.finish(&plain);
    Some(config)
}
