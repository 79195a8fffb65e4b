//! Ports behind proxies: whom the PROXY header is taken from, and who counts against the limits.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use transom_base::{Counters, DrainWatch, Limit};
use transom_config::{TcpListenConfig, UnixAddress, UnixListenConfig};
use transom_endpoint::{
    Accepting, ProxyProtocol, ProxyProtocolSettings, TcpListener, UnixListener, accept_loop,
};
use transom_testkit::{Collect, Echo};

const FIRST: &str = "PROXY TCP4 192.0.2.1 198.51.100.2 4660 443\r\n";
const SECOND: &str = "PROXY TCP4 192.0.2.2 198.51.100.2 4660 443\r\n";
const NOBODY: &str = "PROXY UNKNOWN\r\n";

fn from(sources: &[&str]) -> Option<ProxyProtocol> {
    let sources = sources.iter().map(|text| text.parse().unwrap());
    Some(ProxyProtocol::new(ProxyProtocolSettings::new(sources)).unwrap())
}

/// A port that echoes, its counters, and the limit whose places are watched.
async fn port(change: impl FnOnce(&mut Accepting)) -> (SocketAddr, Arc<Counters>, Arc<Limit>) {
    let config = TcpListenConfig { interface: Some("127.0.0.1".into()), ..TcpListenConfig::new(0) };
    let listener = TcpListener::bind(&config).await.unwrap();
    let addr = listener.local_addr();
    let mut accepting = Accepting::new("proxied", Arc::new(Echo), 100, DrainWatch::never());
    change(&mut accepting);
    let known = (addr, accepting.counters.clone(), accepting.limit.clone());
    tokio::spawn(accept_loop(Box::new(listener), accepting));
    known
}

/// Connects from one of this machine's addresses, says `first`, and looks whether it is answered.
async fn said(from: &str, to: SocketAddr, first: &str) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0))?;
    let mut stream = socket.connect(to).await?;
    stream.write_all(first.as_bytes()).await?;
    stream.write_u8(7).await?;
    assert_eq!(stream.read_u8().await?, 7);
    Ok(stream)
}

#[tokio::test]
async fn proxied_clients_count_by_their_own_address_and_the_proxy_does_not() {
    let (addr, counters, limit) = port(|how| {
        how.proxy_protocol = from(&["127.0.0.1"]);
        how.max_per_address = Some(1);
    })
    .await;
    let first = said("127.0.0.1", addr, FIRST).await.unwrap();
    said("127.0.0.1", addr, FIRST).await.unwrap_err();
    let _second = said("127.0.0.1", addr, SECOND).await.unwrap();
    // Health checks of the proxy itself.
    let checks =
        [said("127.0.0.1", addr, NOBODY).await.unwrap(), said("127.0.0.1", addr, NOBODY).await.unwrap()];
    assert_eq!(counters.refused.load(Ordering::Relaxed), 1);
    // Others count by the address of the socket.
    let _direct = said("127.0.0.2", addr, "").await.unwrap();
    said("127.0.0.2", addr, "").await.unwrap_err();
    let _other = said("127.0.0.3", addr, "").await.unwrap();
    assert_eq!(counters.refused.load(Ordering::Relaxed), 2);

    drop((first, checks));
    while limit.open() > 3 {
        tokio::task::yield_now().await;
    }
    said("127.0.0.1", addr, FIRST).await.unwrap();
}

#[tokio::test]
async fn header_is_required_from_the_listed_and_refused_from_others() {
    let (addr, counters, limit) = port(|how| how.proxy_protocol = from(&["127.0.0.1"])).await;
    said("127.0.0.1", addr, FIRST).await.unwrap();
    said("127.0.0.1", addr, "GET / HTTP/1.1\r\n").await.unwrap_err();
    said("127.0.0.1", addr, "PROXY TCP4 forged\r\n").await.unwrap_err();
    said("127.0.0.2", addr, FIRST).await.unwrap_err();
    let mut stream = said("127.0.0.2", addr, "").await.unwrap();
    // Only the first octets are looked at.
    stream.write_all(FIRST.as_bytes()).await.unwrap();
    let mut back = vec![0; FIRST.len()];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(back, FIRST.as_bytes());
    drop(stream);
    while limit.open() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(counters.accepted.load(Ordering::Relaxed), 5);
    assert_eq!(counters.open.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn header_when_cut_or_oversized_ends_the_connection_and_frees_its_place() {
    let (addr, counters, limit) = port(|how| {
        how.proxy_protocol = from(&["127.0.0.1"]);
        how.limit = Limit::new(1);
    })
    .await;
    let long_line = format!("PROXY UNKNOWN {}", "x".repeat(1000));
    let signature = b"\r\n\r\n\0\r\nQUIT\n";
    let long_block = [&signature[..], &[0x21, 0x11, 0xff, 0xff], &[0; 1000]].concat();
    let cut = [&FIRST.as_bytes()[..20], &signature[..], &[]];
    for (bytes, ends) in
        [long_line.as_bytes(), &long_block].map(|b| (b, false)).into_iter().chain(cut.map(|b| (b, true)))
    {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        // It may be closed before all is written.
        let _ = stream.write_all(bytes).await;
        if ends {
            stream.shutdown().await.unwrap();
        }
        let mut heard = Vec::new();
        let ended = stream.read_to_end(&mut heard).await;
        assert!(heard.is_empty() && (ended.is_ok() || !ends), "{heard:?} {ended:?}");
        while limit.open() > 0 {
            tokio::task::yield_now().await;
        }
    }
    said("127.0.0.1", addr, FIRST).await.unwrap();
    assert_eq!(counters.refused.load(Ordering::Relaxed), 0);
    assert_eq!(counters.accepted.load(Ordering::Relaxed), 6);
}

#[tokio::test]
async fn unix_proxies_name_clients_with_ip_addresses_that_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&UnixListenConfig::new(UnixAddress::Path(path.clone()))).unwrap();
    let collect = Collect::new("collect");
    let mut accepting = Accepting::new("unix", Arc::new(collect.clone()), 10, DrainWatch::never());
    accepting.proxy_protocol = from(&["unix"]);
    accepting.max_per_address = Some(1);
    let limit = accepting.limit.clone();
    tokio::spawn(accept_loop(Box::new(listener), accepting));
    for _ in 0..2 {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(FIRST.as_bytes()).await.unwrap();
        stream.write_all(b"said").await.unwrap();
        // One after the other, or the second would be one too many.
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
        while limit.open() > 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(collect.bytes(), [b"said", b"said"]);
    for info in collect.infos() {
        assert_eq!(info.client().to_string(), "tcp4:192.0.2.1:4660");
        assert_eq!(info.unix.unwrap().pid, Some(std::process::id() as i32));
    }
}
