//! The suite behind a proxy: a header in front of every connection.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use transom_base::{BoxFuture, Connection, Deadline, ErrorKind};
use transom_endpoint::proxy::ProxyVersion;
use transom_endpoint::{EndpointError, ProxyProtocol, ProxyProtocolSettings, Upgrade};

use super::EndpointCase;

impl EndpointCase {
    /// The same with a PROXY header in front of everything, taken from this machine's addresses and Unix sockets.
    #[must_use]
    pub fn behind_proxy(mut self, version: ProxyVersion) -> Self {
        let (client, server) = ("192.0.2.1:4660".parse().unwrap(), "198.51.100.2:443".parse().unwrap());
        let from = ["127.0.0.0/8", "::1", "unix"].map(|source| source.parse().unwrap());
        let taken = ProxyProtocol::new(ProxyProtocolSettings::new(from)).unwrap();
        self.name = format!("{} behind a proxy of version {version}", self.name);
        self.server.insert(0, Arc::new(taken));
        self.client.insert(0, Arc::new(SendFirst(proxy_header(version, client, server))));
        self.forwarded = Some(client);
        self
    }
}

/// A PROXY header as a proxy writes it, for two addresses of one family.
pub fn proxy_header(version: ProxyVersion, source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let (name, family) = if source.is_ipv4() { ("TCP4", 0x11) } else { ("TCP6", 0x21) };
    if version == ProxyVersion::V1 {
        let (from, to) = (source.ip(), destination.ip());
        let line = format!("PROXY {name} {from} {to} {} {}\r\n", source.port(), destination.port());
        return line.into_bytes();
    }
    let mut block = Vec::new();
    for addr in [source, destination] {
        match addr {
            SocketAddr::V4(addr) => block.extend(addr.ip().octets()),
            SocketAddr::V6(addr) => block.extend(addr.ip().octets()),
        }
    }
    block.extend([source.port().to_be_bytes(), destination.port().to_be_bytes()].concat());
    let len = u16::try_from(block.len()).unwrap();
    [b"\r\n\r\n\0\r\nQUIT\n\x21", &[family][..], &len.to_be_bytes(), &block].concat()
}

/// A step that sends these octets before anything else.
#[derive(Debug, Clone)]
pub struct SendFirst(pub Vec<u8>);

impl Upgrade for SendFirst {
    fn apply(
        &self,
        mut conn: Connection,
        _deadline: Deadline,
    ) -> BoxFuture<'static, Result<Connection, EndpointError>> {
        let octets = self.0.clone();
        Box::pin(async move {
            match conn.io.write_all(&octets).await {
                Ok(()) => Ok(conn),
                Err(error) => Err(EndpointError::Upgrade {
                    step: "sending first".into(),
                    kind: ErrorKind::PeerClosed,
                    source: error.into(),
                }),
            }
        })
    }
}
