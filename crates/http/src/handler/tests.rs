use std::time::Duration;

use bytes::Bytes;
use http_body_util::StreamBody;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use transom_base::{Address, ConnInfo, Drain, ErrorKind};

use super::*;
use crate::{Body, Reply, Request, Response, empty, full, read_body};

/// `/echo` answers with the body, `/up` upgrades to an echo of bytes, `/slow` takes a minute, `/large` answers with
/// much, `/forever` with pieces without end, anything else with the method and path.
struct Site;

impl WebService for Site {
    fn call(&self, request: Request, _conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            match request.uri().path() {
                "/up" => {
                    let mut head = Response::new(empty());
                    *head.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
                    head.headers_mut().insert("upgrade", HeaderValue::from_static("echo"));
                    head.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
                    return Reply::Upgrade {
                        head,
                        then: Box::new(|conn, scope| Box::pin(echo(conn, scope))),
                    };
                }
                "/echo" => match read_body(request.into_body()).await {
                    Ok(body) => Response::new(full(body)),
                    Err(response) => response,
                },
                "/slow" => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    Response::new(full("at last"))
                }
                "/host" => {
                    let host = request.headers().get("host").map(|host| host.to_str().unwrap().to_owned());
                    let mut response = Response::new(full(host.unwrap_or_default()));
                    response.headers_mut().insert("connection", HeaderValue::from_static("close"));
                    response
                }
                "/large" => Response::new(full(vec![b'x'; 1 << 20])),
                "/forever" => {
                    let pieces = futures_util::stream::repeat_with(|| {
                        Ok(hyper::body::Frame::data(Bytes::from_static(&[b'x'; 1024])))
                    });
                    Response::new(Body::new(StreamBody::new(pieces)))
                }
                path => Response::new(full(format!("{} {path}", request.method()))),
            }
            .into()
        })
    }
}

async fn echo(conn: Connection, scope: ConnScope) -> Result<(), ServeError> {
    assert_eq!(conn.info.peer, Address::Memory(2), "the facts come along");
    let mut watch = scope.drain.clone();
    let Connection { mut io, .. } = conn;
    let mut buf = [0; 64];
    loop {
        let n = tokio::select! {
            read = io.read(&mut buf) => read.map_err(ServeError::Io)?,
            () = watch.reached(transom_base::Phase::Draining) => 0,
        };
        if n == 0 {
            return Ok(());
        }
        io.write_all(&buf[..n]).await.map_err(ServeError::Io)?;
    }
}

fn start_with(
    settings: HttpSettings,
    scope: ConnScope,
    buffer: usize,
) -> (DuplexStream, JoinHandle<Result<(), ServeError>>) {
    let handler = HttpHandler::new(Arc::new(Site), settings);
    let (near, far) = duplex(buffer);
    let info = ConnInfo::new(Address::Memory(1), Address::Memory(2));
    let served = handler.serve(Connection::new(far, info), scope);
    (near, tokio::spawn(served))
}

fn start() -> (DuplexStream, JoinHandle<Result<(), ServeError>>) {
    start_with(HttpSettings::default(), ConnScope::detached(), 1 << 16)
}

/// Sends, closes our side, and returns all that came and how it ended.
async fn exchange(bytes: &[u8]) -> (String, Result<(), ServeError>) {
    let (mut near, task) = start();
    near.write_all(bytes).await.unwrap();
    near.shutdown().await.unwrap();
    let mut all = Vec::new();
    near.read_to_end(&mut all).await.unwrap();
    (String::from_utf8_lossy(&all).into_owned(), task.await.unwrap())
}

/// Reads until `end` has come.
async fn read_until(near: &mut DuplexStream, end: &str) -> String {
    let mut all = String::new();
    while !all.ends_with(end) {
        let mut buf = [0; 1024];
        let n = near.read(&mut buf).await.unwrap();
        assert!(n > 0, "closed after {all:?}");
        all.push_str(std::str::from_utf8(&buf[..n]).unwrap());
    }
    all
}

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const UP: &[u8] = b"GET /up HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

#[tokio::test]
async fn requests_are_answered_one_after_the_other_on_one_connection() {
    let (mut near, task) = start();
    for _ in 0..3 {
        near.write_all(GET).await.unwrap();
        let answer = read_until(&mut near, "GET /a").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\ncontent-length: 6\r\n"), "{answer}");
        assert!(answer.contains("\r\ndate: "), "{answer}");
    }
    drop(near);
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn head_is_get_without_body() {
    let (answer, end) = exchange(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n").await;
    end.unwrap();
    assert!(answer.contains("content-length: 7\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn bodies_are_read_whole_and_chunked() {
    let (answer, _) = exchange(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").await;
    assert!(answer.ends_with("\r\n\r\nabc"), "{answer}");
    let chunked =
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    let (answer, _) = exchange(chunked).await;
    assert!(answer.ends_with("\r\n\r\nabc"), "{answer}");
}

#[tokio::test]
async fn body_above_the_limit_gets_413() {
    let settings = || HttpSettings { max_body_bytes: 8, ..HttpSettings::default() };
    for request in [
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123456789",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n",
    ] {
        let (mut near, _task) = start_with(settings(), ConnScope::detached(), 1 << 16);
        near.write_all(request.as_bytes()).await.unwrap();
        let answer = read_until(&mut near, "</html>\n").await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }
    let (mut near, _task) = start_with(settings(), ConnScope::detached(), 1 << 16);
    near.write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n12345678").await.unwrap();
    assert!(read_until(&mut near, "12345678").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn common_headers_are_on_every_response() {
    let settings = HttpSettings {
        hsts: Some(0),
        server: Some(HeaderValue::from_static("Transom")),
        ..HttpSettings::default()
    };
    let (mut near, _task) = start_with(settings, ConnScope::detached(), 1 << 16);
    near.write_all(GET).await.unwrap();
    let answer = read_until(&mut near, "GET /a").await;
    assert!(answer.contains("strict-transport-security: max-age=0\r\n"), "{answer}");
    assert!(answer.contains("server: Transom\r\n"), "{answer}");
}

#[tokio::test]
async fn what_is_no_request_gets_a_4xx_and_is_the_peers_fault() {
    let long = "a".repeat(40_000);
    let many: String = (0..200).map(|n| format!("h{n}: 1\r\n")).collect();
    for (bytes, status, kind) in [
        ("\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), "400", ErrorKind::PeerProtocol),
        ("GET\r\n\r\n".to_owned(), "400", ErrorKind::PeerProtocol),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400", ErrorKind::PeerProtocol),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), "400", ErrorKind::PeerProtocol),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n".to_owned(), "400", ErrorKind::PeerProtocol),
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), "431", ErrorKind::Limit),
        (format!("GET / HTTP/1.1\r\nHost: x\r\nlong: {long}\r\n\r\n"), "431", ErrorKind::Limit),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"), "431", ErrorKind::Limit),
        ("PRI * HTTP/2.0\r\n\r\n".to_owned(), "400", ErrorKind::PeerProtocol),
    ] {
        let (answer, end) = exchange(bytes.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes:.40?}: {answer:?}");
        assert_eq!(end.unwrap_err().kind(), kind, "{bytes:.40?}");
    }
}

#[tokio::test]
async fn host_header_is_there_once() {
    for (head, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
    ] {
        let (answer, end) = exchange(head.as_bytes()).await;
        assert!(answer.get(9..12) == Some(status), "{head:?}: {answer}");
        end.unwrap();
    }
}

#[tokio::test]
async fn likely_mistakes_are_named() {
    for (bytes, word) in
        [(&b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"[..], "TLS"), (b"\x7f\xf3\x00\x00", "RawSocket")]
    {
        let (_, end) = exchange(bytes).await;
        let text = end.unwrap_err().to_string();
        assert!(text.contains(word), "{text}");
    }
}

#[tokio::test]
async fn request_cut_anywhere_ends_without_fault_of_ours() {
    let post = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    let chunked =
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for whole in [GET, UP, post, chunked] {
        for cut in 0..whole.len() {
            let (_, end) = exchange(&whole[..cut]).await;
            if let Err(error) = end {
                assert!(error.kind().is_peers_fault(), "cut at {cut}: {error}");
            }
        }
        let (answer, end) = exchange(whole).await;
        end.unwrap();
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    }
}

#[tokio::test]
async fn request_in_two_pieces_is_answered_like_the_whole() {
    for cut in 1..GET.len() {
        let (mut near, _task) = start();
        near.write_all(&GET[..cut]).await.unwrap();
        tokio::task::yield_now().await;
        near.write_all(&GET[cut..]).await.unwrap();
        assert!(read_until(&mut near, "GET /a").await.starts_with("HTTP/1.1 200 "), "cut at {cut}");
    }
}

#[tokio::test]
async fn upgraded_connection_gets_what_was_read_too_far_first() {
    for leftover in ["", "x", "hello"] {
        let (mut near, task) = start();
        near.write_all(&[UP, leftover.as_bytes()].concat()).await.unwrap();
        let answer = read_until(&mut near, &format!("\r\n\r\n{leftover}")).await;
        assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
        near.write_all(b" and more").await.unwrap();
        assert_eq!(read_until(&mut near, "more").await, " and more");
        drop(near);
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn upgrade_comes_after_earlier_requests_of_the_connection() {
    let (mut near, _task) = start();
    near.write_all(&[GET, UP, b"left"].concat()).await.unwrap();
    let answer = read_until(&mut near, "left").await;
    assert!(answer.contains("GET /aHTTP/1.1 101 "), "{answer}");
}

#[tokio::test]
async fn upgraded_connection_is_served_beyond_every_limit() {
    tokio::time::pause();
    let (mut near, _task) = start();
    near.write_all(UP).await.unwrap();
    read_until(&mut near, "\r\n\r\n").await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    near.write_all(b"still here").await.unwrap();
    assert_eq!(read_until(&mut near, "here").await, "still here");
}

#[tokio::test(start_paused = true)]
async fn slow_head_gets_408_after_the_header_timeout_however_it_trickles() {
    let (mut near, task) = start();
    let begin = Instant::now();
    let mut trickle = GET.iter();
    let mut answer = Vec::new();
    loop {
        tokio::select! {
            read = near.read_buf(&mut answer) => {
                read.unwrap();
                break;
            }
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                near.write_all(&[*trickle.next().unwrap()]).await.unwrap();
            }
        }
    }
    assert_eq!(begin.elapsed().as_secs(), 10);
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{answer:?}");
    assert_eq!(task.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn silent_connection_is_closed_without_an_answer() {
    let (mut near, task) = start();
    let begin = Instant::now();
    let mut all = Vec::new();
    near.read_to_end(&mut all).await.unwrap();
    assert_eq!((begin.elapsed().as_secs(), all.len()), (10, 0));
    drop(near);
    assert_eq!(task.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn idle_connection_is_closed_after_the_idle_timeout_and_a_second_head_has_its_own() {
    let (mut near, task) = start();
    near.write_all(GET).await.unwrap();
    read_until(&mut near, "GET /a").await;
    tokio::time::sleep(Duration::from_secs(59)).await;
    near.write_all(&GET[..5]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    near.write_all(&GET[5..]).await.unwrap();
    read_until(&mut near, "GET /a").await;
    let begin = Instant::now();
    let mut all = Vec::new();
    near.read_to_end(&mut all).await.unwrap();
    assert_eq!((begin.elapsed().as_secs(), all.len()), (60, 0));
    drop(near);
    task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn slow_service_is_not_the_peers_fault() {
    let (mut near, _task) = start_with(
        HttpSettings { idle_timeout: Some(Duration::from_secs(5)), ..HttpSettings::default() },
        ConnScope::detached(),
        1 << 16,
    );
    near.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(read_until(&mut near, "at last").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(start_paused = true)]
async fn peer_that_takes_nothing_of_its_answer_is_dropped() {
    for path in ["/large", "/forever"] {
        let (mut near, task) = start_with(HttpSettings::default(), ConnScope::detached(), 256);
        near.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
        let begin = Instant::now();
        assert_eq!(task.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout, "{path}");
        assert_eq!(begin.elapsed().as_secs(), 60, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn stalled_body_gets_408() {
    let (mut near, _task) = start();
    near.write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na").await.unwrap();
    let answer = read_until(&mut near, "</html>\n").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn drain_closes_an_idle_connection_and_lets_an_answer_finish() {
    let (drain, watch) = Drain::new();
    let scope = || ConnScope::new(watch.clone(), Arc::default(), None);
    let (mut fresh, fresh_task) = start_with(HttpSettings::default(), scope(), 1 << 16);
    let (mut idle, idle_task) = start_with(HttpSettings::default(), scope(), 1 << 16);
    let (mut busy, busy_task) = start_with(HttpSettings::default(), scope(), 1 << 16);
    idle.write_all(GET).await.unwrap();
    read_until(&mut idle, "GET /a").await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begin = Instant::now();
    drain.drain();
    let mut all = Vec::new();
    fresh.read_to_end(&mut all).await.unwrap();
    idle.read_to_end(&mut all).await.unwrap();
    assert_eq!((begin.elapsed(), all.len()), (Duration::ZERO, 0));
    let answer = read_until(&mut busy, "at last").await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    busy.read_to_end(&mut all).await.unwrap();
    drop((fresh, idle, busy));
    for task in [fresh_task, idle_task, busy_task] {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn connection_when_its_handler_is_replaced_ends_with_the_request_at_hand() {
    let (replaced, watch) = Drain::new();
    let scope = || ConnScope { replaced: Some(watch.clone()), ..ConnScope::detached() };
    let start = || start_with(HttpSettings::default(), scope(), 1 << 16);
    let ((mut fresh, fresh_task), (mut begun, begun_task)) = (start(), start());
    let ((mut idle, idle_task), (mut busy, busy_task), (mut up, up_task)) = (start(), start(), start());
    begun.write_all(&GET[..9]).await.unwrap();
    idle.write_all(GET).await.unwrap();
    read_until(&mut idle, "GET /a").await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    up.write_all(UP).await.unwrap();
    read_until(&mut up, "\r\n\r\n").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begin = Instant::now();
    replaced.drain();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert_eq!((begin.elapsed(), rest.len()), (Duration::ZERO, 0));
    // Those that have not been answered yet get one answer.
    fresh.write_all(GET).await.unwrap();
    begun.write_all(&GET[9..]).await.unwrap();
    for near in [&mut fresh, &mut begun] {
        read_until(near, "GET /a").await;
        near.read_to_end(&mut rest).await.unwrap();
    }
    let answer = read_until(&mut busy, "at last").await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    busy.read_to_end(&mut rest).await.unwrap();
    // An upgraded one lives on.
    up.write_all(b"still here").await.unwrap();
    read_until(&mut up, "still here").await;
    assert_eq!(rest.len(), 0);
    drop((fresh, begun, idle, busy, up));
    for task in [fresh_task, begun_task, idle_task, busy_task, up_task] {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn abort_cuts_an_answer() {
    let (drain, watch) = Drain::new();
    let (mut near, task) =
        start_with(HttpSettings::default(), ConnScope::new(watch, Arc::default(), None), 1 << 16);
    near.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    drain.drain();
    tokio::time::sleep(Duration::from_secs(1)).await;
    drain.abort();
    assert!(matches!(task.await.unwrap(), Err(ServeError::Aborted)));
}

#[tokio::test]
async fn drain_reaches_an_upgraded_connection() {
    let (drain, watch) = Drain::new();
    let (mut near, task) =
        start_with(HttpSettings::default(), ConnScope::new(watch, Arc::default(), None), 1 << 16);
    near.write_all(UP).await.unwrap();
    read_until(&mut near, "\r\n\r\n").await;
    drain.drain();
    task.await.unwrap().unwrap();
    drain.complete().await;
}

#[tokio::test]
async fn access_log_has_a_line_per_request_without_its_query() {
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    for (access_log, count) in [(true, 2), (false, 0)] {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let settings = HttpSettings { access_log, ..HttpSettings::default() };
        let (mut near, _task) = start_with(settings, ConnScope::detached(), 1 << 16);
        near.write_all(b"GET /a?token=secret HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        near.write_all(b"POST /b HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        read_until(&mut near, "POST /b").await;
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().filter(|line| line.contains(" access: ")).count(), count, "{text}");
        assert!(!text.contains("secret"), "{text}");
        if access_log {
            assert!(text.contains("client=memory:2 method=GET path=\"/a\" status=200"), "{text}");
        }
    }
}

#[tokio::test]
async fn head_limit_is_the_configured_one() {
    for (max, pieces, status) in [(1024, 1, "431"), (1024, 2, "431"), (4096, 1, "200"), (4096, 2, "200")] {
        let settings = HttpSettings { max_header_bytes: max, ..HttpSettings::default() };
        let (mut near, _task) = start_with(settings, ConnScope::detached(), 1 << 16);
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nlong: {}\r\n\r\n", "a".repeat(2000));
        // In one piece, and in two.
        let cut = if pieces == 1 { 0 } else { head.len() - 4 };
        near.write_all(&head.as_bytes()[..cut]).await.unwrap();
        tokio::task::yield_now().await;
        let _ = near.write_all(&head.as_bytes()[cut..]).await;
        let mut answer = [0; 12];
        near.read_exact(&mut answer).await.unwrap();
        assert_eq!(std::str::from_utf8(&answer[9..]), Ok(status), "{max} {pieces}");
    }
}

mod http2;
