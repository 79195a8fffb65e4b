//! Which peers are proxies: networks in CIDR notation, or everybody on a Unix socket.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use transom_base::Address;

/// One entry of `proxy_protocol.from`: peers that are proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxySource {
    /// Every peer of a Unix socket, written `unix`. Who may connect there is decided by the mode of its file.
    Unix,
    /// The peers of a network.
    Network(Network),
}

impl ProxySource {
    /// Whether this peer is meant.
    pub fn contains(&self, peer: &Address) -> bool {
        match (self, peer) {
            (ProxySource::Unix, Address::Unix(_)) => true,
            (ProxySource::Network(network), Address::Tcp(peer)) => network.contains(peer.ip()),
            _ => false,
        }
    }
}

impl FromStr for ProxySource {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        if text == "unix" { Ok(ProxySource::Unix) } else { text.parse().map(ProxySource::Network) }
    }
}

impl fmt::Display for ProxySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxySource::Unix => f.write_str("unix"),
            ProxySource::Network(network) => network.fmt(f),
        }
    }
}

/// An IP network, as in `10.0.0.0/8` or `2001:db8::/32`. An address without a prefix length is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    ip: IpAddr,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// It is no address.
    #[error("'{0}' is no IP address and no network such as 10.0.0.0/8")]
    Address(String),
    /// The number behind the slash does not fit.
    #[error("'{text}' has a prefix that is no number from 0 to {max}")]
    Prefix {
        /// The whole text.
        text: String,
        /// The longest prefix of the family.
        max: u8,
    },
    /// Bits behind the prefix are set.
    #[error("'{text}' names one address of a network; the network is {network}")]
    HostBits {
        /// The whole text.
        text: String,
        /// What may have been meant.
        network: String,
    },
}

impl Network {
    /// The addresses whose first `prefix` bits are those of `ip`.
    ///
    /// # Errors
    ///
    /// The family has fewer bits than `prefix`, or bits behind it are set: what was meant is not certain then.
    pub fn new(ip: IpAddr, prefix: u8) -> Result<Self, NetworkError> {
        let text = || format!("{ip}/{prefix}");
        if prefix > width(ip) {
            return Err(NetworkError::Prefix { text: text(), max: width(ip) });
        }
        let first = Network::first(ip, prefix);
        if first != ip {
            let network = Network { ip: first, prefix }.to_string();
            return Err(NetworkError::HostBits { text: text(), network });
        }
        // Peers are compared as IPv4 where they are IPv4.
        Ok(match ip.to_canonical() {
            canonical @ IpAddr::V4(_) if ip.is_ipv6() && prefix >= 96 => {
                Network { ip: canonical, prefix: prefix - 96 }
            }
            _ => Network { ip, prefix },
        })
    }

    /// Whether an address belongs to it. IPv4-mapped IPv6 addresses count as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.ip, ip.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                high_bits(net.to_bits().into(), self.prefix, 32)
                    == high_bits(ip.to_bits().into(), self.prefix, 32)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                high_bits(net.to_bits(), self.prefix, 128) == high_bits(ip.to_bits(), self.prefix, 128)
            }
            _ => false,
        }
    }

    /// Its first address.
    fn first(ip: IpAddr, prefix: u8) -> IpAddr {
        match ip {
            IpAddr::V4(ip) => {
                let bits = high_bits(ip.to_bits().into(), prefix, 32) as u32;
                IpAddr::V4(bits.into())
            }
            IpAddr::V6(ip) => IpAddr::V6(high_bits(ip.to_bits(), prefix, 128).into()),
        }
    }
}

/// How many bits the addresses of this family have.
fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// The first `prefix` of `width` bits; the others are zero.
fn high_bits(bits: u128, prefix: u8, width: u8) -> u128 {
    let rest = u32::from(width.saturating_sub(prefix));
    bits.checked_shr(rest).and_then(|high| high.checked_shl(rest)).unwrap_or(0)
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let ip: IpAddr = address.parse().map_err(|_| NetworkError::Address(text.to_owned()))?;
        let Some(prefix) = prefix else { return Network::new(ip, width(ip)) };
        let plain = prefix.bytes().all(|octet| octet.is_ascii_digit());
        match prefix.parse().ok().filter(|_| plain) {
            Some(prefix) => Network::new(ip, prefix),
            None => Err(NetworkError::Prefix { text: text.to_owned(), max: width(ip) }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_when_written_contains_its_addresses_and_no_others() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("::/0", "2001:db8::1", "203.0.113.9"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.6/31", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.6/32", "::ffff:192.0.2.6", "::ffff:192.0.2.7"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!parsed.contains(outside.parse().unwrap()), "{network} {outside}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed), "{network}");
        }
    }

    #[test]
    fn network_when_malformed_says_what_is_wrong() {
        for (text, message) in [
            ("", "'' is no IP address and no network such as 10.0.0.0/8"),
            ("proxy.example", "'proxy.example' is no IP address and no network such as 10.0.0.0/8"),
            ("10.0.0.0/33", "'10.0.0.0/33' has a prefix that is no number from 0 to 32"),
            ("10.0.0.0/+8", "'10.0.0.0/+8' has a prefix that is no number from 0 to 32"),
            ("10.0.0.0/", "'10.0.0.0/' has a prefix that is no number from 0 to 32"),
            ("::/129", "'::/129' has a prefix that is no number from 0 to 128"),
            ("10.0.0.1/8", "'10.0.0.1/8' names one address of a network; the network is 10.0.0.0/8"),
            (
                "2001:db8::1/64",
                "'2001:db8::1/64' names one address of a network; the network is 2001:db8::/64",
            ),
            ("UNIX", "'UNIX' is no IP address and no network such as 10.0.0.0/8"),
        ] {
            assert_eq!(text.parse::<ProxySource>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn unix_when_listed_means_peers_of_unix_sockets_alone() {
        let unix: ProxySource = "unix".parse().unwrap();
        assert_eq!(unix.to_string(), "unix");
        assert!(unix.contains(&Address::Unix(None)));
        assert!(!unix.contains(&Address::Tcp("127.0.0.1:1".parse().unwrap())));
        let all: ProxySource = "0.0.0.0/0".parse().unwrap();
        assert!(!all.contains(&Address::Unix(None)));
        assert!(all.contains(&Address::Tcp("127.0.0.1:1".parse().unwrap())));
    }
}
