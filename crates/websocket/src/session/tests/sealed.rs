//! Sessions whose messages are compressed or batched.

use transom_testkit::Counting;
use transom_wamp::{Batch, Prepared, RECORD_SEPARATOR, batch_prefix};

use super::*;

fn window(bits: u8, takeover: bool) -> Window {
    Window { bits, takeover }
}

const KEPT: (Window, Window) = (Window { bits: 15, takeover: true }, Window { bits: 15, takeover: true });
const FRESH: (Window, Window) = (Window { bits: 12, takeover: false }, Window { bits: 15, takeover: false });

async fn compressed(windows: (Window, Window)) -> Bench {
    bench_of(settings(), Serializer::Json, false, Some(windows)).await
}

async fn batched(serializer: Serializer) -> Bench {
    bench_of(settings(), serializer, true, None).await
}

/// A message of JSON that looks like others of its kind.
fn event(n: usize, len: usize) -> String {
    let mut text = format!(r#"[36,1234567,{},{{"publisher":998877}},["#, n * 104_729);
    while text.len() < len {
        text.push_str(&format!(r#"{{"sensor":"hall-{}","temperature":{}}},"#, n % 10, text.len() % 30));
    }
    text.push_str("0]]");
    text
}

/// The client's compressed messages.
struct Client(Compressor);

impl Client {
    fn new(windows: (Window, Window)) -> Self {
        Client(Compressor::new(&agreed(windows.1, windows.0)))
    }

    fn text(&mut self, text: &str) -> Vec<u8> {
        let body = self.0.compress(text.as_bytes()).unwrap();
        let mut wire = Vec::new();
        Framing::new(Role::Client).compressed(
            Data::Text,
            Parts { head: b"", body: &body, tail: b"" },
            &mut wire,
        );
        wire
    }
}

impl Bench {
    /// The frames that come until one is final, and their payload.
    async fn frames(&mut self) -> (Vec<Header>, Vec<u8>) {
        let (mut headers, mut payload) = (Vec::new(), Vec::new());
        loop {
            while let Some((header, size)) = Header::parse(&self.input).unwrap() {
                let end = size + header.len as usize;
                if self.input.len() < end {
                    break;
                }
                payload.extend_from_slice(&self.input.split_to(end)[size..]);
                headers.push(header);
                if header.fin {
                    return (headers, payload);
                }
            }
            assert_ne!(self.peer.read_buf(&mut self.input).await.unwrap(), 0);
        }
    }

    fn offer_to_many(&self, body: &Bytes, made: &Prepared) -> Offered {
        let message = Encoded { head: b"<", body, tail: b">" };
        self.session.sink.offer_to_many(Outgoing { class: Class::Normal, message }, made)
    }
}

#[tokio::test]
async fn compressed_messages_go_both_ways() {
    for windows in [KEPT, FRESH, (window(9, true), window(10, false))] {
        let mut bench = compressed(windows).await;
        let mut client = Client::new(windows);
        for n in 0..10 {
            let long = event(n, 300 + 1000 * n);
            bench.offer(long.clone());
            let (headers, payload) = bench.frames().await;
            assert_eq!((headers.len(), headers[0].rsv), (1, 4));
            assert!(payload.len() < long.len());
            // What is small goes out as it is, and so may the peer's.
            bench.offer("small");
            assert_eq!(bench.frames().await.1, b"<small>");
            let hello = format!(r#"[6,{{"message":"{}"}},"wamp.close.normal"]"#, "x".repeat(400 + n));
            bench.say(&client.text(&hello)).await;
            bench.text(GOODBYE).await;
        }
        assert_eq!(bench.session.heard_at_least(20).await.len(), 20);
    }
}

#[tokio::test]
async fn what_was_compressed_is_understood() {
    for windows in [KEPT, FRESH] {
        let mut bench = compressed(windows).await;
        let mut expected = Vec::new();
        for n in 0..50 {
            let message = event(n, [50, 200, 5000, 40_000][n % 4]);
            assert_eq!(bench.offer(message.clone()), Offered::Queued);
            expected.push(format!("<{message}>"));
        }
        for message in expected {
            assert_eq!(bench.next().await, text(&message));
        }
    }
}

#[tokio::test]
async fn control_frames_and_farewells_keep_their_place_and_are_not_compressed() {
    let mut bench = compressed(KEPT).await;
    bench.offer(event(1, 500));
    bench.control(Control::Ping, &[b'p'; 100]).await;
    bench.session.heard();
    assert_eq!(bench.next().await, text(&format!("<{}>", event(1, 500))));
    assert_eq!(bench.next().await, Some(Event::Pong(Bytes::from_static(&[b'p'; 100]))));
    bench.offer(event(2, 500));
    bench.session.sink.close(CloseReason::SlowConsumer);
    assert_eq!(bench.next().await, text(&format!("<{}>", event(2, 500))));
    assert_eq!(bench.close_frame().await.0, 1008);
    assert_eq!(bench.answer_close().await, Some(ErrorKind::Limit));
}

#[tokio::test]
async fn compressed_message_is_split_behind_its_compression() {
    let settings = WebSocketSettings { auto_fragment_size: Some(50), ..settings() };
    let mut bench = bench_of(settings, Serializer::Json, false, Some(KEPT)).await;
    bench.offer(event(1, 5000));
    let (headers, _) = bench.frames().await;
    assert!(headers.len() > 2 && headers.iter().all(|header| header.len <= 50));
    assert!(headers.iter().enumerate().all(|(n, header)| header.rsv == if n == 0 { 4 } else { 0 }));
}

#[tokio::test]
async fn wrong_compression_has_its_close_code() {
    let limited = WebSocketSettings { max_message_size: Some(1000), ..settings() };
    let bomb = Client::new(KEPT).text(&"0".repeat(100_000));
    let not_utf8 = {
        let body = Compressor::new(&agreed(KEPT.0, KEPT.1)).compress(&[0xff; 300][..]).unwrap();
        let mut wire = Vec::new();
        let parts = Parts { head: b"", body: &body, tail: b"" };
        Framing::new(Role::Client).compressed(Data::Text, parts, &mut wire);
        wire
    };
    for (wire, code, kind) in [
        (b"\xc1\x82\0\0\0\0\xff\xff".to_vec(), 1007, ErrorKind::PeerProtocol),
        (not_utf8, 1007, ErrorKind::PeerProtocol),
        (bomb, 1009, ErrorKind::Limit),
        (b"\x82\xfe\x03\xe9mask".to_vec(), 1009, ErrorKind::Limit),
        (b"\xc2\xfe\x0c\x00mask".to_vec(), 1009, ErrorKind::Limit),
        // Control frames and continuations are never compressed.
        (b"\xc9\x80mask".to_vec(), 1002, ErrorKind::PeerProtocol),
        (b"\x01\x80mask\xc0\x80mask".to_vec(), 1002, ErrorKind::PeerProtocol),
        (b"\xa1\x80mask".to_vec(), 1002, ErrorKind::PeerProtocol),
    ] {
        let mut bench = bench_of(limited.clone(), Serializer::Json, false, Some(KEPT)).await;
        bench.say(&wire).await;
        let (found, reason) = bench.close_frame().await;
        assert_eq!(found, code, "{wire:x?} {reason}");
        assert_eq!(bench.ended().await, Some(kind));
    }
}

#[tokio::test]
async fn event_for_many_is_compressed_once_for_all_that_keep_no_window() {
    let body = Bytes::from(event(1, 2000));
    let made = Prepared::default();
    let mut benches = Vec::new();
    for (serializer, windows) in [
        (Serializer::Json, FRESH),
        (Serializer::Json, FRESH),
        (Serializer::Json, (window(9, false), FRESH.1)),
        (Serializer::Json, KEPT),
    ] {
        benches.push(bench_of(settings(), serializer, false, Some(windows)).await);
    }
    let mut payloads = Vec::new();
    for bench in &mut benches {
        assert_eq!(bench.offer_to_many(&body, &made), Offered::Queued);
        let (headers, payload) = bench.frames().await;
        assert_eq!(headers[0].rsv, 4);
        payloads.push(payload);
    }
    assert_eq!(payloads[0], payloads[1]);
    assert_ne!(payloads[0], payloads[2]);
    // What is too small to be compressed is looked at once as well, and goes out as it is.
    let (small, made) = (Bytes::from_static(b"small"), Prepared::default());
    for bench in &mut benches {
        bench.offer_to_many(&small, &made);
        assert_eq!(bench.next().await, text("<small>"));
    }
}

#[tokio::test]
async fn messages_for_one_and_for_many_come_in_their_order() {
    for windows in [KEPT, FRESH] {
        let mut bench = compressed(windows).await;
        for n in 0..30 {
            let body = Bytes::from(event(n, [20, 400, 3000][n % 3]));
            if n % 2 == 0 {
                bench.offer_to_many(&body, &Prepared::default());
            } else {
                bench.offer(body);
            }
        }
        for n in 0..30 {
            let expected = format!("<{}>", event(n, [20, 400, 3000][n % 3]));
            assert_eq!(bench.next().await, text(&expected), "{n} {windows:?}");
        }
    }
}

/// The messages of the next batch.
async fn next_batch(bench: &mut Bench, serializer: Serializer) -> Vec<Bytes> {
    let Some(Event::Message { text, data }) = bench.next().await else { panic!("no batch") };
    assert_eq!(text, serializer.is_text());
    let mut batch = Batch::new(serializer, data).unwrap();
    let mut messages = Vec::new();
    while let Some(message) = batch.next().unwrap() {
        messages.push(message);
    }
    messages
}

#[tokio::test]
async fn what_is_queued_together_leaves_as_one_batch_of_sane_size() {
    for serializer in [Serializer::Json, Serializer::Cbor] {
        let mut bench = batched(serializer).await;
        for body in ["1", "22", ""] {
            bench.offer(body);
        }
        assert_eq!(next_batch(&mut bench, serializer).await, ["<1>", "<22>", "<>"]);
        bench.offer("alone");
        assert_eq!(next_batch(&mut bench, serializer).await, ["<alone>"]);
        // One that is larger than a batch goes alone, and keeps its place.
        let large = "x".repeat(100_000);
        for body in ["a", &large, "b", "c"] {
            bench.offer(body.to_owned());
        }
        let mut sizes = Vec::new();
        let mut all = Vec::new();
        while all.len() < 4 {
            let batch = next_batch(&mut bench, serializer).await;
            sizes.push(batch.len());
            all.extend(batch);
        }
        assert_eq!(all, ["<a>", &format!("<{large}>"), "<b>", "<c>"]);
        assert_eq!(sizes, [1, 1, 2]);
        // Many small ones are cut at the size.
        for n in 0..300 {
            bench.offer(format!("{n:01000}"));
        }
        let mut taken = 0;
        while taken < 300 {
            let batch = next_batch(&mut bench, serializer).await;
            let size: usize = batch.iter().map(|message| message.len() + 4).sum();
            assert!(size <= 64 * 1024 + 4 && (size > 60 * 1024 || taken + batch.len() == 300), "{size}");
            for message in batch {
                assert_eq!(message, format!("<{taken:01000}>"));
                taken += 1;
            }
        }
    }
}

#[tokio::test]
async fn batches_leave_with_one_write() {
    let (conn, peer) = memory_connection(1 << 20);
    let (counting, writes) = Counting::new(conn.io);
    let router = FakeRouter::new();
    let subprotocol = Subprotocol { serializer: Serializer::Json, batched: true };
    let agreement = Agreement { subprotocol, deflate: None, cookie: None };
    let session =
        WebSocketSession::new(Arc::new(settings()), Role::Server, agreement, Arc::new(conn.info), &router);
    let sink = router.session(0).await.sink;
    for _ in 0..100 {
        let message = Encoded { head: b"[36,", body: &Bytes::from_static(b"1,2"), tail: b"]" };
        sink.offer(Outgoing { class: Class::Normal, message });
    }
    let task = tokio::spawn(drive(Box::new(counting), BytesMut::new(), session, ConnScope::detached()));
    let mut peer = peer;
    let mut wire = vec![0; 4 + 100 * 9];
    peer.read_exact(&mut wire).await.unwrap();
    assert_eq!(writes.all(), 1);
    drop(peer);
    let _ = task.await.unwrap();
}

#[tokio::test]
async fn batches_of_the_peer_are_taken_message_by_message() {
    let mut json = batched(Serializer::Json).await;
    json.text(&format!("{GOODBYE}\u{18}{GOODBYE}\u{18}")).await;
    json.text(&format!("{GOODBYE}\u{18}")).await;
    assert_eq!(json.session.heard_at_least(3).await.len(), 3);
    let mut cbor = batched(Serializer::Cbor).await;
    let goodbye = b"\x83\x06\xa0\x61a";
    let prefixed = [&batch_prefix(goodbye.len()).unwrap()[..], goodbye].concat();
    cbor.say(&framed(Data::Binary, &prefixed.repeat(5))).await;
    assert_eq!(cbor.session.heard_at_least(5).await.len(), 5);
}

#[tokio::test]
async fn separator_of_the_peers_first_batch_is_used_in_answers() {
    for (separator, other) in [('\u{18}', '\u{1e}'), ('\u{1e}', '\u{18}')] {
        let mut bench = batched(Serializer::Json).await;
        bench.text(&format!("{GOODBYE}{separator}{GOODBYE}{other}")).await;
        bench.text(&format!("{GOODBYE}{other}")).await;
        bench.session.heard_at_least(3).await;
        bench.offer("x");
        assert_eq!(bench.next().await, text(&format!("<x>{separator}")));
    }
    assert_eq!(RECORD_SEPARATOR, 0x1e);
}

#[tokio::test]
async fn wrong_batches_are_answered_with_abort_and_1002() {
    let goodbye = format!("{GOODBYE}\u{18}");
    for (serializer, wire, heard) in [
        (Serializer::Json, framed(Data::Text, b""), 0),
        (Serializer::Json, framed(Data::Text, GOODBYE.as_bytes()), 0),
        (Serializer::Json, framed(Data::Text, format!("{goodbye}{GOODBYE}").as_bytes()), 1),
        (Serializer::Json, framed(Data::Text, format!("{goodbye}\u{18}").as_bytes()), 1),
        (Serializer::Json, framed(Data::Binary, goodbye.as_bytes()), 0),
        (Serializer::Cbor, framed(Data::Binary, b"\0\0\0\x05\x83\x06\xa0\x61a\0\0\0\x09\x83"), 1),
        (Serializer::Cbor, framed(Data::Binary, b"\xff\xff\xff\xff"), 0),
    ] {
        let mut bench = bench_of(settings(), serializer, true, None).await;
        bench.say(&wire).await;
        let abort = next_batch(&mut bench, serializer).await;
        assert_eq!(abort.len(), 1);
        assert_eq!(bench.close_frame().await.0, 1002, "{wire:?}");
        // What came before what is wrong counts.
        assert_eq!(bench.session.heard().len(), heard + 1, "{wire:?}");
        assert_eq!(bench.answer_close().await, Some(ErrorKind::PeerProtocol));
    }
}

#[tokio::test]
async fn batch_waits_where_the_router_pauses() {
    let mut bench = batched(Serializer::Json).await;
    bench.session.answer(Ok(Flow::Pause));
    bench.text(&format!("{GOODBYE}\u{18}").repeat(3)).await;
    for heard in 1..=3 {
        assert_eq!(bench.session.heard_at_least(heard).await.len(), heard);
        // Still written to meanwhile.
        bench.offer("meanwhile");
        assert_eq!(next_batch(&mut bench, Serializer::Json).await, ["<meanwhile>"]);
        assert_eq!(bench.session.heard().len(), heard);
        bench.session.resume(Flow::Continue);
    }
    bench.session.answer(Ok(Flow::Continue));
    bench.text(&format!("{GOODBYE}\u{18}")).await;
    bench.session.heard_at_least(4).await;
}

#[tokio::test]
async fn batch_of_very_many_messages_lets_others_have_their_turn_and_loses_none() {
    let mut bench = batched(Serializer::Json).await;
    let many = 5000;
    let wire = framed(Data::Text, format!("{GOODBYE}\u{18}").repeat(many).as_bytes());
    let (answered, _) = tokio::join!(bench.session.heard_at_least(many), async {
        bench.peer.write_all(&wire).await.unwrap();
    });
    assert_eq!(answered.len(), many);
    // A close in the middle is the end of it.
    let mut bench = batched(Serializer::Json).await;
    bench.session.answer(Ok(Flow::Close(CloseReason::Normal)));
    bench.text(&format!("{GOODBYE}\u{18}").repeat(10)).await;
    assert_eq!(bench.close_frame().await.0, 1000);
    assert_eq!(bench.session.heard().len(), 2);
}

#[tokio::test]
async fn batches_are_compressed_as_a_whole() {
    let mut bench = bench_of(settings(), Serializer::Json, true, Some(FRESH)).await;
    for n in 0..20 {
        bench.offer(event(n, 60));
    }
    let (headers, payload) = bench.frames().await;
    assert_eq!((headers.len(), headers[0].rsv), (1, 4));
    assert!(payload.len() < 600, "{}", payload.len());
    // An event for many is batched like any other.
    let body = Bytes::from(event(1, 1000));
    bench.offer_to_many(&body, &Prepared::default());
    bench.offer("x");
    let batch = next_batch(&mut bench, Serializer::Json).await;
    assert_eq!((batch.len(), &batch[1][..]), (2, &b"<x>"[..]));
}

#[tokio::test(start_paused = true)]
async fn silence_gives_the_window_up_and_nothing_is_lost() {
    let mut bench = bench_of(WebSocketSettings::default(), Serializer::Json, false, Some(KEPT)).await;
    for n in 0..3 {
        bench.offer(event(n, 500));
        assert_eq!(bench.next().await, text(&format!("<{}>", event(n, 500))));
        let Some(Event::Ping(payload)) = bench.next().await else { panic!("no ping") };
        bench.control(Control::Pong, &payload).await;
    }
}

#[test]
fn compression_that_is_agreed_on_and_not_used_costs_next_to_nothing() {
    let sealer = size_of::<crate::seal::Sealer>();
    let inflater = size_of::<crate::deflate::Inflater>();
    assert!(sealer + inflater <= 100, "{sealer} {inflater}");
    let sender = WebSocketSender::new(&settings(), Role::Server, Some(&agreed(KEPT.0, KEPT.1)), false);
    assert!(crate::seal::Sealer::new(&sender, None).is_none());
}
