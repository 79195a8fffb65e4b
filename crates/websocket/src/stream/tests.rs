use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::handshake::{ServerRules, accept};
use crate::{DeflateServer, DeflateSettings};

fn settings() -> WebSocketSettings {
    WebSocketSettings { compression: Some(DeflateSettings::default()), ..WebSocketSettings::default() }
}

/// A client and a server of one connection.
async fn pair(
    settings: &WebSocketSettings,
    pipe: usize,
) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (client, server) = duplex(pipe);
    let handshake = ClientHandshake::new("localhost", "/", &["a"], None).unwrap();
    let accepting = Accepting {
        rules: ServerRules { subprotocols: vec!["a"], ..ServerRules::new() },
        deflate: settings.compression.map(DeflateServer::new),
    };
    let (client, server) = tokio::join!(
        WebSocket::connect(client, handshake, settings),
        WebSocket::accept(server, &accepting, settings)
    );
    let ((client, first), (server, second)) = (client.unwrap(), server.unwrap());
    assert_eq!((first.as_deref(), second.as_deref()), (Some("a"), Some("a")));
    (client, server)
}

/// The other side without a WebSocket of its own: frames as they are written.
async fn raw(settings: &WebSocketSettings, role: Role) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(1 << 16);
    let opened = Opened { leftover: BytesMut::new(), subprotocol: None, deflate: None };
    (WebSocket::new(ours, role, settings, opened), theirs)
}

#[tokio::test]
async fn messages_go_both_ways_in_either_role() {
    for compression in [None, Some(DeflateSettings::default())] {
        for pipe in [64, 1 << 20] {
            let settings = WebSocketSettings { compression, ..settings() };
            let (mut client, mut server) = pair(&settings, pipe).await;
            let messages = [
                WebSocketMessage::text("hello"),
                WebSocketMessage::text("more of the same ".repeat(500)),
                WebSocketMessage::binary(vec![1; 70_000]),
                WebSocketMessage::text(""),
            ];
            for message in &messages {
                let (sent, received) = tokio::join!(client.send(message), server.next());
                sent.unwrap();
                assert_eq!(received.unwrap().as_ref(), Some(message));
                let (sent, received) = tokio::join!(server.send(message), client.next());
                sent.unwrap();
                assert_eq!(received.unwrap().as_ref(), Some(message));
            }
            let bye = CloseFrame::new(CloseCode::Library(4000), "bye");
            let (answer, last) = tokio::join!(client.close(Some(&bye)), server.next());
            assert_eq!(answer.unwrap(), Some(CloseFrame::new(CloseCode::Normal, "")));
            assert_eq!(last.unwrap(), None);
            assert_eq!(server.closed(), Some(Some(&bye)));
            assert_eq!((client.next().await.unwrap(), server.next().await.unwrap()), (None, None));
        }
    }
}

#[tokio::test]
async fn clients_mask_every_frame_with_a_key_of_its_own() {
    let (mut client, mut peer) = raw(&WebSocketSettings::default(), Role::Client).await;
    let mut keys = std::collections::HashSet::new();
    for _ in 0..50 {
        client.send(&WebSocketMessage::text("Hello")).await.unwrap();
        let mut frame = [0; 11];
        peer.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame[..2], [0x81, 0x85]);
        let key: [u8; 4] = frame[2..6].try_into().unwrap();
        let plain: Vec<u8> =
            frame[6..].iter().zip(key.iter().cycle()).map(|(octet, key)| octet ^ key).collect();
        assert_eq!(plain, b"Hello");
        keys.insert(key);
    }
    assert!(keys.len() > 48);
}

#[tokio::test]
async fn pings_are_answered_and_nothing_is_lost_when_a_wait_is_given_up() {
    let (mut client, mut peer) = raw(&WebSocketSettings::default(), Role::Client).await;
    peer.write_all(b"\x89\x02hi\x8a\x00\x81\x05He").await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(5), client.next()).await;
    assert!(waited.is_err());
    let mut pong = [0; 8];
    peer.read_exact(&mut pong).await.unwrap();
    assert_eq!(pong[..2], [0x8a, 0x82]);
    peer.write_all(b"llo").await.unwrap();
    assert_eq!(client.next().await.unwrap(), Some(WebSocketMessage::text("Hello")));
}

#[tokio::test]
async fn what_is_wrong_is_told_to_the_peer_and_to_the_caller() {
    for (wire, code) in [
        (&b"\x81\x81mask!"[..], 1002), // servers do not mask
        (b"\xc1\x00", 1002),
        (b"\x81\x01\xff", 1007),
        (b"\x88\x01\x03", 1002),
        (b"\x82\x7f\0\0\0\0\xff\xff\xff\xff", 1009),
    ] {
        let (mut client, mut peer) = raw(&WebSocketSettings::default(), Role::Client).await;
        peer.write_all(wire).await.unwrap();
        assert!(matches!(client.next().await, Err(WebSocketError::Frame(_))), "{wire:x?}");
        assert_eq!(client.next().await.unwrap(), None);
        // It is over, whatever else is asked of it.
        client.send(&WebSocketMessage::text("late")).await.unwrap();
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).await.unwrap();
        let mut decoder = Decoder::new(crate::Rules::new(Role::Server));
        let mut input = BytesMut::from(&rest[..]);
        let Ok(Some(Event::Close(Some(frame)))) = decoder.decode(&mut input) else { panic!("{rest:x?}") };
        assert_eq!(u16::from(frame.code), code, "{wire:x?}");
        assert!(input.is_empty());
    }
    let (mut client, peer) = raw(&WebSocketSettings::default(), Role::Client).await;
    drop(peer);
    assert!(matches!(client.next().await, Err(WebSocketError::Eof)));
}

#[tokio::test]
async fn peer_that_pings_and_never_reads_fills_no_memory() {
    let (mut server, mut peer) = raw(&WebSocketSettings::default(), Role::Server).await;
    let flood = tokio::spawn(async move {
        let ping = [&[0x89, 0xfd, 0, 0, 0, 0][..], &[b'p'; 125]].concat();
        loop {
            peer.write_all(&ping).await.unwrap();
        }
    });
    let waited = tokio::time::timeout(Duration::from_millis(100), server.next()).await;
    assert!(waited.is_err());
    assert!(server.output.len() < MAX_ANSWERS + READ * 2, "{}", server.output.len());
    assert!(server.input.len() < READ * 2);
    flood.abort();
}

#[tokio::test]
async fn requests_of_our_own_server_and_client_fit_each_other() {
    // The server's half of the handshake alone, with a request that wants nothing.
    let (mut client, mut server) = duplex(1 << 12);
    let request = ClientHandshake::new("localhost", "/", &[], None).unwrap();
    client.write_all(&request.request()).await.unwrap();
    let accepting = Accepting { rules: ServerRules::new(), deflate: None };
    let opened = accept(&mut server, &accepting).await.unwrap();
    assert!(opened.subprotocol.is_none() && opened.deflate.is_none());
}
