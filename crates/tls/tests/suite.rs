//! The suite of all endpoints over TCP with TLS: on IPv4 and IPv6, with and without client certificates,
//! and behind proxies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Folder, client, server};
use transom_config::{TcpConnectConfig, TcpListenConfig};
use transom_endpoint::proxy::ProxyVersion;
use transom_endpoint::{BoundAddr, Listener, TcpConnector, TcpListener};
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
        std::sync::Arc::new(TcpConnector::new(TcpConnectConfig::new(host.to_owned(), port(bound))))
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

#[tokio::test]
async fn tcp4_with_tls_passes_the_suite() {
    let folder = Folder::new();
    let settings = folder.listening(&["127.0.0.1"]);
    over_tls("TLS", "127.0.0.1", settings, folder.connecting("127.0.0.1")).run().await;
}

#[tokio::test]
async fn tcp6_with_tls_passes_the_suite() {
    let folder = Folder::new();
    let settings = folder.listening(&["::1"]);
    over_tls("TLS on IPv6", "::1", settings, folder.connecting("::1")).run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tcp4_with_mutual_tls_passes_the_suite_on_several_threads() {
    let folder = Folder::new();
    let mut listening = folder.listening(&["a.example"]);
    listening.ca_certificates = vec![folder.ca_file.clone()];
    let files = folder.write("client", &folder.ca.client("alice"));
    let mut connecting = folder.connecting("a.example");
    (connecting.key, connecting.certificate) = (Some(files.key), Some(files.certificate));
    over_tls("mutual TLS", "127.0.0.1", listening, connecting).run().await;
}

#[tokio::test]
async fn tcp4_with_tls_passes_the_suite_behind_proxies() {
    let folder = Folder::new();
    let files = folder.write("server", &folder.ca.issue(TestCert::server(&["a.example"]).key(KeyKind::Rsa)));
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        let settings = TlsListenSettings::new(&files.key, &files.certificate);
        let case = tcp("TLS behind a proxy", "127.0.0.1").behind_proxy(version);
        case.with_step(server(settings), client(folder.connecting("a.example"))).run().await;
    }
}
