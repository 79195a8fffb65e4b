//! A router just good enough to check the load generator: one thread per connection, every message decoded by
//! libraries the generator does not use, and anything unexpected answered with ABORT.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tungstenite::handshake::server::{Request, Response};

/// What the fake does wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Loses the event with this request ID.
    LoseEvent(u64),
    /// Delivers each event twice.
    Duplicate,
    /// Answers calls with ERROR.
    RefuseCalls,
    /// Delivers another payload.
    Alter,
    /// Sends a ping before each event.
    Ping,
}

#[derive(Clone, Copy, Debug)]
struct Format {
    websocket: bool,
    json: bool,
}

/// The sending half of a connection.
#[derive(Clone, Debug)]
struct Writer {
    id: u64,
    stream: Arc<Mutex<TcpStream>>,
    format: Format,
}

impl Writer {
    fn send(&self, message: &Value) {
        let body = if self.format.json {
            message.to_string().into_bytes()
        } else {
            rmp_serde::to_vec(message).unwrap()
        };
        let kind = if self.format.json { 0x81 } else { 0x82 };
        self.frame(kind, 0, &body);
    }

    fn ping(&self) {
        self.frame(0x89, 1, b"are you there");
    }

    fn frame(&self, websocket: u8, rawsocket: u32, body: &[u8]) {
        let mut out = Vec::new();
        match (self.format.websocket, body.len()) {
            (false, len) => out.extend((rawsocket << 24 | len as u32).to_be_bytes()),
            (true, len @ 0..126) => out.extend([websocket, len as u8]),
            (true, len) => {
                out.extend([websocket, 126]);
                out.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
        }
        out.extend(body);
        // A client that has left is found by its own thread.
        let _sent = self.stream.lock().unwrap().write_all(&out);
    }
}

#[derive(Debug, Default)]
struct State {
    sessions: u64,
    subscribers: Vec<Writer>,
    callee: Option<Writer>,
    calls: HashMap<u64, (Writer, u64)>,
    invocations: u64,
    pongs: u64,
}

/// A running fake; its threads end with the process.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    pub(crate) addr: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Fake {
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Self { addr: listener.local_addr().unwrap(), state: Arc::default() };
        let state = fake.state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = state.clone();
                std::thread::spawn(move || connection(stream, &state, fault));
            }
        });
        fake
    }

    /// Answers to pings seen so far.
    pub(crate) fn pongs(&self) -> u64 {
        self.state.lock().unwrap().pongs
    }
}

fn connection(mut stream: TcpStream, state: &Mutex<State>, fault: Fault) {
    stream.set_nodelay(true).unwrap();
    let mut first = [0];
    if stream.peek(&mut first).unwrap_or(0) == 0 {
        return;
    }
    let out = Arc::new(Mutex::new(stream.try_clone().unwrap()));
    if first == [0x7f] {
        let mut opening = [0; 4];
        stream.read_exact(&mut opening).unwrap();
        stream.write_all(&[0x7f, 0xf0 | opening[1] & 0x0f, 0, 0]).unwrap();
        let format = Format { websocket: false, json: opening[1] & 0x0f == 1 };
        let mut session = Session::new(out, format, fault);
        let mut prefix = [0; 4];
        while stream.read_exact(&mut prefix).is_ok() {
            let prefix = u32::from_be_bytes(prefix);
            let mut body = vec![0; prefix as usize & 0xff_ffff];
            stream.read_exact(&mut body).unwrap();
            match prefix >> 24 {
                2 => state.lock().unwrap().pongs += 1,
                _ => session.receive(&body, &mut state.lock().unwrap()),
            }
        }
        session.gone(&mut state.lock().unwrap());
    } else {
        let mut json = true;
        #[allow(clippy::result_large_err, reason = "the signature is the library's")]
        let choose = |request: &Request, mut response: Response| {
            let protocol = request.headers()["sec-websocket-protocol"].clone();
            json = protocol == "wamp.2.json";
            response.headers_mut().insert("sec-websocket-protocol", protocol);
            Ok(response)
        };
        let mut socket = tungstenite::accept_hdr(stream, choose).unwrap();
        let mut session = Session::new(out, Format { websocket: true, json }, fault);
        while let Ok(message) = socket.read() {
            match message {
                tungstenite::Message::Pong(_) => state.lock().unwrap().pongs += 1,
                message => session.receive(&message.into_data(), &mut state.lock().unwrap()),
            }
        }
        session.gone(&mut state.lock().unwrap());
    }
}

struct Session {
    writer: Writer,
    fault: Fault,
    open: bool,
    request: u64,
}

impl Session {
    fn new(stream: Arc<Mutex<TcpStream>>, format: Format, fault: Fault) -> Self {
        Self { writer: Writer { id: 0, stream, format }, fault, open: false, request: 0 }
    }

    fn receive(&mut self, body: &[u8], state: &mut State) {
        let message: Value = if self.writer.format.json {
            serde_json::from_slice(body).unwrap_or_default()
        } else {
            rmp_serde::from_slice(body).unwrap_or_default()
        };
        if self.handle(&message, state).is_none() {
            self.writer.send(&json!([3, {"message": message}, "wamp.error.protocol_violation"]));
        }
    }

    /// `None` for anything a strict router would refuse.
    fn handle(&mut self, message: &Value, state: &mut State) -> Option<()> {
        let message = message.as_array()?;
        let code = message.first()?.as_u64()?;
        if self.open != (code != 1) {
            return None;
        }
        let id = message.get(1)?.as_u64();
        let uri = message.get(3).and_then(Value::as_str);
        if matches!(code, 16 | 32 | 48 | 64) {
            // Request IDs of a session count from 1 without a gap.
            self.request += 1;
            (id == Some(self.request) && message.get(2)?.is_object() && uri.is_some()).then_some(())?;
        }
        match code {
            1 => {
                let roles = message.get(2)?.get("roles")?.as_object()?;
                (message.get(1)? == "realm1" && roles.len() == 4).then_some(())?;
                state.sessions += 1;
                self.open = true;
                self.writer.id = state.sessions;
                self.writer
                    .send(&json!([2, 1u64 << 52 | self.writer.id, {"roles": {"broker": {}, "dealer": {}}}]));
            }
            6 => {
                self.writer.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
                self.gone(state);
            }
            16 => {
                let args =
                    if self.fault == Fault::Alter { json!(["other"]) } else { message.get(4)?.clone() };
                if self.fault == Fault::LoseEvent(self.request) {
                    return Some(());
                }
                for subscriber in &state.subscribers {
                    if self.fault == Fault::Ping {
                        subscriber.ping();
                    }
                    for _ in 0..1 + u64::from(self.fault == Fault::Duplicate) {
                        subscriber.send(&json!([36, 7, 1u64 << 52 | self.request, {}, args]));
                    }
                }
            }
            32 => {
                state.subscribers.push(self.writer.clone());
                self.writer.send(&json!([33, id?, 7]));
            }
            48 if self.fault == Fault::RefuseCalls => {
                self.writer.send(&json!([8, 48, id?, {}, "wamp.error.no_such_procedure"]));
            }
            48 => {
                state.invocations += 1;
                let invocation = state.invocations;
                state.calls.insert(invocation, (self.writer.clone(), id?));
                state.callee.as_ref()?.send(&json!([68, invocation, 9, {}, message.get(4)?]));
            }
            64 if state.callee.is_some() => {
                self.writer.send(&json!([8, 64, id?, {}, "wamp.error.procedure_already_exists"]));
            }
            64 => {
                state.callee = Some(self.writer.clone());
                self.writer.send(&json!([65, id?, 9]));
            }
            70 => {
                let (caller, call) = state.calls.remove(&id?)?;
                caller.send(&json!([50, call, {}, message.get(3)?]));
            }
            _ => return None,
        }
        Some(())
    }

    fn gone(&mut self, state: &mut State) {
        self.open = false;
        state.subscribers.retain(|other| other.id != self.writer.id);
        if state.callee.as_ref().is_some_and(|callee| callee.id == self.writer.id) {
            state.callee = None;
        }
    }
}
