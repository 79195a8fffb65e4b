//! What is under load: a WAMP router or the bare relay, and how each gets its senders and receivers ready.
//!
//! Setting up is done with blocking sockets, one step after the other; only the measured part is event-driven.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::error::{Error, Result};
use crate::relay;
use crate::wire::framing::{self, Kind};
use crate::wire::head::{self, Head};
use crate::wire::{self, Carrier, Encoding, Wire, code};

/// Limit for each step of setting up; generous, since builds may run beside.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// RFC 6455 §1.3: the sample nonce and the accept value that belongs to it. A fixed nonce needs no SHA-1 here.
const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Topic and procedure of every case.
pub(crate) const URI: &str = "com.example.bench";

/// Where a WebSocket is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebSocketAddr {
    pub(crate) addr: SocketAddr,
    pub(crate) host: String,
    pub(crate) path: String,
}

impl WebSocketAddr {
    /// `/ws` at an address.
    pub(crate) fn at(addr: SocketAddr) -> Self {
        Self { addr, host: addr.to_string(), path: "/ws".into() }
    }

    /// Reads `ws://HOST:PORT/PATH`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::Argument { text: text.into(), wanted: "a URL like ws://127.0.0.1:8080/ws" };
        let rest = text.strip_prefix("ws://").ok_or_else(wrong)?;
        let (host, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        let with_port = if host.rsplit(']').next().unwrap_or(host).contains(':') {
            host.to_string()
        } else {
            format!("{host}:80")
        };
        Ok(Self { addr: resolve(&with_port)?, host: host.into(), path: path.into() })
    }
}

/// Reads `HOST:PORT`.
pub(crate) fn resolve(text: &str) -> Result<SocketAddr> {
    let addr = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    addr.ok_or_else(|| Error::Argument { text: text.into(), wanted: "HOST:PORT" })
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Publisher or caller.
    Source,
    Subscriber,
    Callee,
}

/// What understands the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Forwards bytes as they are; senders must write what receivers are to read.
    Relay,
    /// Speaks WAMP.
    Router,
}

/// One thing under load.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) nature: Nature,
    pub(crate) rawsocket: Option<SocketAddr>,
    pub(crate) websocket: Option<WebSocketAddr>,
    pub(crate) realm: String,
}

impl Peer {
    /// Whether it can be reached over this carrier.
    pub(crate) fn reachable(&self, carrier: Carrier) -> bool {
        match carrier {
            Carrier::RawSocket => self.rawsocket.is_some(),
            Carrier::WebSocket => self.websocket.is_some(),
        }
    }

    /// A connection ready for its role, blocking.
    pub(crate) fn ready(&self, wire: Wire, role: Role) -> Result<TcpStream> {
        match self.nature {
            Nature::Relay => self.relayed(wire, role),
            Nature::Router => self.joined(wire, role),
        }
    }

    fn relayed(&self, wire: Wire, role: Role) -> Result<TcpStream> {
        let mut stream = self.connect(wire.carrier)?;
        let byte = match role {
            Role::Source => relay::SOURCE,
            Role::Subscriber | Role::Callee => relay::SINK,
        };
        stream.write_all(&[byte]).map_err(Error::io("announcing a role to the relay"))?;
        let mut answer = [0];
        stream.read_exact(&mut answer).map_err(Error::io("waiting for the relay"))?;
        Ok(stream)
    }

    fn joined(&self, wire: Wire, role: Role) -> Result<TcpStream> {
        let mut stream = self.connect(wire.carrier)?;
        self.handshake(wire, &mut stream)?;
        request(wire, &mut stream, &wire::hello(&self.realm), code::WELCOME, "WELCOME")?;
        match role {
            Role::Source => {}
            Role::Subscriber => {
                let subscribe = wire::attach(code::SUBSCRIBE, URI);
                request(wire, &mut stream, &subscribe, code::SUBSCRIBED, "SUBSCRIBED")?;
            }
            Role::Callee => {
                let register = wire::attach(code::REGISTER, URI);
                request(wire, &mut stream, &register, code::REGISTERED, "REGISTERED")?;
            }
        }
        Ok(stream)
    }

    /// Leaves a router in order, so that the next run finds no registration; the relay needs no words.
    pub(crate) fn leave(&self, wire: Wire, mut stream: TcpStream) -> Result<()> {
        if self.nature == Nature::Relay {
            return Ok(());
        }
        let mut out = Vec::new();
        wire.append(&mut out, &wire::goodbye());
        stream.write_all(&out).map_err(Error::io("sending GOODBYE"))?;
        let mut input = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let mut used = 0;
            while let Some(frame) = framing::split(wire.carrier, input.get(used..).unwrap_or_default())? {
                let head = head::parse(wire.encoding, frame.body);
                if frame.kind == Kind::Close || head.is_some_and(|head| head.code == code::GOODBYE) {
                    return Ok(());
                }
                used += frame.len;
            }
            input.drain(..used);
            let got = stream.read(&mut chunk).map_err(Error::io("waiting for GOODBYE"))?;
            if got == 0 {
                return Err(Error::Closed { during: "waiting for GOODBYE" });
            }
            input.extend_from_slice(chunk.get(..got).unwrap_or_default());
        }
    }

    /// A connected socket without delay and with time limits.
    pub(crate) fn connect(&self, carrier: Carrier) -> Result<TcpStream> {
        let addr = self.addr(carrier)?;
        let fail = |source| Error::Connect { target: addr.to_string(), source };
        let stream = from_next_source(addr).map_err(fail)?;
        stream.set_nodelay(true).map_err(fail)?;
        stream.set_read_timeout(Some(STEP_TIMEOUT)).map_err(fail)?;
        stream.set_write_timeout(Some(STEP_TIMEOUT)).map_err(fail)?;
        Ok(stream)
    }

    fn addr(&self, carrier: Carrier) -> Result<SocketAddr> {
        match carrier {
            Carrier::RawSocket => self.rawsocket,
            Carrier::WebSocket => self.websocket.as_ref().map(|websocket| websocket.addr),
        }
        .ok_or(Error::Unexpected { expected: "an address for this carrier", got: "none".into() })
    }

    /// What a client sends first.
    pub(crate) fn opening(&self, wire: Wire) -> Vec<u8> {
        let serializer = match wire.encoding {
            Encoding::Json => 1,
            Encoding::MessagePack => 2,
        };
        match wire.carrier {
            // The high nibble: this client takes messages up to 2^24 octets.
            Carrier::RawSocket => vec![0x7f, 0xf0 | serializer, 0, 0],
            Carrier::WebSocket => {
                let (host, path) = self
                    .websocket
                    .as_ref()
                    .map_or(("localhost", "/"), |at| (at.host.as_str(), at.path.as_str()));
                let protocol = if serializer == 1 { "wamp.2.json" } else { "wamp.2.msgpack" };
                format!(
                    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Key: {NONCE}\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
                )
                .into_bytes()
            }
        }
    }

    fn handshake(&self, wire: Wire, stream: &mut TcpStream) -> Result<()> {
        stream.write_all(&self.opening(wire)).map_err(Error::io("sending the handshake"))?;
        let mut answer = Vec::new();
        // One octet at a time: what follows the handshake belongs to the session, and this is not measured.
        while opening_answer(wire.carrier, &answer)?.is_none() {
            let mut octet = [0];
            if stream.read(&mut octet).map_err(Error::io("waiting for the handshake"))? == 0 {
                return Err(Error::Closed { during: "waiting for the handshake" });
            }
            answer.extend_from_slice(&octet);
        }
        Ok(())
    }
}

/// Judges the router's answer to the opening: `Some(octets it takes)` once complete and favourable.
pub(crate) fn opening_answer(carrier: Carrier, answer: &[u8]) -> Result<Option<usize>> {
    match carrier {
        Carrier::RawSocket => match answer {
            [0x7f, second, 0, 0, ..] if second & 0x0f != 0 => Ok(Some(4)),
            [_, _, _, _, ..] => {
                Err(Error::Handshake { carrier: "RawSocket", answer: format!("{:02x?}", answer) })
            }
            _ => Ok(None),
        },
        Carrier::WebSocket => {
            let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
                return Ok(None);
            };
            let text = String::from_utf8_lossy(answer.get(..end).unwrap_or_default());
            if text.starts_with("HTTP/1.1 101") && text.contains(ACCEPT) {
                Ok(Some(end + 4))
            } else {
                Err(Error::Handshake { carrier: "WebSocket", answer: text.lines().take(3).collect() })
            }
        }
    }
}

fn request(
    wire: Wire,
    stream: &mut TcpStream,
    message: &wire::value::Value<'_>,
    code: u64,
    expected: &'static str,
) -> Result<()> {
    let mut out = Vec::new();
    wire.append(&mut out, message);
    stream.write_all(&out).map_err(Error::io("sending a request"))?;
    let mut input = Vec::new();
    loop {
        match next_message(wire, stream, &mut input, expected)? {
            Some(head) if head.code == code => return Ok(()),
            Some(_) => return Err(Error::Unexpected { expected, got: head::describe(&input) }),
            None => {}
        }
    }
}

/// Reads one frame, octets exactly; `None` for a control frame.
fn next_message(
    wire: Wire,
    stream: &mut TcpStream,
    input: &mut Vec<u8>,
    during: &'static str,
) -> Result<Option<Head>> {
    input.clear();
    loop {
        if let Some(frame) = framing::split(wire.carrier, input)? {
            return match frame.kind {
                Kind::Message => match head::parse(wire.encoding, frame.body) {
                    Some(head) => Ok(Some(head)),
                    None => Err(Error::Unexpected { expected: during, got: head::describe(frame.body) }),
                },
                Kind::Close => Err(Error::Closed { during }),
                Kind::Ping | Kind::Pong => Ok(None),
            };
        }
        let mut octet = [0];
        if stream.read(&mut octet).map_err(Error::io(during))? == 0 {
            return Err(Error::Closed { during });
        }
        input.extend_from_slice(&octet);
    }
}

/// Connects from one loopback address after the other. A closed connection keeps its client port for a minute
/// (TIME_WAIT), and one address has too few of them for thousands of sessions a second.
fn from_next_source(target: SocketAddr) -> io::Result<TcpStream> {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    if !matches!(target, SocketAddr::V4(addr) if addr.ip().is_loopback()) {
        return TcpStream::connect_timeout(&target, STEP_TIMEOUT);
    }
    let last = 2 + NEXT.fetch_add(1, Ordering::Relaxed) % 200;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, last], 0)).into())?;
    socket.connect_timeout(&target.into(), STEP_TIMEOUT)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_when_parsed_gives_address_host_and_path() {
        let at = WebSocketAddr::parse("ws://127.0.0.1:8081/ws/x").unwrap();
        assert_eq!((at.addr.to_string().as_str(), at.path.as_str()), ("127.0.0.1:8081", "/ws/x"));
        let at = WebSocketAddr::parse("ws://[::1]:9").unwrap();
        assert_eq!((at.addr.to_string().as_str(), at.path.as_str()), ("[::1]:9", "/"));
        assert_eq!(WebSocketAddr::parse("ws://127.0.0.1").unwrap().addr.port(), 80);
        for wrong in ["http://x", "wss://127.0.0.1:1/", "ws://"] {
            assert!(WebSocketAddr::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn opening_answer_when_partial_good_or_refusing_is_told_apart() {
        let raw = |answer: &[u8]| opening_answer(Carrier::RawSocket, answer);
        assert_eq!(raw(&[0x7f, 0xf2, 0]).unwrap(), None);
        assert_eq!(raw(&[0x7f, 0xf2, 0, 0, 9]).unwrap(), Some(4));
        assert!(raw(&[0x7f, 0x10, 0, 0]).is_err());
        let web = |answer: &str| opening_answer(Carrier::WebSocket, answer.as_bytes());
        let good = format!("HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n");
        assert_eq!(web(&good).unwrap(), Some(good.len()));
        assert_eq!(web(&good[..good.len() - 1]).unwrap(), None);
        assert!(web("HTTP/1.1 400 Bad Request\r\n\r\n").is_err());
        assert!(web("HTTP/1.1 101 X\r\nSec-WebSocket-Accept: other\r\n\r\n").is_err());
    }
}
