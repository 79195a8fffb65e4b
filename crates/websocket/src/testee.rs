//! A server that sends back what it receives, for testing clients and this implementation (`websocket.testee`).

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use transom_base::{
    BoxFuture, ConnScope, Connection, ConnectionHandler, Deadline, Offered, Phase, ServeError, Serving,
    drive, in_phases,
};
use transom_wamp::{CloseReason, Flow};

use crate::handshake::{Accepting, OpenError, Opened, Origins, ServerRules, accept};
use crate::{
    Application, Deflate, DeflateServer, Role, WebSocketConnection, WebSocketSender, WebSocketSettings,
};

/// Serves connections that begin with a request for WebSocket, at any path and without subprotocol, and sends every
/// message back.
pub struct WebSocketTestee {
    settings: Arc<WebSocketSettings>,
    accepting: Arc<Accepting>,
    open_handshake_timeout: Option<std::time::Duration>,
}

impl WebSocketTestee {
    /// A testee that waits so long for a request; none = without limit. Of the settings those have no effect that are
    /// about WAMP or the status page.
    pub fn new(settings: WebSocketSettings, open_handshake_timeout: Option<std::time::Duration>) -> Self {
        let rules = ServerRules {
            rfc6455: settings.enable_rfc6455,
            hybi10: settings.enable_hybi10,
            external_port: settings.external_port,
            origins: Origins::new(settings.allowed_origins.iter().cloned(), settings.allow_null_origin),
            ..ServerRules::new()
        };
        let accepting = Accepting { rules, deflate: settings.compression.map(DeflateServer::new) };
        WebSocketTestee {
            settings: Arc::new(settings),
            accepting: Arc::new(accepting),
            open_handshake_timeout,
        }
    }
}

impl ConnectionHandler for WebSocketTestee {
    fn name(&self) -> &str {
        "websocket.testee"
    }

    fn serve(&self, conn: Connection, scope: ConnScope) -> BoxFuture<'static, Result<(), ServeError>> {
        let (settings, accepting) = (self.settings.clone(), self.accepting.clone());
        let deadline = Deadline::after(self.open_handshake_timeout);
        in_phases(async move {
            let mut io = conn.io;
            let mut watch = scope.drain.clone();
            let opened = tokio::select! {
                opened = deadline.run(accept(&mut io, &accepting)) => opened,
                () = watch.reached(Phase::Draining) => return Ok(over(Ok(()))),
            };
            let Opened { leftover, deflate, .. } = match opened {
                Ok(Ok(opened)) => opened,
                Ok(Err(error)) => return Ok(over(failed(error))),
                Err(_) => {
                    return Ok(over(Err(ServeError::Timeout("no WebSocket request came in time".into()))));
                }
            };
            let echo = Echo::new(&settings, deflate.as_ref());
            let connection = WebSocketConnection::open(settings, Role::Server, deflate, echo);
            Ok(drive(io, leftover, connection, scope))
        })
    }
}

/// Nothing more is to be done.
fn over(result: Result<(), ServeError>) -> Serving {
    Box::pin(std::future::ready(result))
}

fn failed(error: OpenError) -> Result<(), ServeError> {
    match error {
        // Somebody looked whether the port is open.
        OpenError::Eof { begun: false } => Ok(()),
        OpenError::Io(error) => Err(ServeError::Io(error)),
        OpenError::TooLong => Err(ServeError::Limit(error.to_string())),
        other => Err(ServeError::Protocol(other.to_string())),
    }
}

impl std::fmt::Debug for WebSocketTestee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocketTestee").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Sends every message back, and reads no further than its peer takes.
struct Echo {
    sender: WebSocketSender,
    /// A message that found no room.
    owed: Option<(bool, Bytes)>,
}

impl Echo {
    fn new(settings: &WebSocketSettings, agreed: Option<&Deflate>) -> Self {
        Echo { sender: WebSocketSender::new(settings, Role::Server, agreed, false), owed: None }
    }
}

impl Application for Echo {
    fn sender(&self) -> &WebSocketSender {
        &self.sender
    }

    fn message(&mut self, text: bool, data: Bytes) -> Flow {
        if self.sender.send(text, &data) == Offered::Full {
            self.owed = Some((text, data));
            return Flow::Pause;
        }
        Flow::Continue
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        ready!(self.sender.poll_room(cx));
        Poll::Ready(match self.owed.take() {
            Some((text, data)) => self.message(text, data),
            None => Flow::Continue,
        })
    }

    fn close(&mut self, _reason: CloseReason) {
        self.owed = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::task::JoinHandle;
    use transom_base::{Counters, Drain, ErrorKind};
    use transom_testkit::memory_connection;

    use super::*;
    use crate::handshake::ClientHandshake;
    use crate::{CloseCode, CloseFrame, DeflateSettings, WebSocket, WebSocketMessage};

    fn settings() -> WebSocketSettings {
        WebSocketSettings { compression: Some(DeflateSettings::default()), ..WebSocketSettings::default() }
    }

    fn serve(settings: WebSocketSettings) -> (DuplexStream, Drain, JoinHandle<Result<(), ServeError>>) {
        let (conn, peer) = memory_connection(1 << 14);
        let (drain, watch) = Drain::new();
        let scope = ConnScope::new(watch, Arc::<Counters>::default(), None);
        let handler = WebSocketTestee::new(settings, Some(Duration::from_secs(10)));
        (peer, drain, tokio::spawn(handler.serve(conn, scope)))
    }

    async fn client(io: DuplexStream, settings: &WebSocketSettings) -> WebSocket<DuplexStream> {
        let handshake = ClientHandshake::new("localhost", "/any/path", &["chat"], None).unwrap();
        let (client, chosen) = WebSocket::connect(io, handshake, settings).await.unwrap();
        assert_eq!(chosen, None);
        client
    }

    #[tokio::test]
    async fn everything_comes_back_compressed_or_not() {
        for compression in [None, Some(DeflateSettings::default())] {
            let (io, _drain, task) = serve(settings());
            let mut client = client(io, &WebSocketSettings { compression, ..settings() }).await;
            for message in [
                WebSocketMessage::text(""),
                WebSocketMessage::text("κόσμε"),
                WebSocketMessage::binary(vec![0, 255]),
                WebSocketMessage::text("long ".repeat(3000)),
                WebSocketMessage::binary(vec![7; 300_000]),
            ] {
                client.feed(&message);
                assert_eq!(client.next().await.unwrap(), Some(message));
            }
            let bye = CloseFrame::new(CloseCode::Normal, "bye");
            let answer = client.close(Some(&bye)).await.unwrap().unwrap();
            assert_eq!(answer, CloseFrame::new(CloseCode::Normal, ""));
            task.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn peer_that_does_not_read_is_not_read_from() {
        let limited = WebSocketSettings { max_send_queue: 1000, ..settings() };
        let (io, _drain, _task) = serve(limited.clone());
        let mut client = client(io, &WebSocketSettings { compression: None, ..limited }).await;
        let messages: Vec<_> = (0..200).map(|n| WebSocketMessage::binary(vec![n as u8; 1000])).collect();
        for message in &messages {
            client.feed(message);
        }
        // Reading and writing go on together, or neither side would get anywhere.
        for message in &messages {
            assert_eq!(client.next().await.unwrap().as_ref(), Some(message));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn handshake_has_a_deadline_and_an_end() {
        let (peer, _drain, task) = serve(settings());
        let error = task.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        drop(peer);
        for (octets, kind) in [
            (&b""[..], None),
            (b"GET / HTTP/1.1\r\n", Some(ErrorKind::PeerProtocol)),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(ErrorKind::PeerProtocol)),
            (b"\x16\x03\x01", Some(ErrorKind::PeerProtocol)),
        ] {
            let (mut peer, _drain, task) = serve(settings());
            peer.write_all(octets).await.unwrap();
            peer.shutdown().await.unwrap();
            assert_eq!(task.await.unwrap().err().map(|error| error.kind()), kind, "{octets:?}");
        }
    }

    #[tokio::test]
    async fn draining_ends_the_handshake_and_closes_what_is_open() {
        let (mut peer, drain, task) = serve(settings());
        drain.drain();
        task.await.unwrap().unwrap();
        assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);

        let (io, drain, task) = serve(settings());
        let mut client = client(io, &settings()).await;
        drain.drain();
        assert_eq!(client.next().await.unwrap(), None);
        assert_eq!(client.closed().unwrap().unwrap().code, CloseCode::Away);
        task.await.unwrap().unwrap();
    }
}
