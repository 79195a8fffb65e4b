//! What is said on a SOCKS port, and what its answers mean. Knows bytes only.

use std::io;
use std::net::IpAddr;

/// SOCKS 5, and the one method by which streams can be kept apart: user name and password.
pub(super) const GREETING: [u8; 3] = [5, 1, 2];

/// What is asked for.
pub(super) struct Request<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
}

/// Why a SOCKS port does not connect, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Another version, or another protocol altogether.
    #[error("what answers is no SOCKS 5 port (its first byte is {0}); is the port that of Tor's SocksPort?")]
    Version(u8),
    /// The port does not take user names, so it is not Tor's.
    #[error("the SOCKS port takes no user name, by which Tor keeps streams apart; is it Tor's?")]
    Method,
    /// It does not believe a user name that Tor only uses to tell streams apart.
    #[error("the SOCKS port refuses the user name, which Tor never does; is it Tor's?")]
    Login,
    /// It closed the connection halfway.
    #[error("Tor closed the connection before it answered")]
    Cut,
    /// An address of a kind that does not exist.
    #[error("the SOCKS port answers with an address of the unknown kind {0}")]
    AddressKind(u8),
    /// A refusal with its code.
    #[error("{}", words(*.0))]
    Code(u8),
}

/// A user name and password.
pub(super) fn login(user: &str, password: &str) -> Vec<u8> {
    let mut bytes = vec![1];
    for text in [user, password] {
        let text = text.as_bytes();
        let text = text.get(..text.len().min(255)).unwrap_or_default();
        bytes.push(text.len() as u8);
        bytes.extend_from_slice(text);
    }
    bytes
}

impl Request<'_> {
    /// CONNECT. A name goes as it is: looking it up is Tor's affair.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![5, 1, 0];
        match self.host.parse() {
            Ok(IpAddr::V4(ip)) => {
                bytes.push(1);
                bytes.extend_from_slice(&ip.octets());
            }
            Ok(IpAddr::V6(ip)) => {
                bytes.push(4);
                bytes.extend_from_slice(&ip.octets());
            }
            Err(_) => {
                let name = self.host.as_bytes();
                let name = name.get(..name.len().min(255)).unwrap_or_default();
                bytes.extend_from_slice(&[3, name.len() as u8]);
                bytes.extend_from_slice(name);
            }
        }
        bytes.extend_from_slice(&self.port.to_be_bytes());
        bytes
    }
}

/// The answer to the greeting.
pub(super) fn method([version, method]: [u8; 2]) -> io::Result<()> {
    match (version, method) {
        (5, 2) => Ok(()),
        (5, _) => Err(Refusal::Method.into()),
        (other, _) => Err(Refusal::Version(other).into()),
    }
}

/// The answer to user name and password.
pub(super) fn logged_in([version, status]: [u8; 2]) -> io::Result<()> {
    if (version, status) == (1, 0) { Ok(()) } else { Err(Refusal::Login.into()) }
}

/// The first bytes of the answer to a request.
pub(super) fn reply(version: u8, code: u8) -> io::Result<()> {
    match (version, code) {
        (5, 0) => Ok(()),
        (5, code) => Err(Refusal::Code(code).into()),
        (other, _) => Err(Refusal::Version(other).into()),
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        use io::ErrorKind::*;
        let kind = match refusal {
            Refusal::Version(_) | Refusal::Method | Refusal::Login | Refusal::AddressKind(_) => InvalidData,
            Refusal::Cut => UnexpectedEof,
            Refusal::Code(code) => match code {
                0x02 => PermissionDenied,
                0x03 => NetworkUnreachable,
                0x04 | 0xf0..=0xf3 => HostUnreachable,
                0x05 => ConnectionRefused,
                0x06 | 0xf7 => TimedOut,
                0xf4 | 0xf5 => PermissionDenied,
                0xf6 => InvalidInput,
                _ => Other,
            },
        };
        io::Error::new(kind, refusal)
    }
}

/// Codes of RFC 1928 §6, and those of Tor for onion services (prop304).
fn words(code: u8) -> String {
    let words = match code {
        0x01 => "Tor could not make the connection, and tells no reason",
        0x02 => "Tor is configured not to connect there",
        0x03 => "Tor has no way to the network",
        0x04 => "Tor cannot reach it: the name or onion service does not exist, or is not published now",
        0x05 => "it refuses the connection: nobody listens at this port",
        0x06 => "Tor tried for too long",
        0x07 => "the SOCKS port does not connect to TCP ports",
        0x08 => "the SOCKS port does not know this kind of address",
        0xf0 => "the onion service cannot be found: it is not published, or its address is mistyped",
        0xf1 => "the descriptor of the onion service is invalid",
        0xf2 => "the onion service cannot be asked for a meeting: its introduction points do not answer",
        0xf3 => "the onion service did not come to the meeting point",
        0xf4 => "the onion service is for authorized clients only, and this Tor has no key for it",
        0xf5 => "the onion service does not accept the key that this Tor has for it",
        0xf6 => "this is no onion address: a character is wrong or missing",
        0xf7 => "asking the onion service for a meeting took too long",
        other => return format!("the SOCKS port refuses with the unknown code {other:#04x}"),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_names_addresses_as_what_they_are_and_leaves_names_to_tor() {
        let encode = |host| Request { host, port: 258 }.encode();
        assert_eq!(encode("1.2.3.4"), [5, 1, 0, 1, 1, 2, 3, 4, 1, 2]);
        assert_eq!(encode("::1")[..4], [5, 1, 0, 4]);
        assert_eq!(encode("::1").len(), 22);
        assert_eq!(encode("ab"), [5, 1, 0, 3, 2, b'a', b'b', 1, 2]);
        assert_eq!(login("ab", "c"), [1, 2, b'a', b'b', 1, b'c']);
    }

    #[test]
    fn every_code_has_words_of_its_own() {
        let mut known = std::collections::HashSet::new();
        for code in (1..=8).chain(0xf0..=0xf7) {
            let error = reply(5, code).unwrap_err();
            assert!(!error.to_string().contains("unknown"), "{code}: {error}");
            assert!(known.insert(error.to_string()), "{code}");
        }
        for code in [9, 0x7f, 0xef, 0xf8, 0xff] {
            assert!(reply(5, code).unwrap_err().to_string().contains(&format!("{code:#04x}")));
        }
        assert!(reply(5, 0).is_ok());
        assert!(reply(4, 0).unwrap_err().to_string().contains("no SOCKS 5"));
        assert_eq!(reply(5, 5).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(method([5, 2]).is_ok() && method([5, 0]).is_err() && method([b'H', b'T']).is_err());
        assert!(logged_in([1, 0]).is_ok() && logged_in([1, 1]).is_err() && logged_in([5, 0]).is_err());
    }
}
