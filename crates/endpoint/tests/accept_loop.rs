//! The accept loop: limits, resets, shortage of descriptors, drain, steps before the handler, and what is logged.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;
use transom_base::{
    BoxFuture, ConnScope, Connection, ConnectionHandler, Counters, Drain, DrainWatch, ErrorKind, ServeError,
};
use transom_config::{TcpListenConfig, UnixAddress, UnixListenConfig};
use transom_endpoint::{
    AcceptControl, Accepting, Listener, Several, TcpListener, UnixListener, Upgrade, Upgraded, accept_loop,
    accept_under_control,
};
use transom_testkit::{Collect, Echo, PassThrough, Refusing, memory_listener};

struct Port {
    addr: SocketAddr,
    drain: Drain,
    counters: Arc<Counters>,
    task: JoinHandle<io::Result<()>>,
}

async fn tcp(change: impl FnOnce(&mut Accepting)) -> Port {
    let config = TcpListenConfig { interface: Some("127.0.0.1".into()), ..TcpListenConfig::new(0) };
    let listener = TcpListener::bind(&config).await.unwrap();
    let addr = listener.local_addr();
    let (drain, watch) = Drain::new();
    let mut accepting = Accepting::new("transport001", Arc::new(Echo), 1000, watch);
    change(&mut accepting);
    let counters = accepting.counters.clone();
    let task = tokio::spawn(accept_loop(Box::new(listener), accepting));
    Port { addr, drain, counters, task }
}

async fn connected(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    answers(&mut stream).await.unwrap();
    stream
}

async fn answers(stream: &mut TcpStream) -> io::Result<u8> {
    stream.write_u8(7).await?;
    stream.read_u8().await
}

/// A connection that the port resets.
async fn refused(addr: SocketAddr) {
    // Maybe while it is being made.
    let error = match TcpStream::connect(addr).await {
        Ok(mut stream) => stream.read_u8().await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

/// Waits until the port has a place again: the end of a connection is noticed by its own task.
async fn connected_at_last(addr: SocketAddr) -> TcpStream {
    loop {
        if let Ok(mut stream) = TcpStream::connect(addr).await
            && answers(&mut stream).await.is_ok()
        {
            return stream;
        }
    }
}

#[tokio::test]
async fn connection_above_the_limit_is_reset_and_the_others_are_not_disturbed() {
    let port = tcp(|how| how.limit = transom_base::Limit::new(2)).await;
    let mut first = connected(port.addr).await;
    let mut second = connected(port.addr).await;
    refused(port.addr).await;
    refused(port.addr).await;
    answers(&mut first).await.unwrap();
    answers(&mut second).await.unwrap();
    assert_eq!(port.counters.refused.load(Ordering::Relaxed), 2);
    assert_eq!(port.counters.open.load(Ordering::Relaxed), 2);
    drop(first);
    let _third = connected_at_last(port.addr).await;
    answers(&mut second).await.unwrap();
}

#[tokio::test]
async fn place_when_freed_is_usable_at_once() {
    let (listener, connector) = memory_listener();
    let collect = Collect::new("collect");
    let accepting = Accepting::new("one", Arc::new(collect.clone()), 1, DrainWatch::never());
    let (limit, counters) = (accepting.limit.clone(), accepting.counters.clone());
    tokio::spawn(accept_loop(Box::new(listener), accepting));
    for number in 1..=20 {
        let mut stream = connector.stream().unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
        while limit.open() > 0 || collect.bytes().len() < number {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(counters.refused.load(Ordering::Relaxed), 0);
    assert_eq!(counters.accepted.load(Ordering::Relaxed), 20);
}

#[tokio::test]
async fn address_above_its_share_is_reset() {
    let port = tcp(|how| how.max_per_address = Some(1)).await;
    let first = connected(port.addr).await;
    refused(port.addr).await;
    drop(first);
    connected_at_last(port.addr).await;
}

#[tokio::test]
async fn connections_faster_than_the_rate_are_reset() {
    let port = tcp(|how| how.accept_rate = Some(1)).await;
    let mut first = connected(port.addr).await;
    // Within the second; on a machine so slow that it is over, there is nothing to see.
    let before = std::time::Instant::now();
    let mut stream = TcpStream::connect(port.addr).await.unwrap();
    let second = answers(&mut stream).await;
    assert!(second.is_err() || before.elapsed() > Duration::from_millis(500));
    answers(&mut first).await.unwrap();
}

#[tokio::test]
async fn drain_closes_the_listener_and_leaves_the_connections() {
    let port = tcp(|_| {}).await;
    let mut stream = connected(port.addr).await;
    port.drain.drain();
    port.task.await.unwrap().unwrap();
    let error = TcpStream::connect(port.addr).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    answers(&mut stream).await.unwrap();
    drop(stream);
    port.drain.complete().await;
}

/// Answers every byte with its own.
struct Says(u8);

impl ConnectionHandler for Says {
    fn name(&self) -> &str {
        "says"
    }

    fn serve(&self, mut conn: Connection, scope: ConnScope) -> BoxFuture<'static, Result<(), ServeError>> {
        let word = self.0;
        Box::pin(async move {
            let _scope = scope;
            while conn.io.read_u8().await.is_ok() {
                conn.io.write_u8(word).await.map_err(ServeError::Io)?;
            }
            Ok(())
        })
    }
}

#[tokio::test]
async fn handler_when_changed_serves_the_next_connection_and_the_others_keep_theirs() {
    let (listener, connector) = memory_listener();
    let (control, orders) =
        AcceptControl::new(Accepting::new("one", Arc::new(Says(1)), 2, DrainWatch::never()));
    let task = tokio::spawn(accept_under_control(Box::new(listener), orders));
    let mut first = connector.stream().unwrap();
    first.write_u8(0).await.unwrap();
    assert_eq!(first.read_u8().await.unwrap(), 1);
    for word in 2..=20 {
        control.change(Accepting { handler: Arc::new(Says(word)), ..(*control.current()).clone() });
        let mut next = connector.stream().unwrap();
        next.write_u8(0).await.unwrap();
        assert_eq!(next.read_u8().await.unwrap(), word);
        drop(next);
        while control.current().limit.open() > 1 {
            tokio::task::yield_now().await;
        }
    }
    first.write_u8(0).await.unwrap();
    assert_eq!(first.read_u8().await.unwrap(), 1);
    // The limit is one for all of them.
    control.current().limit.set_max(1);
    assert_eq!(connector.stream().unwrap().read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(control.current().counters.refused.load(Ordering::Relaxed), 1);
    control.stop();
    control.stopped().await;
    task.await.unwrap().unwrap();
    first.write_u8(0).await.unwrap();
    assert_eq!(first.read_u8().await.unwrap(), 1);
}

#[tokio::test]
async fn connections_when_the_handler_changes_or_the_loop_ends_are_told() {
    struct Tells(tokio::sync::mpsc::UnboundedSender<u8>);
    impl ConnectionHandler for Tells {
        fn name(&self) -> &str {
            "tells"
        }
        fn serve(&self, _: Connection, scope: ConnScope) -> BoxFuture<'static, Result<(), ServeError>> {
            let tell = self.0.clone();
            Box::pin(async move {
                tell.send(0).unwrap();
                scope.replaced.unwrap().reached(transom_base::Phase::Draining).await;
                tell.send(1).unwrap();
                Ok(())
            })
        }
    }
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (listener, connector) = memory_listener();
    let accepting = Accepting::new("one", Arc::new(Tells(tell)), 10, DrainWatch::never());
    let (control, orders) = AcceptControl::new(accepting);
    tokio::spawn(accept_under_control(Box::new(listener), orders));
    let _first = connector.stream().unwrap();
    assert_eq!(told.recv().await, Some(0));
    control.change((*control.current()).clone());
    assert_eq!(told.recv().await, Some(1));
    let _second = connector.stream().unwrap();
    assert_eq!(told.recv().await, Some(0));
    control.stop();
    assert_eq!(told.recv().await, Some(1));
}

#[tokio::test]
async fn loop_when_told_to_end_lets_in_who_waits_already() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&UnixListenConfig::new(UnixAddress::Path(path.clone()))).unwrap();
    let accepting = Accepting::new("unix", Arc::new(Says(7)), 100, DrainWatch::never());
    let (control, orders) = AcceptControl::new(accepting);
    let mut waiting = Vec::new();
    for _ in 0..30 {
        waiting.push(tokio::net::UnixStream::connect(&path).await.unwrap());
    }
    control.stop();
    let (result, ()) = tokio::join!(accept_under_control(Box::new(listener), orders), control.stopped());
    result.unwrap();
    assert!(!path.exists());
    for stream in &mut waiting {
        stream.write_u8(0).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 7);
    }
}

#[tokio::test]
async fn drain_removes_a_socket_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&UnixListenConfig::new(UnixAddress::Path(path.clone()))).unwrap();
    let (drain, watch) = Drain::new();
    let accepting = Accepting::new("unix", Arc::new(Echo), 1, watch);
    let task = tokio::spawn(accept_loop(Box::new(listener), accepting));
    assert!(path.exists());
    drain.drain();
    task.await.unwrap().unwrap();
    assert!(!path.exists());
}

#[tokio::test(start_paused = true)]
async fn shortage_of_descriptors_is_survived_with_pauses() {
    let (listener, connector) = memory_listener();
    let status = listener.status();
    let accepting = Accepting::new("short", Arc::new(Echo), 10, DrainWatch::never());
    let counters = accepting.counters.clone();
    let before = Instant::now();
    for _ in 0..10 {
        connector.fail(io::Error::from_raw_os_error(nix::libc::EMFILE));
    }
    connector.fail(io::Error::from_raw_os_error(nix::libc::ECONNABORTED));
    let mut stream = connector.stream().unwrap();
    tokio::spawn(accept_loop(Box::new(listener), accepting));
    stream.write_u8(1).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), 1);
    // Each time once more with the descriptor held back, so 10 + 20 + 40 + 80 + 160 ms.
    assert_eq!(before.elapsed(), Duration::from_millis(310));
    assert_eq!(status.borrow().accept_errors, 11);
    assert!(status.borrow().last_error.is_some());
    assert_eq!(counters.refused.load(Ordering::Relaxed), 5);
}

#[tokio::test(start_paused = true)]
async fn shortage_that_lasts_is_looked_at_once_a_second() {
    let (listener, connector) = memory_listener();
    let accepting = Accepting::new("short", Arc::new(Echo), 10, DrainWatch::never());
    let before = Instant::now();
    for _ in 0..10 {
        connector.fail(io::Error::from_raw_os_error(nix::libc::ENOBUFS));
    }
    let mut stream = connector.stream().unwrap();
    tokio::spawn(accept_loop(Box::new(listener), accepting));
    stream.write_u8(1).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), 1);
    // 10 + 20 + … + 640 + 1000 + 1000 + 1000 ms.
    assert_eq!(before.elapsed(), Duration::from_millis(4270));
}

#[tokio::test(start_paused = true)]
async fn connection_for_which_no_descriptor_is_left_is_refused_at_once() {
    let (listener, connector) = memory_listener();
    let accepting = Accepting::new("short", Arc::new(Echo), 10, DrainWatch::never());
    let counters = accepting.counters.clone();
    let before = Instant::now();
    connector.fail(io::Error::from_raw_os_error(nix::libc::EMFILE));
    let mut refused = connector.stream().unwrap();
    let mut accepted = connector.stream().unwrap();
    tokio::spawn(accept_loop(Box::new(listener), accepting));
    assert_eq!(refused.read(&mut [0; 1]).await.unwrap(), 0);
    accepted.write_u8(1).await.unwrap();
    assert_eq!(accepted.read_u8().await.unwrap(), 1);
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!((counters.refused.load(Ordering::Relaxed), counters.accepted.load(Ordering::Relaxed)), (1, 1));
}

#[tokio::test]
async fn broken_listener_ends_the_loop_with_its_error() {
    let (listener, connector) = memory_listener();
    connector.fail(io::Error::from_raw_os_error(nix::libc::EBADF));
    let accepting = Accepting::new("broken", Arc::new(Echo), 10, DrainWatch::never());
    let error = accept_loop(Box::new(listener), accepting).await.unwrap_err();
    assert_eq!(error.raw_os_error(), Some(nix::libc::EBADF));
}

#[tokio::test]
async fn panic_of_one_connection_leaves_the_port_and_frees_the_place() {
    struct Panics;
    impl ConnectionHandler for Panics {
        fn name(&self) -> &str {
            "panics"
        }
        fn serve(
            &self,
            mut conn: Connection,
            scope: ConnScope,
        ) -> BoxFuture<'static, Result<(), ServeError>> {
            Box::pin(async move {
                let _scope = scope;
                assert_ne!(conn.io.read_u8().await.unwrap(), 0, "as it was told");
                Ok(())
            })
        }
    }
    let port = tcp(|how| {
        how.handler = Arc::new(Panics);
        how.limit = transom_base::Limit::new(1);
    })
    .await;
    for _ in 0..3 {
        let mut stream = loop {
            let mut stream = TcpStream::connect(port.addr).await.unwrap();
            if stream.write_u8(0).await.is_ok() && stream.read(&mut [0; 1]).await.is_ok_and(|n| n == 0) {
                break stream;
            }
        };
        stream.shutdown().await.ok();
    }
    assert!(!port.task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn steps_when_taken_lead_to_the_handler_and_when_not_end_the_connection() {
    let pass: (Arc<dyn Upgrade>, _) = (Arc::new(PassThrough), Some(Duration::from_secs(1)));
    let (conn, mut peer) = transom_testkit::memory_connection(64);
    let handler = Upgraded::new([pass.clone(), pass.clone()], Arc::new(Echo));
    assert_eq!(handler.name(), "echo");
    let serving = tokio::spawn(handler.serve(conn, ConnScope::detached()));
    peer.write_u8(9).await.unwrap();
    assert_eq!(peer.read_u8().await.unwrap(), 9);
    drop(peer);
    serving.await.unwrap().unwrap();

    for (kind, shown) in [
        (ErrorKind::Tls, ErrorKind::PeerProtocol),
        (ErrorKind::Limit, ErrorKind::Limit),
        (ErrorKind::Timeout, ErrorKind::Timeout),
        (ErrorKind::Internal, ErrorKind::Internal),
    ] {
        let refusing: (Arc<dyn Upgrade>, _) = (Arc::new(Refusing(kind)), Some(Duration::from_secs(1)));
        let (conn, mut peer) = transom_testkit::memory_connection(64);
        let handler = Upgraded::new([pass.clone(), refusing], Arc::new(Echo));
        let fault = handler.serve(conn, ConnScope::detached()).await.unwrap_err();
        assert_eq!(fault.kind(), shown);
        assert_eq!(peer.read(&mut [0; 1]).await.unwrap(), 0);
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Lines;

    fn make_writer(&self) -> Lines {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn log_has_one_line_per_end_by_whose_fault_it_was_and_few_about_refusals() {
    struct Fails;
    impl ConnectionHandler for Fails {
        fn name(&self) -> &str {
            "fails"
        }
        fn serve(
            &self,
            mut conn: Connection,
            scope: ConnScope,
        ) -> BoxFuture<'static, Result<(), ServeError>> {
            Box::pin(async move {
                let _scope = scope;
                match conn.io.read_u8().await.unwrap() {
                    0 => Ok(()),
                    1 => Err(ServeError::Io(io::ErrorKind::BrokenPipe.into())),
                    2 => Err(ServeError::Protocol("the peer did it".into())),
                    _ => Err(ServeError::Internal("we did it".into())),
                }
            })
        }
    }
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .without_time()
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let (listener, connector) = memory_listener();
    let accepting = Accepting::new("transport007", Arc::new(Fails), 1, DrainWatch::never());
    let limit = accepting.limit.clone();
    tokio::spawn(accept_loop(Box::new(listener), accepting));
    for what in 0..4 {
        let mut stream = connector.stream().unwrap();
        stream.write_u8(what).await.unwrap();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
        while limit.open() > 0 {
            tokio::task::yield_now().await;
        }
    }
    let holds_the_place = connector.stream().unwrap();
    for _ in 0..30 {
        let mut stream = connector.stream().unwrap();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    drop(holds_the_place);

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let with = |level: &str, words: &str| {
        text.lines().filter(|line| line.trim_start().starts_with(level) && line.contains(words)).count()
    };
    assert_eq!(with("DEBUG", "connection closed"), 1, "{text}");
    assert_eq!(with("DEBUG", "connection ended: the connection broke: broken pipe"), 1, "{text}");
    assert_eq!(with("INFO", "connection ended: the peer did it"), 1, "{text}");
    assert_eq!(with("ERROR", "connection ended: we did it"), 1, "{text}");
    assert_eq!(with("WARN", "connections refused: max_connections transport=transport007"), 3, "{text}");
    assert_eq!(with("WARN", "refused=10 open=1 max_connections=1"), 2, "{text}");
    assert_eq!(with("WARN", ""), 3, "{text}");
}

#[tokio::test]
async fn several_listeners_when_all_have_somebody_take_turns() {
    let (first, to_first) = memory_listener();
    let (second, to_second) = memory_listener();
    let (bound, of_first) = ([first.bound(), second.bound()].concat(), first.bound().remove(0).to_string());
    let mut both = Several::new(vec![Box::new(first), Box::new(second)]);
    assert_eq!(both.bound(), bound);
    let _waiting: Vec<_> =
        [&to_first, &to_first, &to_second, &to_second].map(|to| to.stream().unwrap()).into();
    let mut taken = Vec::new();
    for _ in 0..4 {
        taken.push(both.accept().await.unwrap().info.local.to_string() == of_first);
    }
    assert_eq!(taken, [true, false, true, false]);
    to_second.fail(io::ErrorKind::ConnectionAborted.into());
    both.accept().await.unwrap_err();
    assert_eq!(both.status().borrow().accept_errors, 1);
    Box::new(both).close().await;
    assert!(to_first.stream().is_err() && to_second.stream().is_err());
}
