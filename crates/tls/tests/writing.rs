//! What is written leaves in few writes, and leaves in the end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use common::{Folder, LONG, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::Instant;
use transom_base::{
    Address, ConnInfo, ConnScope, Connection, Deadline, End, Flow, Outbox, Protocol, ServeError, Stream,
    drive,
};
use transom_endpoint::Upgrade;
use transom_testkit::{Counting, Writes};

/// Both ends of a connection through TLS with a pipe of this size between them; the writes of the server are counted.
async fn connected(pipe: usize) -> (Connection, Connection, Arc<Writes>) {
    let folder = Folder::new();
    let (near, far) = duplex(pipe);
    let (near, writes) = Counting::new(near);
    let info = ConnInfo::new(Address::Memory(0), Address::Memory(1));
    let (near, far) = (Connection::new(near, info.clone()), Connection::new(far, info));
    let server = server(folder.listening(&["a.example"]));
    let client = folder.client("a.example");
    let (near, far) =
        tokio::join!(server.apply(near, Deadline::after(LONG)), client.apply(far, Deadline::after(LONG)));
    (near.unwrap(), far.unwrap(), writes)
}

#[tokio::test]
async fn slices_when_written_together_leave_in_one_write() {
    let (mut near, mut far, writes) = connected(64 * 1024).await;
    assert!(near.io.is_write_vectored());
    let before = writes.all();
    let parts: Vec<Vec<u8>> = (0..64).map(|octet| vec![octet; 100]).collect();
    let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    assert_eq!(near.io.write_vectored(&slices).await.unwrap(), 6400);
    near.io.flush().await.unwrap();
    assert_eq!(writes.all() - before, 1);
    let mut heard = vec![0; 6400];
    far.io.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, parts.concat());
}

#[tokio::test]
async fn large_slices_when_written_together_leave_whole_in_few_writes() {
    let (mut near, mut far, writes) = connected(1 << 20).await;
    let before = writes.all();
    let parts: Vec<Vec<u8>> = (0..10).map(|octet| vec![octet; 20_000]).collect();
    for part in &parts {
        near.io.write_all(part).await.unwrap();
    }
    near.io.flush().await.unwrap();
    assert!(writes.all() - before <= 20, "{}", writes.all() - before);
    let mut heard = vec![0; 200_000];
    far.io.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, parts.concat());
}

/// Says a lot when it is spoken to, then nothing more.
struct Talkative(Outbox);

impl Protocol for Talkative {
    fn receive(&mut self, input: &mut BytesMut) -> Flow {
        input.clear();
        self.0.offer(LOT, true, |queue| queue.copy(&vec![b'x'; LOT]));
        Flow::Read
    }

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Flow> {
        Poll::Pending
    }

    fn nudged(&mut self) -> Flow {
        Flow::Read
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn expired(&mut self, _now: Instant) -> Flow {
        Flow::Read
    }

    fn drain(&mut self) -> Flow {
        Flow::Close
    }

    fn outbox(&self) -> &Outbox {
        &self.0
    }

    fn finish(&mut self, _end: End) -> Result<(), ServeError> {
        Ok(())
    }
}

const LOT: usize = 200_000;

#[tokio::test]
async fn what_is_queued_for_a_slow_peer_arrives_to_the_last_octet() {
    // TLS takes more than a short pipe holds, and sends the rest only when it is asked to.
    let (near, mut far, _) = connected(1000).await;
    let io: Box<dyn Stream> = near.io;
    let serving = drive(io, BytesMut::new(), Talkative(Outbox::new(1 << 20)), ConnScope::detached());
    let serving = tokio::spawn(serving);
    far.io.write_all(b"go on").await.unwrap();
    far.io.flush().await.unwrap();
    let mut heard = vec![0; LOT];
    let reading = tokio::time::timeout(LONG, far.io.read_exact(&mut heard));
    reading.await.expect("nothing is held back").unwrap();
    far.io.shutdown().await.unwrap();
    // An orderly end, also of TLS.
    assert_eq!(far.io.read(&mut [0; 1]).await.unwrap(), 0);
    serving.await.unwrap().unwrap();
}
