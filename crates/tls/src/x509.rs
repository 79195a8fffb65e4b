//! Reading certificates: what people and authentication want to know of them. It must not decide whether one is
//! trusted; that is rustls's part.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use md5::{Digest as _, Md5};
use transom_base::PeerCertificate;
use x509_cert::certificate::{CertificateInner, Raw, Version};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Any, Decode, Tag, Tagged};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, ExtendedKeyUsage, SubjectAltName};
use x509_cert::name::Name;

mod extensions;
mod names;

/// `id-kp-serverAuth` (RFC 5280, section 4.2.1.12).
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
/// `id-ad-caIssuers` (RFC 5280, section 4.2.2.1).
const CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");

/// All the facts about a certificate in DER. What cannot be read is left empty; the fingerprints are always there.
pub fn read_certificate(der: &[u8]) -> PeerCertificate {
    let mut facts = PeerCertificate::default();
    facts.sha1 = colons(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der).as_ref());
    facts.sha256 = colons(digest::digest(&digest::SHA256, der).as_ref());
    facts.md5 = colons(&Md5::digest(der));
    facts.der = der.to_vec();
    if let Ok(certificate) = Certificate::read(der) {
        let inner = certificate.0.tbs_certificate();
        facts.subject = pairs(inner.subject());
        facts.issuer = pairs(inner.issuer());
        let serial = inner.serial_number().as_bytes();
        facts.serial = serial.iter().skip_while(|octet| **octet == 0).copied().collect();
        facts.version = match inner.version() {
            Version::V1 => 0,
            Version::V2 => 1,
            Version::V3 => 2,
        };
        facts.signature_algorithm = names::signature_algorithm(&inner.signature().oid);
        (facts.not_before, facts.not_after) = certificate.validity();
        facts.extensions = extensions::all(inner.extensions().map_or(&[], Vec::as_slice));
    }
    facts
}

/// A certificate that could be read.
#[derive(Debug)]
pub(crate) struct Certificate(CertificateInner<Raw>);

impl Certificate {
    pub(crate) fn read(der: &[u8]) -> Result<Self, String> {
        CertificateInner::from_der(der).map(Certificate).map_err(|error| error.to_string())
    }

    /// Whose it is, for people.
    pub(crate) fn subject(&self) -> String {
        people(&pairs(self.0.tbs_certificate().subject()))
    }

    /// Who issued it, for people.
    pub(crate) fn issuer(&self) -> String {
        people(&pairs(self.0.tbs_certificate().issuer()))
    }

    /// Whether it names itself as its issuer.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.0.tbs_certificate().subject() == self.0.tbs_certificate().issuer()
    }

    /// Whether `other` is named as its issuer.
    pub(crate) fn is_issued_by(&self, other: &Certificate) -> bool {
        self.0.tbs_certificate().issuer() == other.0.tbs_certificate().subject()
    }

    /// From when until when it is valid, in seconds since 1970.
    pub(crate) fn validity(&self) -> (u64, u64) {
        let validity = self.0.tbs_certificate().validity();
        (validity.not_before.to_unix_duration().as_secs(), validity.not_after.to_unix_duration().as_secs())
    }

    /// The host names it is for, in lower case, wildcards included.
    pub(crate) fn dns_names(&self) -> Vec<String> {
        let alternative = self.alternative_names();
        let names = alternative.iter().filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
            _ => None,
        });
        names.collect()
    }

    /// Everything it is for: host names and IP addresses.
    pub(crate) fn host_names(&self) -> Vec<String> {
        let mut all = self.dns_names();
        all.extend(self.alternative_names().iter().filter_map(|name| match name {
            GeneralName::IpAddress(octets) => ip(octets.as_bytes()).map(|ip| ip.to_string()),
            _ => None,
        }));
        all
    }

    fn alternative_names(&self) -> Vec<GeneralName> {
        match self.0.tbs_certificate().get_extension::<SubjectAltName>() {
            Ok(Some((_, SubjectAltName(names)))) => names,
            _ => Vec::new(),
        }
    }

    /// Whether servers may use it. One that does not say for what it may be used may be used for anything.
    pub(crate) fn is_for_servers(&self) -> bool {
        match self.0.tbs_certificate().get_extension::<ExtendedKeyUsage>() {
            Ok(Some((_, ExtendedKeyUsage(usages)))) => {
                usages.iter().any(|usage| [SERVER_AUTH, ANY_USAGE].contains(usage))
            }
            _ => true,
        }
    }

    /// Whether it tells where its issuer's certificate can be fetched, as those of public authorities do.
    pub(crate) fn tells_where_its_issuer_is(&self) -> bool {
        match self.0.tbs_certificate().get_extension::<AuthorityInfoAccessSyntax>() {
            Ok(Some((_, AuthorityInfoAccessSyntax(all)))) => {
                all.iter().any(|access| access.access_method == CA_ISSUERS)
            }
            _ => false,
        }
    }

    /// Whether this is the certificate of the public key in `spki`, a SubjectPublicKeyInfo in DER.
    pub(crate) fn has_public_key(&self, spki: &[u8]) -> bool {
        let ours = self.0.tbs_certificate().subject_public_key_info();
        // Parameters are left out: for RSA some leave them away and some write NULL.
        x509_cert::spki::SubjectPublicKeyInfoOwned::from_der(spki).is_ok_and(|theirs| {
            theirs.algorithm.oid == ours.algorithm.oid && theirs.subject_public_key == ours.subject_public_key
        })
    }
}

/// Seconds since 1970.
pub(crate) fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A moment in seconds since 1970 for people, as in `2026-11-23T12:00:00Z`.
pub fn date(unix: u64) -> String {
    let date = x509_cert::der::DateTime::from_unix_duration(Duration::from_secs(unix));
    date.map_or_else(|_| format!("{unix} s after 1970"), |date| date.to_string())
}

/// Octets in upper-case hexadecimal with colons between them.
fn colons(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 3);
    for (index, octet) in octets.iter().enumerate() {
        use std::fmt::Write as _;
        // Writing to a text cannot fail.
        let _ = write!(text, "{}{octet:02X}", if index == 0 { "" } else { ":" });
    }
    text
}

/// The attributes of a distinguished name, in their order.
fn pairs(name: &Name) -> Vec<(String, String)> {
    name.iter().map(|attribute| (names::attribute(&attribute.oid), text(&attribute.value))).collect()
}

/// A distinguished name for people, as in `CN=alice, O=Example`.
fn people(pairs: &[(String, String)]) -> String {
    if pairs.is_empty() {
        return "nobody (it has no subject)".to_owned();
    }
    let parts: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{}={value}", key.to_ascii_uppercase())).collect();
    format!("'{}'", parts.join(", "))
}

/// A text of a certificate in any of its encodings.
fn text(value: &Any) -> String {
    match value.tag() {
        Tag::BmpString => {
            let units: Vec<u16> = value
                .value()
                .chunks_exact(2)
                .map(|pair| pair.iter().fold(0, |n, o| n << 8 | u16::from(*o)))
                .collect();
            String::from_utf16_lossy(&units)
        }
        // Latin-1, as everybody reads it.
        Tag::TeletexString => value.value().iter().map(|octet| char::from(*octet)).collect(),
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            String::from_utf8_lossy(value.value()).into_owned()
        }
        _ => colons(value.value()),
    }
}

/// An IP address as certificates have it.
fn ip(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
}
