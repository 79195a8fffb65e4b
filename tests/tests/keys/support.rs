//! Raw exchanges, where a test has to see what a client library hides.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use transom_base::Stream;
use transom_tests::{Carrier, Client, PATIENCE, Target, TestNode};
use transom_wamp::Serializer;

/// Longer than any time limit that is waited for, on a clock that does not wait.
const LONG: Duration = Duration::from_secs(300);

/// A listening endpoint for transport number `index`: each needs its own port in the file, and gets a free one.
pub(crate) fn tcp(index: usize) -> Json {
    json!({"type": "tcp", "interface": "127.0.0.1", "port": 1000 + index})
}

/// The fields of `more` over those of `base`.
pub(crate) fn with(mut base: Json, more: &Json) -> Json {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

/// A node with this WebSocket configuration at each place where one can stand.
pub(crate) async fn websocket_everywhere(config: &Json) -> TestNode {
    let typed = with(json!({"type": "websocket"}), config);
    TestNode::start(json!([
        with(json!({"type": "websocket", "endpoint": tcp(0)}), config),
        {"type": "universal", "endpoint": tcp(1), "websocket": config},
        {"type": "universal", "endpoint": tcp(2), "websocket": {"ws": typed}},
        {"type": "web", "endpoint": tcp(3), "paths": {"ws": typed}},
    ]))
    .await
}

/// The places of [`websocket_everywhere`].
pub(crate) const WEBSOCKET_PLACES: usize = 4;

/// A node with a WebSocket transport with these options.
pub(crate) async fn websocket(options: Json) -> TestNode {
    TestNode::start(json!([{"type": "websocket", "endpoint": tcp(0), "options": options}])).await
}

/// What is answered to an HTTP request that is followed by the end of what the client sends: status and the whole text.
pub(crate) async fn http(target: &Target, request: &str) -> (u16, String) {
    let mut io = target.connect().await;
    io.write_all(request.as_bytes()).await.unwrap();
    io.shutdown().await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, io.read_to_end(&mut answer)).await.expect("no answer").unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    (status(&text), text)
}

/// The same for a path.
pub(crate) async fn get(target: &Target, path: &str) -> (u16, String) {
    http(target, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap_or_else(|| panic!("{head:?}")).parse().unwrap()
}

/// The headers of an upgrade that is accepted everywhere, to which others can be added.
pub(crate) const UPGRADE: &str = "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
pub(crate) const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
pub(crate) const SUBPROTOCOL: &str = "Sec-WebSocket-Protocol: wamp.2.json\r\n";

/// A WebSocket without a library.
pub(crate) struct Ws {
    pub(crate) io: Box<dyn Stream>,
    /// The head of the answer.
    pub(crate) head: String,
}

/// A frame as it came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;

impl Ws {
    /// Asks for an upgrade with these headers; the status.
    pub(crate) async fn ask(target: &Target, headers: &str) -> (u16, Self) {
        let mut io = target.connect().await;
        io.write_all(format!("GET /ws HTTP/1.1\r\n{headers}\r\n").as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(PATIENCE, io.read_u8()).await.expect("no answer").unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        (status(&head), Ws { io, head })
    }

    /// An open connection that speaks JSON.
    pub(crate) async fn open(target: &Target) -> Self {
        let (status, ws) = Self::ask(target, &[UPGRADE, VERSION, SUBPROTOCOL].concat()).await;
        assert_eq!(status, 101, "{}", ws.head);
        ws
    }

    /// An open connection with a session.
    pub(crate) async fn joined(target: &Target) -> Self {
        let mut ws = Self::open(target).await;
        ws.say(&hello("realm1")).await;
        let welcome = ws.frame().await.expect("no WELCOME");
        assert!(welcome.payload.starts_with(b"[2,"), "{welcome:?}");
        ws
    }

    /// Sends a frame: its first octet, the bit of the mask, the mask, and the payload as it is on the wire.
    pub(crate) async fn send(&mut self, first: u8, mask: Option<[u8; 4]>, payload: &[u8]) {
        let bit = if mask.is_some() { 0x80 } else { 0 };
        let mut frame = vec![first];
        match u8::try_from(payload.len()) {
            Ok(short) if short < 126 => frame.push(bit | short),
            _ => {
                frame.push(bit | 126);
                frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend(mask.into_iter().flatten());
        frame.extend(payload);
        self.io.write_all(&frame).await.unwrap();
    }

    /// Sends a text message, masked with zeros.
    pub(crate) async fn say(&mut self, message: &Json) {
        self.send(0x81, Some([0; 4]), message.to_string().as_bytes()).await;
    }

    /// The next frame; nothing at the end.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        let read = async {
            let first = self.io.read_u8().await.ok()?;
            let second = self.io.read_u8().await.ok()?;
            let length = match second & 0x7f {
                126 => self.io.read_u16().await.ok()?.into(),
                127 => usize::try_from(self.io.read_u64().await.ok()?).unwrap(),
                short => short.into(),
            };
            let masked = second & 0x80 != 0;
            let mut mask = [0; 4];
            if masked {
                self.io.read_exact(&mut mask).await.ok()?;
            }
            let mut payload = vec![0; length];
            self.io.read_exact(&mut payload).await.ok()?;
            for (octet, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
                *octet ^= mask;
            }
            Some(Frame { fin: first & 0x80 != 0, opcode: first & 0x0f, masked, payload })
        };
        timeout(LONG, read).await.expect("no frame in time")
    }

    /// The code of the close frame that comes next, other frames being passed over; nothing if the connection ends
    /// without one.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            let frame = self.frame().await?;
            if frame.opcode == CLOSE {
                return Some(u16::from_be_bytes([frame.payload[0], frame.payload[1]]));
            }
        }
    }
}

/// HELLO with every role.
pub(crate) fn hello(realm: &str) -> Json {
    json!([1, realm, {"roles": {"caller": {}, "callee": {}, "publisher": {}, "subscriber": {}}}])
}

/// A session over WebSocket in JSON, and the details of its WELCOME.
pub(crate) async fn join(target: &Target) -> (Client, Json) {
    join_by(target, Carrier::WebSocket, &hello("realm1")).await
}

/// The same with another carrier and HELLO.
pub(crate) async fn join_by(target: &Target, carrier: Carrier, hello: &Json) -> (Client, Json) {
    let mut client = Client::connect(target, carrier, Serializer::Json).await;
    let welcome = answer(&mut client, hello).await;
    assert_eq!(welcome[0], 2, "{welcome}");
    (client, welcome[2].clone())
}

/// Sends one message and returns the next.
pub(crate) async fn answer(client: &mut Client, message: &Json) -> Json {
    client.send_frame(message.to_string().into_bytes()).await;
    next(client).await
}

/// The next message.
pub(crate) async fn next(client: &mut Client) -> Json {
    serde_json::from_slice(&client.receive_frame().await.expect("the node closed")).unwrap()
}

/// How many seconds it takes by the clock of the test until the node closes.
pub(crate) async fn closed_after(io: &mut Box<dyn Stream>) -> u64 {
    let start = Instant::now();
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = timeout(LONG, io.read_to_end(&mut rest)).await.expect("the node does not close");
    whole_seconds(start)
}

/// The seconds since then by the clock of the test, rounded.
pub(crate) fn whole_seconds(start: Instant) -> u64 {
    (start.elapsed() + Duration::from_millis(500)).as_secs()
}
