use tokio::io::AsyncWriteExt;
use transom_base::ConnInfo;
use transom_testkit::{ScriptedStream, Step};

use super::*;

const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 4660 443\r\n";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

fn proxy(from: &[&str]) -> ProxyProtocol {
    ProxyProtocol::new(ProxyProtocolSettings::new(from.iter().map(|text| text.parse().unwrap()))).unwrap()
}

fn from(peer: &str, stream: ScriptedStream) -> Connection {
    let local = Address::tcp("127.0.0.1:8080".parse().unwrap());
    Connection::new(stream, ConnInfo::new(local, Address::tcp(peer.parse().unwrap())))
}

async fn apply(step: &ProxyProtocol, conn: Connection) -> Result<Connection, EndpointError> {
    step.apply(conn, Deadline::after(step.timeout())).await
}

async fn rest(mut conn: Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    conn.io.read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn header_of_a_proxy_when_cut_anywhere_tells_the_client_and_leaves_the_rest() {
    let step = proxy(&["10.0.0.0/8"]);
    let whole = [LINE, b"GET / HTTP/1.1"].concat();
    for cut in 0..whole.len() {
        let stream = ScriptedStream::pieces(&[&whole[..cut], &whole[cut..]]);
        let conn = apply(&step, from("10.0.0.7:5000", stream)).await.unwrap();
        assert_eq!(conn.info.forwarded_for, Some("192.0.2.1:4660".parse().unwrap()));
        assert_eq!(conn.info.peer, Address::Tcp("10.0.0.7:5000".parse().unwrap()));
        assert_eq!(conn.info.client().to_string(), "tcp4:192.0.2.1:4660");
        assert_eq!(rest(conn).await, b"GET / HTTP/1.1");
    }
}

#[tokio::test]
async fn header_without_addresses_keeps_those_of_the_socket() {
    for header in [&b"PROXY UNKNOWN\r\n"[..], LOCAL] {
        let stream = ScriptedStream::pieces(&[header, b"x"]);
        let conn = apply(&proxy(&["10.0.0.7"]), from("10.0.0.7:5000", stream)).await.unwrap();
        assert_eq!(conn.info.forwarded_for, None);
        assert_eq!(conn.info.client().to_string(), "tcp4:10.0.0.7:5000");
        assert_eq!(rest(conn).await, b"x");
    }
}

#[tokio::test]
async fn proxy_that_sends_no_header_or_a_wrong_one_is_an_error() {
    for (sent, kind, message) in [
        (
            &b"GET / HTTP/1.1\r\n"[..],
            ErrorKind::PeerProtocol,
            "the peer is listed in proxy_protocol.from and begins with something else",
        ),
        (b"", ErrorKind::PeerClosed, "there is none"),
        (b"PROXY TCP4 192.0.2.1", ErrorKind::PeerProtocol, "it is cut off"),
        (b"PROXY TCP4 x\r\n", ErrorKind::PeerProtocol, "'x' is no source address"),
        (&[b'\r', b'\n', b'\r', b'\n', 0], ErrorKind::PeerProtocol, "it is cut off"),
    ] {
        let conn = from("10.0.0.7:5000", ScriptedStream::pieces(&[sent]));
        let error = apply(&proxy(&["10.0.0.7"]), conn).await.unwrap_err();
        assert_eq!((error.kind(), error.chain()), (kind, format!("PROXY header: {message}")));
    }
    let broken = ScriptedStream::new([Step::Fail(std::io::ErrorKind::ConnectionReset)]);
    let error = apply(&proxy(&["10.0.0.7"]), from("10.0.0.7:5000", broken)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PeerClosed);
}

#[tokio::test]
async fn version_when_not_listed_is_an_error() {
    let settings = ProxyProtocolSettings::new(["10.0.0.7".parse().unwrap()]);
    for (versions, header, wrong) in [(ProxyVersion::V2, LINE, "1"), (ProxyVersion::V1, LOCAL, "2")] {
        let step = ProxyProtocol::new(ProxyProtocolSettings { versions: vec![versions], ..settings.clone() })
            .unwrap();
        let conn = from("10.0.0.7:5000", ScriptedStream::pieces(&[header]));
        let error = apply(&step, conn).await.unwrap_err();
        let message = format!("PROXY header: version {wrong} is not in proxy_protocol.versions");
        assert_eq!(error.chain(), message);
    }
}

#[tokio::test]
async fn header_of_anybody_else_is_an_error_however_it_arrives() {
    let step = proxy(&["10.0.0.7", "unix"]);
    for header in [LINE, LOCAL] {
        for cut in 0..DECISIVE {
            let stream = ScriptedStream::pieces(&[&header[..cut], &header[cut..]]);
            let error = apply(&step, from("10.0.0.8:5000", stream)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PeerProtocol);
            let message = "PROXY header: the peer sends one and is not listed in proxy_protocol.from";
            assert_eq!(error.chain(), message);
        }
    }
}

#[tokio::test]
async fn anybody_else_without_a_header_loses_nothing() {
    let step = proxy(&["10.0.0.7"]);
    for sent in [&b"\x7f\xf1\0\0"[..], b"PROPFIND / HTTP/1.1", b"PROXY", b"\r\n\r\n", b"x", b""] {
        transom_testkit::every_split(sent, |pieces| {
            let stream = ScriptedStream::pieces(pieces);
            let found = futures_executor(async {
                let conn = apply(&step, from("10.0.0.8:5000", stream)).await.unwrap();
                assert_eq!(conn.info.forwarded_for, None);
                rest(conn).await
            });
            assert_eq!(found, sent);
        });
    }
}

/// Polls what never waits.
fn futures_executor<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_the_deadline_from_everybody() {
    let step = proxy(&["10.0.0.7"]);
    for (peer, sent) in
        [("10.0.0.7:1", &b"PROXY TCP4 192.0"[..]), ("10.0.0.8:1", b""), ("10.0.0.8:1", b"PROX")]
    {
        let before = tokio::time::Instant::now();
        let stream = ScriptedStream::pieces(&[sent]).stay_open();
        let error = apply(&step, from(peer, stream)).await.unwrap_err();
        assert_eq!(error.to_string(), "PROXY header: not done in time");
        assert_eq!(before.elapsed(), Duration::from_secs(5));
    }
}

#[tokio::test]
async fn writes_after_a_header_pass_through() {
    let stream = ScriptedStream::pieces(&[LINE]);
    let written = stream.written();
    let mut conn = apply(&proxy(&["::/0", "0.0.0.0/0"]), from("10.0.0.7:5000", stream)).await.unwrap();
    conn.io.write_all(b"answer").await.unwrap();
    assert_eq!(*written.lock().unwrap(), b"answer");
}

#[test]
fn settings_when_empty_are_refused() {
    let error = ProxyProtocol::new(ProxyProtocolSettings::new([])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.to_string(), "proxy_protocol.from is empty; allowed is at least one network, or 'unix'");
    let settings =
        ProxyProtocolSettings { versions: vec![], ..ProxyProtocolSettings::new([ProxySource::Unix]) };
    let error = ProxyProtocol::new(settings).unwrap_err();
    assert_eq!(error.to_string(), "proxy_protocol.versions is empty; allowed is 1, 2 or both");
}
