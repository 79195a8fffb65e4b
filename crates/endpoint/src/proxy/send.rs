//! The other side: telling the next server whom a connection is from.

use std::net::{IpAddr, SocketAddr};

use tokio::io::AsyncWriteExt;
use transom_base::{BoxFuture, Connection, Deadline, ErrorKind};

use super::{Addresses, ProxyVersion, failed, v1, v2};
use crate::{EndpointError, Upgrade};

/// A header that says so; none: that it is not known, or has no IP address. Addresses of both families in one header are
/// written as IPv6, which has a form for IPv4.
pub fn write(version: ProxyVersion, addresses: Option<Addresses>) -> Vec<u8> {
    let addresses = addresses.map(|Addresses { source, destination }| {
        if source.is_ipv4() == destination.is_ipv4() {
            return Addresses { source, destination };
        }
        Addresses { source: to_v6(source), destination: to_v6(destination) }
    });
    match version {
        ProxyVersion::V1 => v1::write(addresses),
        ProxyVersion::V2 => v2::write(addresses),
    }
}

fn to_v6(addr: SocketAddr) -> SocketAddr {
    match addr.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), addr.port()),
        IpAddr::V6(_) => addr,
    }
}

/// Sends a header before everything else, TLS included.
#[derive(Debug, Clone)]
pub struct SendProxy(Vec<u8>);

impl SendProxy {
    /// Sends what [`write`](fn@write) makes of this.
    pub fn new(version: ProxyVersion, addresses: Option<Addresses>) -> Self {
        SendProxy(write(version, addresses))
    }
}

impl Upgrade for SendProxy {
    fn apply(
        &self,
        mut conn: Connection,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Connection, EndpointError>> {
        let header = self.0.clone();
        Box::pin(async move {
            let sending = async {
                conn.io.write_all(&header).await?;
                conn.io.flush().await
            };
            match deadline.run(sending).await {
                Ok(Ok(())) => Ok(conn),
                Ok(Err(error)) => Err(failed(ErrorKind::PeerClosed, error)),
                Err(_) => Err(EndpointError::UpgradeTimeout { step: super::STEP.into() }),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Header, Look, look};
    use super::*;

    #[test]
    fn header_when_written_is_read_as_what_it_says() {
        for (source, destination, read) in [
            ("192.0.2.1:1", "198.51.100.2:65535", ("192.0.2.1:1", "198.51.100.2:65535")),
            ("[2001:db8::1]:9", "[::1]:0", ("[2001:db8::1]:9", "[::1]:0")),
            ("192.0.2.1:1", "[::1]:443", ("[::ffff:192.0.2.1]:1", "[::1]:443")),
            ("[::1]:443", "192.0.2.1:1", ("[::1]:443", "[::ffff:192.0.2.1]:1")),
        ] {
            let addresses = |source: &str, destination: &str| {
                let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
                Some(Addresses { source, destination })
            };
            for version in [ProxyVersion::V1, ProxyVersion::V2] {
                let written = write(version, addresses(source, destination));
                let header = Header { version, len: written.len(), addresses: addresses(read.0, read.1) };
                assert_eq!(look(&written), Ok(Look::Header(header)), "{}", written.escape_ascii());
            }
        }
    }

    #[test]
    fn header_when_nothing_is_known_says_so() {
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            let written = write(version, None);
            let header = Header { version, len: written.len(), addresses: None };
            assert_eq!(look(&written), Ok(Look::Header(header)));
        }
        assert_eq!(write(ProxyVersion::V1, None), b"PROXY UNKNOWN\r\n");
    }
}
