//! TLS: a part of TCP endpoints.

use std::path::PathBuf;

use crate::define::{map, words};

map! {
    /// TLS towards those who connect.
    pub struct TlsListenConfig = "tls of a listening endpoint",
        check = reader::tls::check_listening, trap = reader::tls::listening_trap;
    required {
        /// The private key, PEM, not encrypted.
        key: PathBuf => path();
        /// The certificate, PEM. Further certificates in the file are sent after it.
        certificate: PathBuf => path();
    }
    optional {
        /// Files with intermediate certificates, PEM, sent after the certificate.
        chain_certificates: Vec<PathBuf> = Vec::new() => list(path());
        /// Files with authorities that client certificates must come from, PEM.
        ca_certificates: Vec<PathBuf> = Vec::new() => list(path());
        /// Whether clients must show a certificate. Without it: `required` if there are `ca_certificates`.
        client_auth: Option<ClientAuth> = None => some(word());
        /// Further certificates, chosen by the name that the client asks for.
        certificates: Vec<CertificateConfig> = Vec::new() => list(map());
        /// TLS 1.2 suites as an OpenSSL list. TLS 1.3 suites are not governed by it.
        ciphers: Option<String> = None => some(unchecked_text());
        /// Parameters for finite-field Diffie-Hellman, PEM.
        dhparam: Option<PathBuf> = None => some(path());
        /// The least version of TLS.
        min_version: TlsVersion = TlsVersion::V1_2 => reader::tls::version();
        /// Let clients resume earlier sessions.
        session_tickets: bool = true => flag();
        /// Read the files again when they change.
        watch: bool = true => flag();
    }
}

map! {
    /// A further certificate, chosen by the name that the client asks for.
    pub struct CertificateConfig = "tls certificate";
    required {
        /// The private key, PEM, not encrypted.
        key: PathBuf => path();
        /// The certificate, PEM; the names are read from it.
        certificate: PathBuf => path();
    }
    optional {
        /// Files with intermediate certificates, PEM, sent after the certificate.
        chain_certificates: Vec<PathBuf> = Vec::new() => list(path());
    }
}

words! {
    /// Whether clients must show a certificate.
    pub enum ClientAuth;
    /// They are not asked.
    "none" => None;
    /// They are asked, and let in without one.
    "optional" => Optional;
    /// Without a valid one the handshake fails.
    "required" => Required;
}

words! {
    /// A version of TLS.
    pub enum TlsVersion;
    /// TLS 1.2
    "1.2" => V1_2;
    /// TLS 1.3
    "1.3" => V1_3;
}

map! {
    /// TLS towards whom is connected to.
    pub struct TlsConnectConfig = "tls of a connecting endpoint",
        check = reader::tls::check_connecting, trap = reader::tls::connecting_trap;
    required {
        /// The name that is asked for and that the certificate must be for; may be an IP address.
        hostname: String => text();
    }
    optional {
        /// Files with the authorities that the certificate may come from, PEM. Without them: those of the system.
        ca_certificates: Vec<PathBuf> = Vec::new() => list(path());
        /// The private key of a client certificate, PEM.
        key: Option<PathBuf> = None => some_or_null(path());
        /// The client certificate, PEM, with its chain.
        certificate: Option<PathBuf> = None => some(path());
        /// The least version of TLS.
        min_version: TlsVersion = TlsVersion::V1_2 => reader::tls::version();
    }
}
