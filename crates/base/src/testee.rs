//! Sends back what comes, octet by octet: the smallest [`Protocol`] there is, served as `stream.testee`.

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use crate::{
    BoxFuture, ConnScope, Connection, ConnectionHandler, End, Flow, Offered, Outbox, Protocol, ServeError,
    drive,
};

/// Octets queued towards a peer before no more is read from it.
const MAX_QUEUE: usize = 256 * 1024;

/// Sends every octet back, until its peer ends or the node drains.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamTestee;

impl ConnectionHandler for StreamTestee {
    fn name(&self) -> &str {
        "stream.testee"
    }

    fn serve(&self, conn: Connection, scope: ConnScope) -> BoxFuture<'static, Result<(), ServeError>> {
        drive(conn.io, BytesMut::new(), Echo { outbox: Outbox::new(MAX_QUEUE), owed: Bytes::new() }, scope)
    }
}

struct Echo {
    outbox: Outbox,
    /// What found no room.
    owed: Bytes,
}

impl Echo {
    fn say(&mut self, octets: Bytes) -> Flow {
        if self.outbox.offer(octets.len(), false, |queue| queue.share(&octets)) == Offered::Full {
            self.owed = octets;
            return Flow::Pause;
        }
        Flow::Read
    }
}

impl Protocol for Echo {
    fn receive(&mut self, input: &mut BytesMut) -> Flow {
        self.say(input.split().freeze())
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        ready!(self.outbox.poll_room(cx));
        let owed = std::mem::take(&mut self.owed);
        Poll::Ready(self.say(owed))
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
        &self.outbox
    }

    fn finish(&mut self, end: End) -> Result<(), ServeError> {
        match end {
            End::Closed | End::Eof => Ok(()),
            End::Broken(error) => Err(ServeError::Io(error)),
            End::Aborted => Err(ServeError::Aborted),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::{Address, ConnInfo, Counters, Drain};

    fn connection(pipe: usize) -> (Connection, tokio::io::DuplexStream) {
        let (ours, peer) = duplex(pipe);
        (Connection::new(ours, ConnInfo::new(Address::Memory(1), Address::Memory(2))), peer)
    }

    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "a test reads and writes in two tasks")]
    async fn every_octet_comes_back_in_order_however_much_is_sent_before_reading() {
        let (conn, peer) = connection(1000);
        let task = tokio::spawn(StreamTestee.serve(conn, ConnScope::detached()));
        let (mut read, mut write) = tokio::io::split(peer);
        let octets: Vec<u8> = (0..2_000_000u32).map(|n| n.wrapping_mul(2_654_435_761) as u8).collect();
        let sent = octets.clone();
        let writer = tokio::spawn(async move {
            write.write_all(&sent).await.unwrap();
            write
        });
        let mut back = vec![0; octets.len()];
        read.read_exact(&mut back).await.unwrap();
        assert!(back == octets);
        writer.await.unwrap().shutdown().await.unwrap();
        assert_eq!(read.read(&mut back).await.unwrap(), 0);
        task.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn peer_that_only_writes_is_stopped() {
        let (conn, mut peer) = connection(1000);
        let _task = tokio::spawn(StreamTestee.serve(conn, ConnScope::detached()));
        let mut taken = 0;
        let flood = async {
            loop {
                taken += peer.write(&[7; 10_000]).await.unwrap();
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_millis(200), flood).await;
        assert!(waited.is_err() && taken < 2 * MAX_QUEUE, "{taken}");
    }

    #[tokio::test]
    async fn draining_ends_it() {
        let (conn, mut peer) = connection(1000);
        let (drain, watch) = Drain::new();
        let scope = ConnScope::new(watch, Arc::<Counters>::default(), None);
        let task = tokio::spawn(StreamTestee.serve(conn, scope));
        peer.write_all(b"a").await.unwrap();
        assert_eq!(peer.read_u8().await.unwrap(), b'a');
        drain.drain();
        assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);
        drop(peer);
        task.await.unwrap().unwrap();
    }
}
