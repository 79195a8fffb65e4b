//! The checks of the suite.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::task::JoinSet;
use transom_base::{Address, Deadline, Drain, Stream};
use transom_endpoint::{Accepting, Listener, Upgraded, accept_loop};

use super::EndpointCase;
use crate::Echo;

const MIB: usize = 1 << 20;

/// Quick connections, and how many at once: fewer than wait in the shortest queue.
const THOUSAND: u64 = 1000;
const AT_ONCE: usize = 16;

async fn answers(client: &mut dyn Stream, server: &mut dyn Stream) {
    let mut octets = [0; 4];
    client.write_all(b"ping").await.unwrap();
    client.flush().await.unwrap();
    server.read_exact(&mut octets).await.unwrap();
    server.write_all(&octets).await.unwrap();
    server.flush().await.unwrap();
    client.read_exact(&mut octets).await.unwrap();
    assert_eq!(&octets, b"ping");
}

/// What is known about both ends is true.
pub(super) async fn accepts(case: &EndpointCase) {
    let mut listener = case.listen().await;
    assert!(!listener.bound().is_empty());
    assert_eq!(listener.status().borrow().accept_errors, 0);
    let (mut client, mut server) = case.connected(&mut *listener).await;
    answers(&mut client.io, &mut server.io).await;
    match (&client.info.local, &server.info.peer) {
        (ours @ Address::Tcp(ip), theirs @ Address::Tcp(_)) => {
            assert_eq!((ours, &client.info.peer), (theirs, &server.info.local));
            assert_eq!(ip.ip(), ip.ip().to_canonical(), "mapped addresses are shown as IPv4");
        }
        (Address::Unix(_), Address::Unix(_)) => {
            assert_eq!(client.info.peer, server.info.local);
            let me = std::fs::metadata("/proc/self").map(|file| std::os::unix::fs::MetadataExt::uid(&file));
            for info in [&client.info, &server.info] {
                let known = info.unix.unwrap();
                assert_eq!(known.pid, Some(std::process::id() as i32));
                assert_eq!(known.uid, me.as_ref().map_or(known.uid, |uid| *uid));
            }
        }
        (ours, theirs) => panic!("{ours} is not {theirs}"),
    }
    assert_eq!(server.info.forwarded_for, case.forwarded);
    if let Some(forwarded) = case.forwarded {
        assert_eq!(server.info.client(), Address::Tcp(forwarded));
    }
}

/// Much, both ways at once.
pub(super) async fn exchanges(case: &EndpointCase) {
    let mut listener = case.listen().await;
    let (mut client, mut server) = case.connected(&mut *listener).await;
    answers(&mut client.io, &mut server.io).await;
    let sent: Arc<Vec<u8>> = Arc::new((0..MIB).map(|at| (at % 251) as u8).collect());
    let both = [client, server].map(|mut conn| {
        let sent = sent.clone();
        tokio::spawn(async move {
            assert!(both_ways(&mut conn.io, &sent).await == *sent);
            conn
        })
    });
    for end in both {
        end.await.unwrap();
    }
}

/// Sends everything while as much is read, in one task and without splitting the stream. Returns what was read.
async fn both_ways(io: &mut Box<dyn Stream>, sent: &[u8]) -> Vec<u8> {
    let (mut written, mut flushed, mut read) = (0, false, Vec::new());
    let mut octets = vec![0; 8192];
    std::future::poll_fn(|cx| {
        loop {
            let mut moved = false;
            if written < sent.len() {
                if let Poll::Ready(len) = Pin::new(&mut *io).poll_write(cx, &sent[written..]) {
                    written += len.unwrap();
                    moved = true;
                }
            } else if !flushed && let Poll::Ready(done) = Pin::new(&mut *io).poll_flush(cx) {
                done.unwrap();
                (flushed, moved) = (true, true);
            }
            let mut buf = ReadBuf::new(&mut octets);
            if read.len() < sent.len()
                && let Poll::Ready(done) = Pin::new(&mut *io).poll_read(cx, &mut buf)
            {
                done.unwrap();
                assert_ne!(buf.filled().len(), 0, "it ended after {}", read.len());
                read.extend_from_slice(buf.filled());
                moved = true;
            }
            if flushed && read.len() >= sent.len() {
                return Poll::Ready(());
            }
            if !moved {
                return Poll::Pending;
            }
        }
    })
    .await;
    read
}

/// A side that has ended is still answered.
pub(super) async fn closes_by_halves(case: &EndpointCase) {
    let mut listener = case.listen().await;
    let (mut client, mut server) = case.connected(&mut *listener).await;
    client.io.write_all(b"all I have").await.unwrap();
    client.io.shutdown().await.unwrap();
    let mut heard = Vec::new();
    server.io.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"all I have");
    let answering = tokio::spawn(async move {
        server.io.write_all(&vec![7; MIB]).await.unwrap();
        server.io.shutdown().await.unwrap();
        server
    });
    let mut back = Vec::new();
    client.io.read_to_end(&mut back).await.unwrap();
    assert!(back == vec![7; MIB]);
    answering.await.unwrap();
}

/// A client that goes away while it is written to is noticed, and nothing else is.
pub(super) async fn notices_a_reset(case: &EndpointCase) {
    let mut listener = case.listen().await;
    let (mut client, mut server) = case.connected(&mut *listener).await;
    let writing = tokio::spawn(async move {
        let much = vec![1; 64 * 1024];
        loop {
            if let Err(error) = server.io.write_all(&much).await {
                return error;
            }
        }
    });
    client.io.read_u8().await.unwrap();
    drop(client);
    let error = writing.await.unwrap();
    assert!(
        matches!(error.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe),
        "{error}"
    );
    let (mut client, mut server) = case.connected(&mut *listener).await;
    answers(&mut client.io, &mut server.io).await;
}

/// A connection that is not let in ends at once for the client, and the next is as good as any.
pub(super) async fn resets(case: &EndpointCase) {
    let mut listener = case.listen().await;
    let connector = case.connector(&*listener);
    let (refused, accepted) = tokio::join!(connector.connect(Deadline::NEVER), listener.accept());
    accepted.unwrap().reset();
    let mut octets = Vec::new();
    // A reset where the system knows one, else an end.
    let ended = refused.unwrap().io.read_to_end(&mut octets).await;
    assert!(ended.is_err() || octets.is_empty());
    let (mut client, mut server) = case.connected(&mut *listener).await;
    answers(&mut client.io, &mut server.io).await;
}

/// Peers that say nothing keep nobody else waiting, and those that speak or listen slowly lose nothing.
pub(super) async fn bears_slow_peers(case: &EndpointCase) {
    let listener = case.listen().await;
    let connector = case.connector(&*listener);
    let steps: Vec<_> = case.server.iter().map(|step| (step.clone(), Some(super::PATIENCE))).collect();
    let handler = Arc::new(Upgraded::new(steps, Arc::new(Echo)));
    let (drain, watch) = Drain::new();
    let looping = tokio::spawn(accept_loop(listener, Accepting::new("slow", handler, 100, watch)));

    let silent = connector.connect(Deadline::NEVER).await.unwrap();
    let mut client = case.stepped(connector.connect(Deadline::NEVER).await.unwrap()).await;
    for octet in 0..=255 {
        client.io.write_u8(octet).await.unwrap();
        client.io.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut back = vec![0; 256];
    for octet in &mut back {
        *octet = client.io.read_u8().await.unwrap();
    }
    assert!(back.iter().copied().eq(0..=255));
    drop(silent);
    drain.drain();
    looping.await.unwrap().unwrap();

    let mut listener = case.listen().await;
    let (mut client, mut server) = case.connected(&mut *listener).await;
    let writing = tokio::spawn(async move {
        server.io.write_all(&vec![3; 4 * MIB]).await.unwrap();
        server.io.shutdown().await.unwrap();
        server
    });
    let (mut all, mut few) = (0, vec![0; 1000]);
    loop {
        let len = client.io.read(&mut few).await.unwrap();
        if len == 0 {
            break;
        }
        assert!(few[..len].iter().all(|octet| *octet == 3));
        all += len;
        tokio::task::yield_now().await;
    }
    assert_eq!(all, 4 * MIB);
    writing.await.unwrap();
}

/// Accepting can be given up at any moment.
pub(super) async fn loses_nothing_when_cancelled(case: &EndpointCase) {
    let mut listener = case.listen().await;
    let connector = case.connector(&*listener);
    for _ in 0..10 {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(listener.accept().as_mut().poll(&mut cx).is_pending());
    }
    for _ in 0..3 {
        let mut accepting = listener.accept();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(accepting.as_mut().poll(&mut cx).is_pending());
        let client = connector.connect(Deadline::NEVER).await.unwrap();
        drop(accepting);
        let (mut client, mut server) =
            tokio::join!(case.stepped(client), async { case.let_in(listener.accept().await.unwrap()).await });
        answers(&mut client.io, &mut server.io).await;
    }
}

/// An address is free as soon as its listener is closed, and connections outlive it.
pub(super) async fn binds_again(case: &EndpointCase) {
    let mut listener = case.listen().await;
    for _ in 0..3 {
        let connector = case.connector(&*listener);
        let bound = listener.bound();
        let (mut client, mut server) = case.connected(&mut *listener).await;
        listener.close().await;
        connector.connect(Deadline::after(super::PATIENCE)).await.unwrap_err();
        answers(&mut client.io, &mut server.io).await;
        listener = case.listen_at(bound[0].clone()).await;
        assert_eq!(listener.bound(), bound);
        answers(&mut client.io, &mut server.io).await;
    }
    let (mut client, mut server) = case.connected(&mut *listener).await;
    answers(&mut client.io, &mut server.io).await;
}

/// Many that come and go.
pub(super) async fn takes_a_thousand(case: &EndpointCase) {
    let listener: Box<dyn Listener> = case.listen().await;
    let connector = case.connector(&*listener);
    let steps: Vec<_> = case.server.iter().map(|step| (step.clone(), Some(super::PATIENCE))).collect();
    let handler = Arc::new(Upgraded::new(steps, Arc::new(Echo)));
    let (drain, watch) = Drain::new();
    let accepting = Accepting::new("quick", handler, 10 * AT_ONCE, watch);
    let counters = accepting.counters.clone();
    let looping = tokio::spawn(accept_loop(listener, accepting));
    let (mut left, mut running) = (THOUSAND, JoinSet::new());
    while left > 0 || !running.is_empty() {
        if left > 0 && running.len() < AT_ONCE {
            left -= 1;
            let (connector, client) = (connector.clone(), case.client.clone());
            running.spawn(async move {
                let conn = connector.connect(Deadline::NEVER).await.unwrap();
                let mut conn = super::steps(&client, conn).await;
                conn.io.write_u8(7).await.unwrap();
                conn.io.flush().await.unwrap();
                assert_eq!(conn.io.read_u8().await.unwrap(), 7);
                // An end that the other side agrees to.
                conn.io.shutdown().await.unwrap();
                assert_eq!(conn.io.read(&mut [0; 1]).await.unwrap(), 0);
            });
        } else if let Some(done) = running.join_next().await {
            done.unwrap();
        }
    }
    drain.drain();
    looping.await.unwrap().unwrap();
    drain.complete().await;
    assert_eq!(counters.open.load(Ordering::Relaxed), 0);
    assert_eq!(counters.accepted.load(Ordering::Relaxed), THOUSAND);
    assert_eq!(counters.refused.load(Ordering::Relaxed), 0);
}
