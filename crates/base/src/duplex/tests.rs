//! The driver against a line protocol: every line comes back in capitals; a few words steer it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufStream, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::*;
use crate::{Counters, Drain};

#[derive(Default)]
struct Sign {
    outbox: Option<Outbox>,
    ready: AtomicBool,
}

impl Sign {
    fn outbox(&self) -> &Outbox {
        self.outbox.as_ref().unwrap()
    }
}

struct Lines {
    sign: Arc<Sign>,
    deadline: Option<Instant>,
    /// Lines that are sealed at once, in angle brackets; none = not at all.
    seal: Option<usize>,
}

impl Lines {
    fn say(&self, text: &str) {
        self.sign.outbox().offer(text.len(), true, |q| q.copy(text.as_bytes()));
    }
}

impl Protocol for Lines {
    fn receive(&mut self, input: &mut BytesMut) -> Flow {
        while let Some(end) = input.iter().position(|b| *b == b'\n') {
            let line = String::from_utf8(input.split_to(end + 1).to_vec()).unwrap();
            match line.trim_end() {
                "pause" => return Flow::Pause,
                "close" => return Flow::Close,
                "abort" => return Flow::Abort,
                _ => self.say(&line.to_uppercase()),
            }
        }
        Flow::Read
    }

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Flow> {
        if self.sign.ready.load(Ordering::SeqCst) { Poll::Ready(Flow::Read) } else { Poll::Pending }
    }

    fn nudged(&mut self) -> Flow {
        self.say("nudged\n");
        Flow::Read
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn expired(&mut self, _now: Instant) -> Flow {
        self.deadline = None;
        self.say("too late\n");
        Flow::Close
    }

    fn drain(&mut self) -> Flow {
        self.say("bye\n");
        Flow::Read
    }

    fn outbox(&self) -> &Outbox {
        self.sign.outbox()
    }

    fn seals(&self) -> bool {
        self.seal.is_some()
    }

    fn seal(&mut self, queued: &mut Queued, out: &mut Queue) {
        for _ in 0..self.seal.unwrap() {
            let mut line = Vec::new();
            while queued.has_remaining() && line.last() != Some(&b'\n') {
                line.push(queued.get_u8());
            }
            if let Some(text) = line.strip_suffix(b"\n") {
                out.share(&[b"<", text, b">\n"].concat().into());
            }
        }
    }

    fn finish(&mut self, end: End) -> Result<(), ServeError> {
        match end {
            End::Closed | End::Eof => Ok(()),
            End::Broken(error) => Err(ServeError::Io(error)),
            End::Aborted => Err(ServeError::Aborted),
        }
    }
}

struct Bench {
    peer: DuplexStream,
    task: JoinHandle<Result<(), ServeError>>,
    sign: Arc<Sign>,
    drain: Drain,
}

fn start(pipe: usize, leftover: &str, deadline: Option<Duration>) -> Bench {
    start_with(pipe, leftover, deadline, None)
}

fn start_with(pipe: usize, leftover: &str, deadline: Option<Duration>, seal: Option<usize>) -> Bench {
    let (peer, ours) = duplex(pipe);
    over(Box::new(ours), peer, leftover, deadline, seal)
}

fn over(
    ours: Box<dyn Stream>,
    peer: DuplexStream,
    leftover: &str,
    deadline: Option<Duration>,
    seal: Option<usize>,
) -> Bench {
    let (drain, watch) = Drain::new();
    let sign = Arc::new(Sign { outbox: Some(Outbox::new(1 << 20)), ..Sign::default() });
    let protocol = Lines { sign: sign.clone(), deadline: deadline.map(|d| Instant::now() + d), seal };
    let scope = ConnScope::new(watch, Arc::<Counters>::default(), None);
    let task = tokio::spawn(drive(ours, BytesMut::from(leftover), protocol, scope));
    Bench { peer, task, sign, drain }
}

async fn rest(peer: &mut DuplexStream) -> String {
    let mut text = String::new();
    peer.read_to_string(&mut text).await.unwrap();
    text
}

async fn line(peer: &mut DuplexStream) -> String {
    let mut text = Vec::new();
    while text.last() != Some(&b'\n') {
        text.push(peer.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn leftover_is_fed_before_what_is_read() {
    let mut bench = start(64, "first\nsec", None);
    bench.peer.write_all(b"ond\n").await.unwrap();
    bench.peer.shutdown().await.unwrap();
    assert_eq!(rest(&mut bench.peer).await, "FIRST\nSECOND\n");
    bench.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn stream_that_holds_back_what_it_took_is_flushed_also_while_its_peer_is_paused() {
    let (peer, ours) = duplex(8);
    let mut bench = over(Box::new(BufStream::new(ours)), peer, "", None, None);
    // The answer is longer than the pipe, so that flushing it is not done at once.
    bench.peer.write_all(b"a line of words\npause\n").await.unwrap();
    assert_eq!(line(&mut bench.peer).await, "A LINE OF WORDS\n");
}

#[tokio::test]
async fn units_larger_than_any_buffer_arrive_whole() {
    let long = "x".repeat(300_000);
    let mut bench = start(1000, "", None);
    // The driver answers only when it has the whole line, so sending first cannot block for ever.
    bench.peer.write_all(format!("{long}\n").as_bytes()).await.unwrap();
    bench.peer.shutdown().await.unwrap();
    assert_eq!(rest(&mut bench.peer).await.len(), long.len() + 1);
    bench.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn close_writes_what_is_queued_and_ignores_what_follows() {
    let mut bench = start(64, "", None);
    bench.peer.write_all(b"one\nclose\ntwo\n").await.unwrap();
    assert_eq!(line(&mut bench.peer).await, "ONE\n");
    assert_eq!(rest(&mut bench.peer).await, "");
    drop(bench.peer);
    bench.task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn close_does_not_wait_for_ever_for_a_peer_that_does_not_read() {
    let bench = start(4, "a long line that does not fit\nclose\n", None);
    let before = Instant::now();
    bench.task.await.unwrap().unwrap();
    assert_eq!((Instant::now() - before).as_secs(), FLUSH_TIMEOUT.as_secs());
}

#[tokio::test]
async fn abort_ends_at_once() {
    let mut bench = start(64, "", None);
    bench.peer.write_all(b"abort\n").await.unwrap();
    bench.task.await.unwrap().unwrap();
    assert_eq!(rest(&mut bench.peer).await, "");
}

#[tokio::test]
async fn paused_peer_is_still_written_to_and_goes_on_where_it_stopped() {
    let mut bench = start(64, "", None);
    bench.peer.write_all(b"a\npause\nb\n").await.unwrap();
    assert_eq!(line(&mut bench.peer).await, "A\n");
    bench.sign.outbox().offer(6, false, |q| q.copy(b"event\n"));
    assert_eq!(line(&mut bench.peer).await, "event\n");
    bench.sign.ready.store(true, Ordering::SeqCst);
    bench.sign.outbox().nudge();
    assert_eq!(line(&mut bench.peer).await, "nudged\n");
    assert_eq!(line(&mut bench.peer).await, "B\n");
}

#[tokio::test(start_paused = true)]
async fn deadline_is_told_once_when_it_passes() {
    let mut bench = start(64, "", Some(Duration::from_secs(5)));
    let before = Instant::now();
    assert_eq!(line(&mut bench.peer).await, "too late\n");
    assert_eq!((Instant::now() - before).as_secs(), 5);
    assert_eq!(rest(&mut bench.peer).await, "");
    drop(bench.peer);
    bench.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn drain_says_goodbye_and_abort_cuts() {
    let mut bench = start(64, "", None);
    bench.drain.drain();
    assert_eq!(line(&mut bench.peer).await, "bye\n");
    bench.peer.write_all(b"more\n").await.unwrap();
    assert_eq!(line(&mut bench.peer).await, "MORE\n");
    bench.drain.abort();
    assert!(matches!(bench.task.await.unwrap(), Err(ServeError::Aborted)));
    bench.drain.complete().await;
}

#[tokio::test]
async fn connection_that_starts_during_the_drain_is_drained_too() {
    let (peer, ours) = duplex(64);
    let (drain, watch) = Drain::new();
    drain.drain();
    let sign = Arc::new(Sign { outbox: Some(Outbox::new(1024)), ..Sign::default() });
    let scope = ConnScope::new(watch, Arc::<Counters>::default(), None);
    tokio::spawn(drive(Box::new(ours), BytesMut::new(), Lines { sign, deadline: None, seal: None }, scope));
    let mut peer = peer;
    assert_eq!(line(&mut peer).await, "bye\n");
}

#[tokio::test]
async fn what_is_sealed_leaves_in_order_however_little_at_once_and_counts_until_it_is_written() {
    for (pipe, seal) in [(3, 1), (64, 2), (1 << 20, 1), (1 << 20, 1000)] {
        let mut bench = start_with(pipe, "", None, Some(seal));
        let long = "l".repeat(5000);
        let lines = ["a", &long, "b", "", &long, &long, "c"];
        let mut expected = String::new();
        for line in lines {
            let text = format!("{line}\n");
            bench.sign.outbox().offer(text.len(), false, |queue| queue.share(&text.into()));
            expected.push_str(&format!("<{line}>\n"));
        }
        assert_eq!(bench.sign.outbox().pending(), expected.len() - 2 * lines.len());
        let mut written = vec![0; expected.len() - 4];
        bench.peer.read_exact(&mut written).await.unwrap();
        if pipe == 3 {
            assert_ne!(bench.sign.outbox().pending(), 0, "the last line is on its way");
        }
        bench.peer.write_all(b"close\n").await.unwrap();
        let text = String::from_utf8(written).unwrap() + &rest(&mut bench.peer).await;
        assert_eq!(text, expected, "{seal} through {pipe}");
        assert_eq!(bench.sign.outbox().pending(), 0);
        drop(bench.peer);
        bench.task.await.unwrap().unwrap();
    }
}
