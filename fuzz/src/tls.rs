//! The certificates that a peer shows.

use transom_tls::read_certificate;

/// What cannot be read is left empty; the fingerprints are always whole, and the certificate is kept as it is.
pub fn certificate(data: &[u8]) {
    let facts = read_certificate(data);
    assert_eq!(facts.der, data);
    for (fingerprint, octets) in [(&facts.md5, 16), (&facts.sha1, 20), (&facts.sha256, 32)] {
        assert_eq!(fingerprint.len(), 3 * octets - 1);
        assert!(
            fingerprint.split(':').all(|octet| octet.len() == 2 && u8::from_str_radix(octet, 16).is_ok())
        );
    }
    assert!(facts.serial.first() != Some(&0));
    assert!(facts.version <= 2);
    assert_eq!(facts, read_certificate(data));
}
