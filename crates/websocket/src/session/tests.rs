//! Whole sessions over memory: a client's frames on one side, a recording router on the other.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use transom_base::{ConnScope, Counters, Drain, ErrorKind, drive};
use transom_testkit::{FakeRouter, FakeSession, Heard, memory_connection};
use transom_wamp::{Class, Encoded, Offered, Outgoing, Refusal, Serializer, SessionError};

use super::*;
use crate::deflate::{Compressor, Window};
use crate::{Control, Data, Decoder, Event, Framing, Header, OpCode, Parts, Rules};

mod hostile;
mod sealed;

const GOODBYE: &str = r#"[6,{},"wamp.close.normal"]"#;

struct Bench {
    peer: DuplexStream,
    input: BytesMut,
    decoder: Decoder,
    session: FakeSession,
    drain: Drain,
    task: JoinHandle<Result<(), ServeError>>,
}

async fn bench(settings: WebSocketSettings) -> Bench {
    bench_with(settings, Serializer::Json).await
}

async fn bench_with(settings: WebSocketSettings, serializer: Serializer) -> Bench {
    bench_of(settings, serializer, false, None).await
}

/// What both sides agreed on about compression.
fn agreed(ours: Window, theirs: Window) -> Deflate {
    Deflate::new(ours, theirs, 8)
}

async fn bench_of(
    settings: WebSocketSettings,
    serializer: Serializer,
    batched: bool,
    windows: Option<(Window, Window)>,
) -> Bench {
    let (conn, peer) = memory_connection(64 * 1024);
    let router = FakeRouter::new();
    let (drain, watch) = Drain::new();
    let scope = ConnScope::new(watch, Arc::<Counters>::default(), None);
    let agreement = Agreement {
        subprotocol: Subprotocol { serializer, batched },
        deflate: windows.map(|(ours, theirs)| agreed(ours, theirs)),
        cookie: None,
    };
    let session =
        WebSocketSession::new(Arc::new(settings), Role::Server, agreement, Arc::new(conn.info), &router);
    let task = tokio::spawn(drive(conn.io, BytesMut::new(), session, scope));
    let session = router.session(0).await;
    let rules = Rules::new(Role::Client);
    let decoder = match windows {
        Some((ours, theirs)) => Decoder::with_deflate(rules, &agreed(theirs, ours)),
        None => Decoder::new(rules),
    };
    Bench { peer, input: BytesMut::new(), decoder, session, drain, task }
}

impl Bench {
    async fn say(&mut self, octets: &[u8]) {
        self.peer.write_all(octets).await.unwrap();
    }

    async fn text(&mut self, text: &str) {
        self.say(&framed(Data::Text, text.as_bytes())).await;
    }

    async fn control(&mut self, kind: Control, payload: &[u8]) {
        let mut wire = Vec::new();
        Framing::new(Role::Client).control(kind, payload, &mut wire);
        self.say(&wire).await;
    }

    /// The next event from the server; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.decoder.decode(&mut self.input).unwrap() {
                return Some(event);
            }
            if self.peer.read_buf(&mut self.input).await.unwrap() == 0 {
                assert!(self.input.is_empty(), "the stream ends inside a frame");
                return None;
            }
        }
    }

    /// The server's close frame.
    async fn close_frame(&mut self) -> (u16, String) {
        match self.next().await {
            Some(Event::Close(Some(frame))) => (frame.code.into(), frame.reason.as_str().to_owned()),
            other => panic!("{other:?}"),
        }
    }

    /// The kind of error with which the connection ended, after the server closed it.
    async fn ended(mut self) -> Option<ErrorKind> {
        assert_eq!(self.next().await, None);
        drop(self.peer);
        self.task.await.unwrap().err().map(|error| error.kind())
    }

    /// Answers the server's close frame.
    async fn answer_close(mut self) -> Option<ErrorKind> {
        self.control(Control::Close, b"\x03\xe8").await;
        self.ended().await
    }

    fn offer(&self, body: impl Into<Bytes>) -> Offered {
        let message = Encoded { head: b"<", body: &body.into(), tail: b">" };
        self.session.sink.offer(Outgoing { class: Class::Normal, message })
    }
}

fn framed(kind: Data, payload: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let parts = Parts { head: payload, body: &Bytes::new(), tail: b"" };
    Framing::new(Role::Client).message(kind, parts, &mut wire);
    wire
}

fn text(data: &str) -> Option<Event> {
    Some(Event::Message { text: true, data: Bytes::copy_from_slice(data.as_bytes()) })
}

fn settings() -> WebSocketSettings {
    WebSocketSettings { auto_ping_interval: None, ..WebSocketSettings::default() }
}

#[tokio::test]
async fn messages_go_both_ways() {
    let mut bench = bench(settings()).await;
    assert_eq!(bench.session.details.framing, "websocket");
    assert_eq!(bench.session.details.serializer, Serializer::Json);
    assert_eq!(bench.session.details.hello_timeout, Some(Duration::from_secs(5)));
    bench.text(GOODBYE).await;
    assert!(matches!(bench.session.heard_at_least(1).await[..], [Heard::Message(_)]));
    assert_eq!(bench.offer("hello"), Offered::Queued);
    assert_eq!(bench.next().await, text("<hello>"));
    let large = "x".repeat(100_000);
    assert_eq!(bench.offer(large.clone()), Offered::Queued);
    assert_eq!(bench.next().await, text(&format!("<{large}>")));
}

#[tokio::test]
async fn binary_serializers_use_binary_frames() {
    let mut bench = bench_with(settings(), Serializer::Cbor).await;
    bench.offer("x");
    let expected = Event::Message { text: false, data: Bytes::from_static(b"<x>") };
    assert_eq!(bench.next().await, Some(expected));
}

#[tokio::test]
async fn ping_is_answered_before_what_follows() {
    let mut bench = bench(settings()).await;
    bench.control(Control::Ping, b"are you there?").await;
    assert_eq!(bench.next().await, Some(Event::Pong(Bytes::from_static(b"are you there?"))));
    bench.control(Control::Pong, b"nobody asked").await;
    bench.control(Control::Ping, b"").await;
    assert_eq!(bench.next().await, Some(Event::Pong(Bytes::new())));
}

#[tokio::test]
async fn wrong_messages_are_answered_with_abort_and_1002() {
    let wrong = [
        (Serializer::Json, framed(Data::Binary, GOODBYE.as_bytes()), "binary"),
        (Serializer::Cbor, framed(Data::Text, GOODBYE.as_bytes()), "text"),
        (Serializer::Json, framed(Data::Text, b"no message"), ""),
        (Serializer::Json, framed(Data::Text, b""), ""),
    ];
    for (serializer, wire, word) in wrong {
        let mut bench = bench_with(settings(), serializer).await;
        bench.say(&wire).await;
        let Some(Event::Message { data, .. }) = bench.next().await else { panic!("no ABORT") };
        let violation = b"wamp.error.protocol_violation";
        assert!(data.windows(violation.len()).any(|part| part == violation), "{data:?}");
        let (code, reason) = bench.close_frame().await;
        assert_eq!(code, 1002);
        assert!(reason.starts_with("WAMP Protocol Error: ") && reason.contains(word), "{reason}");
        assert_eq!(bench.session.closed().await, CloseReason::ProtocolViolation);
        // Not even a message that would have been right counts now.
        bench.say(&wire).await;
        assert_eq!(bench.answer_close().await, Some(ErrorKind::PeerProtocol));
    }
}

#[tokio::test]
async fn refusal_by_the_router_is_answered_with_abort_and_1002() {
    let mut bench = bench(settings()).await;
    bench.session.answer(Err(SessionError::Violation(Refusal::violation("no such thing"))));
    bench.text(GOODBYE).await;
    assert!(matches!(bench.next().await, Some(Event::Message { .. })));
    assert_eq!(bench.close_frame().await, (1002, "WAMP Protocol Error: no such thing".into()));
    assert_eq!(bench.answer_close().await, Some(ErrorKind::PeerProtocol));
}

#[tokio::test]
async fn broken_frames_are_answered_with_their_code_and_the_end() {
    let limited = WebSocketSettings { max_message_size: Some(100), max_frame_size: Some(50), ..settings() };
    for (wire, code, kind) in [
        (&b"\x81\x01a"[..], 1002, ErrorKind::PeerProtocol),
        (b"\xc1\x80mask", 1002, ErrorKind::PeerProtocol),
        (b"\x81\x81\0\0\0\0\xff", 1007, ErrorKind::PeerProtocol),
        (b"\x88\x81\0\0\0\0\x03", 1002, ErrorKind::PeerProtocol),
        (b"\x82\xb3mask", 1009, ErrorKind::Limit),
    ] {
        let mut bench = bench(limited.clone()).await;
        bench.say(wire).await;
        let (found, reason) = bench.close_frame().await;
        assert_eq!(found, code, "{wire:x?} {reason}");
        assert!(reason.starts_with("received "), "{reason}");
        assert_eq!(bench.session.closed().await, CloseReason::ProtocolViolation);
        assert_eq!(bench.ended().await, Some(kind));
    }
}

#[tokio::test]
async fn with_fail_by_drop_there_is_no_close_frame() {
    for (wire, abort) in [(b"\x81\x01a".to_vec(), false), (framed(Data::Binary, b"x"), true)] {
        let mut bench = bench(WebSocketSettings { fail_by_drop: true, ..settings() }).await;
        bench.say(&wire).await;
        if abort {
            assert!(matches!(bench.next().await, Some(Event::Message { .. })));
        }
        assert_eq!(bench.ended().await, Some(ErrorKind::PeerProtocol));
    }
}

#[tokio::test]
async fn close_by_the_peer_is_answered_and_ends_the_connection() {
    for (echo, said, answer) in [
        (false, &b"\x0b\xb8see you"[..], &b"\x03\xe8"[..]),
        (false, b"", b"\x03\xe8"),
        (true, b"\x0b\xb8see you", b"\x0b\xb8see you"),
        (true, b"", b""),
    ] {
        let mut bench = bench(WebSocketSettings { echo_close_codereason: echo, ..settings() }).await;
        bench.offer("queued before");
        bench.control(Control::Close, said).await;
        assert_eq!(bench.next().await, text("<queued before>"));
        let expected = CloseFrame::parse(&Bytes::from_static(answer)).unwrap();
        assert_eq!(bench.next().await, Some(Event::Close(expected)), "{echo} {said:?}");
        assert_eq!(bench.session.closed().await, CloseReason::TransportLost);
        assert_eq!(bench.offer("too late"), Offered::Closed);
        assert_eq!(bench.ended().await, None);
    }
}

#[tokio::test]
async fn each_reason_to_close_has_its_code() {
    for (reason, code, kind) in [
        (CloseReason::Normal, 1000, None),
        (CloseReason::SystemShutdown, 1001, None),
        (CloseReason::TransportLost, 1001, None),
        (CloseReason::ProtocolViolation, 1002, Some(ErrorKind::PeerProtocol)),
        (CloseReason::SlowConsumer, 1008, Some(ErrorKind::Limit)),
        (CloseReason::Timeout, 1008, Some(ErrorKind::Timeout)),
        (CloseReason::Internal, 1011, Some(ErrorKind::Internal)),
    ] {
        let mut by_router = bench(settings()).await;
        by_router.session.answer(Ok(Flow::Close(reason)));
        by_router.text(GOODBYE).await;
        let by_sink = bench(settings()).await;
        by_sink.session.sink.close(reason);
        for mut bench in [by_router, by_sink] {
            let (found, text) = bench.close_frame().await;
            assert_eq!(found, code, "{reason:?} {text}");
            assert_eq!(bench.session.closed().await, reason);
            assert_eq!(bench.offer("too late"), Offered::Closed);
            assert_eq!(bench.answer_close().await, kind, "{reason:?}");
        }
    }
}

#[tokio::test]
async fn what_is_queued_goes_out_before_the_close_frame() {
    let mut bench = bench(settings()).await;
    bench.offer("last words");
    bench.session.sink.close(CloseReason::SlowConsumer);
    assert_eq!(bench.next().await, text("<last words>"));
    assert_eq!(bench.close_frame().await.0, 1008);
}

#[tokio::test(start_paused = true)]
async fn close_frame_that_is_not_answered_is_waited_for_only_so_long() {
    for seconds in [5, 9] {
        let timeout = Some(Duration::from_secs(seconds));
        let mut bench = bench(WebSocketSettings { close_handshake_timeout: timeout, ..settings() }).await;
        bench.session.sink.close(CloseReason::Normal);
        assert_eq!(bench.close_frame().await.0, 1000);
        let start = Instant::now();
        bench.control(Control::Ping, b"no answer").await;
        assert_eq!(bench.ended().await, Some(ErrorKind::Timeout));
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn silent_peer_is_pinged_and_dropped_when_it_stays_silent() {
    let mut bench = bench(WebSocketSettings { auto_ping_size: 20, ..WebSocketSettings::default() }).await;
    let start = Instant::now();
    for number in 1..=2u8 {
        let Some(Event::Ping(payload)) = bench.next().await else { panic!("no ping") };
        assert_eq!(start.elapsed().as_secs(), 30 * u64::from(number));
        assert_eq!((payload.len(), payload[11]), (20, number));
        bench.control(Control::Pong, &payload).await;
    }
    assert!(matches!(bench.next().await, Some(Event::Ping(_))));
    assert_eq!(bench.ended().await, Some(ErrorKind::Timeout));
    assert_eq!(start.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn data_counts_as_a_pong_where_it_may() {
    for (any_traffic, seconds) in [(true, 60), (false, 30)] {
        let mut bench = bench(WebSocketSettings {
            auto_ping_restart_on_any_traffic: any_traffic,
            ..WebSocketSettings::default()
        })
        .await;
        assert!(matches!(bench.next().await, Some(Event::Ping(_))));
        bench.text(GOODBYE).await;
        bench.session.heard_at_least(1).await;
        let start = Instant::now();
        if any_traffic {
            assert!(matches!(bench.next().await, Some(Event::Ping(_))));
        }
        assert_eq!(bench.ended().await, Some(ErrorKind::Timeout));
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_of_the_session_is_kept() {
    let mut bench = bench(settings()).await;
    let at = Instant::now() + Duration::from_secs(5);
    bench.session.expire(at, Flow::Close(CloseReason::Timeout));
    bench.control(Control::Ping, b"a turn").await;
    assert!(matches!(bench.next().await, Some(Event::Pong(_))));
    assert_eq!(bench.close_frame().await.0, 1008);
    assert_eq!(Instant::now(), at);
    assert_eq!(bench.session.heard(), [Heard::Expired, Heard::Closed(CloseReason::Timeout)]);
    assert_eq!(bench.answer_close().await, Some(ErrorKind::Timeout));
}

#[tokio::test]
async fn draining_says_goodbye_and_closes_with_1001() {
    let mut at_once = bench(settings()).await;
    at_once.drain.drain();
    assert_eq!(at_once.close_frame().await.0, 1001);
    assert_eq!(at_once.session.closed().await, CloseReason::SystemShutdown);
    assert_eq!(at_once.answer_close().await, None);

    let mut after_goodbye = bench(settings()).await;
    after_goodbye.session.on_drain(Flow::Continue);
    after_goodbye.drain.drain();
    assert_eq!(after_goodbye.session.heard_at_least(1).await, [Heard::Drain]);
    after_goodbye.session.answer(Ok(Flow::Close(CloseReason::Normal)));
    after_goodbye.text(GOODBYE).await;
    assert_eq!(after_goodbye.close_frame().await.0, 1001);
    assert_eq!(after_goodbye.answer_close().await, None);
}

#[tokio::test]
async fn abort_cuts_the_connection() {
    let bench = bench(settings()).await;
    bench.drain.abort();
    let session = bench.session.clone();
    assert_eq!(bench.ended().await, Some(ErrorKind::PeerClosed));
    assert_eq!(session.closed().await, CloseReason::TransportLost);
}

#[tokio::test]
async fn peer_that_vanishes_is_lost() {
    let bench = bench(settings()).await;
    let session = bench.session.clone();
    drop(bench.peer);
    assert_eq!(session.closed().await, CloseReason::TransportLost);
}

#[tokio::test(start_paused = true)]
async fn while_paused_nothing_is_read_and_all_is_written() {
    let mut bench = bench(WebSocketSettings::default()).await;
    bench.session.answer(Ok(Flow::Pause));
    let both = [framed(Data::Text, GOODBYE.as_bytes()), framed(Data::Text, GOODBYE.as_bytes())].concat();
    bench.say(&both).await;
    bench.session.heard_at_least(1).await;
    bench.offer("still written");
    assert_eq!(bench.next().await, text("<still written>"));
    // The pong that cannot be read is not missed, however long it takes.
    let Some(Event::Ping(payload)) = bench.next().await else { panic!("no ping") };
    bench.control(Control::Pong, &payload).await;
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(bench.session.heard().len(), 1);
    bench.session.answer(Ok(Flow::Continue));
    bench.session.resume(Flow::Continue);
    bench.session.heard_at_least(2).await;
    assert!(matches!(bench.next().await, Some(Event::Ping(_))));
}

#[tokio::test]
async fn session_that_is_closed_while_paused_still_says_so() {
    let mut bench = bench(settings()).await;
    bench.session.answer(Ok(Flow::Pause));
    bench.text(GOODBYE).await;
    bench.session.heard_at_least(1).await;
    bench.session.sink.close(CloseReason::SlowConsumer);
    assert_eq!(bench.close_frame().await.0, 1008);
    assert_eq!(bench.answer_close().await, Some(ErrorKind::Limit));
}

#[tokio::test]
async fn outgoing_messages_are_split_and_masked_where_wished() {
    let mut bench = bench(WebSocketSettings {
        auto_fragment_size: Some(4),
        mask_server_frames: true,
        apply_mask: false,
        ..settings()
    })
    .await;
    bench.offer("abcd");
    let mut wire = vec![0; 2 * 6 + 6];
    bench.peer.read_exact(&mut wire).await.unwrap();
    let (first, size) = Header::parse(&wire).unwrap().unwrap();
    assert!(!first.fin && first.mask.is_some() && first.opcode == OpCode::Data(Data::Text));
    assert_eq!(&wire[size..size + 4], b"<abc");
    let (second, size) = Header::parse(&wire[10..]).unwrap().unwrap();
    assert!(second.fin && second.mask.is_some() && second.opcode == OpCode::Data(Data::Continue));
    assert_eq!(&wire[10 + size..], b"d>");
}

#[tokio::test]
async fn full_queue_takes_no_more_until_it_is_written() {
    let mut bench = bench(WebSocketSettings { max_send_queue: 10, ..settings() }).await;
    assert_eq!(bench.offer("more than ten octets"), Offered::Queued);
    assert_eq!(bench.offer("x"), Offered::Full);
    assert_eq!(bench.next().await, text("<more than ten octets>"));
    std::future::poll_fn(|cx| bench.session.sink.poll_room(cx)).await;
    assert_eq!(bench.offer("x"), Offered::Queued);
}

#[test]
fn idle_session_is_small() {
    // The whole of a session is to stay below 3 KiB; most of that is the task's and the router's.
    assert!(size_of::<WebSocketSession>() <= 320, "{}", size_of::<WebSocketSession>());
    assert!(size_of::<WampSink>() <= 256, "{}", size_of::<WampSink>());
}
