//! A client that speaks WAMP one message at a time, over any transport.

use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use transom_base::Stream;
use transom_wamp::{
    ClientRoles, Dict, Encoder, Features, Goodbye, Hello, HelloDetails, Id, Match, Message, Payload, Publish,
    PublishOptions, Register, RegisterOptions, Serializer, Shape, Subscribe, Value, Welcome, decode,
};

use crate::PATIENCE;

/// Where to connect to.
#[derive(Debug, Clone)]
pub enum Target {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Target {
    /// A raw connection.
    pub async fn connect(&self) -> Box<dyn Stream> {
        match self {
            Target::Tcp(addr) => {
                let stream = TcpStream::connect(addr).await.unwrap();
                stream.set_nodelay(true).unwrap();
                Box::new(stream)
            }
            Target::Unix(path) => Box::new(UnixStream::connect(path).await.unwrap()),
        }
    }
}

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// WebSocket at `/ws`.
    WebSocket,
    /// RawSocket.
    RawSocket,
}

/// A client with one connection.
pub struct Client {
    wire: Wire,
    serializer: Serializer,
    encoder: Encoder,
    next: Id,
}

enum Wire {
    WebSocket(Box<WebSocketStream<Box<dyn Stream>>>),
    RawSocket(Box<dyn Stream>),
}

impl Client {
    /// Connects and does the transport's handshake, at `/ws` for WebSocket.
    pub async fn connect(target: &Target, carrier: Carrier, serializer: Serializer) -> Self {
        let io = target.connect().await;
        let wire = match carrier {
            Carrier::WebSocket => Wire::WebSocket(Box::new(websocket(io, "/ws", serializer).await)),
            Carrier::RawSocket => Wire::RawSocket(rawsocket(io, serializer).await),
        };
        Client { wire, serializer, encoder: Encoder::default(), next: Id::default() }
    }

    /// RawSocket on a connection that is there.
    pub async fn over(io: Box<dyn Stream>, serializer: Serializer) -> Self {
        let wire = Wire::RawSocket(rawsocket(io, serializer).await);
        Client { wire, serializer, encoder: Encoder::default(), next: Id::default() }
    }

    /// Connects and joins `realm1`.
    pub async fn join(target: &Target, carrier: Carrier, serializer: Serializer) -> (Self, Welcome) {
        let mut client = Self::connect(target, carrier, serializer).await;
        let welcome = client.hello("realm1").await;
        match welcome {
            Message::Welcome(welcome) => (client, welcome),
            other => panic!("no WELCOME but {other:?}"),
        }
    }

    /// Says HELLO with every role and returns the answer.
    pub async fn hello(&mut self, realm: &str) -> Message {
        let role = || Some(Features::default());
        let roles = ClientRoles { publisher: role(), subscriber: role(), caller: role(), callee: role() };
        let details = HelloDetails { roles, ..HelloDetails::default() };
        self.send(Message::Hello(Box::new(Hello { realm: Some(realm.into()), details }))).await;
        self.receive().await
    }

    /// Says GOODBYE and returns the answer.
    pub async fn goodbye(&mut self) -> Message {
        self.send(Message::Goodbye(Goodbye { message: None, reason: "wamp.close.normal".into() })).await;
        self.receive().await
    }

    /// Answers the node's GOODBYE.
    pub async fn goodbye_answer(&mut self) {
        let reason = "wamp.close.goodbye_and_out".into();
        self.send(Message::Goodbye(Goodbye { message: None, reason })).await;
    }

    /// Subscribes, where that is allowed.
    pub async fn try_subscribe(&mut self, topic: &str) -> Option<Id> {
        let (request, topic) = (self.request(), topic.into());
        let subscribe = Subscribe { request, matching: Match::Exact, get_retained: false, topic };
        self.send(Message::Subscribe(subscribe)).await;
        match self.receive().await {
            Message::Subscribed(subscribed) => Some(subscribed.subscription),
            Message::Error(_) => None,
            other => panic!("{other:?}"),
        }
    }

    /// Subscribes.
    pub async fn subscribe(&mut self, topic: &str) -> Id {
        self.try_subscribe(topic).await.unwrap_or_else(|| panic!("no subscription of {topic}"))
    }

    /// Registers a procedure.
    pub async fn register(&mut self, procedure: &str) -> Id {
        let (request, procedure) = (self.request(), procedure.into());
        let options = RegisterOptions::default();
        self.send(Message::Register(Register { request, options, procedure })).await;
        match self.receive().await {
            Message::Registered(registered) => registered.registration,
            other => panic!("{other:?}"),
        }
    }

    /// Publishes a number and waits until that is acknowledged.
    pub async fn publish(&mut self, topic: &str, number: u64) {
        let (request, payload) = (self.request(), self.args(&[Value::from(number)]));
        let options = PublishOptions { acknowledge: true, ..PublishOptions::default() };
        self.send(Message::Publish(Publish { request, options, topic: topic.into(), payload })).await;
        match self.receive().await {
            Message::Published(published) => assert_eq!(published.request, request),
            other => panic!("{other:?}"),
        }
    }

    /// The next request ID.
    pub fn request(&mut self) -> Id {
        self.next = self.next.next();
        self.next
    }

    /// A payload of positional arguments.
    pub fn args(&self, args: &[Value]) -> Payload {
        self.payload(args, &Dict::default())
    }

    /// A payload.
    pub fn payload(&self, args: &[Value], kwargs: &Dict) -> Payload {
        Payload::from_values(self.serializer, args, kwargs)
    }

    /// No payload.
    pub fn nothing(&self) -> Payload {
        Payload { serializer: self.serializer, shape: Shape::Empty, bytes: Bytes::new() }
    }

    /// Sends a message.
    pub async fn send(&mut self, message: Message) {
        let encoded = self.encoder.encode(self.serializer, &message);
        let frame = [encoded.head, encoded.body, encoded.tail].concat();
        self.send_frame(frame).await;
    }

    /// Sends one serialized message, whatever it is.
    pub async fn send_frame(&mut self, frame: Vec<u8>) {
        let sent = async {
            match &mut self.wire {
                Wire::WebSocket(ws) if self.serializer.is_text() => {
                    let text = tungstenite::Utf8Bytes::try_from(Bytes::from(frame)).unwrap();
                    ws.send(tungstenite::Message::Text(text)).await.unwrap();
                }
                Wire::WebSocket(ws) => ws.send(tungstenite::Message::Binary(frame.into())).await.unwrap(),
                Wire::RawSocket(io) => {
                    let prefix = u32::try_from(frame.len()).unwrap().to_be_bytes();
                    io.write_all(&[&prefix[..], &frame].concat()).await.unwrap();
                }
            }
        };
        timeout(PATIENCE, sent).await.expect("the node does not read");
    }

    /// The next message.
    pub async fn receive(&mut self) -> Message {
        let frame = self.receive_frame().await.expect("the node closed the connection");
        decode(self.serializer, &frame).unwrap_or_else(|e| panic!("{e}: {frame:?}"))
    }

    /// The next message as it is on the wire; nothing when the node closes.
    pub async fn receive_frame(&mut self) -> Option<Bytes> {
        match &mut self.wire {
            Wire::WebSocket(ws) => loop {
                match timeout(PATIENCE, ws.next()).await.expect("no message in time")? {
                    Ok(tungstenite::Message::Text(text)) => return Some(text.into()),
                    Ok(tungstenite::Message::Binary(bytes)) => return Some(bytes),
                    Ok(tungstenite::Message::Ping(_) | tungstenite::Message::Pong(_)) => {}
                    Ok(_) | Err(_) => return None,
                }
            },
            Wire::RawSocket(io) => {
                let read = async {
                    let len = io.read_u32().await.ok()?;
                    let mut frame = vec![0; len as usize];
                    io.read_exact(&mut frame).await.ok()?;
                    Some(frame.into())
                };
                timeout(PATIENCE, read).await.expect("no message in time")
            }
        }
    }

    /// Waits until the node closes; the close frame, where the transport has one. Messages on the way are dropped.
    pub async fn closed(&mut self) -> Option<CloseFrame> {
        match &mut self.wire {
            Wire::WebSocket(ws) => loop {
                match timeout(PATIENCE, ws.next()).await.expect("the node does not close") {
                    Some(Ok(tungstenite::Message::Close(frame))) => return frame,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            },
            Wire::RawSocket(io) => {
                let mut rest = Vec::new();
                // A reset is an end too.
                let _ = timeout(PATIENCE, io.read_to_end(&mut rest)).await.expect("the node does not close");
                None
            }
        }
    }

    /// The raw connection of a RawSocket client.
    pub fn raw(&mut self) -> &mut Box<dyn Stream> {
        match &mut self.wire {
            Wire::RawSocket(io) => io,
            Wire::WebSocket(_) => panic!("no RawSocket client"),
        }
    }

    /// The WebSocket of a WebSocket client.
    pub fn websocket(&mut self) -> &mut WebSocketStream<Box<dyn Stream>> {
        match &mut self.wire {
            Wire::WebSocket(ws) => ws,
            Wire::RawSocket(_) => panic!("no WebSocket client"),
        }
    }
}

async fn websocket(
    io: Box<dyn Stream>,
    path: &str,
    serializer: Serializer,
) -> WebSocketStream<Box<dyn Stream>> {
    let mut request = format!("ws://localhost{path}").into_client_request().unwrap();
    let protocol = serializer.subprotocol().parse().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
    let handshake = tokio_tungstenite::client_async(request, io);
    let (stream, response) = timeout(PATIENCE, handshake).await.expect("no handshake in time").unwrap();
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], serializer.subprotocol());
    stream
}

async fn rawsocket(mut io: Box<dyn Stream>, serializer: Serializer) -> Box<dyn Stream> {
    let hello = [0x7F, 0xF0 | serializer.rawsocket_id(), 0, 0];
    io.write_all(&hello).await.unwrap();
    let mut answer = [0; 4];
    timeout(PATIENCE, io.read_exact(&mut answer)).await.expect("no handshake in time").unwrap();
    // The upper half is the node's own limit.
    assert_eq!([answer[0], answer[1] & 0x0F, answer[2], answer[3]], [0x7F, serializer.rawsocket_id(), 0, 0]);
    io
}
