//! WebSocket: both halves of the opening handshake, and the frames.

use crate::chunks;
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, Request, Version};
use transom_websocket::handshake::{ClientHandshake, Origins, ServerRules};
use transom_websocket::{CloseFrame, Control, Data, Decoder, Event, FrameError, Framing, Parts, Role, Rules};

const MAX_MESSAGE: usize = 1000;

/// Frames. The first byte chooses our side and its rules, the second how the bytes are cut.
///
/// However they are cut, the same events come out, no message above the limit, and what came is understood again when
/// the other side writes it anew.
pub fn frames(data: &[u8]) {
    let [choice, cut, octets @ ..] = data else { return };
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let rules = Rules {
        validate_utf8: choice & 2 == 0,
        max_frame: if choice & 4 == 0 { usize::MAX } else { 200 },
        max_message: MAX_MESSAGE,
        max_fragments: 10,
        ..Rules::new(role)
    };
    let whole = read(rules, std::iter::once(octets));
    assert_eq!(whole, read(rules, chunks(octets, *cut)));
    let (events, _) = whole;
    let other = if role == Role::Server { Role::Client } else { Role::Server };
    let fragment = if choice & 12 == 0 { usize::MAX } else { 150 };
    let framing = Framing { fragment, ..Framing::new(other) };
    let mut again = Vec::new();
    for event in &events {
        write(&framing, event, &mut again);
    }
    assert_eq!(read(rules, std::iter::once(&again[..])), (events, None));
}

fn read<'a>(rules: Rules, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Option<FrameError>) {
    let (mut decoder, mut input, mut events) = (Decoder::new(rules), BytesMut::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(event)) => {
                    if let Event::Message { text, data } = &event {
                        assert!(data.len() <= MAX_MESSAGE);
                        assert!(!text || !rules.validate_utf8 || std::str::from_utf8(data).is_ok());
                    }
                    let end = matches!(event, Event::Close(_));
                    events.push(event);
                    if end {
                        return (events, None);
                    }
                }
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
    }
    (events, None)
}

fn write(framing: &Framing, event: &Event, out: &mut Vec<u8>) {
    match event {
        Event::Message { text, data } => {
            let kind = if *text { Data::Text } else { Data::Binary };
            let third = data.len() / 3;
            let body = data.slice(third..2 * third);
            let parts = Parts { head: &data[..third], body: &body, tail: &data[2 * third..] };
            let before = out.len();
            framing.message(kind, parts, out);
            assert_eq!(out.len() - before, framing.message_len(data.len()));
        }
        Event::Ping(data) => framing.control(Control::Ping, data, out),
        Event::Pong(data) => framing.control(Control::Pong, data, out),
        Event::Close(close) => framing.close(close.as_ref(), out),
    }
}

/// More than an input has. Without a limit tungstenite takes memory for whatever length is announced, and panics.
const MAX_FRAME: usize = 1 << 20;

/// Frames, against tungstenite. The first byte chooses our side.
///
/// Both read the same, up to what either finds wrong; and what tungstenite finds wrong we find as well.
pub fn peer(data: &[u8]) {
    let Some((&choice, octets)) = data.split_first() else { return };
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let rules = Rules { max_message: usize::MAX, max_frame: MAX_FRAME, ..Rules::new(role) };
    let (ours, error) = read_all(rules, octets);
    // Registered with IANA, and unknown to tungstenite.
    if matches!(ours.last(), Some(Event::Close(Some(close))) if u16::from(close.code) == 1014) {
        return;
    }
    let (theirs, fault) = tungstenite_reads(role, octets);
    match (error, fault) {
        (None, None) => assert_eq!(ours, theirs),
        // We look at a text before it is whole, and at lengths and codes more closely.
        (Some(_), None) => assert!(ours.starts_with(&theirs) || theirs.starts_with(&ours)),
        (Some(_), Some(_)) => assert!(ours.starts_with(&theirs) || theirs.starts_with(&ours)),
        (None, Some(fault)) => panic!("{ours:?} {theirs:?} {fault}"),
    }
}

/// The events up to a close frame, and what is wrong.
fn read_all(rules: Rules, octets: &[u8]) -> (Vec<Event>, Option<FrameError>) {
    let (mut decoder, mut input, mut events) = (Decoder::new(rules), BytesMut::from(octets), Vec::new());
    loop {
        match decoder.decode(&mut input) {
            Ok(Some(Event::Close(frame))) => {
                events.push(Event::Close(frame));
                return (events, None);
            }
            Ok(Some(event)) => events.push(event),
            Ok(None) => return (events, None),
            Err(error) => return (events, Some(error)),
        }
    }
}

/// The same by tungstenite.
fn tungstenite_reads(role: Role, octets: &[u8]) -> (Vec<Event>, Option<String>) {
    use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
    use tungstenite::{Error, Message, WebSocket};

    /// What it reads from, and where its answers vanish.
    struct Io<'a>(&'a [u8]);
    impl std::io::Read for Io<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            std::io::Read::read(&mut self.0, out)
        }
    }
    impl std::io::Write for Io<'_> {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            Ok(octets.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let role = if role == Role::Server { TheirRole::Server } else { TheirRole::Client };
    let config = WebSocketConfig::default()
        .max_message_size(None)
        .max_frame_size(Some(MAX_FRAME))
        .read_buffer_size(4096);
    let mut socket = WebSocket::from_raw_socket(Io(octets), role, Some(config));
    let mut events = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => events.push(Event::Message { text: true, data: text.into() }),
            Ok(Message::Binary(data)) => events.push(Event::Message { text: false, data }),
            Ok(Message::Ping(payload)) => events.push(Event::Ping(payload)),
            Ok(Message::Pong(payload)) => events.push(Event::Pong(payload)),
            Ok(Message::Close(frame)) => {
                let frame =
                    frame.map(|frame| CloseFrame::new(u16::from(frame.code).into(), frame.reason.as_str()));
                events.push(Event::Close(frame));
                return (events, None);
            }
            Ok(Message::Frame(_)) => unreachable!("it is never read"),
            Err(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake))
            | Err(Error::ConnectionClosed | Error::Io(_)) => return (events, None),
            Err(error) => return (events, Some(error.to_string())),
        }
    }
}

/// The payload of a close frame: what is read is written as it was.
pub fn close(data: &[u8]) {
    if data.len() <= transom_websocket::MAX_CONTROL {
        if let Ok(Some(close)) = CloseFrame::parse(&Bytes::copy_from_slice(data)) {
            assert_eq!(close.payload(), data);
        }
    }
}

/// A request, `Name: value` in every line; the first byte chooses the rules.
///
/// Only what asks for WebSocket is accepted, and from an origin that may.
pub fn request(data: &[u8]) {
    let Some((&choice, lines)) = data.split_first() else { return };
    let mut request = Request::builder().method(Method::GET).uri("/ws").version(Version::HTTP_11);
    for line in lines.split(|octet| *octet == b'\n').take(20) {
        let Some(colon) = line.iter().position(|octet| *octet == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            request = request.header(name, value);
        }
    }
    let Ok(request) = request.body(()) else { return };
    let anyone = choice & 1 == 0;
    let origins = if anyone { ["*"] } else { ["https://example.com:8443"] };
    let rules = ServerRules {
        hybi10: choice & 2 == 0,
        external_port: (choice & 4 == 0).then_some(8080),
        origins: Origins::new(origins, choice & 8 == 0),
        subprotocols: vec!["wamp.2.json", "wamp.2.cbor"],
        require_subprotocol: choice & 16 == 0,
        ..ServerRules::new()
    };
    let Ok(accepted) = rules.accept(&request) else { return };
    assert!(accepted.subprotocol.is_some() || !rules.require_subprotocol);
    assert!(accepted.subprotocol.is_none_or(|chosen| rules.subprotocols.contains(&chosen)));
    assert!(accepted.headers.contains_key("sec-websocket-accept"));
}

/// A server's answer.
///
/// What it says does not depend on what follows it. That it is accepted takes a key that only the server which was
/// asked can know.
pub fn response(data: &[u8]) {
    let Ok(handshake) = ClientHandshake::new("localhost", "/ws", &["wamp.2.cbor"], None) else { return };
    let whole = handshake.response(data);
    assert!(!matches!(whole, Ok(Some(_))), "accepted without the key");
    for end in 0..data.len() {
        if let Err(error) = handshake.response(&data[..end]) {
            let whole = whole.as_ref().err().map(ToString::to_string);
            assert_eq!(whole.as_deref(), Some(error.to_string().as_str()), "at {end}");
            break;
        }
    }
}
