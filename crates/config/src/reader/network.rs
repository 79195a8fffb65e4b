//! Networks as configurations write them.

use std::net::{IpAddr, Ipv4Addr};

/// A network in the notation of CIDR or with a mask, as in `10.0.0.0/255.0.0.0`, or an address, which is the smallest
/// network.
pub(crate) fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(mask) if mask.contains('.') && address.is_ipv4() => {
            let mask = u32::from(mask.parse::<Ipv4Addr>().ok()?);
            let bits = mask.leading_ones();
            u8::try_from(bits).ok().filter(|_| mask.count_ones() == bits)?
        }
        Some(bits) => bits.parse().ok().filter(|n: &u8| *n <= most && !bits.starts_with('+'))?,
        None => most,
    };
    Some((address, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_when_written() {
        let table = [
            ("10.0.0.0/8", Some(("10.0.0.0", 8))),
            ("192.168.1.1/255.255.255.0", Some(("192.168.1.1", 24))),
            ("0.0.0.0/0.0.0.0", Some(("0.0.0.0", 0))),
            ("127.0.0.1", Some(("127.0.0.1", 32))),
            ("fe80::/10", Some(("fe80::", 10))),
            ("::1", Some(("::1", 128))),
            ("10.0.0.0/33", None),
            ("10.0.0.0/+8", None),
            ("10.0.0.0/255.0.255.0", None),
            ("10.0.0.0/255.0.0", None),
            ("fe80::/255.0.0.0", None),
            ("10.0.0/8", None),
            ("10.0.0.0/", None),
            ("", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(address, bits)| (address.parse().unwrap(), bits));
            assert_eq!(network(text), expected, "{text}");
        }
    }
}
