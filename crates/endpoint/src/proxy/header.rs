//! The header itself, without I/O: which version begins, how much is missing, what it says. Source: "The PROXY
//! protocol" by Willy Tarreau, versions 1 and 2, in the sources of HAProxy.

use std::fmt;
use std::net::SocketAddr;

use super::{v1, v2};

/// How many octets the shortest header of any version has.
const SHORTEST: usize = v1::SHORTEST;

/// A version of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyVersion {
    /// One line of text, of at most 107 octets.
    V1,
    /// Binary, of at most 4096 octets in all.
    V2,
}

impl fmt::Display for ProxyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProxyVersion::V1 => "1",
            ProxyVersion::V2 => "2",
        })
    }
}

/// A header that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its version.
    pub version: ProxyVersion,
    /// How many octets it has; what the client sent begins behind them.
    pub len: usize,
    /// The client and what it connected to. None for `UNKNOWN`, `LOCAL` and families without IP addresses and ports:
    /// the addresses of the socket hold then.
    pub addresses: Option<Addresses>,
}

/// Both ends of the connection that the proxy accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The client.
    pub source: SocketAddr,
    /// What it connected to.
    pub destination: SocketAddr,
}

/// What the first octets of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// No header of any version: what the client says begins at once.
    NoHeader,
    /// Maybe or certainly a header. At least so many octets are missing, and so many can be read without reading
    /// anything that comes behind it.
    Needs(usize),
    /// A header.
    Header(Header),
}

/// What is wrong with something that begins as a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// It is longer than any can be.
    #[error("a header of version {version} has at most {max} octets")]
    TooLong {
        /// Its version.
        version: ProxyVersion,
        /// The limit.
        max: usize,
    },
    /// A carriage return stands without its line feed.
    #[error("the line does not end with CR LF")]
    LineEnd,
    /// A field of version 1 is not what it must be.
    #[error("'{value}' is no {field}")]
    Field {
        /// Which, as in `source address`.
        field: &'static str,
        /// What stands there, escaped.
        value: String,
    },
    /// There are more fields than version 1 has.
    #[error("something follows the last field")]
    Surplus,
    /// An octet of version 2 has a value that does not exist.
    #[error("{field} is {value:#04x}")]
    Octet {
        /// Which, as in `the command`.
        field: &'static str,
        /// What stands there.
        value: u8,
    },
    /// The announced length has no room for the addresses of its family.
    #[error("{len} octets are too few for the addresses")]
    ShortAddresses {
        /// The announced length.
        len: usize,
    },
    /// A type-length-value does not end where the header ends, or a checksum is not of four octets or not alone.
    #[error("the type-length-value of type {kind:#04x} is malformed")]
    Tlv {
        /// Its type.
        kind: u8,
    },
    /// The checksum is not that of the header.
    #[error("the checksum is wrong")]
    Checksum,
}

/// Looks at the first octets of a connection. What it answers does not depend on what stands behind the header.
///
/// # Errors
///
/// It begins as a header and cannot become one.
pub fn look(input: &[u8]) -> Result<Look, HeaderError> {
    match begins(input) {
        Begins::No => Ok(Look::NoHeader),
        Begins::Maybe => Ok(Look::Needs(SHORTEST - input.len())),
        Begins::Version(ProxyVersion::V1) => v1::look(input),
        Begins::Version(ProxyVersion::V2) => v2::look(input),
    }
}

/// Whether a connection begins with a header, as far as its first octets tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    No,
    Maybe,
    Version(ProxyVersion),
}

pub(super) fn begins(input: &[u8]) -> Begins {
    for (signature, version) in [(v1::SIGNATURE, ProxyVersion::V1), (v2::SIGNATURE, ProxyVersion::V2)] {
        if input.starts_with(signature) {
            return Begins::Version(version);
        }
        if signature.starts_with(input) {
            return Begins::Maybe;
        }
    }
    Begins::No
}

#[cfg(test)]
mod tests;
