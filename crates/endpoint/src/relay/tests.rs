use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use transom_base::{Address, ConnInfo};
use transom_testkit::{ScriptedStream, Step};

use super::*;

fn conn(io: impl Stream + 'static) -> Connection {
    Connection::new(io, ConnInfo::new(Address::Memory(0), Address::Memory(0)))
}

/// The outer ends of a relay over pipes that hold so many bytes.
fn piped(
    size: usize,
    idle_timeout: Option<Duration>,
) -> (DuplexStream, DuplexStream, JoinHandle<RelayStats>) {
    let (outer_a, inner_a) = duplex(size);
    let (outer_b, inner_b) = duplex(size);
    let relaying = relay(conn(inner_a), conn(inner_b), RelaySettings { idle_timeout });
    (outer_a, outer_b, tokio::spawn(relaying))
}

#[tokio::test]
async fn bytes_when_sent_arrive_on_the_other_side_and_are_counted() {
    let (mut a, mut b, relaying) = piped(64, None);
    a.write_all(b"question").await.unwrap();
    let mut octets = [0; 8];
    b.read_exact(&mut octets).await.unwrap();
    assert_eq!(&octets, b"question");
    b.write_all(b"answer").await.unwrap();
    a.read_exact(&mut octets[..6]).await.unwrap();
    assert_eq!(&octets[..6], b"answer");
    drop((a, b));
    let stats = relaying.await.unwrap();
    assert!(matches!(stats.end, RelayEnd::Closed), "{stats:?}");
    assert_eq!((stats.a_to_b, stats.b_to_a), (8, 6));
}

#[tokio::test]
async fn side_that_ends_may_still_be_answered() {
    let (mut a, mut b, relaying) = piped(64, None);
    a.write_all(b"all I have").await.unwrap();
    a.shutdown().await.unwrap();
    let mut heard = Vec::new();
    b.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"all I have");
    assert!(!relaying.is_finished());
    let long = vec![7; 10_000];
    let answer = long.clone();
    let answering = tokio::spawn(async move { b.write_all(&answer).await });
    let mut back = Vec::new();
    a.read_to_end(&mut back).await.unwrap();
    answering.await.unwrap().unwrap();
    assert_eq!(back, long);
    let stats = relaying.await.unwrap();
    assert!(matches!(stats.end, RelayEnd::Closed));
    assert_eq!((stats.a_to_b, stats.b_to_a), (10, 10_000));
}

#[tokio::test(start_paused = true)]
async fn slow_side_holds_the_other_back() {
    let (mut a, mut b, relaying) = piped(1024, None);
    let sent = Arc::new(Mutex::new(0));
    let count = sent.clone();
    let sending = tokio::spawn(async move {
        for _ in 0..4096 {
            a.write_all(&[1; 1024]).await.unwrap();
            *count.lock().unwrap() += 1024;
        }
    });
    sleep(Duration::from_secs(60)).await;
    // Nothing is read: what is under way fits into both pipes and one buffer.
    let stuck = *sent.lock().unwrap();
    assert!(stuck <= BUFFER + 3 * 1024, "{stuck}");
    let mut all = Vec::new();
    b.read_to_end(&mut all).await.unwrap();
    assert_eq!(all.len(), 4096 * 1024);
    sending.await.unwrap();
    drop(b);
    assert_eq!(relaying.await.unwrap().a_to_b, 4096 * 1024);
}

#[tokio::test(start_paused = true)]
async fn silence_when_limited_ends_the_relay_and_any_byte_is_no_silence() {
    let (mut a, mut b, relaying) = piped(64, Some(Duration::from_secs(10)));
    let begin = Instant::now();
    for _ in 0..5 {
        sleep(Duration::from_secs(9)).await;
        a.write_u8(1).await.unwrap();
        b.read_u8().await.unwrap();
    }
    let stats = relaying.await.unwrap();
    assert!(matches!(stats.end, RelayEnd::Idle));
    assert_eq!(begin.elapsed(), Duration::from_secs(55));
    assert_eq!((stats.a_to_b, stats.b_to_a), (5, 0));
    assert_eq!(a.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn silence_when_not_limited_is_borne() {
    for limit in [None, Some(Duration::MAX)] {
        let (mut a, mut b, relaying) = piped(64, limit);
        sleep(Duration::from_secs(1_000_000)).await;
        a.write_u8(1).await.unwrap();
        b.read_u8().await.unwrap();
        assert!(!relaying.is_finished());
    }
}

#[tokio::test]
async fn side_that_breaks_is_named() {
    let silent = || conn(ScriptedStream::new([]).stay_open());
    let broken = || conn(ScriptedStream::new([Step::Fail(io::ErrorKind::ConnectionReset)]));
    let settings = RelaySettings::default();
    assert!(matches!(relay(broken(), silent(), settings).await.end, RelayEnd::BrokenA(_)));
    assert!(matches!(relay(silent(), broken(), settings).await.end, RelayEnd::BrokenB(_)));
    // Gone while it is written to.
    let (outer, inner) = duplex(1);
    drop(outer);
    let says = |stream: &[u8]| conn(ScriptedStream::pieces(&[stream]).stay_open());
    let stats = relay(says(b"hello"), conn(OnlyWrites(inner)), settings).await;
    assert!(matches!(stats.end, RelayEnd::BrokenB(_)), "{stats:?}");
    let (outer, inner) = duplex(1);
    drop(outer);
    let stats = relay(conn(OnlyWrites(inner)), says(b"hello"), settings).await;
    assert!(matches!(stats.end, RelayEnd::BrokenA(_)), "{stats:?}");
    assert_eq!((stats.a_to_b, stats.b_to_a), (0, 0));
}

/// A stream on which nothing ever comes.
struct OnlyWrites(DuplexStream);

impl AsyncRead for OnlyWrites {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for OnlyWrites {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn direction_that_waits_holds_no_buffer() {
    let kept = || BUFFERS.with(|buffers| buffers.borrow().len());
    let mut relays: Vec<_> = (0..100).map(|_| piped(64, None)).collect();
    for (a, b, _) in &mut relays {
        a.write_u8(1).await.unwrap();
        b.read_u8().await.unwrap();
        b.write_u8(2).await.unwrap();
        a.read_u8().await.unwrap();
    }
    assert!((1..=2).contains(&kept()), "{}", kept());
}

#[tokio::test]
async fn busy_direction_does_not_starve_the_other() {
    // The source is always ready and so is the sink: nothing ever waits.
    let endless = conn(Endless);
    let (mut outer, inner) = duplex(1 << 20);
    let relaying = tokio::spawn(relay(endless, conn(inner), RelaySettings::default()));
    outer.write_all(b"stop").await.unwrap();
    let mut octets = vec![0; 1 << 20];
    for _ in 0..64 {
        outer.read_exact(&mut octets).await.unwrap();
    }
    drop(outer);
    let stats = relaying.await.unwrap();
    assert_eq!(stats.b_to_a, 4);
}

/// Never stops saying something, and takes everything.
struct Endless;

impl AsyncRead for Endless {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        buf.initialize_unfilled().fill(9);
        buf.advance(room);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn relay_when_stopped_tells_what_it_did_and_drops_both() {
    let (mut outer_a, inner_a) = duplex(64);
    let (mut outer_b, inner_b) = duplex(64);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let relaying = tokio::spawn(relay_until(conn(inner_a), conn(inner_b), RelaySettings::default(), stopped));
    outer_a.write_all(b"abc").await.unwrap();
    outer_b.read_exact(&mut [0; 3]).await.unwrap();
    drop(stop);
    let stats = relaying.await.unwrap();
    assert!(matches!(stats.end, RelayEnd::Stopped), "{stats:?}");
    assert_eq!((stats.a_to_b, stats.b_to_a), (3, 0));
    assert_eq!(outer_a.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(outer_b.read(&mut [0]).await.unwrap(), 0);
}
