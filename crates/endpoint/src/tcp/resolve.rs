//! Looking up host names with the system's resolver.

use std::net::SocketAddr;

use tokio::net::lookup_host;
use transom_config::IpVersion;

use crate::EndpointError;

/// As many addresses of one name as are ever tried.
const MOST: usize = 32;

/// The addresses of a host name with port 0, in the system's order (RFC 6724), restricted to a family.
pub(super) async fn addresses(
    host: &str,
    version: Option<IpVersion>,
) -> Result<Vec<SocketAddr>, EndpointError> {
    let found = lookup_host((host, 0))
        .await
        .map_err(|source| EndpointError::Resolve { host: host.to_owned(), source })?;
    let mut addrs = Vec::new();
    for addr in found {
        let wanted = match version {
            None => true,
            Some(IpVersion::V4) => addr.is_ipv4(),
            Some(IpVersion::V6) => addr.is_ipv6(),
        };
        if wanted && !addrs.contains(&addr) && addrs.len() < MOST {
            addrs.push(addr);
        }
    }
    if addrs.is_empty() { Err(no_address(host, version)) } else { Ok(addrs) }
}

pub(super) fn no_address(host: &str, version: Option<IpVersion>) -> EndpointError {
    let family = match version {
        None => "IP",
        Some(IpVersion::V4) => "IPv4",
        Some(IpVersion::V6) => "IPv6",
    };
    EndpointError::NoAddress { host: host.to_owned(), family }
}
