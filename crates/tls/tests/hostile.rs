//! Peers that do not behave: half a handshake, garbage, another protocol, one octet after the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Folder, LONG, Listening, run, server, why};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use transom_base::{Address, ConnInfo, Connection, Deadline, ErrorKind};
use transom_endpoint::{EndpointError, Upgrade};
use transom_testkit::{ScriptedStream, Step, every_split, memory_connection};
use transom_tls::TlsServer;

fn some_server() -> (Folder, TlsServer) {
    let folder = Folder::new();
    let server = server(folder.listening(&["a.example"]));
    (folder, server)
}

/// What the server makes of a peer that plays this script, and what it sends.
async fn play(server: &TlsServer, stream: ScriptedStream) -> (EndpointError, Vec<u8>) {
    let written = stream.written();
    let info = ConnInfo::new(Address::Memory(0), Address::Memory(1));
    let error = server.apply(Connection::new(stream, info), Deadline::after(LONG)).await.unwrap_err();
    let written = written.lock().unwrap().clone();
    (error, written)
}

/// A real first message of a client, as records.
async fn client_hello(folder: &Folder) -> Vec<u8> {
    let (near, mut far) = memory_connection(16 * 1024);
    let client = folder.client("a.example");
    let asking = tokio::spawn(async move { client.apply(near, Deadline::after(LONG)).await.map(|_| ()) });
    let mut head = [0; 5];
    far.read_exact(&mut head).await.unwrap();
    let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    far.read_exact(&mut body).await.unwrap();
    asking.abort();
    [&head[..], &body].concat()
}

#[tokio::test]
async fn peer_that_speaks_http_is_told_that_this_is_tls_however_its_bytes_arrive() {
    let (_folder, server) = some_server();
    let request = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let mut splits: Vec<Vec<Vec<u8>>> = Vec::new();
    every_split(request, |pieces| splits.push(pieces.iter().map(|piece| piece.to_vec()).collect()));
    for pieces in splits {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let (error, written) = play(&server, ScriptedStream::pieces(&pieces)).await;
        assert_eq!(error.kind(), ErrorKind::PeerProtocol);
        assert_eq!(
            error.chain(),
            "TLS handshake: looks like plain HTTP; this port speaks TLS only (https://, wss://)"
        );
        let answer = String::from_utf8(written).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"));
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        assert!(body.contains("this port speaks TLS only"));
    }
}

#[tokio::test]
async fn curl_without_tls_gets_an_answer_that_it_understands() {
    let (_folder, server) = some_server();
    let listening = Listening::start(server).await;
    let url = format!("http://127.0.0.1:{}/", listening.port);
    let said = run("curl", &["--silent", "--show-error", "--include", &url]).await;
    assert!(said.starts_with("HTTP/1.1 400 Bad Request"), "{said}");
    assert!(said.contains("looks like plain HTTP; this port speaks TLS only"), "{said}");
}

#[tokio::test]
async fn peer_that_speaks_something_else_is_recognised() {
    let (_folder, server) = some_server();
    for (said, expected) in [
        (&b"\x7f\xf1\0\0"[..], "looks like plain RawSocket"),
        (b"\x10\x1a\0\x04MQTT", "looks like plain MQTT"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "begins with a PROXY header"),
        (b"\0\0\0\0", "looks like nothing known"),
        (b"", "the client closed the connection without a word"),
    ] {
        let (error, written) = play(&server, ScriptedStream::pieces(&[said])).await;
        assert!(error.chain().contains(expected), "{}", error.chain());
        assert_eq!(written, b"");
    }
}

#[tokio::test]
async fn record_that_is_garbage_is_refused_with_an_alert() {
    let (folder, server) = some_server();
    let mut hello = client_hello(&folder).await;
    for (what, bytes) in [
        ("a record of no type", b"\x16\x03\x01\x00\x05\xff\x00\x00\x01\x00".to_vec()),
        ("a record that is too long", b"\x16\x03\x01\xff\xff".to_vec()),
        ("an empty record", b"\x16\x03\x01\x00\x00".to_vec()),
        ("another version", b"\x16\x09\x01\x00\x05\x01\x00\x00\x01\x00".to_vec()),
        ("a message that is too long", b"\x16\x03\x01\x00\x04\x01\xff\xff\xff".to_vec()),
        ("a hello that is cut short inside", {
            hello.truncate(60);
            let length = u16::try_from(hello.len() - 5).unwrap().to_be_bytes();
            hello[3..5].copy_from_slice(&length);
            hello[6..9].copy_from_slice(&[0, 0, 60 - 9]);
            hello.clone()
        }),
    ] {
        let (error, written) = play(&server, ScriptedStream::pieces(&[&bytes])).await;
        assert!(error.kind().is_peers_fault(), "{what}: {}", error.chain());
        assert!(error.chain().contains("the client"), "{what}: {}", error.chain());
        assert!(written.is_empty() || written[0] == 0x15, "{what}: {written:?}");
    }
}

#[tokio::test]
async fn hello_when_it_arrives_in_any_two_pieces_is_answered() {
    let (folder, server) = some_server();
    let hello = client_hello(&folder).await;
    for cut in 1..hello.len() {
        let (first, second) = hello.split_at(cut);
        let (error, written) = play(&server, ScriptedStream::pieces(&[first, second])).await;
        // The server has said its part and waits for the client's, which never comes.
        assert!(
            error.chain().contains("closed the connection in the middle of the handshake"),
            "{}",
            error.chain()
        );
        assert_eq!(written[0], 0x16, "cut after {cut}");
    }
}

#[tokio::test]
async fn hello_when_cut_off_anywhere_is_the_clients_fault() {
    let (folder, server) = some_server();
    let hello = client_hello(&folder).await;
    for end in 1..hello.len() {
        let (error, _) = play(&server, ScriptedStream::pieces(&[&hello[..end]])).await;
        assert_eq!(error.kind(), ErrorKind::PeerClosed, "{end}: {}", error.chain());
    }
}

#[tokio::test(start_paused = true)]
async fn client_when_it_drips_is_cut_at_the_deadline() {
    let (folder, server) = some_server();
    let hello = client_hello(&folder).await;
    for octets in [0, 1, hello.len()] {
        let (near, mut far) = memory_connection(16 * 1024);
        let deadline = Duration::from_secs(10);
        let begin = Instant::now();
        let hello = hello.clone();
        let dripping = tokio::spawn(async move {
            for octet in &hello[..octets] {
                if far.write_all(&[*octet]).await.is_err() {
                    return;
                }
                tokio::time::advance(Duration::from_millis(900)).await;
            }
            std::future::pending::<()>().await;
        });
        let error = server.apply(near, Deadline::after(deadline)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(error.to_string(), "TLS handshake: not done in time");
        assert!(begin.elapsed() - deadline < Duration::from_secs(1), "{:?}", begin.elapsed());
        dripping.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn client_when_it_reads_nothing_is_cut_at_the_deadline() {
    let (folder, server) = some_server();
    let hello = client_hello(&folder).await;
    // A pipe that is shorter than the server's answer.
    let (near, mut far) = memory_connection(64);
    let sending = tokio::spawn(async move {
        far.write_all(&hello).await.unwrap();
        std::future::pending::<()>().await;
    });
    let error = server.apply(near, Deadline::after(Duration::from_secs(10))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    sending.abort();
}

#[tokio::test(start_paused = true)]
async fn client_when_it_has_spoken_http_and_goes_on_for_ever_is_cut_soon() {
    let (_folder, server) = some_server();
    let info = ConnInfo::new(Address::Memory(0), Address::Memory(1));
    let script = [Step::Read(b"GET / HTTP/1.1\r\n".to_vec()), Step::Read(vec![b'x'; 100_000])];
    let begin = Instant::now();
    let conn = Connection::new(ScriptedStream::new(script).stay_open(), info);
    let result = server.apply(conn, Deadline::NEVER).await;
    assert!(why(result).contains("looks like plain HTTP"));
    assert_eq!(begin.elapsed().as_secs(), 1);
}

#[tokio::test]
async fn connection_when_broken_after_the_handshake_is_an_error_and_no_end() {
    let (folder, server) = some_server();
    let (near, far) = memory_connection(64 * 1024);
    let far = Connection::new(far, ConnInfo::new(Address::Memory(0), Address::Memory(1)));
    let client = folder.client("a.example");
    let (near, far) =
        tokio::join!(server.apply(near, Deadline::after(LONG)), client.apply(far, Deadline::after(LONG)));
    let (mut near, far) = (near.unwrap(), far.unwrap());
    drop(far);
    let error = near.io.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn port_when_scanned_goes_on_serving() {
    let (folder, server) = some_server();
    let mut listening = Listening::start(server).await;
    for bytes in
        [&b"\x16\x03\x01\x40\x00"[..], b"\x16", b"\x15\x03\x01\x00\x02\x02\x00", b"\x17\x03\x03\x00\x01\x00"]
    {
        let mut stream = TcpStream::connect(("127.0.0.1", listening.port)).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        drop(stream);
        listening.outcome().await.unwrap_err();
    }
    let stream = TcpStream::connect(("127.0.0.1", listening.port)).await.unwrap();
    let info = ConnInfo::new(Address::Memory(0), Address::Memory(1));
    let conn =
        folder.client("a.example").apply(Connection::new(stream, info), Deadline::after(LONG)).await.unwrap();
    drop(conn);
    listening.outcome().await.unwrap();
}
