//! The file of Diffie-Hellman parameters, as `openssl dhparam` makes it.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{Decode, Reader, SliceReader};

use crate::error::FileError;
use crate::files;

/// Fewer bits are not safe any more, more take too long.
const BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Around the parameters: of PKCS #3, and of ANSI X9.42 as `openssl dhparam -dsaparam` writes them.
const LABELS: [(&str, &str); 2] = [
    ("-----BEGIN DH PARAMETERS-----", "-----END DH PARAMETERS-----"),
    ("-----BEGIN X9.42 DH PARAMETERS-----", "-----END X9.42 DH PARAMETERS-----"),
];

/// A prime and a generator, big-endian without leading zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(super) p: Vec<u8>,
    pub(super) g: Vec<u8>,
}

impl Parameters {
    /// Reads a file. An error says why its parameters are not used.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let bytes = files::read(path).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&bytes);
        let body = LABELS.iter().find_map(|(begin, end)| Some(text.split_once(begin)?.1.split_once(end)?.0));
        let Some(body) = body else {
            let missing: FileError = files::missing(path, &bytes, "section 'DH PARAMETERS'", "dhparam");
            return Err(missing.to_string());
        };
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD
            .decode(body)
            .map_err(|problem| format!("'{}' is damaged PEM: {problem}", path.display()))?;
        Parameters::parse(&der).map_err(|problem| format!("the parameters in '{}' {problem}", path.display()))
    }

    /// Reads a DHParameter of PKCS #3, section 9, or DomainParameters of RFC 3279, section 2.3.3; both begin with the two
    /// numbers. Whether the prime is one is left to whoever made it.
    fn parse(der: &[u8]) -> Result<Self, String> {
        let (p, g) = numbers(der).map_err(|problem| format!("cannot be read: {problem}"))?;
        let bits = p.len() * 8 - p.first().map_or(0, |first| first.leading_zeros() as usize);
        if !BITS.contains(&bits) {
            return Err(format!(
                "have {bits} bits, and only {} to {} are safe and fast",
                BITS.start(),
                BITS.end()
            ));
        }
        let odd = p.last().is_some_and(|last| last % 2 == 1);
        let below = g.len() < p.len() || (g.len() == p.len() && g < p);
        if !odd || !below || matches!(g.as_slice(), [] | [0 | 1]) {
            return Err("are no prime with a generator".to_owned());
        }
        Ok(Parameters { p, g })
    }

    /// One of the groups that have a name.
    #[cfg(test)]
    pub(super) fn named(index: usize) -> Self {
        let group = super::NAMED[index].1;
        Parameters { p: group.p.to_vec(), g: group.g.to_vec() }
    }
}

fn numbers(der: &[u8]) -> Result<(Vec<u8>, Vec<u8>), x509_cert::der::Error> {
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|reader| {
        let p = UintRef::decode(reader)?.as_bytes().to_vec();
        let g = UintRef::decode(reader)?.as_bytes().to_vec();
        // What follows is about private exponents, and those are our own affair.
        reader.read_slice(reader.remaining_len())?;
        Ok((p, g))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(octets: &[u8]) -> Vec<u8> {
        let sign = if octets[0] > 0x7F { &[0][..] } else { &[] };
        let length = u16::try_from(sign.len() + octets.len()).unwrap().to_be_bytes();
        [&[0x02, 0x82], &length[..], sign, octets].concat()
    }

    fn der(p: &[u8], g: &[u8]) -> Vec<u8> {
        let short = |octets: &[u8]| [&[0x02, octets.len() as u8], octets].concat();
        let (p, g) = (integer(p), short(g));
        let length = u16::try_from(p.len() + g.len()).unwrap().to_be_bytes();
        [&[0x30, 0x82], &length[..], &p, &g].concat()
    }

    #[test]
    fn parameters_when_they_will_not_do_are_refused_with_the_reason() {
        let p = Parameters::named(0).p;
        assert_eq!(Parameters::parse(&der(&p, &[2])), Ok(Parameters::named(0)));
        let mut even = p.clone();
        even[255] = 0xFE;
        let mut short = p.clone();
        short[0] = 0x7F;
        for (der, expected) in [
            (der(&short, &[2]), "have 2047 bits, and only 2048 to 8192 are safe and fast"),
            (der(&p.repeat(5), &[2]), "have 10240 bits"),
            (der(&even, &[2]), "are no prime with a generator"),
            (der(&p, &[0]), "are no prime with a generator"),
            (der(&p, &[1]), "are no prime with a generator"),
            (vec![0x30, 0], "cannot be read: "),
            (vec![], "cannot be read: "),
            (p, "cannot be read: "),
        ] {
            let problem = Parameters::parse(&der).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
