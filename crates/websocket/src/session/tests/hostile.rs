//! Peers that want to cost as much memory and time as they can.

use transom_base::{Flow, Protocol};

use super::*;

/// A session that is fed by hand: what it does with octets, without anybody who writes its answers.
fn session(settings: WebSocketSettings, windows: Option<(Window, Window)>) -> WebSocketSession {
    let (conn, _peer) = memory_connection(64);
    let agreement = Agreement {
        subprotocol: Subprotocol { serializer: Serializer::Json, batched: false },
        deflate: windows.map(|(ours, theirs)| agreed(ours, theirs)),
        cookie: None,
    };
    let router = FakeRouter::new();
    WebSocketSession::new(Arc::new(settings), Role::Server, agreement, Arc::new(conn.info), &router)
}

/// Feeds a piece again and again; how often until it was enough.
fn feed(session: &mut WebSocketSession, first: &[u8], piece: &[u8], times: usize) -> (usize, Flow) {
    let mut input = BytesMut::from(first);
    for n in 0..times {
        input.extend_from_slice(piece);
        let flow = session.receive(&mut input);
        assert!(input.len() <= piece.len(), "{} octets are kept", input.len());
        if flow != Flow::Read {
            return (n + 1, flow);
        }
    }
    (times, Flow::Read)
}

const KEPT: Window = Window { bits: 15, takeover: true };

#[tokio::test]
async fn million_empty_fragments_end_at_the_limit_and_keep_nothing() {
    for first in [&b"\x01\x80mask"[..], b"\x41\x80mask"] {
        let windows = (first[0] == 0x41).then_some((KEPT, KEPT));
        let mut session = session(settings(), windows);
        let thousand = b"\x00\x80mask".repeat(1000);
        let (times, flow) = feed(&mut session, first, &thousand, 1000);
        assert_eq!((times, flow), (132, Flow::Close));
    }
}

#[tokio::test]
async fn pings_without_end_fill_no_more_than_the_queue() {
    let limited = WebSocketSettings { max_send_queue: 10_000, ..settings() };
    for windows in [None, Some((KEPT, KEPT))] {
        let mut session = session(limited.clone(), windows);
        let pings = [&b"\x89\xfdmask"[..], &[7; 125]].concat().repeat(100);
        let (_, flow) = feed(&mut session, b"", &pings, 100);
        assert_eq!(flow, Flow::Read);
        let pending = session.outbox().pending();
        assert!((10_000..11_000).contains(&pending), "{pending}");
    }
}

#[tokio::test]
async fn pongs_and_empty_messages_without_end_keep_nothing() {
    for piece in [&b"\x8a\x80mask"[..], b"\x8a\xfdmask"] {
        let piece = if piece[1] == 0xfd { [piece, &[0; 125]].concat() } else { piece.to_vec() };
        let mut session = session(settings(), None);
        assert_eq!(feed(&mut session, b"", &piece.repeat(1000), 30).1, Flow::Read);
        assert_eq!(session.outbox().pending(), 0);
    }
}

#[tokio::test]
async fn announced_lengths_take_no_memory() {
    let unlimited = WebSocketSettings { max_message_size: None, ..settings() };
    for (header, code) in [
        // 2^63, which cannot be, and all below it that can.
        (&b"\x82\xff\x80\0\0\0\0\0\0\0mask"[..], Some(1002)),
        (b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask", None),
        (b"\xc2\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask", None),
    ] {
        let mut session = session(unlimited.clone(), Some((KEPT, KEPT)));
        let mut input = BytesMut::from(header);
        let flow = session.receive(&mut input);
        assert_eq!(flow == Flow::Close, code.is_some(), "{header:x?}");
        assert!(input.capacity() < 100);
        // Under the default limit all are refused before a single octet of payload.
        let mut session = self::session(settings(), Some((KEPT, KEPT)));
        assert_eq!(session.receive(&mut BytesMut::from(header)), Flow::Close);
    }
}

#[tokio::test]
async fn storm_of_close_frames_is_answered_once() {
    let mut bench = bench(settings()).await;
    let close = b"\x88\x82\0\0\0\0\x03\xe8";
    bench.say(&close.repeat(1000)).await;
    assert_eq!(bench.close_frame().await.0, 1000);
    assert_eq!(bench.session.closed().await, CloseReason::TransportLost);
    assert_eq!(bench.ended().await, None);
    // The same after ours.
    let mut bench = self::bench(settings()).await;
    bench.session.sink.close(CloseReason::Normal);
    assert_eq!(bench.close_frame().await.0, 1000);
    bench.say(&close.repeat(1000)).await;
    assert_eq!(bench.ended().await, None);
}

#[tokio::test]
async fn bombs_are_inflated_up_to_the_limit_and_no_further() {
    const MAX: usize = 1 << 20;
    let limited = WebSocketSettings { max_message_size: Some(MAX), ..settings() };
    for (len, flow) in [(MAX, Flow::Read), (MAX + 1, Flow::Close), (8 * MAX, Flow::Close)] {
        let body = Compressor::new(&agreed(KEPT, KEPT)).compress(&vec![b'0'; len][..]).unwrap();
        assert!(body.len() < len / 90, "{}", body.len());
        let mut wire = Vec::new();
        let parts = Parts { head: b"", body: &body, tail: b"" };
        Framing::new(Role::Client).compressed(Data::Text, parts, &mut wire);
        // What is allowed is taken; it is no WAMP message, which ends the session in good order.
        let mut session = session(limited.clone(), Some((KEPT, KEPT)));
        assert_eq!(feed(&mut session, b"", &wire, 3).1, flow, "{len}");
    }
}
