//! Kinds and checks of Tor endpoints.

use super::kind::{Text, ValueOf, regular, value_of};
use super::map::Map;
use crate::{OnionListenConfig, TorConnectConfig};

/// An x25519 public key in base32, as Tor writes it.
pub(crate) fn client_key() -> Text {
    regular("an x25519 public key, base32", Some("^[A-Za-z2-7]{52}$"), |key| {
        let sound =
            key.len() == 52 && key.bytes().all(|b| b.is_ascii_alphabetic() || (b'2'..=b'7').contains(&b));
        (!sound).then_some("must be an x25519 public key: 52 characters of base32")
    })
}

/// The version of onion services.
pub(crate) fn version() -> ValueOf<u8> {
    value_of(&[(2, 2), (3, 3)])
}

pub(crate) fn check_onion(config: &mut OnionListenConfig, map: &Map<'_>) {
    if config.version == 2 {
        map.conflict("version", "Tor has dropped version 2", Some("write 3, or leave it out"));
    }
    match (map.has("tor_control_endpoint"), config.embedded || map.is_wrong("embedded")) {
        (false, false) => {
            map.missing("tor_control_endpoint", Some("or \"embedded\": true for the Tor inside the node"));
        }
        (true, true) if config.embedded => {
            map.conflict("embedded", "give either \"tor_control_endpoint\" or \"embedded\", not both", None);
        }
        _ => {}
    }
    for key in ["control_password", "target"].into_iter().filter(|key| config.embedded && map.has(key)) {
        let why = format!(
            "{key:?} is for a running Tor; the one inside the node hands connections over without it"
        );
        map.say_at_key(super::finding::Severity::Warning, key, why, None);
    }
}

pub(crate) fn check_tor(config: &mut TorConnectConfig, map: &Map<'_>) {
    let ways = [map.has("tor_socks_port"), map.has("tor_socks_endpoint"), config.embedded];
    match ways.iter().filter(|way| **way).count() {
        0 if map.is_wrong("embedded") => {}
        0 => map.missing("tor_socks_port", Some("or \"embedded\": true for the Tor inside the node")),
        1 => {}
        _ => {
            let last = if config.embedded { "embedded" } else { "tor_socks_endpoint" };
            let why = "give one of \"tor_socks_port\", \"tor_socks_endpoint\" and \"embedded\"";
            map.conflict(last, why, None);
        }
    }
    if config.tls.is_none() && !config.host.ends_with(".onion") {
        map.say(
            super::finding::Severity::Warning,
            "the connection leaves the Tor network without TLS: whoever runs the last relay reads along",
            Some("add \"tls\""),
        );
    }
}
