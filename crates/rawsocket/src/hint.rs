//! A guess at what a peer speaks that does not speak RawSocket, for the log.

/// What the first octets look like, if they look like anything known.
pub(crate) fn looks_like(octets: &[u8]) -> Option<&'static str> {
    match octets {
        [0x16, 0x03, ..] | [0x16] => Some("TLS"),
        [0x10, ..] => Some("MQTT"),
        [b'S', b'S', b'H', ..] => Some("SSH"),
        [first, ..] if first.is_ascii_uppercase() => Some("HTTP"),
        _ => None,
    }
}

/// The sentence for a peer that began with these octets.
pub(crate) fn wrong_protocol(octets: &[u8]) -> String {
    match looks_like(octets) {
        Some("TLS") => "looks like TLS; this port speaks RawSocket only, without TLS".to_owned(),
        Some(name) => format!("looks like {name}; this port speaks RawSocket only"),
        None => match octets.first() {
            Some(first) => format!("a RawSocket handshake begins with the octet 0x7F, not {first:#04x}"),
            None => "no RawSocket handshake".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_octets_when_known_are_named() {
        for (octets, name) in [
            (&b"GET / HTTP/1.1"[..], Some("HTTP")),
            (b"P", Some("HTTP")),
            (b"\x16\x03\x01", Some("TLS")),
            (b"\x16", Some("TLS")),
            (b"\x16\x04", None),
            (b"SSH-2.0", Some("SSH")),
            (b"\x10\x1a\0\x04MQTT", Some("MQTT")),
            (b"\0", None),
            (b"", None),
        ] {
            assert_eq!(looks_like(octets), name, "{octets:?}");
        }
        assert_eq!(wrong_protocol(b"GET"), "looks like HTTP; this port speaks RawSocket only");
    }
}
