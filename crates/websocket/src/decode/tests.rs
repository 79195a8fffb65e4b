use proptest::prelude::*;

use super::*;
use crate::{CloseCode, Framing, Parts};

/// Feeds pieces and collects what comes out, up to and including the first error.
fn feed(rules: Rules, pieces: &[&[u8]]) -> (Vec<Event>, Option<FrameError>) {
    let mut decoder = Decoder::new(rules);
    let mut input = BytesMut::new();
    let mut events = Vec::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
    }
    (events, None)
}

/// The result of feeding it whole, after checking that every two-way cut and octet by octet give the same.
fn every_split(rules: Rules, wire: &[u8]) -> (Vec<Event>, Option<FrameError>) {
    let whole = feed(rules, &[wire]);
    for at in 0..=wire.len() {
        assert_eq!(feed(rules, &[&wire[..at], &wire[at..]]), whole, "cut at {at}");
        let (events, _) = feed(rules, &[&wire[..at]]);
        assert!(whole.0.starts_with(&events), "prefix of {at}");
    }
    let octets: Vec<&[u8]> = wire.chunks(1).collect();
    assert_eq!(feed(rules, &octets), whole, "octet by octet");
    whole
}

fn server() -> Rules {
    Rules::new(Role::Server)
}

fn client() -> Rules {
    Rules::new(Role::Client)
}

fn text(data: &'static str) -> Event {
    Event::Message { text: true, data: Bytes::from_static(data.as_bytes()) }
}

fn binary(data: impl Into<Bytes>) -> Event {
    Event::Message { text: false, data: data.into() }
}

/// A frame as a client sends it, with its first octet given.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = match payload.len() {
        len @ 0..=125 => vec![first, 0x80 | len as u8],
        len => {
            let [high, low] = u16::try_from(len).unwrap().to_be_bytes();
            vec![first, 0x80 | 126, high, low]
        }
    };
    frame.extend_from_slice(&key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(octet, key)| octet ^ key));
    frame
}

#[test]
fn examples_of_rfc_6455_section_5_7() {
    let ping = Event::Ping(Bytes::from_static(b"Hello"));
    let pong = Event::Pong(Bytes::from_static(b"Hello"));
    for (rules, wire, expected) in [
        (client(), &b"\x81\x05Hello"[..], text("Hello")),
        (server(), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", text("Hello")),
        (client(), b"\x01\x03Hel\x80\x02lo", text("Hello")),
        (client(), b"\x89\x05Hello", ping),
        (server(), b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", pong),
    ] {
        assert_eq!(every_split(rules, wire), (vec![expected], None));
    }
    for len in [256usize, 65536] {
        let mut wire = Vec::new();
        let body = Bytes::from(vec![7; len]);
        Framing::new(Role::Server).message(
            Data::Binary,
            Parts { head: b"", body: &body, tail: b"" },
            &mut wire,
        );
        assert_eq!(feed(client(), &[&wire]), (vec![binary(body)], None));
    }
}

#[test]
fn exchange_with_control_frames_between_fragments_is_the_same_however_it_is_cut() {
    let mut wire = Vec::new();
    wire.extend(masked(0x81, "[1,\"réalm\",{}]".as_bytes()));
    wire.extend(masked(0x01, "caf\u{e9} 🪟".as_bytes().split_at(4).0));
    wire.extend(masked(0x89, b"still there?"));
    wire.extend(masked(0x00, b""));
    wire.extend(masked(0x8a, b""));
    wire.extend(masked(0x80, "caf\u{e9} 🪟".as_bytes().split_at(4).1));
    wire.extend(masked(0x82, &[0xff; 200]));
    wire.extend(masked(0x82, b""));
    wire.extend(masked(0x88, b"\x03\xe8bye"));
    let expected = vec![
        text("[1,\"réalm\",{}]"),
        Event::Ping(Bytes::from_static(b"still there?")),
        Event::Pong(Bytes::new()),
        text("caf\u{e9} 🪟"),
        binary(vec![0xff; 200]),
        binary(""),
        Event::Close(Some(CloseFrame::new(CloseCode::Normal, "bye"))),
    ];
    assert_eq!(every_split(server(), &wire), (expected, None));
}

#[test]
fn broken_protocol_is_answered_with_its_close_code() {
    use FrameError::*;
    let fragment = || masked(0x01, b"a");
    let table: Vec<(&str, Vec<u8>, FrameError, u16)> = vec![
        ("first reserved bit", masked(0xc1, b""), ReservedBits(4), 1002),
        ("all reserved bits", masked(0xf1, b""), ReservedBits(7), 1002),
        ("reserved bit of a control frame", masked(0xd9, b""), ReservedBits(5), 1002),
        ("reserved data opcode", masked(0x83, b""), ReservedOpcode(3), 1002),
        ("reserved control opcode", masked(0x8b, b""), ReservedOpcode(11), 1002),
        ("fragmented ping", masked(0x09, b""), FragmentedControl, 1002),
        ("long ping", masked(0x89, &[0; 126]), ControlTooLong, 1002),
        ("long close", masked(0x88, &[0; 126]), ControlTooLong, 1002),
        ("continuation of nothing", masked(0x80, b"x"), UnexpectedContinuation, 1002),
        ("open continuation of nothing", masked(0x00, b"x"), UnexpectedContinuation, 1002),
        ("text in text", [fragment(), masked(0x81, b"b")].concat(), ExpectedContinuation, 1002),
        ("binary in text", [fragment(), masked(0x02, b"b")].concat(), ExpectedContinuation, 1002),
        ("unmasked", b"\x81\x01a".to_vec(), Unmasked, 1002),
        ("length in too many octets", b"\x82\xfe\x00\x05mask\0\0\0\0\0".to_vec(), BadLength, 1002),
        ("length with highest bit", b"\x82\xff\x80\0\0\0\0\0\0\0mask".to_vec(), BadLength, 1002),
        ("half a close code", masked(0x88, b"\x03"), ShortClose, 1002),
        ("close code 1005", masked(0x88, b"\x03\xed"), BadCloseCode(1005), 1002),
        ("close reason", masked(0x88, b"\x03\xe8\xff"), NotUtf8, 1007),
        ("text", masked(0x81, b"a\xff"), NotUtf8, 1007),
        ("text that ends in a character", masked(0x81, b"a\xc3"), NotUtf8, 1007),
        ("fragments that end so", [fragment(), masked(0x80, b"\xc3")].concat(), NotUtf8, 1007),
        ("frame beyond 300", masked(0x82, &[0; 301]), FrameTooLong { size: 301, max: 300 }, 1009),
        (
            "fragments beyond 400",
            [masked(0x02, &[0; 300]), masked(0x80, &[0; 101])].concat(),
            MessageTooLong { size: 401, max: 400 },
            1009,
        ),
        (
            "fourth fragment",
            [masked(0x02, b""), masked(0x00, b""), masked(0x00, b""), masked(0x80, b"")].concat(),
            TooManyFragments(3),
            1008,
        ),
    ];
    let rules = Rules { max_frame: 300, max_message: 400, max_fragments: 3, ..server() };
    for (case, wire, error, code) in table {
        let (events, found) = every_split(rules, &wire);
        assert_eq!((events, found), (vec![], Some(error)), "{case}");
        assert_eq!(u16::from(error.code()), code, "{case}");
    }
    assert_eq!(every_split(client(), &masked(0x81, b"")), (vec![], Some(Masked)));
}

#[test]
fn exactly_the_limits_pass() {
    let rules = Rules { max_frame: 300, max_message: 400, max_fragments: 2, ..server() };
    let wire = [masked(0x02, &[1; 300]), masked(0x80, &[1; 100])].concat();
    assert_eq!(feed(rules, &[&wire]), (vec![binary(vec![1; 400])], None));
}

#[test]
fn too_long_a_frame_is_refused_at_its_header() {
    let header = b"\x82\xff\0\0\0\0\x01\0\0\x01mask";
    let expected = FrameError::MessageTooLong { size: (1 << 24) + 1, max: 1 << 24 };
    assert_eq!(feed(server(), &[header]), (vec![], Some(expected)));
    let huge = b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask";
    let unlimited = Rules { max_message: usize::MAX, ..server() };
    assert_eq!(feed(unlimited, &[huge]), (vec![], None));
}

#[test]
fn wrong_text_fails_before_its_frame_is_whole() {
    let wire = masked(0x81, b"\xf4\x90\x80\x80 and more");
    assert_eq!(feed(server(), &[&wire[..7]]), (vec![], None));
    assert_eq!(feed(server(), &[&wire[..8]]), (vec![], Some(FrameError::NotUtf8)));
}

#[test]
fn loosened_rules_take_what_they_say() {
    let unmasked = Rules { require_mask: false, ..server() };
    assert_eq!(feed(unmasked, &[b"\x81\x05Hello"]), (vec![text("Hello")], None));
    let any_text = Rules { validate_utf8: false, ..server() };
    let expected = Event::Message { text: true, data: Bytes::from_static(b"\xff") };
    assert_eq!(feed(any_text, &[&masked(0x81, b"\xff")]), (vec![expected], None));
    let as_it_is = Rules { apply_mask: false, ..server() };
    assert_eq!(every_split(as_it_is, b"\x81\x85maskHello"), (vec![text("Hello")], None));
}

#[test]
fn single_frame_is_a_slice_of_the_input() {
    let mut decoder = Decoder::new(client());
    let mut input = BytesMut::from(&b"\x82\x05Hello\x82\x05World"[..]);
    let front = input.as_ptr() as usize;
    for at in [2, 9] {
        let Ok(Some(Event::Message { data, .. })) = decoder.decode(&mut input) else { panic!("no message") };
        assert_eq!(data.as_ptr() as usize, front + at);
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let octets = || proptest::collection::vec(any::<u8>(), 0..300);
    let control = || proptest::collection::vec(any::<u8>(), 0..=125);
    prop_oneof![
        octets().prop_map(binary),
        "\\PC{0,80}".prop_map(|text| Event::Message { text: true, data: text.into() }),
        control().prop_map(|payload| Event::Ping(payload.into())),
        control().prop_map(|payload| Event::Pong(payload.into())),
        (3000..5000u16, "\\PC{0,30}")
            .prop_map(|(code, reason)| Event::Close(Some(CloseFrame::new(code.into(), reason)))),
        Just(Event::Close(None)),
    ]
}

proptest! {
    #[test]
    fn what_one_role_writes_the_other_reads(
        events in proptest::collection::vec(any_event(), 0..8),
        fragment in prop_oneof![Just(usize::MAX), 1..400usize],
        to_server: bool,
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
    ) {
        let (writer, rules) =
            if to_server { (Role::Client, server()) } else { (Role::Server, client()) };
        let framing = Framing { fragment, ..Framing::new(writer) };
        let mut wire: Vec<u8> = Vec::new();
        for event in &events {
            match event {
                Event::Message { text, data } => {
                    let kind = if *text { Data::Text } else { Data::Binary };
                    let (head, body) = (data.slice(..data.len() / 3), data.slice(data.len() / 3..));
                    framing.message(kind, Parts { head: &head, body: &body, tail: b"" }, &mut wire);
                }
                Event::Ping(payload) => framing.control(Control::Ping, payload, &mut wire),
                Event::Pong(payload) => framing.control(Control::Pong, payload, &mut wire),
                Event::Close(close) => framing.close(close.as_ref(), &mut wire),
            }
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut rest = &wire[..];
        let mut at = 0;
        for cut in cuts {
            let (piece, next) = rest.split_at(cut - at);
            pieces.push(piece);
            rest = next;
            at = cut;
        }
        pieces.push(rest);
        prop_assert_eq!(feed(rules, &pieces), (events, None));
    }

    #[test]
    fn no_octets_whatever_break_the_decoder(wire in proptest::collection::vec(any::<u8>(), 0..200)) {
        every_split(Rules { require_mask: false, max_message: 100, ..server() }, &wire);
    }
}
