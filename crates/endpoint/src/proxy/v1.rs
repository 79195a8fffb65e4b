//! Version 1: one line of text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::header::{Addresses, Header, HeaderError, Look, ProxyVersion};

pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// `PROXY UNKNOWN` and the end of the line.
pub(super) const SHORTEST: usize = 15;

/// The longest line with its end, as the specification computes it from the longest addresses.
const LONGEST: usize = 107;

/// Separators in a line with addresses.
const SEPARATORS: usize = 5;

/// Looks at what begins with [`SIGNATURE`].
pub(super) fn look(input: &[u8]) -> Result<Look, HeaderError> {
    let Some(end) = input.iter().take(LONGEST - 1).position(|octet| *octet == b'\r') else {
        if input.len() >= LONGEST - 1 {
            return Err(HeaderError::TooLong { version: ProxyVersion::V1, max: LONGEST });
        }
        return Ok(Look::Needs(missing(input)));
    };
    let (line, rest) = input.split_at(end);
    match rest.get(1) {
        None => Ok(Look::Needs(1)),
        Some(b'\n') => {
            let addresses = parse(line.get(SIGNATURE.len()..).unwrap_or_default())?;
            Ok(Look::Header(Header { version: ProxyVersion::V1, len: end + 2, addresses }))
        }
        Some(_) => Err(HeaderError::LineEnd),
    }
}

/// How many octets a line without its end lacks at least: each separator that is to come has something behind it.
fn missing(line: &[u8]) -> usize {
    let separators = line.iter().filter(|octet| **octet == b' ').count();
    let fields = if line.starts_with(b"PROXY TCP") { SEPARATORS.saturating_sub(separators) } else { 0 };
    (fields * 2 + 2).max(SHORTEST.saturating_sub(line.len())).min(LONGEST - line.len())
}

/// What stands between the signature and the end of the line.
fn parse(line: &[u8]) -> Result<Option<Addresses>, HeaderError> {
    let mut fields = line.split(|octet| *octet == b' ');
    let ip: fn(&str) -> Option<IpAddr> = match fields.next() {
        Some(b"TCP4") => |text| text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        Some(b"TCP6") => |text| text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        // Whatever follows is to be ignored.
        Some(b"UNKNOWN") => return Ok(None),
        other => return Err(wrong("protocol", other.unwrap_or_default())),
    };
    let source = field(fields.next(), "source address", ip)?;
    let destination = field(fields.next(), "destination address", ip)?;
    let source_port = field(fields.next(), "source port", port)?;
    let destination_port = field(fields.next(), "destination port", port)?;
    if fields.next().is_some() {
        return Err(HeaderError::Surplus);
    }
    Ok(Some(Addresses {
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
    }))
}

/// The line for addresses of one family.
pub(super) fn write(addresses: Option<Addresses>) -> Vec<u8> {
    let Some(Addresses { source, destination }) = addresses else { return b"PROXY UNKNOWN\r\n".to_vec() };
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port()).into_bytes()
}

fn field<T>(
    found: Option<&[u8]>,
    name: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, HeaderError> {
    let found = found.unwrap_or_default();
    std::str::from_utf8(found).ok().and_then(parse).ok_or_else(|| wrong(name, found))
}

/// Decimal, without a sign and without a zero in front.
fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|octet| octet.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

fn wrong(field: &'static str, value: &[u8]) -> HeaderError {
    HeaderError::Field { field, value: value.escape_ascii().to_string() }
}
