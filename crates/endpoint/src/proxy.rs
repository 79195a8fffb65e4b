//! The PROXY protocol: a proxy says in front of each connection who its client is. Read before anything else, TLS
//! included.
//!
//! Whoever may say so is listed; from the listed a header is required, and from all others none is taken: an address
//! that anybody can write down protects nothing. [`look`] is the reader without I/O, [`ProxyProtocol`] the step on a
//! connection.

mod crc32c;
mod header;
mod send;
mod source;
mod v1;
mod v2;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use transom_base::{Address, BoxFuture, Connection, Deadline, ErrorKind, Rewind};

pub use header::{Addresses, Header, HeaderError, Look, ProxyVersion, look};
use header::{Begins, begins};
pub use send::{SendProxy, write};
pub use source::{Network, NetworkError, ProxySource};

use crate::{EndpointError, Upgrade};

const STEP: &str = "PROXY header";

/// Room for nearly every header; a longer one gets more as it comes.
const USUAL: usize = 128;

/// Enough to tell any header from anything else.
const DECISIVE: usize = v2::SIGNATURE.len();

/// Who sends PROXY headers, and of which versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyProtocolSettings {
    /// The proxies (key `from`). Not empty.
    pub from: Vec<ProxySource>,
    /// The versions taken (key `versions`). Not empty; both by default.
    pub versions: Vec<ProxyVersion>,
    /// From accepting to the end of the header, and for all others to their first octets. Default 5 s; none = no
    /// limit.
    pub timeout: Option<Duration>,
}

impl ProxyProtocolSettings {
    /// Headers of both versions from these peers, within 5 s.
    pub fn new(from: impl IntoIterator<Item = ProxySource>) -> Self {
        ProxyProtocolSettings {
            from: from.into_iter().collect(),
            versions: vec![ProxyVersion::V1, ProxyVersion::V2],
            timeout: Some(Duration::from_secs(5)),
        }
    }
}

/// Takes the PROXY header off the front of a connection.
///
/// From a listed peer a header is required; what it says stands in `forwarded_for` then, unless it is `UNKNOWN` or
/// `LOCAL`. A connection from anybody else that begins with a header is closed.
#[derive(Debug, Clone)]
pub struct ProxyProtocol {
    settings: Arc<ProxyProtocolSettings>,
}

impl ProxyProtocol {
    /// Takes headers as told.
    ///
    /// # Errors
    ///
    /// Nobody is listed, or no version is.
    pub fn new(settings: ProxyProtocolSettings) -> Result<Self, EndpointError> {
        for (empty, option, allowed) in [
            (settings.from.is_empty(), "proxy_protocol.from", "at least one network, or 'unix'"),
            (settings.versions.is_empty(), "proxy_protocol.versions", "1, 2 or both"),
        ] {
            if empty {
                return Err(EndpointError::OutOfRange { option, value: "empty".into(), allowed });
            }
        }
        Ok(ProxyProtocol { settings: Arc::new(settings) })
    }

    /// Whether this peer is a proxy.
    pub fn is_proxy(&self, peer: &Address) -> bool {
        self.settings.from.iter().any(|source| source.contains(peer))
    }

    /// The time limit for the header.
    pub fn timeout(&self) -> Option<Duration> {
        self.settings.timeout
    }

    /// Reads the header of a proxy, and not one octet more.
    async fn required(self, mut conn: Connection) -> Result<Connection, EndpointError> {
        let mut read = Vec::with_capacity(USUAL);
        let header = loop {
            match look(&read).map_err(|error| failed(ErrorKind::PeerProtocol, error))? {
                Look::Header(header) => break header,
                Look::Needs(missing) => {
                    let got = (&mut conn.io).take(missing as u64).read_buf(&mut read).await;
                    match got.map_err(|error| failed(ErrorKind::PeerClosed, error))? {
                        0 if read.is_empty() => return Err(failed(ErrorKind::PeerClosed, "there is none")),
                        0 => return Err(failed(ErrorKind::PeerProtocol, "it is cut off")),
                        _ => {}
                    }
                }
                Look::NoHeader => {
                    return Err(failed(
                        ErrorKind::PeerProtocol,
                        "the peer is listed in proxy_protocol.from and begins with something else",
                    ));
                }
            }
        };
        if !self.settings.versions.contains(&header.version) {
            let wrong = format!("version {} is not in proxy_protocol.versions", header.version);
            return Err(failed(ErrorKind::PeerProtocol, wrong));
        }
        conn.info.forwarded_for = header.addresses.map(|addresses| addresses.source);
        Ok(conn)
    }

    /// Makes sure that somebody who is no proxy does not begin with a header.
    async fn refused(mut conn: Connection) -> Result<Connection, EndpointError> {
        let mut read = Vec::with_capacity(DECISIVE);
        loop {
            match begins(&read) {
                Begins::No => break,
                Begins::Version(_) => {
                    return Err(failed(
                        ErrorKind::PeerProtocol,
                        "the peer sends one and is not listed in proxy_protocol.from",
                    ));
                }
                Begins::Maybe => {
                    let room = (DECISIVE - read.len()) as u64;
                    let got = (&mut conn.io).take(room).read_buf(&mut read).await;
                    if got.map_err(|error| failed(ErrorKind::PeerClosed, error))? == 0 {
                        break;
                    }
                }
            }
        }
        let Connection { io, info } = conn;
        Ok(Connection::new(Rewind::new(read.into(), io), info))
    }
}

impl Upgrade for ProxyProtocol {
    fn apply(
        &self,
        conn: Connection,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Connection, EndpointError>> {
        let this = self.clone();
        Box::pin(async move {
            let step = async {
                if this.is_proxy(&conn.info.peer) {
                    this.required(conn).await
                } else {
                    Self::refused(conn).await
                }
            };
            match deadline.run(step).await {
                Ok(result) => result,
                Err(_) => Err(EndpointError::UpgradeTimeout { step: STEP.into() }),
            }
        })
    }
}

fn failed(kind: ErrorKind, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EndpointError {
    EndpointError::Upgrade { step: STEP.into(), kind, source: source.into() }
}

#[cfg(test)]
mod tests;
