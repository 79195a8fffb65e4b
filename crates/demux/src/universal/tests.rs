//! Unit tests see this crate's own `Sniff`, so they use the real sniffers with the kit's handlers.

use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use transom_base::{Address, ConnInfo, Counters, Drain, ErrorKind};
use transom_testkit::{Collect, Echo, ScriptedStream, every_split, memory_connection};

use super::*;
use crate::{HttpSniff, MqttSniff, RawSocketSniff};

const FIVE: Option<Duration> = Some(Duration::from_secs(5));

fn scripted(stream: ScriptedStream) -> Connection {
    Connection::new(stream, ConnInfo::new(Address::Memory(0), Address::Memory(0)))
}

struct Port {
    raw: Collect,
    http: Collect,
    universal: Universal,
}

fn port() -> Port {
    let (raw, http) = (Collect::new("raw"), Collect::new("http"));
    let sections = [
        Section::new("RawSocket", RawSocketSniff, Arc::new(raw.clone())),
        Section::new("HTTP", HttpSniff, Arc::new(http.clone())),
    ];
    Port { raw, http, universal: Universal::new(sections, FIVE) }
}

/// Serves a stream on a port of one section.
async fn served_by(section: Section, stream: ScriptedStream) -> Result<(), ServeError> {
    Universal::new([section], FIVE).serve(scripted(stream), ConnScope::detached()).await
}

fn raw_only() -> Section {
    Section::new("RawSocket", RawSocketSniff, Arc::new(Collect::new("raw")))
}

fn http_only() -> Section {
    Section::new("HTTP", HttpSniff, Arc::new(Collect::new("http")))
}

#[tokio::test]
async fn section_when_recognised_gets_every_byte_however_they_arrive() {
    for (bytes, raw) in [
        (&b"\x7f\xf1\0\0\0\0\0\x01x"[..], true),
        (b"GET / HTTP/1.1\r\n\r\n", false),
        (b"PRI * HTTP/1.1\r\n\r\n", false),
    ] {
        let mut splits: Vec<Vec<Vec<u8>>> = Vec::new();
        every_split(bytes, |pieces| splits.push(pieces.iter().map(|piece| piece.to_vec()).collect()));
        for pieces in splits {
            let port = port();
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &piece[..]).collect();
            let stream = ScriptedStream::pieces(&pieces);
            port.universal.serve(scripted(stream), ConnScope::detached()).await.unwrap();
            let (with, without) = if raw { (port.raw, port.http) } else { (port.http, port.raw) };
            assert_eq!(with.bytes(), [bytes], "{pieces:?}");
            assert!(without.bytes().is_empty());
        }
    }
}

#[tokio::test]
async fn bytes_when_more_than_the_sniffing_reads_all_arrive() {
    let port = port();
    let long = [&b"POST / HTTP/1.1\r\n"[..], &vec![b'x'; 3 * SNIFF_MAX]].concat();
    let stream = ScriptedStream::pieces(&[&long]);
    port.universal.serve(scripted(stream), ConnScope::detached()).await.unwrap();
    assert_eq!(port.http.bytes(), [long]);
}

#[tokio::test]
async fn http_when_the_port_has_none_gets_an_answer_and_is_logged_as_what_it_is() {
    let stream = ScriptedStream::pieces(&[b"GET / HTTP/1.1\r\n\r\n"]);
    let written = stream.written();
    let fault = served_by(raw_only(), stream).await.unwrap_err();
    assert_eq!(fault.to_string(), "looks like HTTP; this port speaks RawSocket only");
    assert_eq!(fault.kind(), ErrorKind::PeerProtocol);
    let answer = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("looks like HTTP; this port speaks RawSocket only\n"), "{answer}");
}

#[tokio::test]
async fn http2_when_the_port_has_no_http_is_told_so_however_it_arrives() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut splits: Vec<Vec<Vec<u8>>> = Vec::new();
    every_split(preface, |pieces| splits.push(pieces.iter().map(|piece| piece.to_vec()).collect()));
    for pieces in splits {
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &piece[..]).collect();
        let stream = ScriptedStream::pieces(&pieces);
        let written = stream.written();
        let fault = served_by(raw_only(), stream).await.unwrap_err();
        assert!(fault.to_string().starts_with("looks like HTTP/2"), "{fault}");
        assert_eq!(written.lock().unwrap()[12], 7, "GOAWAY");
    }
}

#[tokio::test]
async fn others_when_not_spoken_are_closed_without_a_byte_and_named() {
    for (bytes, section, expected) in [
        (&b"\x7f\xf1\0\0"[..], http_only(), "looks like RawSocket; this port speaks HTTP only"),
        (b"\x10\x1a\0\x04MQTT", http_only(), "looks like MQTT; this port speaks HTTP only"),
        (b"\x16\x03\x01", raw_only(), "looks like TLS; this port is plain and speaks RawSocket only"),
        (b"\0\0\0\0", raw_only(), "looks like nothing known; this port speaks RawSocket only"),
        (b"\x16", raw_only(), "looks like nothing known; this port speaks RawSocket only"),
    ] {
        let stream = ScriptedStream::pieces(&[bytes]);
        let written = stream.written();
        let fault = served_by(section, stream).await.unwrap_err();
        assert_eq!(fault.to_string(), expected);
        assert!(written.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn peer_when_it_closes_early_is_no_fault_without_a_byte_and_one_with_some() {
    served_by(http_only(), ScriptedStream::pieces(&[])).await.unwrap();
    let fault = served_by(raw_only(), ScriptedStream::pieces(&[b"PRI"])).await.unwrap_err();
    assert_eq!(fault.kind(), ErrorKind::PeerProtocol);
}

#[tokio::test(start_paused = true)]
async fn sniffer_that_never_decides_gives_up_after_its_bytes() {
    struct Never;
    impl Sniff for Never {
        fn sniff(&self, _prefix: &[u8]) -> Verdict {
            Verdict::NeedMore
        }
    }
    let section = Section::new("never", Never, Arc::new(Echo));
    let stream = ScriptedStream::pieces(&[&[b'x'; SNIFF_MAX + 1]]).stay_open();
    // The HTTP answer cannot end, since the peer stays: that too has its time.
    let fault = served_by(section, stream).await.unwrap_err();
    assert_eq!(fault.to_string(), "looks like HTTP; this port speaks never only");
}

#[tokio::test(start_paused = true)]
async fn silent_peer_when_the_time_is_over_is_closed() {
    let (conn, mut peer) = memory_connection(64);
    let before = Instant::now();
    let fault = port().universal.serve(conn, ConnScope::detached()).await.unwrap_err();
    assert_eq!(fault.kind(), ErrorKind::Timeout);
    assert_eq!(before.elapsed(), FIVE.unwrap());
    assert_eq!(peer.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn undecided_peer_when_the_node_drains_is_closed() {
    let (conn, _peer) = memory_connection(64);
    let (drain, watch) = Drain::new();
    let scope = ConnScope::new(watch, Arc::<Counters>::default(), None);
    let serving = tokio::spawn(port().universal.serve(conn, scope));
    drain.drain();
    serving.await.unwrap().unwrap();
    drain.complete().await;
}

#[tokio::test]
async fn port_with_mqtt_sniffed_first_still_serves_the_rest() {
    let mqtt = Collect::new("mqtt");
    let sections = [
        Section::new("MQTT", MqttSniff, Arc::new(mqtt.clone())),
        Section::new("HTTP", HttpSniff, Arc::new(Echo)),
    ];
    let universal = Universal::new(sections, None);
    let stream = ScriptedStream::pieces(&[b"\x10\0"]);
    universal.serve(scripted(stream), ConnScope::detached()).await.unwrap();
    assert_eq!(mqtt.bytes(), [b"\x10\0"]);
    let stream = ScriptedStream::pieces(&[b"GET"]);
    let written = stream.written();
    universal.serve(scripted(stream), ConnScope::detached()).await.unwrap();
    assert_eq!(&*written.lock().unwrap(), b"GET");
}
