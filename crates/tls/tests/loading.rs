//! Keys and certificates that are wrong, and what is said of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use common::{Folder, run};
use transom_testkit::{Issued, TestCert};
use transom_tls::{
    Finding, KeyPairSettings, Severity, TlsListenSettings, TlsServer, check_listening, read_certificate,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn check(settings: &TlsListenSettings) -> Vec<Finding> {
    check_listening(settings, SystemTime::now())
}

/// The only finding; `FOLDER` stands for the folder in the expectation.
#[track_caller]
fn only(folder: &Folder, findings: &[Finding], severity: Severity, key: &str, expected: &str) {
    let [finding] = findings else { panic!("not one finding: {findings:#?}") };
    let expected = expected.replace("FOLDER", folder.path().to_str().unwrap());
    assert_eq!((finding.severity, finding.key.as_str()), (severity, key), "{finding}");
    assert!(finding.message.contains(&expected), "{}\n{expected}", finding.message);
}

fn put(folder: &Folder, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, contents).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn files_when_right_are_nothing_to_speak_of() {
    let folder = Folder::new();
    assert_eq!(check(&folder.listening(&["a.example"])), []);
}

#[tokio::test]
async fn key_when_it_cannot_be_used_is_refused_with_path_and_remedy() {
    let folder = Folder::new();
    let good = folder.listening(&["a.example"]);
    let key = std::fs::read_to_string(&good.key).unwrap();
    let path = good.key.to_str().unwrap();
    let encrypted = folder.path().join("encrypted.key");
    let encrypted = encrypted.to_str().unwrap();
    run("openssl", &["pkey", "-in", path, "-aes256", "-passout", "pass:secret", "-out", encrypted]).await;
    let legacy = folder.path().join("legacy.key");
    let args = [
        "pkey",
        "-in",
        path,
        "-traditional",
        "-aes256",
        "-passout",
        "pass:secret",
        "-out",
        legacy.to_str().unwrap(),
    ];
    run("openssl", &args).await;
    let small = folder.path().join("small.key");
    run("openssl", &["genrsa", "-out", small.to_str().unwrap(), "1024"]).await;
    let dsa = folder.path().join("k1.key");
    let args = ["ecparam", "-genkey", "-noout", "-name", "secp256k1", "-out", dsa.to_str().unwrap()];
    run("openssl", &args).await;
    let der = folder.path().join("key.der");
    run("openssl", &["pkey", "-in", path, "-outform", "DER", "-out", der.to_str().unwrap()]).await;
    let certificate = std::fs::read(&good.certificate).unwrap();
    let other = folder.ca.server(&["b.example"]);
    for (key, expected) in [
        (folder.path().join("none.key"), "cannot read 'FOLDER/none.key': No such file or directory"),
        (folder.path().to_owned(), "cannot read 'FOLDER': it is no file"),
        (
            put(&folder, "empty.key", ""),
            "'FOLDER/empty.key' holds no private key; it has no PEM section at all",
        ),
        (put(&folder, "cert.key", certificate), "'FOLDER/cert.key' holds no private key but 'CERTIFICATE'"),
        (put(&folder, "cut.key", &key[..key.len() / 2]), "'FOLDER/cut.key' is damaged PEM: "),
        (
            put(&folder, "odd.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
            "'FOLDER/odd.key' cannot be used: it must be RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519",
        ),
        (put(&folder, "huge.key", vec![b'x'; 2 << 20]), "'FOLDER/huge.key' is larger than 1048576 bytes"),
        (
            encrypted.into(),
            "'FOLDER/encrypted.key' is encrypted; write it out without its passphrase, for example with `openssl pkey -in ",
        ),
        (legacy, "'FOLDER/legacy.key' is encrypted"),
        (small, "'FOLDER/small.key' cannot be used: it must be RSA of 2048"),
        (dsa, "'FOLDER/k1.key' cannot be used: it must be RSA of 2048"),
        (der, "'FOLDER/key.der' is not PEM but DER; convert it, for example with `openssl pkey -inform der`"),
        (
            put(&folder, "other.key", other.key),
            "'FOLDER/other.key' does not belong to the certificate of 'CN=a.example' in 'FOLDER/server.pem'",
        ),
    ] {
        if key.is_file() {
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        let mut settings = good.clone();
        settings.key = key;
        only(&folder, &check(&settings), Severity::Error, "key", expected);
        let refused = TlsServer::new(settings).unwrap_err();
        assert!(refused.to_string().starts_with("key: "), "{refused}");
    }
}

#[tokio::test]
async fn certificate_when_it_cannot_be_used_is_refused_with_path_and_remedy() {
    let folder = Folder::new();
    let good = folder.listening(&["a.example"]);
    let key = std::fs::read(&good.key).unwrap();
    let pem = good.certificate.to_str().unwrap();
    let der = folder.path().join("cert.der");
    run("openssl", &["x509", "-in", pem, "-outform", "DER", "-out", der.to_str().unwrap()]).await;
    let request = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
    for (certificate, expected) in [
        (folder.path().join("none.pem"), "cannot read 'FOLDER/none.pem'"),
        (put(&folder, "key.pem", key), "'FOLDER/key.pem' holds no certificate but 'PRIVATE KEY'"),
        (put(&folder, "csr.pem", request), "'FOLDER/csr.pem' holds no certificate but 'CERTIFICATE REQUEST'"),
        (
            put(&folder, "odd.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "a certificate in 'FOLDER/odd.pem' cannot be read as X.509: ",
        ),
        (
            der,
            "'FOLDER/cert.der' is not PEM but DER; convert it, for example with `openssl x509 -inform der`",
        ),
    ] {
        let mut settings = good.clone();
        settings.certificate = certificate;
        only(&folder, &check(&settings), Severity::Error, "certificate", expected);
    }
}

#[test]
fn chain_when_in_the_wrong_order_is_told_where_the_right_certificate_is() {
    let folder = Folder::new();
    let below = folder.ca.intermediate("Intermediate");
    let Issued { certificate, chain, key } = below.server(&["a.example"]);
    let key = put(&folder, "a.key", key);
    let settings = |text: &str| TlsListenSettings::new(&key, put(&folder, "a.pem", text));
    only(
        &folder,
        &check(&settings(&format!("{chain}{certificate}"))),
        Severity::Error,
        "key",
        "does not belong to the certificate of 'CN=Intermediate' in 'FOLDER/a.pem', the first in the file, but to number 2; the \
         server's own certificate must come first",
    );
    let root = folder.ca.pem();
    only(
        &folder,
        &check(&settings(&format!("{certificate}{root}{chain}"))),
        Severity::Warning,
        "certificate",
        "the chain of 'FOLDER/a.pem' is broken: the certificate of 'CN=a.example' is issued by 'CN=Intermediate', but that of \
         'CN=Test Authority' follows",
    );
    assert_eq!(check(&settings(&format!("{certificate}{chain}{root}"))), []);
}

#[test]
fn certificate_when_it_will_not_serve_is_warned_of() {
    let folder = Folder::new();
    let check_one = |wanted: TestCert| {
        let files = folder.write("one", &folder.ca.issue(wanted));
        check(&TlsListenSettings::new(files.key, files.certificate))
    };
    let server = || TestCert::server(&["a.example"]);
    for (wanted, expected) in [
        (server().valid(-9, -2), "the certificate of 'CN=a.example' in 'FOLDER/one.pem' expired at 20"),
        (server().valid(2, 90), "is not valid before 20"),
        (server().valid(-2, 25), "expires at 20"),
        (
            server().telling_its_issuer(),
            "'FOLDER/one.pem' has no certificate of the issuer 'CN=Test Authority'",
        ),
        (TestCert::server(&[]), "is for no host name (it has no subjectAltName)"),
    ] {
        only(&folder, &check_one(wanted), Severity::Warning, "certificate", expected);
    }
    let findings = check_one(TestCert::client("alice"));
    assert!(findings[1].message.contains("is not for servers (extendedKeyUsage)"), "{findings:?}");
}

#[test]
fn certificate_when_it_ends_soon_says_in_how_many_days() {
    let folder = Folder::new();
    let mut settings = folder.listening(&["a.example"]);
    settings.watch = false;
    let now = SystemTime::now();
    // It is valid for 90 days.
    for (in_days, expected) in [
        (59, None),
        (61, Some(", in 28 days; renew it")),
        (84, Some(", in 5 days; renew it")),
        (88, Some(", in 47 hours; renew it")),
        (89, Some(", in 23 hours; renew it")),
        (91, Some("expired at ")),
    ] {
        let findings = check_listening(&settings, now + in_days * DAY + Duration::from_secs(60));
        let found = findings.first().map(|finding| finding.message.clone());
        match expected {
            Some(text) => {
                assert!(found.as_ref().is_some_and(|found| found.contains(text)), "{in_days}: {found:?}")
            }
            None => assert_eq!(found, None, "{in_days}"),
        }
    }
}

#[test]
fn key_when_everybody_may_read_it_is_warned_of() {
    let folder = Folder::new();
    let settings = folder.listening(&["a.example"]);
    std::fs::set_permissions(&settings.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    only(
        &folder,
        &check(&settings),
        Severity::Warning,
        "key",
        "everybody on this machine may read the private key 'FOLDER/server.key'; remedy: `chmod o-r FOLDER/server.key`",
    );
    std::fs::set_permissions(&settings.key, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(check(&settings), []);
}

#[test]
fn findings_when_there_are_several_come_together_and_name_their_keys() {
    let folder = Folder::new();
    let mut settings = folder.listening(&["a.example"]);
    let none = |name: &str| folder.path().join(name);
    settings.certificates = vec![KeyPairSettings {
        key: none("1.key"),
        certificate: settings.certificate.clone(),
        chain_certificates: vec![none("1.pem")],
    }];
    settings.ca_certificates = vec![folder.ca_file.clone(), none("2.pem"), settings.key.clone()];
    settings.ciphers = Some("RC4-MD5".into());
    let findings = check(&settings);
    let keys: Vec<_> = findings.iter().map(|finding| (finding.severity, finding.key.as_str())).collect();
    assert_eq!(
        keys,
        [
            (Severity::Warning, "ciphers"),
            (Severity::Warning, "ciphers"),
            (Severity::Error, "certificates[0].chain_certificates[0]"),
            (Severity::Error, "certificates[0].key"),
            (Severity::Note, "ca_certificates"),
            (Severity::Error, "ca_certificates[1]"),
            (Severity::Error, "ca_certificates[2]"),
        ]
    );
    let refused = TlsServer::new(settings).unwrap_err();
    assert_eq!(refused.0.len(), 4);
}

#[tokio::test]
async fn certificate_of_version_1_is_served() {
    // What `openssl x509 -req` makes when it is given no extensions.
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, request, certificate) = (path("v1.key"), path("v1.csr"), path("v1.pem"));
    let new = [
        "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &request, "-subj", "/CN=old",
    ];
    run("openssl", &new).await;
    run("openssl", &["x509", "-req", "-in", &request, "-signkey", &key, "-days", "90", "-out", &certificate])
        .await;
    let findings = check(&TlsListenSettings::new(key, certificate.clone()));
    only(&folder, &findings, Severity::Warning, "certificate", "is for no host name");
    let der = run("openssl", &["x509", "-in", &certificate, "-noout", "-text"]).await;
    assert!(der.contains("Version: 1"), "{der}");
}

#[tokio::test]
async fn facts_of_a_certificate_are_those_that_openssl_reads() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, certificate, der) = (path("facts.key"), path("facts.pem"), path("facts.der"));
    run(
        "openssl",
        &[
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-sha384", "-nodes", "-keyout", &key,
            "-out", &certificate, "-days", "30", "-set_serial", "0x81020304", "-utf8",
            "-subj", "/C=DE/ST=Berlin/L=Köpenick/O=Example AG/OU=Räume/CN=alice/emailAddress=alice@example.com",
            "-addext", "subjectAltName=DNS:a.example,IP:192.0.2.1,IP:2001:db8::1,email:a@b.example,URI:http://a.example/",
            "-addext", "keyUsage=critical,digitalSignature,keyAgreement",
            "-addext", "extendedKeyUsage=clientAuth,serverAuth,1.2.3.4",
        ],
    )
    .await;
    run("openssl", &["x509", "-in", &certificate, "-outform", "DER", "-out", &der]).await;
    let facts = read_certificate(&std::fs::read(&der).unwrap());
    let subject: Vec<String> = facts.subject.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let expected = [
        "c=DE",
        "st=Berlin",
        "l=Köpenick",
        "o=Example AG",
        "ou=Räume",
        "cn=alice",
        "emailaddress=alice@example.com",
    ];
    assert_eq!(subject, expected);
    assert_eq!(facts.issuer, facts.subject);
    assert_eq!((facts.version, facts.signature_algorithm.as_str()), (2, "ecdsa-with-SHA384"));
    assert_eq!(facts.serial, [0x81, 2, 3, 4]);
    assert_eq!(facts.not_after - facts.not_before, 30 * 24 * 60 * 60);
    let text = run("openssl", &["x509", "-in", &certificate, "-noout", "-text"]).await;
    for extension in &facts.extensions {
        assert!(text.contains(&extension.value), "{extension:?} in {text}");
    }
    let named = |name: &str| facts.extensions.iter().find(|extension| extension.name == name).unwrap();
    assert!(named("basicConstraints").critical && named("keyUsage").critical);
    assert_eq!(
        named("extendedKeyUsage").value,
        "TLS Web Client Authentication, TLS Web Server Authentication, 1.2.3.4"
    );
    assert_eq!(
        named("subjectAltName").value,
        "DNS:a.example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, email:a@b.example, URI:http://a.example/"
    );
    assert!(!named("authorityKeyIdentifier").value.is_empty());
}

#[test]
fn facts_of_what_is_no_certificate_are_its_fingerprints() {
    let facts = read_certificate(b"");
    assert_eq!(facts.md5, "D4:1D:8C:D9:8F:00:B2:04:E9:80:09:98:EC:F8:42:7E");
    assert_eq!(facts.sha1, "DA:39:A3:EE:5E:6B:4B:0D:32:55:BF:EF:95:60:18:90:AF:D8:07:09");
    assert!(facts.subject.is_empty() && facts.extensions.is_empty());
}
