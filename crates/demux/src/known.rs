//! The protocols that are known by their first bytes.

use crate::{Sniff, Verdict};

/// What an HTTP/2 client says first when it knows without asking that the server speaks it (RFC 9113, section 3.4).
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n";

/// RawSocket: the octet 0x7F (WAMP specification, "RawSocket Transport: Handshake").
#[derive(Debug, Clone, Copy, Default)]
pub struct RawSocketSniff;

impl Sniff for RawSocketSniff {
    fn sniff(&self, prefix: &[u8]) -> Verdict {
        octet(prefix, 0x7F)
    }
}

/// MQTT: the fixed header of CONNECT, 0x10 (MQTT 3.1.1, section 3.1.1).
#[derive(Debug, Clone, Copy, Default)]
pub struct MqttSniff;

impl Sniff for MqttSniff {
    fn sniff(&self, prefix: &[u8]) -> Verdict {
        octet(prefix, 0x10)
    }
}

/// TLS: a handshake record, 0x16, of version 3 (RFC 8446, section 5.1).
#[derive(Debug, Clone, Copy, Default)]
pub struct TlsSniff;

impl Sniff for TlsSniff {
    fn sniff(&self, prefix: &[u8]) -> Verdict {
        starts_with(prefix, &[0x16, 0x03])
    }
}

/// HTTP: a first octet that a method can begin with, or an empty line before it (RFC 9112, sections 2.2 and 3). HTTP/2
/// begins like a method, too.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpSniff;

impl Sniff for HttpSniff {
    fn sniff(&self, prefix: &[u8]) -> Verdict {
        match prefix.first() {
            Some(first) if is_token(*first) || matches!(first, b'\r' | b'\n') => Verdict::Yes,
            Some(_) => Verdict::No,
            None => Verdict::NeedMore,
        }
    }
}

/// HTTP/2 from its first octet on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Http2Sniff;

impl Sniff for Http2Sniff {
    fn sniff(&self, prefix: &[u8]) -> Verdict {
        starts_with(prefix, HTTP2)
    }
}

fn octet(prefix: &[u8], wanted: u8) -> Verdict {
    starts_with(prefix, &[wanted])
}

fn starts_with(prefix: &[u8], wanted: &[u8]) -> Verdict {
    if prefix.starts_with(wanted) {
        Verdict::Yes
    } else if wanted.starts_with(prefix) {
        Verdict::NeedMore
    } else {
        Verdict::No
    }
}

/// `tchar` of RFC 9110, section 5.6.2.
fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sniff::first;

    const ALL: [&dyn Sniff; 4] = [&RawSocketSniff, &MqttSniff, &TlsSniff, &HttpSniff];

    const OPENINGS: [(&[u8], Option<usize>); 15] = [
        (b"\x7f\xf1\0\0", Some(0)),
        (b"\x7f", Some(0)),
        (b"\x10\x1a\0\x04MQTT", Some(1)),
        (b"\x16\x03\x01\x02\0\x01\0", Some(2)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(3)),
        (b"PRI * HTTP/1.1\r\n", Some(3)),
        (b"POST / HTTP/1.1\r\n", Some(3)),
        (b"PROPFIND / HTTP/1.1\r\n", Some(3)),
        (b"GET /ws HTTP/1.1\r\nHost: x\r\n", Some(3)),
        (b"\r\nGET / HTTP/1.1\r\n", Some(3)),
        (b"!odd / HTTP/1.1\r\n", Some(3)),
        (b"\x16\x04", None),
        (b"\0\0\0\0", None),
        (b"\xff\xf4", None),
        (b" GET", None),
    ];

    #[test]
    fn opening_when_whole_belongs_to_one_protocol() {
        for (bytes, expected) in OPENINGS {
            let (verdict, found) = first(ALL, bytes);
            assert_eq!(found, expected, "{bytes:?}");
            assert_ne!(verdict, Verdict::NeedMore, "{bytes:?}");
            // No other sniffer claims it, whatever the order.
            let claims: Vec<usize> =
                (0..ALL.len()).filter(|i| ALL[*i].sniff(bytes) == Verdict::Yes).collect();
            assert_eq!(claims, Vec::from_iter(expected), "{bytes:?}");
        }
    }

    #[test]
    fn verdict_when_given_stays_for_every_longer_prefix() {
        for (bytes, _) in OPENINGS {
            for sniffer in ALL {
                let mut last = Verdict::NeedMore;
                for cut in 0..=bytes.len() {
                    let now = sniffer.sniff(&bytes[..cut]);
                    assert!(
                        last == Verdict::NeedMore || now == last,
                        "{bytes:?} at {cut}: {last:?}, {now:?}"
                    );
                    last = now;
                }
            }
            let whole = first(ALL, bytes);
            for cut in 0..bytes.len() {
                let early = first(ALL, &bytes[..cut]);
                assert!(early.0 == Verdict::NeedMore || early == whole, "{bytes:?} at {cut}");
            }
        }
    }

    #[test]
    fn nothing_needs_more_than_the_http2_preface() {
        for first_octet in 0..=255_u8 {
            for sniffer in ALL {
                let prefix = [&[first_octet][..], &[b'R'; 15]].concat();
                assert_ne!(sniffer.sniff(&prefix), Verdict::NeedMore);
                assert_eq!(sniffer.sniff(b""), Verdict::NeedMore);
            }
        }
    }
}
