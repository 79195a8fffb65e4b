//! Kinds, checks and hints of authentication.

use serde_json::Value as Json;

use super::describe::Shape;
use super::kind::{Kind, Text, map, regular};
use super::map::Map;
use super::val::Val;
use super::writer::Writer;
use crate::{
    AnonymousConfig, AuthConfig, CryptosignPrincipal, CryptosignStatic, CryptosignTrustRoot, TlsPrincipal,
    WampCraUser,
};

/// `auth` of a transport: an empty map means the same as none.
pub(crate) fn auth() -> Auth {
    Auth
}

pub(crate) struct Auth;

impl Kind for Auth {
    type Value = Option<AuthConfig>;

    fn read(&self, value: &Val<'_>) -> Option<Self::Value> {
        let auth = map::<AuthConfig>().read(value)?;
        let empty = value.map("auth").is_some_and(|map| map.is_empty());
        Some((!empty).then_some(auth))
    }

    fn write(&self, value: &Self::Value, out: &Writer) -> Option<Json> {
        map::<AuthConfig>().write(value.as_ref()?, out)
    }

    fn shape(&self) -> Shape {
        map::<AuthConfig>().shape()
    }
}

pub(crate) fn trap(key: &str) -> Option<String> {
    match key {
        "type" | "role" => Some("name the method first: \"anonymous\": {\"type\": \"static\", …}".to_owned()),
        _ => None,
    }
}

pub(crate) fn anonymous_type_trap(word: &str) -> Option<String> {
    (word == "function").then(|| "a procedure can do the same: \"dynamic\"".to_owned())
}

pub(crate) fn tls_type_trap(word: &str) -> Option<String> {
    (word == "function")
        .then(|| "it never lets anybody in; a procedure can do the same: \"dynamic\"".to_owned())
}

pub(crate) fn check_anonymous(config: &mut AnonymousConfig, map: &Map<'_>) {
    for name in [&mut config.authid, &mut config.realm] {
        name.take_if(|name| name.trim().is_empty());
    }
    if let Some(role) = map.peek("role")
        && config.role == "trusted"
    {
        role.warn("everybody who connects here may do anything (role \"trusted\")", None);
    }
}

/// `module.attribute` of Python code.
pub(crate) fn python_name() -> Text {
    regular("a Python name with a dot", Some(r"\."), |name| {
        (!name.contains('.')).then_some("must be a Python name with a dot: \"module.function\"")
    })
}

pub(crate) fn check_salt(_: &mut WampCraUser, map: &Map<'_>) {
    let parts = ["salt", "iterations", "keylen"];
    if !parts.iter().any(|key| map.has(key)) {
        return;
    }
    for key in parts.iter().filter(|key| !map.has(key)) {
        map.missing(key, Some("a salted secret needs \"salt\", \"iterations\" and \"keylen\""));
    }
}

pub(crate) fn wampcra_user_trap(key: &str) -> Option<String> {
    (key == "authid").then(|| "the authid is the key of this map".to_owned())
}

pub(crate) fn hex() -> Text {
    regular("hex digits", Some("^([0-9A-Fa-f]{2})+$"), |text| {
        let sound =
            !text.is_empty() && text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit());
        (!sound).then_some("must be hex digits")
    })
}

/// An Ed25519 public key.
pub(crate) fn public_key() -> Text {
    regular("64 hex digits", Some("^[0-9A-Fa-f]{64}$"), |key| {
        let sound = key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
        (!sound).then_some("must be a public key: 64 hex digits")
    })
}

/// The address of an authority.
pub(crate) fn ethereum_address() -> Text {
    regular("`0x` and 40 hex digits", Some("^0x[0-9A-Fa-f]{40}$"), |address| {
        let digits = address.strip_prefix("0x").unwrap_or_default();
        let sound = digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        (!sound).then_some("must be an Ethereum address: 0x and 40 hex digits")
    })
}

pub(crate) fn fingerprint_sha1() -> Text {
    regular("20 bytes as hex digits with colons", Some("^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){19}$"), |text| {
        (!is_fingerprint(text, 20)).then_some("must be a SHA-1 fingerprint: 20 bytes as \"AA:BB:…\"")
    })
}

pub(crate) fn fingerprint_sha256() -> Text {
    regular("32 bytes as hex digits with colons", Some("^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}$"), |text| {
        (!is_fingerprint(text, 32)).then_some("must be a SHA-256 fingerprint: 32 bytes as \"AA:BB:…\"")
    })
}

fn is_fingerprint(text: &str, bytes: usize) -> bool {
    let byte = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    text.split(':').count() == bytes && text.split(':').all(byte)
}

pub(crate) fn check_tls_principal(_: &mut TlsPrincipal, map: &Map<'_>) {
    if !map.has("certificate-sha1") && !map.has("certificate-sha256") {
        map.missing("certificate-sha1", Some("or \"certificate-sha256\""));
    }
}

pub(crate) fn check_cryptosign(_: &mut CryptosignStatic, map: &Map<'_>) {
    match (map.has("principals"), map.has("trustroots")) {
        (false, false) => map.missing("principals", None),
        (true, true) => {
            map.conflict("trustroots", "give either \"principals\" or \"trustroots\", not both", None)
        }
        _ => {}
    }
}

pub(crate) fn check_trust_root(_: &mut CryptosignTrustRoot, map: &Map<'_>) {
    if !map.has("certificate") && !map.has("trustroot") {
        map.missing("certificate", Some("or \"trustroot\", the address"));
    }
}

pub(crate) fn check_principal(principal: &mut CryptosignPrincipal, map: &Map<'_>) {
    // Those that are wrong are not among them, so what is written counts.
    if principal.authorized_keys.is_empty()
        && let Some(keys) = map.peek("authorized_keys")
        && keys.is_empty_list()
    {
        keys.warn("without any key, nobody can log in as this", None);
    }
}

/// The name of a cookie.
pub(crate) fn cookie_name() -> Text {
    regular("`a-z`, then `a-z`, `0-9` and `_`", Some("^[a-z][a-z0-9_]+$"), |name| {
        let sound = name.len() > 1
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        (!sound).then_some("must be a letter of a-z, then a-z, 0-9 and _")
    })
}
