//! Endpoints inside the process.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{DuplexStream, duplex};
use tokio::sync::{mpsc, watch};
use transom_base::{Address, BoxFuture, ConnInfo, Connection, Deadline};
use transom_endpoint::{Accepted, BoundAddr, Connector, EndpointError, EndpointStatus, Listener};

/// Bytes that a pipe holds in each direction.
const PIPE: usize = 64 * 1024;

fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A listener and a connector to it.
pub fn memory_listener() -> (MemoryListener, MemoryConnector) {
    let (sender, incoming) = mpsc::unbounded_channel();
    let number = number();
    (
        MemoryListener { number, incoming, status: watch::Sender::default() },
        MemoryConnector { number, sender },
    )
}

/// A connection that came from nowhere, and the stream to its other end, with `pipe` bytes between them.
pub fn memory_connection(pipe: usize) -> (Connection, DuplexStream) {
    let (theirs, ours) = duplex(pipe);
    let end = Address::Memory(number());
    (Connection::new(ours, ConnInfo::new(end.clone(), end)), theirs)
}

/// Accepts what its connector connects.
#[derive(Debug)]
pub struct MemoryListener {
    number: u64,
    incoming: mpsc::UnboundedReceiver<io::Result<DuplexStream>>,
    status: watch::Sender<EndpointStatus>,
}

/// Connects to its listener.
#[derive(Debug, Clone)]
pub struct MemoryConnector {
    number: u64,
    sender: mpsc::UnboundedSender<io::Result<DuplexStream>>,
}

impl MemoryConnector {
    /// A connection as a plain stream; an error when the listener is closed.
    pub fn stream(&self) -> io::Result<DuplexStream> {
        let (theirs, ours) = duplex(PIPE);
        self.sender.send(Ok(ours)).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(theirs)
    }

    /// Lets the listener's next accept fail.
    pub fn fail(&self, error: io::Error) {
        self.sender.send(Err(error)).expect("the listener is open");
    }
}

impl Listener for MemoryListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Accepted>> {
        Box::pin(async {
            match self.incoming.recv().await {
                Some(Ok(io)) => {
                    let info = ConnInfo::new(Address::Memory(self.number), Address::Memory(number()));
                    Ok(Accepted::other(io, info))
                }
                Some(Err(error)) => {
                    self.status.send_modify(|status| status.failed(&error));
                    Err(error)
                }
                None => std::future::pending().await,
            }
        })
    }

    fn bound(&self) -> Vec<BoundAddr> {
        vec![BoundAddr::Memory(self.number)]
    }

    fn status(&self) -> watch::Receiver<EndpointStatus> {
        self.status.subscribe()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        drop(self);
        Box::pin(std::future::ready(()))
    }
}

impl Connector for MemoryConnector {
    fn connect(&self, _deadline: Deadline) -> BoxFuture<'_, Result<Connection, EndpointError>> {
        Box::pin(async {
            let io =
                self.stream().map_err(|source| EndpointError::Connect { target: self.target(), source })?;
            let info = ConnInfo::new(Address::Memory(number()), Address::Memory(self.number));
            Ok(Connection::new(io, info))
        })
    }

    fn target(&self) -> String {
        format!("memory:{}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn connection_when_accepted_carries_bytes_both_ways() {
        let (mut listener, connector) = memory_listener();
        let mut there = connector.connect(Deadline::NEVER).await.unwrap().io;
        let mut here = listener.accept().await.unwrap().into_connection().io;
        there.write_all(b"hi").await.unwrap();
        assert_eq!(here.read_u16().await.unwrap(), u16::from_be_bytes(*b"hi"));
        here.write_all(b"ho").await.unwrap();
        assert_eq!(there.read_u16().await.unwrap(), u16::from_be_bytes(*b"ho"));
    }

    #[tokio::test]
    async fn accept_when_told_to_fails_and_then_goes_on() {
        let (mut listener, connector) = memory_listener();
        connector.fail(io::ErrorKind::ConnectionAborted.into());
        let _stream = connector.stream().unwrap();
        assert!(listener.accept().await.is_err());
        assert_eq!(listener.status().borrow().accept_errors, 1);
        listener.accept().await.unwrap();
        Box::new(listener).close().await;
        assert!(connector.stream().is_err());
    }
}
