//! Checks of TLS.

use serde_json::Value as Json;

use super::describe::Shape;
use super::finding::Severity;
use super::kind::{Kind, Word, word};
use super::map::Map;
use super::tree;
use super::val::Val;
use super::writer::Writer;
use crate::{ClientAuth, TlsConnectConfig, TlsListenConfig, TlsVersion};

/// A version of TLS, which is a text and easily taken for a number.
pub(crate) fn version() -> Version {
    Version(word())
}

pub(crate) struct Version(Word<TlsVersion>);

impl Kind for Version {
    type Value = TlsVersion;

    fn read(&self, value: &Val<'_>) -> Option<TlsVersion> {
        if matches!(value.node.kind, tree::Kind::Number(_)) {
            value.invalid_type("\"1.2\" or \"1.3\"", Some("write it in quotes"));
            return None;
        }
        self.0.read(value)
    }

    fn write(&self, value: &TlsVersion, out: &Writer) -> Option<Json> {
        self.0.write(value, out)
    }

    fn shape(&self) -> Shape {
        self.0.shape()
    }
}

pub(crate) fn check_listening(config: &mut TlsListenConfig, map: &Map<'_>) {
    match (config.client_auth, config.ca_certificates.is_empty()) {
        (None, false) => {
            let message = "clients without a certificate of one of these authorities are refused";
            let hint = Some("\"client_auth\" says otherwise");
            map.say_at_key(Severity::Note, "ca_certificates", message, hint);
        }
        (Some(ClientAuth::Optional | ClientAuth::Required), true) => {
            let why = "certificates of clients cannot be verified without \"ca_certificates\"";
            map.conflict("client_auth", why, None);
        }
        (Some(ClientAuth::None), false) => {
            map.ignored(Severity::Warning, "ca_certificates", "\"client_auth\" is \"none\"");
        }
        _ => {}
    }
    if map.has("ca_certificates") && config.ca_certificates.is_empty() && config.client_auth.is_none() {
        map.say_at_key(
            Severity::Warning,
            "ca_certificates",
            "without any authority, clients are not asked for certificates",
            None,
        );
    }
}

pub(crate) fn listening_trap(key: &str) -> Option<String> {
    match key {
        "hostname" => Some("only connecting endpoints have it".to_owned()),
        "version" => Some("the least version is \"min_version\"".to_owned()),
        _ => None,
    }
}

pub(crate) fn check_connecting(_: &mut TlsConnectConfig, map: &Map<'_>) {
    match (map.has("key"), map.has("certificate")) {
        (true, false) => map.missing("certificate", Some("it belongs to \"key\"")),
        (false, true) => {
            map.ignored(Severity::Warning, "certificate", "without its \"key\" it cannot be shown");
        }
        _ => {}
    }
}

pub(crate) fn connecting_trap(key: &str) -> Option<String> {
    match key {
        "ciphers" | "dhparam" | "chain_certificates" | "client_auth" | "certificates" | "session_tickets" => {
            Some("only listening endpoints have it".to_owned())
        }
        "ca_certificate" => Some("did you mean \"ca_certificates\" (a list)?".to_owned()),
        _ => None,
    }
}
