//! Clients that show certificates, and those that do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Folder, connect, server, shake, why};
use transom_testkit::{Issued, TestCa, TestCert};
use transom_tls::{ClientAuth, TlsClient, TlsListenSettings, TlsServer};

fn asking(folder: &Folder, auth: Option<ClientAuth>) -> TlsServer {
    server(asking_settings(folder, auth))
}

fn asking_settings(folder: &Folder, auth: Option<ClientAuth>) -> TlsListenSettings {
    let mut settings = folder.listening(&["a.example"]);
    settings.ca_certificates = vec![folder.ca_file.clone()];
    settings.client_auth = auth;
    settings
}

/// A client that shows this certificate. Whether it is any good is for the server to say.
fn showing(folder: &Folder, issued: &Issued) -> TlsClient {
    let files = folder.write("client", issued);
    let mut settings = folder.connecting("a.example");
    (settings.key, settings.certificate) = (Some(files.key), Some(files.certificate));
    TlsClient::new(&settings).unwrap().0
}

#[tokio::test]
async fn certificate_when_shown_is_known_to_the_server() {
    let folder = Folder::new();
    let issued = folder.ca.intermediate("Clients").client("alice");
    for auth in [None, Some(ClientAuth::Required), Some(ClientAuth::Optional)] {
        let (here, _) = connect(&asking(&folder, auth), &showing(&folder, &issued)).await;
        assert_eq!(here.peer_chain.len(), 2);
        let peer = here.peer().unwrap();
        let subject: Vec<_> =
            peer.subject.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(subject, [("cn", "alice"), ("o", "Example")]);
        assert_eq!(peer.issuer, [("cn".to_owned(), "Clients".to_owned())]);
    }
    let (here, _) = connect(&asking(&folder, Some(ClientAuth::None)), &showing(&folder, &issued)).await;
    assert_eq!(here.peer(), None);
}

#[tokio::test]
async fn certificate_when_none_is_shown_matters_only_where_it_is_required() {
    let folder = Folder::new();
    let none = folder.client("a.example");
    let (here, _) = connect(&asking(&folder, Some(ClientAuth::Optional)), &none).await;
    assert_eq!(here.peer(), None);
    let (here, _) = shake(&asking(&folder, None), &none).await;
    assert!(why(here).contains("the client shows no certificate, and client_auth asks for one"));
}

#[tokio::test(start_paused = true)]
async fn certificate_when_it_is_no_good_is_refused_with_the_reason_also_where_it_is_optional() {
    let folder = Folder::new();
    let stranger = TestCa::new("Stranger");
    for (issued, expected) in [
        (
            stranger.client("eve"),
            "the certificate of 'CN=eve, O=Example' is issued by 'CN=Stranger', which is not among the authorities in '",
        ),
        (
            folder.ca.issue(TestCert::client("bob").valid(-9, -2)),
            "the certificate of 'CN=bob, O=Example' expired at 20",
        ),
        (folder.ca.issue(TestCert::client("bob").valid(2, 9)), "is not valid before 20"),
        (folder.ca.server(&["b.example"]), "is not for clients (extendedKeyUsage)"),
    ] {
        for auth in [ClientAuth::Required, ClientAuth::Optional] {
            let (here, _) = shake(&asking(&folder, Some(auth)), &showing(&folder, &issued)).await;
            let why = why(here);
            assert!(
                why.starts_with("TLS handshake: the client is not trusted: the certificate of "),
                "{why}"
            );
            assert!(why.contains(expected), "{why}");
        }
    }
}

#[tokio::test]
async fn certificate_when_it_is_itself_among_the_authorities_needs_no_issuer() {
    let folder = Folder::new();
    // Issued by an authority that nobody else here knows.
    let issued = TestCa::new("Gone").client("alice");
    let pinned = folder.path().join("pinned.pem");
    std::fs::write(&pinned, &issued.certificate).unwrap();
    let mut settings = asking_settings(&folder, None);
    settings.ca_certificates = vec![pinned];
    let server = server(settings);
    let (here, _) = connect(&server, &showing(&folder, &issued)).await;
    assert_eq!(here.peer().unwrap().common_name(), Some("alice"));
    let (here, _) = shake(&server, &showing(&folder, &folder.ca.client("alice"))).await;
    assert!(why(here).contains("issued by 'CN=Test Authority'"));
}

#[tokio::test]
async fn session_when_resumed_keeps_the_certificate_until_others_are_trusted() {
    let folder = Folder::new();
    let server = asking(&folder, None);
    let alice = showing(&folder, &folder.ca.client("alice"));
    connect(&server, &alice).await;
    let (here, _) = connect(&server, &alice).await;
    assert!(here.resumed);
    assert_eq!(here.peer().unwrap().common_name(), Some("alice"));
    // A new certificate for the server changes nothing in who is trusted.
    folder.write("server", &folder.ca.server(&["a.example"]));
    assert!(server.reload().changed);
    assert!(connect(&server, &alice).await.0.resumed);
    std::fs::write(&folder.ca_file, TestCa::new("Other").pem()).unwrap();
    assert!(server.reload().changed);
    let (here, _) = shake(&server, &alice).await;
    assert!(why(here).contains("issued by 'CN=Test Authority'"));
}

#[tokio::test]
async fn client_when_refused_is_told_so_by_an_alert() {
    let folder = Folder::new();
    let (_, there) =
        shake(&asking(&folder, None), &showing(&folder, &TestCa::new("Stranger").client("eve"))).await;
    // With TLS 1.3 the handshake is over for the client before the server has looked at its certificate.
    let mut conn = there.unwrap();
    let error = tokio::io::AsyncReadExt::read(&mut conn.io, &mut [0; 1]).await.unwrap_err();
    assert!(error.to_string().contains("UnknownCA"), "{error}");
}

#[test]
fn client_auth_when_it_says_more_or_less_than_the_authorities_is_noted() {
    let folder = Folder::new();
    let findings =
        |auth| transom_tls::check_listening(&asking_settings(&folder, auth), std::time::SystemTime::now());
    assert!(
        findings(None)[0]
            .message
            .starts_with("clients must show a certificate, since there are ca_certificates")
    );
    assert!(findings(Some(ClientAuth::None))[0].message.starts_with("without effect"));
    assert_eq!(findings(Some(ClientAuth::Optional)), []);
    let mut settings = folder.listening(&["a.example"]);
    settings.client_auth = Some(ClientAuth::Required);
    let refused = TlsServer::new(settings).unwrap_err();
    assert!(
        refused.to_string().starts_with("client_auth: client certificates cannot be verified without"),
        "{refused}"
    );
}
