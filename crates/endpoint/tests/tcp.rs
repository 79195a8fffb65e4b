//! TCP endpoints on loopback addresses and ports of the system's choice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use transom_base::{Address, Deadline, ErrorKind};
use transom_config::{IpVersion, TcpConnectConfig, TcpListenConfig};
use transom_endpoint::{
    BoundAddr, ConnectFailure, ConnectStep, ConnectWatch, Connector, EndpointError, Listener, TcpConnector,
    TcpListener,
};

fn on(interface: &str) -> TcpListenConfig {
    TcpListenConfig { interface: Some(interface.into()), ..TcpListenConfig::new(0) }
}

async fn exchange(listener: &mut TcpListener, to: SocketAddr) -> (Address, Address) {
    let mut there = TcpStream::connect(to).await.unwrap();
    let accepted = listener.accept().await.unwrap();
    assert_eq!(accepted.info.peer, Address::tcp(there.local_addr().unwrap()));
    let ends = (accepted.info.local.clone(), accepted.info.peer.clone());
    let mut here = accepted.into_connection().io;
    there.write_all(b"ping").await.unwrap();
    let mut octets = [0; 4];
    here.read_exact(&mut octets).await.unwrap();
    here.write_all(&octets).await.unwrap();
    there.read_exact(&mut octets).await.unwrap();
    assert_eq!(&octets, b"ping");
    ends
}

#[tokio::test]
async fn listener_when_bound_says_where_and_accepts() {
    for (interface, prefix) in [("127.0.0.1", "tcp4:127.0.0.1:"), ("::1", "tcp6:[::1]:")] {
        let mut listener = TcpListener::bind(&on(interface)).await.unwrap();
        let addr = listener.local_addr();
        assert_ne!(addr.port(), 0);
        assert_eq!(listener.bound(), [BoundAddr::Tcp(addr)]);
        assert!(listener.bound()[0].to_string().starts_with(prefix));
        let (local, _) = exchange(&mut listener, addr).await;
        assert_eq!(local, Address::Tcp(addr));
    }
}

#[tokio::test]
async fn interface_when_absent_follows_the_version() {
    for (version, ip) in [(None, "0.0.0.0"), (Some(IpVersion::V4), "0.0.0.0"), (Some(IpVersion::V6), "::")] {
        let config = TcpListenConfig { version, ..TcpListenConfig::new(0) };
        let listener = TcpListener::bind(&config).await.unwrap();
        assert_eq!(listener.local_addr().ip().to_string(), ip);
    }
}

#[tokio::test]
async fn interface_when_a_name_is_looked_up_in_the_family() {
    let config = TcpListenConfig { version: Some(IpVersion::V4), ..on("localhost") };
    let listener = TcpListener::bind(&config).await.unwrap();
    assert!(listener.local_addr().ip().is_loopback() && listener.local_addr().is_ipv4());
}

#[tokio::test]
async fn dual_stack_socket_shows_ipv4_peers_as_ipv4_and_v6only_has_none() {
    let config = TcpListenConfig { version: Some(IpVersion::V6), ..TcpListenConfig::new(0) };
    let mut listener = TcpListener::bind(&config).await.unwrap();
    let addr = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), listener.local_addr().port());
    let (local, peer) = exchange(&mut listener, addr).await;
    assert_eq!(local, Address::Tcp(addr));
    assert!(matches!(peer, Address::Tcp(SocketAddr::V4(_))), "{peer}");

    let listener = TcpListener::bind(&TcpListenConfig { v6only: true, ..config }).await.unwrap();
    let addr = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), listener.local_addr().port());
    let refused = TcpStream::connect(addr).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn connection_when_accepted_has_the_options_of_its_listener() {
    let config = TcpListenConfig {
        user_timeout: Some(Duration::from_millis(4321)),
        keepalive: Some(Duration::from_secs(90)),
        ..on("127.0.0.1")
    };
    // Looked at on a plain socket, accepted from a duplicate of the listener.
    let listener = TcpListener::bind(&config).await.unwrap();
    let plain = std::net::TcpListener::from(listener.as_fd().try_clone_to_owned().unwrap());
    plain.set_nonblocking(false).unwrap();
    let _there = TcpStream::connect(listener.local_addr()).await.unwrap();
    let (here, _) = plain.accept().unwrap();
    let socket = SockRef::from(&here);
    assert!(socket.tcp_nodelay().unwrap());
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(90));
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(30));
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_millis(4321)));
}

#[tokio::test]
async fn port_when_taken_is_an_error_that_names_the_address() {
    let first = TcpListener::bind(&on("127.0.0.1")).await.unwrap();
    let port = first.local_addr().port();
    let config = TcpListenConfig { ports: port..=port, ..on("127.0.0.1") };
    let error = TcpListener::bind(&config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bind);
    assert_eq!(error.to_string(), format!("binding tcp4:127.0.0.1:{port}"));
    assert!(error.is_address_in_use());
    if cfg!(target_os = "linux") {
        assert!(error.chain().ends_with(": this process itself listens there"), "{}", error.chain());
    }
    // Free again as soon as the listener is closed, whatever became of its connections.
    let _there = TcpStream::connect(first.local_addr()).await.unwrap();
    Box::new(first).close().await;
    TcpListener::bind(&config).await.unwrap();
}

#[tokio::test]
async fn port_range_takes_the_first_that_is_free() {
    // The lowest of some free ports, so that a range can begin with it.
    let taken = TcpListener::bind(&on("127.0.0.1")).await.unwrap();
    let first = taken.local_addr().port();
    let last = first.saturating_add(50);
    let config = TcpListenConfig { ports: first..=last, ..on("127.0.0.1") };
    let listener = TcpListener::bind(&config).await.unwrap();
    let got = listener.local_addr().port();
    assert!(first < got && got <= last, "{first} {got} {last}");

    let config = TcpListenConfig { ports: first..=first, ..on("127.0.0.1") };
    assert!(matches!(TcpListener::bind(&config).await, Err(EndpointError::Bind { .. })));
    drop(taken);
    let listener =
        TcpListener::bind(&TcpListenConfig { ports: first..=last, ..on("127.0.0.1") }).await.unwrap();
    assert_eq!(listener.local_addr().port(), first);
}

#[tokio::test]
async fn shared_port_takes_a_second_listener() {
    let first = TcpListener::bind(&TcpListenConfig { shared: true, ..on("127.0.0.1") }).await.unwrap();
    let port = first.local_addr().port();
    let again = TcpListenConfig { ports: port..=port, shared: true, ..on("127.0.0.1") };
    let second = TcpListener::bind(&again).await.unwrap();
    assert_eq!(first.local_addr(), second.local_addr());
    TcpListener::bind(&TcpListenConfig { shared: false, ..again }).await.unwrap_err();
}

#[tokio::test]
async fn shared_port_when_many_come_gives_each_listener_some() {
    let first = TcpListener::bind(&TcpListenConfig { shared: true, ..on("127.0.0.1") }).await.unwrap();
    let port = first.local_addr().port();
    let again = TcpListenConfig { ports: port..=port, shared: true, ..on("127.0.0.1") };
    let mut listeners = [first, TcpListener::bind(&again).await.unwrap()];
    let mut taken = [0; 2];
    for _ in 0..200 {
        let _there = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let [first, second] = &mut listeners;
        let which = tokio::select! {
            accepted = first.accept() => { accepted.unwrap(); 0 }
            accepted = second.accept() => { accepted.unwrap(); 1 }
        };
        taken[which] += 1;
    }
    // The kernel decides by a hash of the addresses; all on one side would be a chance of 2 in 2^200.
    assert!(taken.iter().all(|taken| *taken >= 20), "{taken:?}");
}

#[tokio::test]
async fn settings_when_out_of_range_are_refused_by_name_and_value() {
    let plain = on("127.0.0.1");
    let keepalive = |seconds| Some(Duration::from_secs(seconds));
    #[allow(clippy::reversed_empty_ranges)]
    for (config, message) in [
        (
            TcpListenConfig { ports: 9..=8, ..plain.clone() },
            "portrange is 9..=8; allowed is a port, or a range from 1 to 65535 upwards",
        ),
        (
            TcpListenConfig { ports: 0..=8, ..plain.clone() },
            "portrange is 0..=8; allowed is a port, or a range from 1 to 65535 upwards",
        ),
        (TcpListenConfig { backlog: 0, ..plain.clone() }, "backlog is 0; allowed is 1 to 65535"),
        (
            TcpListenConfig { keepalive: keepalive(0), ..plain.clone() },
            "keepalive_s is 0ns; allowed is 1 to 32767 seconds, or 0 for none",
        ),
        (
            TcpListenConfig { keepalive: keepalive(32768), ..plain.clone() },
            "keepalive_s is 32768s; allowed is 1 to 32767 seconds, or 0 for none",
        ),
    ] {
        let error = TcpListener::bind(&config).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Config, message));
    }
    for keepalive in [keepalive(1), keepalive(32767), None] {
        TcpListener::bind(&TcpListenConfig { keepalive, ..plain.clone() }).await.unwrap();
        let connector = TcpConnector::new(TcpConnectConfig {
            keepalive,
            ..TcpConnectConfig::new("127.0.0.1".to_owned(), 1)
        });
        assert!(matches!(connector.connect(Deadline::NEVER).await, Err(EndpointError::Connect { .. })));
    }
    let config =
        TcpConnectConfig { keepalive: keepalive(0), ..TcpConnectConfig::new("127.0.0.1".to_owned(), 1) };
    let error = TcpConnector::new(config).connect(Deadline::NEVER).await.unwrap_err();
    assert!(matches!(error, EndpointError::OutOfRange { option: "keepalive_s", .. }), "{error}");
}

#[tokio::test]
async fn address_when_not_of_this_machine_is_an_error_that_says_so() {
    // TEST-NET-1 of RFC 5737; nothing is sent by trying to bind it.
    let error = TcpListener::bind(&on("192.0.2.99")).await.unwrap_err();
    assert!(
        error.chain().ends_with("no network interface of this machine has the address"),
        "{}",
        error.chain()
    );
}

#[tokio::test]
async fn accept_when_its_future_is_dropped_loses_nothing() {
    let mut listener = TcpListener::bind(&on("127.0.0.1")).await.unwrap();
    for _ in 0..10 {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(listener.accept().as_mut().poll(&mut cx).is_pending());
    }
    let addr = listener.local_addr();
    exchange(&mut listener, addr).await;
}

#[tokio::test]
async fn connection_when_reset_shows_as_such_to_its_client() {
    let mut listener = TcpListener::bind(&on("127.0.0.1")).await.unwrap();
    let mut there = TcpStream::connect(listener.local_addr()).await.unwrap();
    listener.accept().await.unwrap().reset();
    let error = there.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn connector_when_it_has_a_keepalive_probes_an_idle_connection() {
    let listener = TcpListener::bind(&on("127.0.0.1")).await.unwrap();
    for (keepalive, timer) in [(Some(Duration::from_secs(90)), "02:"), (None, "00:")] {
        let to = TcpConnectConfig::new("127.0.0.1".to_owned(), listener.local_addr().port());
        let connector = TcpConnector::new(TcpConnectConfig { keepalive, ..to });
        let conn = connector.connect(Deadline::NEVER).await.unwrap();
        let Address::Tcp(local) = conn.info.local else { panic!() };
        // The timer that runs for a socket: 2 is that of keepalive, 0 none.
        let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let ours = format!("0100007F:{:04X} 0100007F:{:04X}", local.port(), listener.local_addr().port());
        let ours = sockets.lines().find(|line| line.contains(&ours)).unwrap();
        assert!(ours.split_whitespace().nth(5).unwrap().starts_with(timer), "{ours}");
    }
}

#[tokio::test]
async fn connector_when_connected_knows_both_ends() {
    for (interface, host, version) in [
        ("127.0.0.1", "127.0.0.1", IpVersion::V4),
        // A literal is used whatever the version says.
        ("::1", "::1", IpVersion::V4),
        ("127.0.0.1", "localhost", IpVersion::V4),
    ] {
        let mut listener = TcpListener::bind(&on(interface)).await.unwrap();
        let addr = listener.local_addr();
        let config = TcpConnectConfig { version, ..TcpConnectConfig::new(host.to_owned(), addr.port()) };
        let connector = TcpConnector::new(config);
        let conn = connector.connect(Deadline::NEVER).await.unwrap();
        assert_eq!(conn.info.peer, Address::Tcp(addr));
        let accepted = listener.accept().await.unwrap();
        assert_eq!(accepted.info.peer, conn.info.local);
    }
    let config = TcpConnectConfig::new("::1".to_owned(), 80);
    assert_eq!(TcpConnector::new(config).target(), "tcp:[::1]:80");
}

#[tokio::test]
async fn connector_when_nobody_listens_says_where() {
    let listener = TcpListener::bind(&on("127.0.0.1")).await.unwrap();
    let port = listener.local_addr().port();
    drop(listener);
    let connector = TcpConnector::new(TcpConnectConfig::new("127.0.0.1".to_owned(), port));
    let error = connector.connect(Deadline::NEVER).await.unwrap_err();
    assert_eq!(error.to_string(), format!("connecting to tcp:127.0.0.1:{port}"));
    assert_eq!(error.kind(), ErrorKind::PeerClosed);
    assert_eq!(error.connect_failure(), Some(ConnectFailure::Refused));
}

#[tokio::test]
async fn connector_when_the_name_leads_nowhere_says_so() {
    // Longer than a name can be, so that nobody is asked.
    let host = "x".repeat(300);
    let error = TcpConnector::new(TcpConnectConfig::new(host.clone(), 80))
        .connect(Deadline::NEVER)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), format!("looking up '{host}'"));
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.connect_failure(), Some(ConnectFailure::Unresolvable));
}

#[tokio::test]
async fn connector_when_a_name_has_both_families_takes_the_one_that_answers() {
    let found: Vec<_> = tokio::net::lookup_host(("localhost", 0)).await.unwrap().collect();
    for interface in ["127.0.0.1", "::1"] {
        // A machine may name itself in one family only.
        if !found.iter().any(|addr| addr.ip().to_string() == interface) {
            continue;
        }
        let listener = TcpListener::bind(&on(interface)).await.unwrap();
        let config = TcpConnectConfig::new("localhost".to_owned(), listener.local_addr().port());
        let conn = TcpConnector::new(config).any_version().connect(Deadline::NEVER).await.unwrap();
        assert_eq!(conn.info.peer, Address::Tcp(listener.local_addr()));
    }
    assert!(!found.is_empty());
}

#[tokio::test]
async fn connector_when_watched_tells_what_it_tries_and_how_that_went() {
    let listener = TcpListener::bind(&on("127.0.0.1")).await.unwrap();
    let addr = listener.local_addr();
    let steps = Arc::<Mutex<Vec<ConnectStep>>>::default();
    let watch: ConnectWatch = Arc::new({
        let steps = steps.clone();
        move |step| steps.lock().unwrap().push(step)
    });
    let config = TcpConnectConfig::new("localhost".to_owned(), addr.port());
    let connector = TcpConnector::new(config).any_version().watched(watch.clone());
    connector.connect(Deadline::NEVER).await.unwrap();
    let told = std::mem::take(&mut *steps.lock().unwrap());
    let ConnectStep::Resolved(ips) = &told[0] else { panic!("{told:?}") };
    assert!(ips.contains(&addr.ip()), "{told:?}");
    let mut expected = vec![ConnectStep::Trying(addr), ConnectStep::Connected(addr)];
    if ips.first().is_some_and(|ip| ip.is_ipv6()) {
        let other = SocketAddr::new(ips[0], addr.port());
        let refused = io::Error::from_raw_os_error(nix::errno::Errno::ECONNREFUSED as i32).to_string();
        expected.splice(..0, [ConnectStep::Trying(other), ConnectStep::Failed(other, refused)]);
    }
    assert_eq!(told[1..], expected);

    drop(listener);
    let config = TcpConnectConfig::new("127.0.0.1".to_owned(), addr.port());
    TcpConnector::new(config).watched(watch).connect(Deadline::NEVER).await.unwrap_err();
    let told = steps.lock().unwrap().clone();
    assert_eq!(told[0], ConnectStep::Trying(addr));
    assert!(matches!(&told[1..], [ConnectStep::Failed(_, why)] if why.contains("refused")), "{told:?}");
}

#[tokio::test]
async fn connector_when_nobody_accepts_gives_up_at_the_earlier_limit() {
    let listener = TcpListener::bind(&TcpListenConfig { backlog: 1, ..on("127.0.0.1") }).await.unwrap();
    let port = listener.local_addr().port();
    let soon = Some(Duration::from_millis(100));
    // A full queue leaves further attempts without any answer.
    let mut waiting = Vec::new();
    let patient = TcpConnector::new(TcpConnectConfig {
        timeout: None,
        ..TcpConnectConfig::new("127.0.0.1".to_owned(), port)
    });
    let error = loop {
        match patient.connect(Deadline::after(soon)).await {
            Ok(conn) => waiting.push(conn),
            Err(error) => break error,
        }
        assert!(waiting.len() < 10);
    };
    assert!(matches!(error, EndpointError::ConnectTimeout { .. }));
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.connect_failure(), Some(ConnectFailure::TimedOut));
    let config = TcpConnectConfig { timeout: soon, ..TcpConnectConfig::new("127.0.0.1".to_owned(), port) };
    let error = TcpConnector::new(config).connect(Deadline::NEVER).await.unwrap_err();
    assert_eq!(error.to_string(), format!("connecting to tcp:127.0.0.1:{port}: no answer in time"));
}
