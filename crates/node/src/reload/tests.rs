//! The ways back, where what was taken cannot be given back as easily as it should.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use transom_config::{Context, Format, ListenEndpoint, Unsupported, Worker, parse_str};
use transom_endpoint::BoundAddr;

use super::*;
use crate::Stopped;

/// A node with these transports, TCP ones on any port.
fn node(folder: &Path, transports: &str) -> Node {
    let file = format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "realms": [{{"name": "realm1"}}], "transports": {transports}}}]}}"#
    );
    let context =
        Context { name: "test.json", node_dir: folder, env: &|_| None, unsupported: Unsupported::Kept };
    let mut node = parse_str(&file, Format::Json, &context).node.unwrap();
    for transport in node.workers.iter_mut().flat_map(Worker::transports_mut) {
        if let ListenEndpoint::Tcp(tcp) = &mut transport.endpoint {
            tcp.ports = 0..=0;
        }
    }
    node
}

const TWO: &str = r#"[{"type": "rawsocket", "endpoint": {"type": "unix", "path": "s"}},
    {"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": 1}}]"#;

fn port(running: &RunningNode, index: usize) -> u16 {
    match running.transports()[index].bound[..] {
        [BoundAddr::Tcp(addr)] => addr.port(),
        ref other => panic!("{other:?}"),
    }
}

/// Whether somebody answers a RawSocket handshake.
async fn answers(folder: &Path) -> bool {
    let mut stream = UnixStream::connect(folder.join("s")).await.unwrap();
    stream.write_all(&[0x7f, 0xf1, 0, 0]).await.unwrap();
    stream.read_u8().await.is_ok_and(|byte| byte == 0x7f)
}

#[tokio::test]
async fn socket_when_it_cannot_be_bound_again_is_given_up_and_had_by_the_next_reload() {
    let folder = tempfile::tempdir().unwrap();
    let config = node(folder.path(), TWO);
    let mut running = RunningNode::start(&config).await.unwrap();
    let port = port(&running, 1);
    running.listening[1].control.stop();
    running.listening[1].control.stopped().await;
    // Somebody was faster.
    let other = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let error = running.open_again(1).await.unwrap_err();
    assert!(error.is_address_in_use(), "{error}");
    let words = running.forget(vec![(1, error)]);
    assert!(words.contains("transport 'transport002'") && words.contains("in use"), "{words}");
    assert_eq!(running.transports().len(), 1);
    assert!(answers(folder.path()).await);
    drop(other);
    let applied = running.reload(&config).await.unwrap();
    assert_eq!(applied.changes.len(), 1, "{applied:?}");
    assert!(applied.changes[0].starts_with("transport 'transport002' added"), "{applied:?}");
    assert_eq!(running.transports().len(), 2);
    assert_eq!(running.stop(std::future::pending()).await, Stopped::Drained);
}

#[tokio::test]
async fn socket_that_was_closed_for_nothing_is_bound_again_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = RunningNode::start(&node(folder.path(), TWO)).await.unwrap();
    let port = port(&running, 1);
    running.listening[1].control.stop();
    running.listening[1].control.stopped().await;
    running.open_again(1).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(&[0x7f, 0xf1, 0, 0]).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), 0x7f);
    drop(stream);
    assert_eq!(running.stop(std::future::pending()).await, Stopped::Drained);
}

#[tokio::test]
async fn socket_file_that_was_replaced_for_nothing_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let config = node(folder.path(), TWO);
    let mut running = RunningNode::start(&config).await.unwrap();
    let endpoint = &config.workers[0].transports()[0].endpoint;
    let replacement = endpoints::replacement(endpoint, running.listening[0].file.unwrap()).unwrap().unwrap();
    let taken = endpoints::publish(replacement, endpoint).unwrap();
    running.put_back(0, taken.file.unwrap()).await.unwrap();
    taken.listener.close().await;
    assert!(answers(folder.path()).await);
    assert_eq!(running.stop(std::future::pending()).await, Stopped::Drained);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn reload_when_given_up_does_not_keep_the_node_from_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = RunningNode::start(&node(folder.path(), TWO)).await.unwrap();
    let mut tighter = node(folder.path(), &TWO.replace(r#""port": 1"#, r#""port": 1, "backlog": 7"#));
    tighter.workers[0].transports_mut()[0].id = "renamed".to_owned();
    // Polled only until it waits for something, such as the end of an accept loop.
    for polls in 1..4 {
        let mut reloading = Box::pin(running.reload(&tighter));
        for _ in 0..polls {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = reloading.as_mut().poll(&mut cx);
        }
    }
    assert_eq!(running.stop(std::future::pending()).await, Stopped::Drained);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
