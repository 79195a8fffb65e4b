//! The client's handshake on a stream.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::MaxLength;
use crate::handshake::{HandshakeError, LEN, Reply, Request};

/// Why a stream did not become a RawSocket connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Reading or writing failed, or the server closed.
    #[error("the connection broke within the RawSocket handshake")]
    Io(#[source] std::io::Error),
    /// The server refused, or is none.
    #[error("no RawSocket session: {0}")]
    Handshake(#[source] HandshakeError),
}

/// Asks a server for a session, and tells the largest message that it accepts. Nothing is read that comes behind the
/// handshake. Whoever waits sets the deadline.
///
/// # Errors
///
/// There is no session.
pub async fn connect<S>(io: &mut S, request: Request) -> Result<MaxLength, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    io.write_all(&request.to_octets()).await.map_err(ConnectError::Io)?;
    io.flush().await.map_err(ConnectError::Io)?;
    let mut octets = [0; LEN];
    let mut read = 0;
    loop {
        let (come, room) = octets.split_at_mut(read);
        // A wrong first octet is known at once: what follows might never come.
        if let Some(accepted) = Reply::parse(come, request).map_err(ConnectError::Handshake)? {
            return Ok(accepted);
        }
        match io.read(room).await.map_err(ConnectError::Io)? {
            0 => return Err(ConnectError::Io(std::io::ErrorKind::UnexpectedEof.into())),
            n => read += n,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::BytesMut;
    use tokio::io::{DuplexStream, duplex};
    use transom_base::{Address, ConnInfo, ConnScope, ConnectionHandler, drive};
    use transom_testkit::{FakeRouter, FakeSession, Heard, memory_connection};
    use transom_wamp::{CloseReason, Goodbye, Message, Offered, Serializer};

    use super::*;
    use crate::handshake::Refusal;
    use crate::{RawSocket, RawSocketSession, Settings};

    const REQUEST: Request = Request { max_length: MaxLength::MAX, serializer: 3 };

    #[tokio::test]
    async fn server_that_accepts_tells_its_limit_and_nothing_behind_it_is_read() {
        for pipe in [1, 2, 3, 100] {
            let (mut client, mut server) = duplex(pipe);
            let (accepted, ()) = tokio::join!(connect(&mut client, REQUEST), async {
                let mut asked = [0; LEN];
                server.read_exact(&mut asked).await.unwrap();
                assert_eq!(asked, REQUEST.to_octets());
                server.write_all(b"\x7f\x73\0\0!").await.unwrap();
            });
            assert_eq!(accepted.unwrap().octets(), 65_536);
            assert_eq!(client.read_u8().await.unwrap(), b'!');
        }
    }

    #[tokio::test]
    async fn server_that_does_not_is_an_error() {
        for (answer, expected) in [
            (&b"\x7f\x10\0\0"[..], Some(HandshakeError::Refused(Refusal::SerializerUnsupported))),
            (b"\x7f\xf1\0\0", Some(HandshakeError::OtherSerializer(1))),
            (b"H", Some(HandshakeError::NotRawSocket(b'H'))),
            (b"\x7f\xf3", None),
            (b"", None),
        ] {
            let (mut client, mut server) = duplex(100);
            server.write_all(answer).await.unwrap();
            if expected.is_none() {
                server.shutdown().await.unwrap();
            }
            match connect(&mut client, REQUEST).await.unwrap_err() {
                ConnectError::Handshake(error) => assert_eq!(Some(error), expected, "{answer:x?}"),
                ConnectError::Io(error) => assert!(expected.is_none(), "{answer:x?} {error}"),
            }
        }
    }

    /// Both ends of a session: what the client's user sees, and what the router sees.
    async fn session(serializer: Serializer) -> (FakeSession, FakeSession, Arc<ConnInfo>) {
        let settings = Settings { max_message_size: MaxLength::at_least(1000), ..Settings::default() };
        let (conn, mut io): (_, DuplexStream) = memory_connection(50);
        let (router, user) = (FakeRouter::new(), FakeRouter::new());
        let server = RawSocket::new(settings.clone(), Arc::new(router.clone()));
        tokio::spawn(server.serve(conn, ConnScope::detached()));
        let request =
            Request { max_length: settings.max_message_size, serializer: serializer.rawsocket_id() };
        let accepted = connect(&mut io, request).await.unwrap();
        let info = Arc::new(ConnInfo::new(Address::Memory(1), Address::Memory(2)));
        let client = RawSocketSession::client(&settings, serializer, accepted, info.clone(), &user);
        tokio::spawn(drive(Box::new(io), BytesMut::new(), client, ConnScope::detached()));
        (user.session(0).await, router.session(0).await, info)
    }

    #[tokio::test]
    async fn both_ends_of_a_session_speak_and_end() {
        let goodbye =
            Message::Goodbye(Goodbye { message: Some("x".repeat(300).into()), reason: "a.b".into() });
        let large =
            Message::Goodbye(Goodbye { message: Some("x".repeat(2000).into()), reason: "a.b".into() });
        for serializer in [Serializer::Json, Serializer::MsgPack, Serializer::Cbor, Serializer::BjData] {
            let (user, router, _info) = session(serializer).await;
            for (one, other) in [(&user, &router), (&router, &user)] {
                assert_eq!(one.details.max_outgoing, 1024);
                assert_eq!(one.send(&large), Offered::TooLarge);
                assert_eq!(one.send(&goodbye), Offered::Queued);
                assert_eq!(other.heard_at_least(1).await[0], Heard::Message(goodbye.clone()));
            }
            user.sink.close(CloseReason::Normal);
            assert_eq!(router.closed().await, CloseReason::TransportLost);
            assert_eq!(user.closed().await, CloseReason::Normal);
        }
    }
}
