//! Version 2: binary.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::crc32c::crc32c;
use super::header::{Addresses, Header, HeaderError, Look, ProxyVersion};

pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and protocol, length of the rest.
const FIXED: usize = 16;

/// The longest header that is read; the specification leaves the limit to the receiver.
const LONGEST: usize = 4096;

/// The type of a checksum over the whole header.
const CRC32C: u8 = 0x03;

/// Octets of both addresses in each family.
const INET: usize = 12;
const INET6: usize = 36;
const UNIX: usize = 216;

/// Looks at what begins with [`SIGNATURE`].
pub(super) fn look(input: &[u8]) -> Result<Look, HeaderError> {
    let Some((fixed, rest)) = input.split_first_chunk::<FIXED>() else {
        return Ok(Look::Needs(FIXED - input.len()));
    };
    let [.., command, family, high, low] = *fixed;
    let len = usize::from(u16::from_be_bytes([high, low]));
    let local = match command {
        0x20 => true,
        0x21 => false,
        _ if command >> 4 != 2 => {
            return Err(HeaderError::Octet { field: "the version and command", value: command });
        }
        _ => return Err(HeaderError::Octet { field: "the command", value: command & 0x0f }),
    };
    if FIXED + len > LONGEST {
        return Err(HeaderError::TooLong { version: ProxyVersion::V2, max: LONGEST });
    }
    let Some(block) = rest.get(..len) else { return Ok(Look::Needs(len - rest.len())) };
    // Of a LOCAL header everything is discarded, the family too.
    let addresses = if local { None } else { addresses(fixed, family, block)? };
    Ok(Look::Header(Header { version: ProxyVersion::V2, len: FIXED + len, addresses }))
}

/// The addresses of a PROXY command, when they are those of a stream between IP addresses.
fn addresses(fixed: &[u8; FIXED], family: u8, block: &[u8]) -> Result<Option<Addresses>, HeaderError> {
    let size = match family {
        // Without a family nothing can be said about what follows.
        0x00 => return Ok(None),
        0x11 | 0x12 => INET,
        0x21 | 0x22 => INET6,
        0x31 | 0x32 => UNIX,
        _ => return Err(HeaderError::Octet { field: "the family and protocol", value: family }),
    };
    let Some((found, tlvs)) = block.split_at_checked(size) else {
        return Err(HeaderError::ShortAddresses { len: block.len() });
    };
    check(fixed, block, tlvs)?;
    Ok(match family {
        0x11 => inet(found),
        0x21 => inet6(found),
        // Datagrams did not come through this connection, and socket files are of another machine or namespace.
        _ => None,
    })
}

/// The header for addresses of one family.
pub(super) fn write(addresses: Option<Addresses>) -> Vec<u8> {
    let (family, len) = match &addresses {
        None => (0x00, 0),
        Some(addresses) if addresses.source.is_ipv4() => (0x11, INET as u8),
        Some(_) => (0x21, INET6 as u8),
    };
    let mut header = [SIGNATURE, &[0x21, family, 0, len]].concat();
    if let Some(Addresses { source, destination }) = addresses {
        for addr in [source, destination] {
            match addr.ip() {
                IpAddr::V4(ip) => header.extend(ip.octets()),
                IpAddr::V6(ip) => header.extend(ip.octets()),
            }
        }
        header.extend(source.port().to_be_bytes());
        header.extend(destination.port().to_be_bytes());
    }
    header
}

fn inet(block: &[u8]) -> Option<Addresses> {
    let ([source, destination], ports) = ends::<4>(block)?;
    let [source, destination] = [Ipv4Addr::from(source), Ipv4Addr::from(destination)];
    Some(Addresses {
        source: SocketAddr::new(source.into(), ports[0]),
        destination: SocketAddr::new(destination.into(), ports[1]),
    })
}

fn inet6(block: &[u8]) -> Option<Addresses> {
    let ([source, destination], ports) = ends::<16>(block)?;
    let [source, destination] = [Ipv6Addr::from(source), Ipv6Addr::from(destination)];
    Some(Addresses {
        source: SocketAddr::new(source.into(), ports[0]),
        destination: SocketAddr::new(destination.into(), ports[1]),
    })
}

/// Two addresses of so many octets, and their ports.
fn ends<const N: usize>(block: &[u8]) -> Option<([[u8; N]; 2], [u16; 2])> {
    let (source, rest) = block.split_first_chunk()?;
    let (destination, rest) = rest.split_first_chunk()?;
    let (first, rest) = rest.split_first_chunk()?;
    let second = rest.first_chunk()?;
    Some(([*source, *destination], [u16::from_be_bytes(*first), u16::from_be_bytes(*second)]))
}

/// Walks over the type-length-values and checks the checksum if there is one.
fn check(fixed: &[u8; FIXED], block: &[u8], tlvs: &[u8]) -> Result<(), HeaderError> {
    let mut rest = tlvs;
    let mut checksum = None;
    while let Some((kind, after)) = rest.split_first() {
        let malformed = HeaderError::Tlv { kind: *kind };
        let Some((len, after)) = after.split_first_chunk() else { return Err(malformed) };
        let Some((value, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*len))) else {
            return Err(malformed);
        };
        rest = after;
        if *kind == CRC32C {
            let Ok(value) = <[u8; 4]>::try_from(value) else { return Err(malformed) };
            // One checksum can not count another as zero.
            if checksum.replace((u32::from_be_bytes(value), after.len())).is_some() {
                return Err(malformed);
            }
        }
    }
    let Some((expected, behind)) = checksum else { return Ok(()) };
    let (before, behind) = block.split_at(block.len() - behind);
    let before = before.get(..before.len() - 4).unwrap_or_default();
    let found = crc32c([&fixed[..], before, &[0; 4], behind]);
    if found == expected { Ok(()) } else { Err(HeaderError::Checksum) }
}
