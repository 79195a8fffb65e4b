//! The extensions of a certificate in words, as `openssl x509 -text` has them.

use std::fmt::Write as _;
use std::net::IpAddr;

use transom_base::CertificateExtension;
use x509_cert::der::Decode;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName,
    SubjectKeyIdentifier,
};

use super::{colons, ip, names, pairs};

/// All of them, in their order.
pub(super) fn all(extensions: &[Extension]) -> Vec<CertificateExtension> {
    let one = |extension: &Extension| {
        let name = names::extension(&extension.extn_id);
        let der = extension.extn_value.as_bytes();
        let value = value(&name, der).unwrap_or_else(|| colons(der));
        CertificateExtension { name, value, critical: extension.critical }
    };
    extensions.iter().map(one).collect()
}

/// The value in words, where there are any for it.
fn value(name: &str, der: &[u8]) -> Option<String> {
    Some(match name {
        "basicConstraints" => {
            let constraints = BasicConstraints::from_der(der).ok()?;
            let mut text = if constraints.ca { "CA:TRUE" } else { "CA:FALSE" }.to_owned();
            if let Some(length) = constraints.path_len_constraint {
                // Writing to a text cannot fail.
                let _ = write!(text, ", pathlen:{length}");
            }
            text
        }
        "keyUsage" => key_usage(&KeyUsage::from_der(der).ok()?),
        "extendedKeyUsage" => {
            let ExtendedKeyUsage(usages) = ExtendedKeyUsage::from_der(der).ok()?;
            joined(usages.iter().map(names::extended_key_usage))
        }
        "subjectKeyIdentifier" => colons(SubjectKeyIdentifier::from_der(der).ok()?.0.as_bytes()),
        "authorityKeyIdentifier" => {
            colons(AuthorityKeyIdentifier::from_der(der).ok()?.key_identifier?.as_bytes())
        }
        "subjectAltName" | "issuerAltName" => {
            let SubjectAltName(names) = SubjectAltName::from_der(der).ok()?;
            joined(names.iter().map(general_name))
        }
        _ => return None,
    })
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn key_usage(usage: &KeyUsage) -> String {
    let all = [
        (usage.digital_signature(), "Digital Signature"),
        (usage.non_repudiation(), "Non Repudiation"),
        (usage.key_encipherment(), "Key Encipherment"),
        (usage.data_encipherment(), "Data Encipherment"),
        (usage.key_agreement(), "Key Agreement"),
        (usage.key_cert_sign(), "Certificate Sign"),
        (usage.crl_sign(), "CRL Sign"),
        (usage.encipher_only(), "Encipher Only"),
        (usage.decipher_only(), "Decipher Only"),
    ];
    joined(all.iter().filter(|(set, _)| *set).map(|(_, name)| (*name).to_owned()))
}

fn general_name(name: &GeneralName) -> String {
    match name {
        GeneralName::DnsName(name) => format!("DNS:{}", name.as_str()),
        GeneralName::Rfc822Name(name) => format!("email:{}", name.as_str()),
        GeneralName::UniformResourceIdentifier(uri) => format!("URI:{}", uri.as_str()),
        GeneralName::IpAddress(octets) => match ip(octets.as_bytes()) {
            Some(IpAddr::V4(ip)) => format!("IP Address:{ip}"),
            // In full, as OpenSSL writes it.
            Some(IpAddr::V6(ip)) => {
                format!("IP Address:{}", ip.segments().map(|part| format!("{part:X}")).join(":"))
            }
            None => "IP Address:<invalid>".to_owned(),
        },
        GeneralName::DirectoryName(name) => {
            let parts =
                pairs(name).into_iter().map(|(key, value)| format!("{} = {value}", key.to_ascii_uppercase()));
            format!("DirName:{}", joined(parts))
        }
        GeneralName::RegisteredId(oid) => format!("Registered ID:{oid}"),
        GeneralName::OtherName(_) => "othername:<unsupported>".to_owned(),
        GeneralName::EdiPartyName(_) => "EdiPartyName:<unsupported>".to_owned(),
    }
}
