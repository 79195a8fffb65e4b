//! Endpoints against programs of others: socat and ncat as clients and servers, curl and HAProxy as proxies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use transom_base::{
    BoxFuture, ConnScope, Connection, ConnectionHandler, Counters, Deadline, Drain, ServeError, Stream,
};
use transom_config::{
    IpVersion, TcpConnectConfig, TcpListenConfig, UnixAddress, UnixConnectConfig, UnixListenConfig,
};
use transom_endpoint::{
    Accepting, BoundAddr, Connector, Listener, ProxyProtocol, ProxyProtocolSettings, TcpConnector,
    TcpListener, UnixConnector, UnixListener, accept_loop,
};
use transom_tests::{HaProxy, PATIENCE, has_tool, line};

const LONG: usize = 1 << 20;

/// Answers a request of HTTP with the address of the client, and says everything else back.
struct Tells;

impl ConnectionHandler for Tells {
    fn name(&self) -> &str {
        "tells"
    }

    fn serve(&self, mut conn: Connection, scope: ConnScope) -> BoxFuture<'static, Result<(), ServeError>> {
        Box::pin(async move {
            let _scope = scope;
            let mut octets = vec![0; 64 * 1024];
            loop {
                let len = match conn.io.read(&mut octets).await.map_err(ServeError::Io)? {
                    0 => return Ok(()),
                    len => len,
                };
                if octets.starts_with(b"GET ") {
                    let client = conn.info.client().to_string();
                    let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", client.len());
                    return conn
                        .io
                        .write_all(format!("{head}{client}").as_bytes())
                        .await
                        .map_err(ServeError::Io);
                }
                conn.io.write_all(&octets[..len]).await.map_err(ServeError::Io)?;
            }
        })
    }
}

/// A port in this process.
struct Port {
    bound: BoundAddr,
    drain: Drain,
    counters: Arc<Counters>,
}

impl Port {
    fn serve(listener: Box<dyn Listener>, from: &[&str]) -> Self {
        let bound = listener.bound().remove(0);
        let (drain, watch) = Drain::new();
        let mut accepting = Accepting::new("tells", Arc::new(Tells), 100, watch);
        if !from.is_empty() {
            let settings = ProxyProtocolSettings::new(from.iter().map(|source| source.parse().unwrap()));
            accepting.proxy_protocol = Some(ProxyProtocol::new(settings).unwrap());
        }
        let counters = accepting.counters.clone();
        tokio::spawn(accept_loop(listener, accepting));
        Port { bound, drain, counters }
    }

    async fn tcp(interface: &str, from: &[&str]) -> Self {
        let config = TcpListenConfig { interface: Some(interface.into()), ..TcpListenConfig::new(0) };
        Self::serve(Box::new(TcpListener::bind(&config).await.unwrap()), from)
    }

    fn unix(address: UnixAddress, from: &[&str]) -> Self {
        Self::serve(Box::new(UnixListener::bind(&UnixListenConfig::new(address)).unwrap()), from)
    }

    fn port(&self) -> u16 {
        match &self.bound {
            BoundAddr::Tcp(addr) => addr.port(),
            other => panic!("{other} has no port"),
        }
    }
}

fn start(program: &str, args: &[String]) -> Child {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().unwrap()
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(Into::into).collect()
}

/// Says something long to a program that relays it, and its end; hears what comes back.
async fn through(mut program: Child) {
    let sent: Vec<u8> = (0..LONG).map(|at| (at % 251) as u8).collect();
    let mut stdin = program.stdin.take().unwrap();
    let text = sent.clone();
    let saying = tokio::spawn(async move { stdin.write_all(&text).await });
    let output = timeout(PATIENCE, program.wait_with_output()).await.expect("it does not end").unwrap();
    saying.await.unwrap().unwrap();
    assert!(
        output.stdout == sent,
        "{} of {LONG}; {}",
        output.stdout.len(),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn socat_and_ncat_when_they_connect_hear_what_they_say() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("s");
    let (four, six) = (Port::tcp("127.0.0.1", &[]).await, Port::tcp("::1", &[]).await);
    let config = TcpListenConfig { version: Some(IpVersion::V6), ..TcpListenConfig::new(0) };
    let dual = Port::serve(Box::new(TcpListener::bind(&config).await.unwrap()), &[]);
    let unix = Port::unix(UnixAddress::Path(path.clone()), &[]);
    let name = format!("transom-peers-{}", std::process::id());
    let hidden = Port::unix(UnixAddress::Abstract(name.clone()), &[]);
    if has_tool("socat") {
        for there in [
            format!("TCP4:127.0.0.1:{}", four.port()),
            format!("TCP6:[::1]:{}", six.port()),
            format!("TCP4:127.0.0.1:{}", dual.port()),
            format!("TCP6:[::1]:{}", dual.port()),
            format!("UNIX-CONNECT:{}", path.display()),
            format!("ABSTRACT-CONNECT:{name}"),
        ] {
            // It waits for the answer after it has said its end.
            through(start("socat", &["-t20".into(), "-".into(), there])).await;
        }
    }
    if has_tool("ncat") {
        for args in [
            format!("127.0.0.1 {}", four.port()),
            format!("-6 ::1 {}", six.port()),
            format!("127.0.0.1 {}", dual.port()),
            format!("-U {}", path.display()),
        ] {
            through(start("ncat", &words(&args))).await;
        }
    }
    for port in [four, six, dual, unix, hidden] {
        port.drain.drain();
        port.drain.complete().await;
    }
    assert!(!path.exists());
}

async fn hears_itself(mut io: Box<dyn Stream>) {
    io.write_all(b"ping").await.unwrap();
    let mut octets = [0; 4];
    timeout(PATIENCE, io.read_exact(&mut octets)).await.unwrap().unwrap();
    assert_eq!(&octets, b"ping");
    io.shutdown().await.unwrap();
    assert_eq!(timeout(PATIENCE, io.read(&mut octets)).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn socat_when_it_listens_is_connected_to() {
    if !has_tool("socat") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("s");
    for listen in [
        "TCP4-LISTEN:0,bind=127.0.0.1".to_owned(),
        "TCP6-LISTEN:0,bind=[::1]".into(),
        format!("UNIX-LISTEN:{}", path.display()),
    ] {
        let mut socat = start("socat", &["-d".into(), "-d".into(), listen, "PIPE".into()]);
        let said = line(socat.stderr.as_mut().unwrap()).await;
        let (_, addr) = said.trim_end().split_once("listening on AF=").unwrap_or_else(|| panic!("{said}"));
        let connector: Arc<dyn Connector> = match addr.split_once(' ') {
            Some(("1", _)) => {
                let address = UnixAddress::Path(path.clone());
                Arc::new(UnixConnector::new(UnixConnectConfig::new(address)))
            }
            Some((_, addr)) => {
                // It writes IPv6 addresses out in full.
                let (host, port) = addr.rsplit_once(':').unwrap();
                let host = if host.starts_with('[') { "::1" } else { host };
                Arc::new(TcpConnector::new(TcpConnectConfig::new(host.to_owned(), port.parse().unwrap())))
            }
            None => panic!("{said}"),
        };
        hears_itself(connector.connect(Deadline::after(PATIENCE)).await.unwrap().io).await;
    }
}

/// What curl is told, after it is known by which port it came.
async fn curl(port: &Port, more: &[&str]) -> (Option<String>, String) {
    let args = ["--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{local_port}"];
    let url = format!("http://127.0.0.1:{}/", port.port());
    let output = Command::new("curl").args(args).args(more).arg(url).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (told, local_port) = text.rsplit_once('\n').unwrap();
    (output.status.success().then(|| told.to_owned()), local_port.to_owned())
}

#[tokio::test]
async fn curl_when_it_sends_a_proxy_header_must_be_listed() {
    if !has_tool("curl") {
        return;
    }
    let listed = Port::tcp("127.0.0.1", &["127.0.0.1"]).await;
    let (told, local_port) = curl(&listed, &["--haproxy-protocol"]).await;
    assert_eq!(told, Some(format!("tcp4:127.0.0.1:{local_port}")));
    let (told, _) = curl(&listed, &[]).await;
    assert_eq!(told, None);

    let others = Port::tcp("127.0.0.1", &["10.0.0.0/8", "unix"]).await;
    let (told, local_port) = curl(&others, &[]).await;
    assert_eq!(told, Some(format!("tcp4:127.0.0.1:{local_port}")));
    let (told, _) = curl(&others, &["--haproxy-protocol"]).await;
    assert_eq!(told, None);

    let nobody = Port::tcp("127.0.0.1", &[]).await;
    let (told, local_port) = curl(&nobody, &[]).await;
    assert_eq!(told, Some(format!("tcp4:127.0.0.1:{local_port}")));
}

/// Asks over a connection as whom it is known.
async fn known_as(io: impl Stream) -> String {
    let mut io = io;
    io.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, io.read_to_string(&mut answer)).await.expect("no answer").unwrap();
    answer.rsplit("\r\n").next().unwrap().to_owned()
}

#[tokio::test]
async fn haproxy_when_in_front_names_its_clients_in_every_version() {
    if !has_tool("haproxy") {
        return;
    }
    for option in [
        "send-proxy",
        "send-proxy-v2",
        "send-proxy-v2 proxy-v2-options crc32c",
        "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority",
        "send-proxy-v2-ssl",
        "send-proxy-v2-ssl-cn",
    ] {
        let folder = TempDir::new().unwrap();
        let tcp = Port::tcp("127.0.0.1", &["127.0.0.1"]).await;
        let path = folder.path().join("node");
        let _unix = Port::unix(UnixAddress::Path(path.clone()), &["unix"]);
        let servers =
            [format!("127.0.0.1:{} {option}", tcp.port()), format!("unix@{} {option}", path.display())];
        let proxy = HaProxy::start(folder.path(), &servers).await;
        // The front listens already; the connection waits until HAProxy is there.
        for _ in 0..3 {
            let stream = TcpStream::connect(proxy.front()).await.unwrap();
            let local = stream.local_addr().unwrap();
            assert_eq!(known_as(stream).await, format!("tcp4:{local}"), "{option}");
        }
        // A client on a Unix socket has no address, so that of the proxy's socket holds.
        let stream = UnixStream::connect(folder.path().join("0")).await.unwrap();
        let known = known_as(stream).await;
        assert!(known.starts_with("tcp4:127.0.0.1:"), "{option}: {known}");
        let stream = UnixStream::connect(folder.path().join("1")).await.unwrap();
        assert_eq!(known_as(stream).await, "unix", "{option}");

        // Much goes through as it is.
        let mut stream = TcpStream::connect(proxy.front()).await.unwrap();
        let sent = vec![7; LONG];
        let (mut read, mut write) = stream.split();
        let (wrote, back) = tokio::join!(
            async {
                write.write_all(&sent).await.unwrap();
                write.shutdown().await
            },
            async {
                let mut back = Vec::new();
                read.read_to_end(&mut back).await.map(|_| back)
            }
        );
        wrote.unwrap();
        assert!(back.unwrap() == sent, "{option}");
    }
}

#[tokio::test]
async fn haproxy_when_it_checks_the_port_is_no_client() {
    if !has_tool("haproxy") {
        return;
    }
    for option in ["send-proxy check-send-proxy", "send-proxy-v2 check-send-proxy"] {
        let folder = TempDir::new().unwrap();
        let port = Port::tcp("127.0.0.1", &["127.0.0.1"]).await;
        // One failed check would take the server out for good.
        let server = format!("127.0.0.1:{} {option} check inter 20ms fall 1 rise 1000", port.port());
        let proxy = HaProxy::start(folder.path(), &[server]).await;
        let mut clients = 0;
        // Until several checks have come too.
        while port.counters.accepted.load(Ordering::Relaxed) < clients + 5 {
            let stream = TcpStream::connect(proxy.front()).await.unwrap();
            let local = stream.local_addr().unwrap();
            assert_eq!(known_as(stream).await, format!("tcp4:{local}"), "{option}");
            clients += 1;
        }
    }
}
