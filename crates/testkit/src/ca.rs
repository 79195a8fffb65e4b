//! A certificate authority.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, RsaKeySize,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Issues certificates; its own is a root, or issued by another.
pub struct TestCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// The certificates between what it issues and the root.
    chain: Vec<String>,
}

/// What kind of key a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// RSA of 2048 bits.
    Rsa,
}

/// A certificate to be issued.
#[derive(Debug, Clone)]
pub struct TestCert {
    params: CertificateParams,
    kind: KeyKind,
}

/// A certificate that was issued, and its key, all PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The certificates between it and the root, in the order they are sent.
    pub chain: String,
    /// Its private key, PKCS#8.
    pub key: String,
}

/// Where the files of an [`Issued`] certificate are.
#[derive(Debug, Clone)]
pub struct IssuedFiles {
    /// The private key.
    pub key: PathBuf,
    /// The certificate, with its chain after it.
    pub certificate: PathBuf,
}

impl TestCa {
    /// A root.
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(ca(name), key).unwrap();
        TestCa { issuer, chain: Vec::new() }
    }

    /// An authority below this one.
    pub fn intermediate(&self, name: &str) -> TestCa {
        let issuer =
            CertifiedIssuer::signed_by(ca(name), KeyPair::generate().unwrap(), &self.issuer).unwrap();
        let chain = std::iter::once(issuer.pem()).chain(self.chain.iter().cloned()).collect();
        TestCa { issuer, chain }
    }

    /// Its certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Writes its certificate to a file of this folder.
    pub fn write(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, self.pem()).unwrap();
        path
    }

    /// A certificate with a new key.
    pub fn issue(&self, wanted: TestCert) -> Issued {
        let key = wanted.kind.generate();
        let certificate = wanted.params.signed_by(&key, &self.issuer).unwrap().pem();
        Issued { certificate, chain: self.chain.concat(), key: key.serialize_pem() }
    }

    /// A server's certificate for these names and addresses.
    pub fn server(&self, names: &[&str]) -> Issued {
        self.issue(TestCert::server(names))
    }

    /// A client's certificate with this common name.
    pub fn client(&self, name: &str) -> Issued {
        self.issue(TestCert::client(name))
    }
}

impl TestCert {
    /// For a server with these names and addresses; valid from yesterday for 90 days.
    pub fn server(names: &[&str]) -> Self {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names.first().copied().unwrap_or("nameless"));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        TestCert { params, kind: KeyKind::P256 }.valid(-1, 90)
    }

    /// For a client with this common name.
    pub fn client(name: &str) -> Self {
        let mut wanted = TestCert::server(&[name]);
        wanted.params.subject_alt_names.clear();
        wanted.params.distinguished_name.push(DnType::OrganizationName, "Example");
        wanted.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        wanted
    }

    /// With a key of this kind.
    #[must_use]
    pub fn key(mut self, kind: KeyKind) -> Self {
        self.kind = kind;
        self
    }

    /// Valid from this many days from now until that many.
    #[must_use]
    pub fn valid(mut self, from: i64, until: i64) -> Self {
        self.params.not_before = days(from).into();
        self.params.not_after = days(until).into();
        self
    }

    /// Telling where its issuer's certificate can be fetched, as public authorities do.
    #[must_use]
    pub fn telling_its_issuer(mut self) -> Self {
        // AuthorityInfoAccess with one caIssuers, http://127.0.0.1/ca
        let uri = b"http://127.0.0.1/ca";
        let mut access = vec![0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, uri.len() as u8];
        access.extend(uri);
        let mut content = vec![0x30, access.len() as u8 + 2, 0x30, access.len() as u8];
        content.extend(access);
        let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content);
        self.params.custom_extensions.push(extension);
        self
    }
}

impl Issued {
    /// The certificate with its chain after it.
    pub fn full_chain(&self) -> String {
        format!("{}{}", self.certificate, self.chain)
    }

    /// Writes the key to `NAME.key` and the certificate with its chain to `NAME.pem` in this folder.
    pub fn write(&self, folder: &Path, name: &str) -> IssuedFiles {
        let files = IssuedFiles {
            key: folder.join(format!("{name}.key")),
            certificate: folder.join(format!("{name}.pem")),
        };
        std::fs::write(&files.key, &self.key).unwrap();
        std::fs::write(&files.certificate, self.full_chain()).unwrap();
        files
    }
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [KeyKind; 5] =
        [KeyKind::P256, KeyKind::P384, KeyKind::P521, KeyKind::Ed25519, KeyKind::Rsa];

    fn generate(self) -> KeyPair {
        match self {
            KeyKind::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            KeyKind::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            KeyKind::P521 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512),
            KeyKind::Ed25519 => KeyPair::generate_for(&rcgen::PKCS_ED25519),
            KeyKind::Rsa => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
        }
        .unwrap()
    }
}

fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn days(from_now: i64) -> SystemTime {
    let distance = DAY * u32::try_from(from_now.unsigned_abs()).unwrap();
    if from_now < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
}
