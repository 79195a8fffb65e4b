//! The suite of all endpoints over every kind of this crate, each as it is and behind proxies of both versions.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use transom_config::{
    IpVersion, TcpConnectConfig, TcpListenConfig, UnixAddress, UnixConnectConfig, UnixListenConfig,
};
use transom_endpoint::proxy::ProxyVersion;
use transom_endpoint::{
    BoundAddr, Connector, Listener, TcpConnector, TcpListener, UnixConnector, UnixListener,
};
use transom_testkit::EndpointCase;

/// Without a proxy and behind each version.
async fn everywhere(case: impl Fn() -> EndpointCase) {
    case().run().await;
    case().behind_proxy(ProxyVersion::V1).run().await;
    case().behind_proxy(ProxyVersion::V2).run().await;
}

fn port(bound: &BoundAddr) -> u16 {
    match bound {
        BoundAddr::Tcp(addr) => addr.port(),
        other => panic!("{other} has no port"),
    }
}

fn to(host: &str) -> impl Fn(&BoundAddr) -> Arc<dyn Connector> + Send + Sync + 'static {
    let host = host.to_owned();
    move |bound| Arc::new(TcpConnector::new(TcpConnectConfig::new(host.clone(), port(bound))))
}

fn tcp(name: &str, config: TcpListenConfig, host: &str) -> EndpointCase {
    let listen = move |at: Option<BoundAddr>| {
        let port = at.as_ref().map_or(0, port);
        let config = TcpListenConfig { ports: port..=port, ..config.clone() };
        async move { Box::new(TcpListener::bind(&config).await.unwrap()) as Box<dyn Listener> }
    };
    EndpointCase::new(name, listen, to(host))
}

fn on(interface: &str) -> TcpListenConfig {
    TcpListenConfig { interface: Some(interface.into()), ..TcpListenConfig::new(0) }
}

#[tokio::test]
async fn tcp4_passes_the_suite() {
    everywhere(|| tcp("tcp4", on("127.0.0.1"), "127.0.0.1")).await;
}

#[tokio::test]
async fn tcp6_passes_the_suite() {
    everywhere(|| tcp("tcp6", TcpListenConfig { v6only: true, ..on("::1") }, "::1")).await;
}

#[tokio::test]
async fn dual_stack_passes_the_suite_from_both_sides() {
    for host in ["127.0.0.1", "::1"] {
        let config = TcpListenConfig { version: Some(IpVersion::V6), ..TcpListenConfig::new(0) };
        everywhere(|| tcp(&format!("dual stack from {host}"), config.clone(), host)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tcp4_passes_the_suite_on_several_threads() {
    everywhere(|| tcp("tcp4 on two threads", on("127.0.0.1"), "127.0.0.1")).await;
}

fn to_unix(bound: &BoundAddr) -> Arc<dyn Connector> {
    match bound {
        BoundAddr::Unix(address) => Arc::new(UnixConnector::new(UnixConnectConfig::new(address.clone()))),
        other => panic!("{other} is no Unix socket"),
    }
}

/// A name that no other listener of this process has.
fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn unix(name: &str, new: impl Fn() -> UnixAddress + Send + Sync + 'static) -> EndpointCase {
    let listen = move |at: Option<BoundAddr>| {
        let address = match at {
            Some(BoundAddr::Unix(address)) => address,
            _ => new(),
        };
        let listener = UnixListener::bind(&UnixListenConfig::new(address)).unwrap();
        std::future::ready(Box::new(listener) as Box<dyn Listener>)
    };
    EndpointCase::new(name, listen, to_unix)
}

fn in_folder(folder: &Path) -> impl Fn() -> PathBuf + Send + Sync + 'static {
    let folder = folder.to_owned();
    move || folder.join(number().to_string())
}

#[tokio::test]
async fn unix_passes_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    everywhere(|| {
        let path = in_folder(folder.path());
        unix("unix", move || UnixAddress::Path(path()))
    })
    .await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn abstract_unix_passes_the_suite() {
    let name = || UnixAddress::Abstract(format!("transom-suite-{}-{}", std::process::id(), number()));
    everywhere(|| unix("abstract unix", name)).await;
}

#[tokio::test]
async fn inherited_tcp_passes_the_suite() {
    everywhere(|| {
        let listen = |at: Option<BoundAddr>| {
            let port = at.as_ref().map_or(0, port);
            let socket = OwnedFd::from(std::net::TcpListener::bind(("127.0.0.1", port)).unwrap());
            std::future::ready(transom_endpoint::listen_on(socket, None).unwrap())
        };
        EndpointCase::new("inherited tcp", listen, to("127.0.0.1"))
    })
    .await;
}

#[tokio::test]
async fn inherited_unix_passes_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    everywhere(|| {
        let new = in_folder(folder.path());
        let listen = move |at: Option<BoundAddr>| {
            let path = match at {
                Some(BoundAddr::Unix(UnixAddress::Path(path))) => path,
                _ => new(),
            };
            // Whoever hands a socket over looks after its file.
            let _ = std::fs::remove_file(&path);
            let socket = OwnedFd::from(StdUnixListener::bind(path).unwrap());
            std::future::ready(transom_endpoint::listen_on(socket, None).unwrap())
        };
        EndpointCase::new("inherited unix", listen, to_unix)
    })
    .await;
}
