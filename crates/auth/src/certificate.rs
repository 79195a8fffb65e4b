//! What authenticators learn of a client's certificate: the map that Crossbar.io hands them. What could not be read
//! of the certificate is empty there too.

use std::time::{Duration, SystemTime};

use transom_base::PeerCertificate;
use transom_wamp::{Dict, Value};

use crate::time::iso8601;

/// `peer_cert` of a transport. `hash`, OpenSSL's number for the subject, is null.
pub(crate) fn describe(certificate: &PeerCertificate, now: SystemTime) -> Dict {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let extensions = certificate.extensions.iter().map(|extension| {
        let mut all = Dict::default();
        all.push("name", extension.name.as_str());
        all.push("value", extension.value.as_str());
        all.push("critical", extension.critical);
        Value::Map(all)
    });
    let mut all = Dict::default();
    all.push("md5", certificate.md5.as_str());
    all.push("sha1", certificate.sha1.as_str());
    all.push("sha256", certificate.sha256.as_str());
    all.push("expired", certificate.expired(now));
    all.push("hash", Value::Null);
    all.push("serial", serial(&certificate.serial));
    all.push("signature_algorithm", certificate.signature_algorithm.as_str());
    all.push("version", i64::from(certificate.version));
    all.push("not_before", moment(certificate.not_before));
    all.push("not_after", moment(certificate.not_after));
    all.push("extensions", Value::List(extensions.collect()));
    all.push("subject", name(&certificate.subject));
    all.push("issuer", name(&certificate.issuer));
    all
}

/// The parts of a name; the last of several of one kind counts.
fn name(parts: &[(String, String)]) -> Dict {
    let mut all = Dict::default();
    for (key, value) in parts {
        all.0.retain(|(other, _)| **other != **key);
        all.push(key.as_str(), value.as_str());
    }
    all
}

/// As in `20261126130948Z`.
fn moment(seconds: u64) -> String {
    // The year 9999 ends there, and so do certificates.
    let since = Duration::from_secs(seconds.min(253_402_300_799));
    let text = iso8601(SystemTime::UNIX_EPOCH + since);
    let digits: String = text.chars().filter(char::is_ascii_digit).take(14).collect();
    digits + "Z"
}

/// A number where a WAMP integer holds it, else its decimal digits.
fn serial(bytes: &[u8]) -> Value {
    // Decimal digits, the lowest first. A certificate's serial number has 20 bytes at most.
    let mut digits = vec![0_u8];
    for byte in bytes.iter().take(32) {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) * 256;
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    let text: String = digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect();
    text.parse::<i64>().map_or_else(|_| Value::from(text), Value::Int)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_is_described_as_authenticators_know_it() {
        let mut certificate = PeerCertificate::default();
        certificate.sha1 = "5A:F7".into();
        certificate.serial = vec![7, 0xa1];
        certificate.version = 2;
        (certificate.not_before, certificate.not_after) = (1_795_698_588, 2_111_058_588);
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        certificate.subject = vec![pair("cn", "one"), pair("ou", "a"), pair("ou", "b")];
        let now = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let all = describe(&certificate, now(2_111_058_588));
        let expected = [
            ("sha1", Value::from("5A:F7")),
            ("serial", Value::Int(1953)),
            ("version", Value::Int(2)),
            ("expired", Value::Bool(false)),
            ("not_before", Value::from("20261126130948Z")),
            ("not_after", Value::from("20361123130948Z")),
        ];
        for (key, value) in expected {
            assert_eq!(all.get(key), Some(&value), "{key}");
        }
        let Some(Value::Map(subject)) = all.get("subject") else { panic!("{all:?}") };
        assert_eq!((subject.get("cn"), subject.get("ou")), (Some(&"one".into()), Some(&"b".into())));
        assert_eq!(subject.0.len(), 2);
        assert_eq!(describe(&certificate, now(2_111_058_589)).get("expired"), Some(&Value::Bool(true)));
    }

    #[test]
    fn serial_is_a_number_where_it_fits() {
        assert_eq!(serial(&[]), Value::Int(0));
        assert_eq!(serial(&[1, 0]), Value::Int(256));
        assert_eq!(serial(&i64::MAX.to_be_bytes()), Value::Int(i64::MAX));
        assert_eq!(serial(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), Value::from("18446744073709551616"));
        assert!(matches!(serial(&[0xff; 4096]), Value::Text(_)));
    }
}
