//! The keys of transports and their endpoints.

use std::io;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::timeout;
use transom_base::Stream;
use transom_config::{TcpListenConfig, UnixAddress, UnixListenConfig};
use transom_endpoint::{TcpListener, UnixListener};
use transom_tests::{Carrier, Client, PATIENCE, Target, TestNode};
use transom_wamp::Serializer;

use crate::support::{tcp, with};

/// A new connection, if the node lets it in. One that it does not is reset at once, maybe while it is being made.
async fn connect(target: &Target) -> Option<Box<dyn Stream>> {
    let io: io::Result<Box<dyn Stream>> = match target {
        Target::Tcp(address) => TcpStream::connect(address).await.map(|io| Box::new(io) as _),
        Target::Unix(path) => UnixStream::connect(path).await.map(|io| Box::new(io) as _),
    };
    let mut io = io.ok()?;
    is_open(&mut io).await.then_some(io)
}

/// Whether a connection stays open while nothing is said.
async fn is_open(io: &mut Box<dyn Stream>) -> bool {
    match timeout(Duration::from_secs(1), io.read_u8()).await {
        Ok(Ok(octet)) => panic!("it sent {octet}"),
        Ok(Err(_)) => false,
        Err(_) => true,
    }
}

#[tokio::test(start_paused = true)]
async fn max_connections_when_written_bounds_each_transport() {
    let of = |kind: &str, i: usize, more: Json| {
        with(json!({"type": kind, "endpoint": tcp(i), "max_connections": 2}), &more)
    };
    let node = TestNode::start(json!([
        of("websocket", 0, json!({})),
        of("rawsocket", 1, json!({})),
        of("web", 2, json!({"paths": {}})),
        of("universal", 3, json!({"rawsocket": {}})),
    ]))
    .await;
    for transport in 0..4 {
        let target = node.target(transport);
        let (mut one, mut two) = (connect(&target).await.unwrap(), connect(&target).await.unwrap());
        assert!(connect(&target).await.is_none(), "{transport}");
        assert!(is_open(&mut one).await && is_open(&mut two).await, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn accept_rate_when_written_bounds_new_connections() {
    let node = TestNode::start(json!([
        {"type": "rawsocket", "endpoint": with(tcp(0), &json!({"accept_rate": 2}))},
        {"type": "rawsocket", "endpoint": {"type": "unix", "path": "a.sock", "accept_rate": 2}},
    ]))
    .await;
    for transport in 0..2 {
        let target = node.target(transport);
        // All at once, because looking at one takes a second.
        let (one, two, three) = tokio::join!(connect(&target), connect(&target), connect(&target));
        assert_eq!([one, two, three].iter().flatten().count(), 2, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn max_connections_per_address_when_written_bounds_one_address() {
    let endpoint = with(tcp(0), &json!({"max_connections_per_address": 1}));
    let node = TestNode::start(json!([{"type": "rawsocket", "endpoint": endpoint}])).await;
    let mut first = connect(&node.target(0)).await.unwrap();
    assert!(connect(&node.target(0)).await.is_none());
    assert!(is_open(&mut first).await);
    // Another address of this machine.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other: Box<dyn Stream> = Box::new(socket.connect(node.tcp(0)).await.unwrap());
    assert!(is_open(&mut other).await);
}

/// How many connections nobody accepts until one has to wait.
async fn waiting(connect: impl AsyncFn() -> Option<Box<dyn Stream>>) -> usize {
    let mut all = Vec::new();
    while let Ok(Some(io)) = timeout(Duration::from_secs(1), connect()).await {
        all.push(io);
        assert!(all.len() < 100);
    }
    all.len()
}

#[tokio::test(start_paused = true)]
async fn backlog_when_written_is_how_many_wait_to_be_accepted() {
    let folder = tempfile::tempdir().unwrap();
    for backlog in [1, 5] {
        let config =
            TcpListenConfig { interface: Some("127.0.0.1".into()), backlog, ..TcpListenConfig::new(0) };
        let listener = TcpListener::bind(&config).await.unwrap();
        let address = listener.local_addr();
        let connect = async || Some(Box::new(TcpStream::connect(address).await.ok()?) as Box<dyn Stream>);
        // The system lets one more in.
        assert_eq!(waiting(connect).await, usize::from(backlog) + 1);

        let path = folder.path().join(backlog.to_string());
        let config = UnixListenConfig { backlog, ..UnixListenConfig::new(UnixAddress::Path(path.clone())) };
        let _listener = UnixListener::bind(&config).unwrap();
        let connect = async || Some(Box::new(UnixStream::connect(&path).await.ok()?) as Box<dyn Stream>);
        assert_eq!(waiting(connect).await, usize::from(backlog) + 1);
    }
}

#[tokio::test]
async fn id_of_a_transport_when_written_is_the_one_that_is_told() {
    let node = TestNode::start(json!([
        {"type": "websocket", "id": "first_one", "endpoint": tcp(0)},
        {"type": "rawsocket", "id": "second_one", "endpoint": tcp(1)},
        {"type": "web", "id": "third_one", "endpoint": tcp(2), "paths": {}},
        {"type": "universal", "id": "fourth_one", "endpoint": tcp(3), "rawsocket": {}},
        {"type": "rawsocket", "endpoint": tcp(4)},
    ]))
    .await;
    let ids: Vec<_> = node.running().transports().iter().map(|transport| transport.id.as_str()).collect();
    assert_eq!(ids, ["first_one", "second_one", "third_one", "fourth_one", "transport001"]);
}

#[tokio::test]
async fn path_of_a_socket_when_relative_is_in_the_node_directory() {
    let endpoint = json!({"type": "unix", "path": "here.sock", "mode": "0600"});
    let node = TestNode::start(json!([{"type": "rawsocket", "endpoint": endpoint}])).await;
    let path = node.dir.path().join("here.sock");
    assert_eq!(node.unix(0), path);
    let target = Target::Unix(path);
    timeout(PATIENCE, Client::join(&target, Carrier::RawSocket, Serializer::Json)).await.unwrap();
}
