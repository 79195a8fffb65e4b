//! Opening handshakes on a stream, for either side.

use bytes::{Buf, BytesMut};
use http::{Request, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::machine::TryParse;

use super::{Accepted, ClientError, ClientHandshake, Refusal, ServerRules};
use crate::{Deflate, DeflateServer};

/// The longest head of a request or response, in octets.
const MAX_HEAD: usize = 16 * 1024;

/// A connection after its handshake.
#[derive(Debug)]
pub struct Opened {
    /// What came behind the handshake: the beginning of the first frames.
    pub leftover: BytesMut,
    /// The subprotocol that was chosen.
    pub subprotocol: Option<String>,
    /// How messages are compressed.
    pub deflate: Option<Deflate>,
}

/// What a server accepts.
#[derive(Debug)]
pub struct Accepting {
    /// Which requests are accepted.
    pub rules: ServerRules,
    /// How compression is granted; none = not at all.
    pub deflate: Option<DeflateServer>,
}

/// Why a stream did not become a WebSocket connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Reading or writing failed.
    #[error("the connection broke within the WebSocket handshake")]
    Io(#[source] std::io::Error),
    /// The peer went away. `begun` tells whether it had said anything.
    #[error("the peer closed the connection within the WebSocket handshake")]
    Eof {
        /// It had.
        begun: bool,
    },
    /// The peer's head has no end.
    #[error("the head of the WebSocket handshake is longer than {MAX_HEAD} octets")]
    TooLong,
    /// What came is no request.
    #[error("what came is no HTTP request")]
    NotHttp,
    /// We, as server, refused the request, and have said so.
    #[error("refused a WebSocket request: {0}")]
    Refused(#[source] Refusal),
    /// The server did not accept ours.
    #[error(transparent)]
    Client(ClientError),
}

/// Takes a client's request and answers it. Whoever waits sets the deadline; dropping the future on the way is no harm
/// but to the connection.
///
/// # Errors
///
/// There is no connection. A refused client got its answer.
pub async fn accept<S>(io: &mut S, accepting: &Accepting) -> Result<Opened, OpenError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut input = BytesMut::new();
    let request = loop {
        read(io, &mut input).await?;
        match request(&input) {
            Ok(None) => {}
            Ok(Some((len, request))) => {
                input.advance(len);
                break request;
            }
            Err(None) => return Err(OpenError::NotHttp),
            Err(Some(refusal)) => return refuse(io, refusal).await,
        }
    };
    let Accepted { subprotocol, mut headers } = match accepting.rules.accept(&request) {
        Ok(accepted) => accepted,
        Err(refusal) => return refuse(io, refusal).await,
    };
    let deflate = accepting.deflate.as_ref().and_then(|server| server.accept(request.headers()));
    let deflate = deflate.map(|(agreed, value)| {
        headers.insert(http::header::SEC_WEBSOCKET_EXTENSIONS, value);
        agreed
    });
    let mut head = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    for (name, value) in &headers {
        head.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend_from_slice(b"\r\n");
    write(io, &head).await?;
    Ok(Opened { leftover: input, subprotocol: subprotocol.map(str::to_owned), deflate })
}

/// Sends a client's request and takes the answer. Whoever waits sets the deadline.
///
/// # Errors
///
/// There is no connection.
pub async fn connect<S>(io: &mut S, handshake: &ClientHandshake) -> Result<Opened, OpenError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    write(io, &handshake.request()).await?;
    let mut input = BytesMut::new();
    loop {
        read(io, &mut input).await?;
        if let Some(answer) = handshake.response(&input).map_err(OpenError::Client)? {
            input.advance(answer.len);
            let super::Answer { subprotocol, deflate, .. } = answer;
            return Ok(Opened { leftover: input, subprotocol, deflate });
        }
    }
}

/// A request at the front of `input`, and its length; `None` while it is not whole. An error without a refusal is
/// nothing that could be answered.
fn request(input: &[u8]) -> Result<Option<(usize, Request<()>)>, Option<Refusal>> {
    Request::<()>::try_parse(input).map_err(|error| match error {
        tungstenite::Error::Protocol(ProtocolError::WrongHttpMethod) => {
            Some(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "WebSocket needs the method GET."))
        }
        tungstenite::Error::Protocol(ProtocolError::WrongHttpVersion) => {
            Some(Refusal::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "WebSocket needs HTTP/1.1."))
        }
        _ => None,
    })
}

async fn refuse<S: AsyncWrite + Unpin>(io: &mut S, refusal: Refusal) -> Result<Opened, OpenError> {
    let Refusal { status, message, header } = &refusal;
    let mut head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n",
        message.len()
    )
    .into_bytes();
    if let Some((name, value)) = header {
        head.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(message.as_bytes());
    write(io, &head).await?;
    // The peer may be gone already: then nothing is lost.
    let _ = io.shutdown().await;
    Err(OpenError::Refused(refusal))
}

async fn read<S: AsyncRead + Unpin>(io: &mut S, input: &mut BytesMut) -> Result<(), OpenError> {
    if input.len() >= MAX_HEAD {
        return Err(OpenError::TooLong);
    }
    input.reserve(1024);
    match io.read_buf(input).await {
        Ok(0) => Err(OpenError::Eof { begun: !input.is_empty() }),
        Ok(_) => Ok(()),
        Err(error) => Err(OpenError::Io(error)),
    }
}

async fn write<S: AsyncWrite + Unpin>(io: &mut S, octets: &[u8]) -> Result<(), OpenError> {
    io.write_all(octets).await.map_err(OpenError::Io)?;
    io.flush().await.map_err(OpenError::Io)
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;
    use crate::DeflateSettings;

    fn accepting(subprotocols: &[&'static str]) -> Accepting {
        let rules = ServerRules { subprotocols: subprotocols.to_vec(), ..ServerRules::new() };
        Accepting { rules, deflate: Some(DeflateServer::new(DeflateSettings::default())) }
    }

    #[tokio::test]
    async fn both_sides_agree_and_keep_what_came_behind() {
        // Through a pipe that takes a few octets at a time.
        let (mut client, mut server) = duplex(7);
        let handshake = ClientHandshake::new("localhost", "/ws?x", &["b", "a"], None).unwrap();
        let handshake = handshake.with_deflate(DeflateSettings::default());
        let accepting = accepting(&["a", "b"]);
        let (ours, theirs) = tokio::join!(
            async {
                let opened = accept(&mut server, &accepting).await.unwrap();
                server.write_all(b"frames").await.unwrap();
                opened
            },
            async {
                let mut opened = connect(&mut client, &handshake).await.unwrap();
                while opened.leftover.len() < 6 {
                    client.read_buf(&mut opened.leftover).await.unwrap();
                }
                opened
            }
        );
        assert_eq!((ours.subprotocol.as_deref(), theirs.subprotocol.as_deref()), (Some("b"), Some("b")));
        assert!(ours.deflate.is_some() && theirs.deflate.is_some());
        assert_eq!((&ours.leftover[..], &theirs.leftover[..]), (&b""[..], &b"frames"[..]));
    }

    /// What a server says to these octets, and how it ends.
    async fn say(octets: &[u8]) -> (String, OpenError) {
        let (mut client, mut server) = duplex(1 << 16);
        client.write_all(octets).await.unwrap();
        client.shutdown().await.unwrap();
        let error = accept(&mut server, &accepting(&[])).await.unwrap_err();
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        (answer, error)
    }

    #[tokio::test]
    async fn what_is_no_upgrade_is_refused_or_dropped() {
        for (octets, status) in [
            ("POST /ws HTTP/1.1\r\nHost: a\r\n\r\n", "405 Method Not Allowed"),
            ("GET /ws HTTP/1.0\r\nHost: a\r\n\r\n", "505 HTTP Version Not Supported"),
            ("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", "426 Upgrade Required"),
            ("GET /ws HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ] {
            let (answer, error) = say(octets.as_bytes()).await;
            assert!(matches!(error, OpenError::Refused(_)), "{octets:?} {error}");
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{octets:?} {answer}");
            assert!(answer.contains("\r\nConnection: close\r\n"));
        }
        assert!(matches!(say(b"\x16\x03\x01\x02\0").await.1, OpenError::NotHttp));
        assert!(matches!(say(b"").await.1, OpenError::Eof { begun: false }));
        assert!(matches!(say(b"GET /").await.1, OpenError::Eof { begun: true }));
        let endless = [b"GET / HTTP/1.1\r\nx: ".to_vec(), vec![b'y'; 2 * MAX_HEAD]].concat();
        let (answer, error) = say(&endless).await;
        assert!(matches!(error, OpenError::TooLong) && answer.is_empty());
    }

    #[tokio::test]
    async fn server_that_answers_otherwise_is_an_error() {
        for (answer, expected) in [
            ("HTTP/1.1 404 Not Found\r\n\r\n", "404"),
            ("SSH-2.0-OpenSSH\r\n", "no HTTP response"),
            ("HTTP/1.1 101", "closed the connection"),
        ] {
            let (mut client, mut server) = duplex(1 << 16);
            server.write_all(answer.as_bytes()).await.unwrap();
            server.shutdown().await.unwrap();
            let handshake = ClientHandshake::new("localhost", "/", &[], None).unwrap();
            let error = connect(&mut client, &handshake).await.unwrap_err();
            assert!(error.to_string().contains(expected), "{answer:?} {error}");
        }
    }
}
