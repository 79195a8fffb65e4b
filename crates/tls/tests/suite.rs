//! The suite of all endpoints over TCP with TLS: on IPv4 and IPv6, with each version of TLS and with client certificates, as
//! it is and behind proxies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;

use common::{Folder, client, server};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use transom_base::{BoxFuture, Connection, Deadline};
use transom_config::{TcpConnectConfig, TcpListenConfig};
use transom_endpoint::proxy::ProxyVersion;
use transom_endpoint::{BoundAddr, EndpointError, Listener, TcpConnector, TcpListener, Upgrade};
use transom_testkit::{EndpointCase, KeyKind, TestCert};
use transom_tls::{TlsConnectSettings, TlsListenSettings};

fn tcp(name: &str, host: &'static str) -> EndpointCase {
    let port = |bound: &BoundAddr| match bound {
        BoundAddr::Tcp(addr) => addr.port(),
        other => panic!("{other} has no port"),
    };
    let listen = move |at: Option<BoundAddr>| {
        let port = at.as_ref().map_or(0, port);
        let config = TcpListenConfig { interface: Some(host.into()), ..TcpListenConfig::new(port) };
        let config = TcpListenConfig { ports: port..=port, ..config };
        async move { Box::new(TcpListener::bind(&config).await.unwrap()) as Box<dyn Listener> }
    };
    EndpointCase::new(name, listen, move |bound| {
        Arc::new(TcpConnector::new(TcpConnectConfig::new(host.to_owned(), port(bound))))
    })
}

fn over_tls(
    name: &str,
    host: &'static str,
    listening: TlsListenSettings,
    connecting: TlsConnectSettings,
) -> EndpointCase {
    tcp(name, host).with_step(server(listening), client(connecting))
}

/// A client that speaks one version only, which ours cannot be told to.
struct Only(tokio_rustls::TlsConnector);

impl Only {
    fn version(version: &'static rustls::SupportedProtocolVersion, folder: &Folder) -> Only {
        let authority = CertificateDer::from_pem_file(&folder.ca_file).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority).unwrap();
        let config = rustls::ClientConfig::builder_with_protocol_versions(&[version]);
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Only(Arc::new(config).into())
    }
}

impl Upgrade for Only {
    fn apply(
        &self,
        conn: Connection,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Connection, EndpointError>> {
        let Connection { io, info } = conn;
        let handshake = self.0.connect(ServerName::try_from("a.example").unwrap(), io);
        Box::pin(async move {
            let failed = |error: std::io::Error| panic!("no handshake: {error}");
            let io = deadline.run(handshake).await.expect("no handshake in time").unwrap_or_else(failed);
            Ok(Connection { io: Box::new(io), info })
        })
    }
}

async fn passes_with(version: &'static rustls::SupportedProtocolVersion) {
    let folder = Folder::new();
    let files = folder.write("server", &folder.ca.issue(TestCert::server(&["a.example"]).key(KeyKind::Rsa)));
    let case = || tcp(&format!("{:?}", version.version), "127.0.0.1");
    for case in [case(), case().behind_proxy(ProxyVersion::V1), case().behind_proxy(ProxyVersion::V2)] {
        let settings = TlsListenSettings::new(&files.key, &files.certificate);
        case.with_step(server(settings), Only::version(version, &folder)).run().await;
    }
}

#[tokio::test]
async fn tcp4_with_tls_1_2_passes_the_suite_as_it_is_and_behind_proxies() {
    passes_with(&rustls::version::TLS12).await;
}

#[tokio::test]
async fn tcp4_with_tls_1_3_passes_the_suite_as_it_is_and_behind_proxies() {
    passes_with(&rustls::version::TLS13).await;
}

#[tokio::test]
async fn tcp6_with_tls_passes_the_suite() {
    let folder = Folder::new();
    let settings = folder.listening(&["::1"]);
    over_tls("TLS on IPv6", "::1", settings, folder.connecting("::1")).run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tcp4_with_mutual_tls_passes_the_suite_on_several_threads_as_it_is_and_behind_proxies() {
    let folder = Folder::new();
    let mut listening = folder.listening(&["a.example"]);
    listening.ca_certificates = vec![folder.ca_file.clone()];
    let files = folder.write("client", &folder.ca.client("alice"));
    let mut connecting = folder.connecting("a.example");
    (connecting.key, connecting.certificate) = (Some(files.key), Some(files.certificate));
    let case = || tcp("mutual TLS", "127.0.0.1");
    for case in [case(), case().behind_proxy(ProxyVersion::V1), case().behind_proxy(ProxyVersion::V2)] {
        case.with_step(server(listening.clone()), client(connecting.clone())).run().await;
    }
}
