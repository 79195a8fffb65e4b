//! Whole connections over memory: a client's octets on one side, a recording router on the other.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use transom_base::{ConnScope, Connection, ConnectionHandler, Counters, Drain, ErrorKind, Phase};
use transom_testkit::{
    Counting, FakeRouter, FakeSession, Heard, ScriptedStream, every_split, memory_connection,
};
use transom_wamp::{Class, Encoded, Goodbye, Message, Outgoing, Refusal, Serializer, SessionError};

use super::*;
use crate::RawSocket;

const JSON: &[u8] = b"\x7f\xf1\0\0";
const GOODBYE: &[u8] = br#"[6,{},"wamp.close.normal"]"#;

struct Bench {
    peer: DuplexStream,
    router: FakeRouter,
    drain: Drain,
    task: JoinHandle<Result<(), ServeError>>,
}

fn bench(settings: Settings) -> Bench {
    let (conn, peer) = memory_connection(64 * 1024);
    start(settings, conn, peer)
}

fn start(settings: Settings, conn: Connection, peer: DuplexStream) -> Bench {
    let router = FakeRouter::new();
    let (drain, watch) = Drain::new();
    let scope = ConnScope::new(watch, Arc::<Counters>::default(), None);
    let handler = RawSocket::new(settings, Arc::new(router.clone()));
    let task = tokio::spawn(handler.serve(conn, scope));
    Bench { peer, router, drain, task }
}

/// A connection whose handshake is done.
async fn open(settings: Settings) -> (Bench, FakeSession) {
    let mut bench = bench(settings);
    bench.say(JSON).await;
    let reply = bench.read(4).await;
    assert_eq!((reply[0], reply[1] & 0x0F), (0x7F, 1));
    let session = bench.router.session(0).await;
    (bench, session)
}

impl Bench {
    async fn say(&mut self, octets: &[u8]) {
        self.peer.write_all(octets).await.unwrap();
    }

    async fn read(&mut self, len: usize) -> Vec<u8> {
        let mut octets = vec![0; len];
        self.peer.read_exact(&mut octets).await.unwrap();
        octets
    }

    /// All that still comes, and how the connection ended.
    async fn end(mut self) -> (Vec<u8>, Result<(), ServeError>) {
        let mut rest = Vec::new();
        self.peer.read_to_end(&mut rest).await.unwrap();
        drop(self.peer);
        (rest, self.task.await.unwrap())
    }
}

fn framed(kind: u8, payload: &[u8]) -> Vec<u8> {
    let [.., a, b, c] = payload.len().to_be_bytes();
    [&[kind, a, b, c][..], payload].concat()
}

fn kind(result: Result<(), ServeError>) -> Option<ErrorKind> {
    result.err().map(|fault| fault.kind())
}

fn offer(session: &FakeSession, body: &'static [u8]) -> Offered {
    let message = Encoded { head: b"<", body: &Bytes::from_static(body), tail: b">" };
    session.sink.offer(Outgoing { class: Class::Normal, message })
}

#[tokio::test]
async fn handshake_when_accepted_tells_both_limits_and_the_serializer() {
    let max_message_size = MaxLength::at_least(20_000);
    for serializer in Serializer::ALL {
        let serializers = vec![serializer];
        let mut bench = bench(Settings { max_message_size, serializers, ..Settings::default() });
        bench.say(&[0x7F, 0x50 | serializer.rawsocket_id(), 0, 0]).await;
        assert_eq!(bench.read(4).await, [0x7F, 0x60 | serializer.rawsocket_id(), 0, 0]);
        let session = bench.router.session(0).await;
        assert_eq!(session.details.serializer, serializer);
        assert_eq!(session.details.framing, "rawsocket");
        assert_eq!(session.details.max_outgoing, 1 << 14);
        assert_eq!(session.details.hello_timeout, Some(Duration::from_secs(5)));
        assert_eq!(session.sink.serializer(), serializer);
        let (rest, result) = {
            bench.peer.shutdown().await.unwrap();
            bench.end().await
        };
        assert!(rest.is_empty());
        result.unwrap();
        assert_eq!(session.closed().await, CloseReason::TransportLost);
    }
}

#[tokio::test]
async fn handshake_when_refused_is_answered_with_the_number_of_the_fault() {
    let only_json = Settings { serializers: vec![Serializer::Json], ..Settings::default() };
    for (octets, reply) in [
        ([0x7F, 0xF0, 0, 0], 1),
        ([0x7F, 0xF2, 0, 0], 1),
        ([0x7F, 0xF5, 0, 0], 1),
        ([0x7F, 0xF1, 0, 9], 3),
        ([0x7F, 0xF1, 9, 0], 3),
    ] {
        let mut bench = bench(only_json.clone());
        bench.say(&octets).await;
        let router = bench.router.clone();
        let (rest, result) = bench.end().await;
        assert_eq!(rest, [0x7F, reply << 4, 0, 0], "{octets:x?}");
        assert_eq!(kind(result), Some(ErrorKind::PeerProtocol));
        assert!(router.sessions().is_empty());
    }
}

#[tokio::test]
async fn other_protocols_get_no_answer_and_a_hint_in_the_log() {
    for (octets, hint) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "looks like HTTP; this port speaks RawSocket only"),
        (b"\x16\x03\x01\x02\x00", "looks like TLS; this port speaks RawSocket only, without TLS"),
        (b"\0", "a RawSocket handshake begins with the octet 0x7F, not 0x00"),
    ] {
        let mut bench = bench(Settings::default());
        bench.say(octets).await;
        let (rest, result) = bench.end().await;
        assert!(rest.is_empty());
        assert_eq!(result.unwrap_err().to_string(), hint);
    }
}

#[tokio::test]
async fn handshake_when_cut_off_is_a_fault_only_if_it_had_begun() {
    for (octets, fault) in [(&b""[..], None), (b"\x7f\xf1\0", Some(ErrorKind::PeerProtocol))] {
        let mut bench = bench(Settings::default());
        bench.say(octets).await;
        bench.peer.shutdown().await.unwrap();
        let (rest, result) = bench.end().await;
        assert!(rest.is_empty());
        assert_eq!(kind(result), fault);
    }
}

#[tokio::test(start_paused = true)]
async fn handshake_when_late_ends_the_connection() {
    let mut bench = bench(Settings::default());
    bench.say(b"\x7f\xf1").await;
    let before = Instant::now();
    let (rest, result) = bench.end().await;
    assert_eq!(before.elapsed(), Duration::from_secs(10));
    assert!(rest.is_empty());
    assert_eq!(kind(result), Some(ErrorKind::Timeout));
}

#[tokio::test(start_paused = true)]
async fn handshake_deadline_when_done_in_time_is_gone() {
    let (bench, session) = open(Settings::default()).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(offer(&session, b"x"), Offered::Queued);
    drop(bench.peer);
    bench.task.await.unwrap().ok();
}

#[tokio::test]
async fn exchange_when_cut_anywhere_is_the_same() {
    let exchange =
        [JSON, &framed(0, GOODBYE), &framed(1, b"hi"), &framed(2, b""), &framed(0, GOODBYE)].concat();
    let mut splits: Vec<Vec<Vec<u8>>> = Vec::new();
    every_split(&exchange, |pieces| splits.push(pieces.iter().map(|piece| piece.to_vec()).collect()));
    for pieces in splits {
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &piece[..]).collect();
        let stream = ScriptedStream::pieces(&pieces);
        let written = stream.written();
        let router = FakeRouter::new();
        let (mut conn, _) = memory_connection(1);
        conn.io = Box::new(stream);
        let handler = RawSocket::new(Settings::default(), Arc::new(router.clone()));
        handler.serve(conn, ConnScope::detached()).await.unwrap();
        assert_eq!(*written.lock().unwrap(), [JSON, &framed(2, b"hi")].concat(), "{pieces:?}");
        let goodbye = Message::Goodbye(Goodbye { message: None, reason: "wamp.close.normal".into() });
        assert_eq!(
            router.sessions()[0].heard(),
            [
                Heard::Message(goodbye.clone()),
                Heard::Message(goodbye),
                Heard::Closed(CloseReason::TransportLost)
            ]
        );
    }
}

#[tokio::test]
async fn frame_when_illegal_ends_the_session_with_an_abort() {
    let limits = Settings { max_message_size: MaxLength::MIN, ..Settings::default() };
    for frame in [
        &b"\0\0\0\0"[..],
        b"\x03\0\0\x01x",
        b"\x10\0\0\x01x",
        b"\x08\0\0\x01x",
        b"\x08\0\0\0",
        b"\0\0\x02\x01",
        b"\x01\0\x02\x01",
        b"\0\0\0\x01?",
    ] {
        let (mut bench, session) = open(limits.clone()).await;
        bench.say(frame).await;
        let (rest, result) = bench.end().await;
        assert_eq!(session.closed().await, CloseReason::ProtocolViolation, "{frame:x?}");
        assert_eq!(kind(result), Some(ErrorKind::PeerProtocol));
        let text = String::from_utf8_lossy(&rest).into_owned();
        assert!(text.contains("[3,") && text.contains("wamp.error.protocol_violation"), "{text}");
    }
}

#[tokio::test]
async fn ping_when_received_is_answered_with_its_payload() {
    let (mut bench, _session) = open(Settings::default()).await;
    for payload in [&b""[..], b"are you there?", &[7; 5000]] {
        bench.say(&framed(1, payload)).await;
        assert_eq!(bench.read(4 + payload.len()).await, framed(2, payload));
    }
}

#[tokio::test]
async fn ping_when_longer_than_its_sender_accepts_is_a_violation() {
    let mut bench = bench(Settings::default());
    bench.say(b"\x7f\x01\0\0").await;
    bench.read(4).await;
    bench.say(&framed(1, &[0; 513])).await;
    let (_, result) = bench.end().await;
    assert_eq!(kind(result), Some(ErrorKind::PeerProtocol));
}

#[tokio::test(start_paused = true)]
async fn pings_when_their_sender_does_not_read_stop_being_read() {
    let (conn, peer) = memory_connection(64);
    let mut bench = start(Settings { max_send_queue: 100, ..Settings::default() }, conn, peer);
    bench.say(JSON).await;
    let pings: Vec<u8> = (0..100_u8).flat_map(|n| framed(1, &[n; 60])).collect();
    let expected: Vec<u8> = (0..100_u8).flat_map(|n| framed(2, &[n; 60])).collect();
    let moment = Deadline::after;
    // Nothing is read at first: the flood stops at the queue's bound and the pipe's.
    let mut said = 0;
    while let Ok(n) = moment(Duration::from_secs(1)).run(bench.peer.write(&pings[said..])).await {
        said += n.unwrap();
    }
    assert!(said < 1000, "{said}");
    // Read, and every one of them is answered.
    let mut answers = Vec::new();
    while answers.len() < 4 + expected.len() {
        let mut buf = [0; 1000];
        while let Ok(n) = moment(Duration::from_secs(1)).run(bench.peer.read(&mut buf)).await {
            answers.extend_from_slice(&buf[..n.unwrap()]);
        }
        while let (true, Ok(n)) =
            (said < pings.len(), moment(Duration::from_secs(1)).run(bench.peer.write(&pings[said..])).await)
        {
            said += n.unwrap();
        }
    }
    assert_eq!(answers[4..], expected);
}

#[tokio::test]
async fn messages_when_queued_together_leave_in_one_write() {
    let (near, peer) = tokio::io::duplex(64 * 1024);
    let (near, writes) = Counting::new(near);
    let (mut conn, _) = memory_connection(1);
    conn.io = Box::new(near);
    let mut bench = start(Settings::default(), conn, peer);
    bench.say(JSON).await;
    bench.read(4).await;
    let session = bench.router.session(0).await;
    let before = writes.all();
    static LARGE: [u8; 5000] = [b'L'; 5000];
    let mut expected = Vec::new();
    for body in [&b"a"[..], b"b", &LARGE, b"c", &LARGE, b"d"] {
        let message = Encoded { head: b"<", body: &Bytes::from_static(body), tail: b">" };
        let offered = session.sink.offer(Outgoing { class: Class::Normal, message });
        assert_eq!(offered, Offered::Queued);
        expected.extend(framed(0, &[b"<", body, b">"].concat()));
    }
    assert_eq!(bench.read(expected.len()).await, expected);
    assert_eq!(writes.all() - before, 1);
}

#[tokio::test]
async fn message_when_larger_than_the_client_accepts_is_not_sent() {
    let mut bench = bench(Settings::default());
    bench.say(b"\x7f\x01\0\0").await;
    bench.read(4).await;
    let session = bench.router.session(0).await;
    static LARGE: [u8; 511] = [b'L'; 511];
    assert_eq!(offer(&session, &LARGE), Offered::TooLarge);
    assert_eq!(offer(&session, &LARGE[1..]), Offered::Queued);
    assert_eq!(bench.read(4).await, [0, 0, 2, 0]);
}

#[tokio::test]
async fn sink_when_closed_writes_what_is_queued_and_ends() {
    for (reason, fault) in [
        (CloseReason::Normal, None),
        (CloseReason::SystemShutdown, None),
        (CloseReason::SlowConsumer, Some(ErrorKind::Limit)),
        (CloseReason::Timeout, Some(ErrorKind::Timeout)),
        (CloseReason::Internal, Some(ErrorKind::Internal)),
    ] {
        let (bench, session) = open(Settings::default()).await;
        assert_eq!(offer(&session, b"last"), Offered::Queued);
        session.sink.close(reason);
        let (rest, result) = bench.end().await;
        assert_eq!(rest, framed(0, b"<last>"));
        assert_eq!(kind(result), fault, "{reason:?}");
        assert_eq!(session.closed().await, reason);
        assert_eq!(offer(&session, b"later"), Offered::Closed);
    }
}

#[tokio::test]
async fn session_when_refused_by_the_router_gets_its_abort() {
    let (mut bench, session) = open(Settings::default()).await;
    session.answer(Err(SessionError::Violation(Refusal::violation("not like that"))));
    bench.say(&framed(0, GOODBYE)).await;
    let (rest, result) = bench.end().await;
    assert!(String::from_utf8_lossy(&rest).contains("not like that"));
    assert_eq!(result.unwrap_err().to_string(), "not like that");
}

#[tokio::test]
async fn session_when_paused_is_written_to_and_not_read_from() {
    let (mut bench, session) = open(Settings::default()).await;
    session.answer(Ok(LinkFlow::Pause));
    bench.say(&[framed(0, GOODBYE), framed(0, GOODBYE)].concat()).await;
    session.heard_at_least(1).await;
    assert_eq!(offer(&session, b"x"), Offered::Queued);
    assert_eq!(bench.read(7).await, framed(0, b"<x>"));
    assert_eq!(session.heard().len(), 1);
    session.answer(Ok(LinkFlow::Continue));
    session.resume(LinkFlow::Continue);
    assert_eq!(session.heard_at_least(2).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn router_deadline_when_passed_is_told_and_may_end_the_session() {
    let (bench, session) = open(Settings::default()).await;
    let before = Instant::now();
    session.expire(before + Duration::from_secs(5), LinkFlow::Close(CloseReason::Timeout));
    // A turn of the connection, in which it looks at the deadline again.
    assert_eq!(offer(&session, b"x"), Offered::Queued);
    let (rest, result) = bench.end().await;
    assert_eq!(rest, framed(0, b"<x>"));
    assert_eq!(kind(result), Some(ErrorKind::Timeout));
    assert_eq!(before.elapsed(), Duration::from_secs(5));
    assert_eq!(session.heard(), [Heard::Expired, Heard::Closed(CloseReason::Timeout)]);
}

#[tokio::test]
async fn drain_when_it_comes_is_told_to_the_router_and_ends_a_handshake() {
    let (bench, session) = open(Settings::default()).await;
    bench.drain.drain();
    let (_, result) = bench.end().await;
    result.unwrap();
    assert_eq!(session.heard(), [Heard::Drain, Heard::Closed(CloseReason::SystemShutdown)]);

    let bench = self::bench(Settings::default());
    bench.drain.drain();
    let (rest, result) = bench.end().await;
    assert!(rest.is_empty());
    result.unwrap();
}

#[tokio::test]
async fn abort_when_it_comes_cuts_a_session_that_does_not_finish() {
    let (bench, session) = open(Settings::default()).await;
    session.on_drain(LinkFlow::Continue);
    bench.drain.drain();
    session.heard_at_least(1).await;
    let mut watch = bench.drain.watch();
    bench.drain.abort();
    watch.reached(Phase::Aborting).await;
    let (_, result) = bench.end().await;
    assert!(matches!(result, Err(ServeError::Aborted)));
    assert_eq!(session.closed().await, CloseReason::SystemShutdown);
}

fn pinging() -> Settings {
    Settings { ping_interval: Some(Duration::from_secs(20)), ..Settings::default() }
}

#[tokio::test(start_paused = true)]
async fn silent_client_when_it_answers_no_ping_is_dropped() {
    let (mut bench, session) = open(pinging()).await;
    let before = Instant::now();
    assert_eq!(bench.read(4).await, [1, 0, 0, 0]);
    assert_eq!(before.elapsed(), Duration::from_secs(20));
    let (rest, result) = bench.end().await;
    assert!(rest.is_empty());
    assert_eq!(before.elapsed(), Duration::from_secs(30));
    assert_eq!(kind(result), Some(ErrorKind::Timeout));
    assert_eq!(session.closed().await, CloseReason::Timeout);
}

#[tokio::test(start_paused = true)]
async fn client_when_it_answers_each_ping_stays() {
    let (mut bench, session) = open(pinging()).await;
    for _ in 0..100 {
        assert_eq!(bench.read(4).await, [1, 0, 0, 0]);
        bench.say(&[2, 0, 0, 0]).await;
    }
    assert!(session.heard().is_empty());
}

#[tokio::test(start_paused = true)]
async fn silence_of_a_paused_client_means_nothing() {
    let (mut bench, session) = open(pinging()).await;
    session.answer(Ok(LinkFlow::Pause));
    bench.say(&framed(0, GOODBYE)).await;
    session.heard_at_least(1).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(session.heard().len(), 1);
    session.resume(LinkFlow::Continue);
    let before = Instant::now();
    assert_eq!(bench.read(4).await, [1, 0, 0, 0]);
    assert_eq!(before.elapsed(), Duration::from_secs(20));
}

#[test]
fn idle_session_is_small() {
    assert!(size_of::<RawSocketSession>() <= 160, "{}", size_of::<RawSocketSession>());
}
