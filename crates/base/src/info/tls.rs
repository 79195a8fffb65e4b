//! Plain facts about a TLS connection and the peer's certificates.

use std::fmt;

/// What a TLS handshake established.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// Protocol version, as in `TLSv1.3`.
    pub version: &'static str,
    /// Cipher suite, by its IANA name.
    pub suite: &'static str,
    /// The name the client asked for.
    pub sni: Option<String>,
    /// The protocol chosen by ALPN.
    pub alpn: Option<String>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// Whether the server asked for a client certificate. Known to the client only.
    pub client_certificate_asked: bool,
    /// The peer's certificates, its own first; empty when it showed none.
    pub peer_chain: Vec<PeerCertificate>,
    /// What binds an authentication to this connection; only where TLS defines it safely.
    pub exporter: Option<ChannelBinding>,
}

impl TlsInfo {
    /// The peer's own certificate.
    pub fn peer(&self) -> Option<&PeerCertificate> {
        self.peer_chain.first()
    }
}

/// The channel binding `tls-exporter` of RFC 9266: 32 octets that only the two ends of the connection know.
#[derive(Clone, Eq)]
pub struct ChannelBinding(pub [u8; 32]);

impl PartialEq for ChannelBinding {
    /// In a time that tells nothing of where they differ.
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

impl fmt::Debug for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelBinding(..)")
    }
}

/// A certificate of the peer (RFC 5280). What could not be read of it is left empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerCertificate {
    /// The certificate itself, in DER.
    pub der: Vec<u8>,
    /// SHA-1 of it, as upper-case hexadecimal octets with colons between them. Not for anything new.
    pub sha1: String,
    /// SHA-256 of it, written the same way.
    pub sha256: String,
    /// MD5 of it, written the same way. Not for anything new.
    pub md5: String,
    /// Whose it is: pairs such as `("cn", "alice")`, in their order, names in lower case.
    pub subject: Vec<(String, String)>,
    /// Who issued it, written the same way.
    pub issuer: Vec<(String, String)>,
    /// The serial number, as an unsigned number in big-endian octets.
    pub serial: Vec<u8>,
    /// The version as it is encoded: 2 for X.509 v3.
    pub version: u8,
    /// The algorithm of the issuer's signature, as in `ecdsa-with-SHA256`.
    pub signature_algorithm: String,
    /// Valid from, in seconds since 1970.
    pub not_before: u64,
    /// Valid until, in seconds since 1970.
    pub not_after: u64,
    /// Its extensions, in their order.
    pub extensions: Vec<CertificateExtension>,
}

impl PeerCertificate {
    /// Whether `now`, in seconds since 1970, is after its validity.
    pub fn expired(&self, now: u64) -> bool {
        now > self.not_after
    }

    /// The common name of its subject.
    pub fn common_name(&self) -> Option<&str> {
        self.subject.iter().find(|(key, _)| key == "cn").map(|(_, value)| value.as_str())
    }
}

/// An extension of a certificate, as OpenSSL would write it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateExtension {
    /// The short name, as in `subjectAltName`, or the object identifier where there is none.
    pub name: String,
    /// The value for people, as in `DNS:example.com, IP Address:192.0.2.1`; hexadecimal where it has no other form.
    pub value: String,
    /// Whether whoever does not understand it must refuse the certificate.
    pub critical: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_binding_when_debugged_tells_nothing() {
        assert_eq!(format!("{:?}", ChannelBinding([7; 32])), "ChannelBinding(..)");
    }

    #[test]
    fn channel_binding_when_compared_is_equal_only_to_itself() {
        let mut other = [7; 32];
        assert!(ChannelBinding([7; 32]) == ChannelBinding(other));
        other[31] = 6;
        assert!(ChannelBinding([7; 32]) != ChannelBinding(other));
    }
}
