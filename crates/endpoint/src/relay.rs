//! Carrying bytes between two connections, both ways, understanding none.
//!
//! One task does both directions. Each reads only when all that was read before is written, so a slow side holds the
//! other back and no more than one buffer waits in each direction; a direction that waits for input holds none.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::time::{Instant, Sleep, sleep_until};
use transom_base::{Connection, Stream};

/// Read at most this much before writing. Measured: larger ones fall out of the processor's cache in between.
const BUFFER: usize = 128 * 1024;

/// Buffers kept per thread.
const KEPT: usize = 8;

/// Reads of one direction in a row before it is the other's turn.
const READS_PER_TURN: usize = 16;

/// How a relay behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RelaySettings {
    /// Ends when nothing has moved in either direction for so long; none (the default) = never.
    pub idle_timeout: Option<Duration>,
}

/// What a relay did.
#[derive(Debug)]
pub struct RelayStats {
    /// Octets that were read from the first connection and written to the second.
    pub a_to_b: u64,
    /// Octets that were read from the second connection and written to the first.
    pub b_to_a: u64,
    /// How it ended.
    pub end: RelayEnd,
}

/// How a relay ended.
#[derive(Debug)]
pub enum RelayEnd {
    /// Both sides had said all they had to say.
    Closed,
    /// Nothing had moved for the time allowed.
    Idle,
    /// It was stopped.
    Stopped,
    /// The first connection broke.
    BrokenA(io::Error),
    /// The second connection broke.
    BrokenB(io::Error),
}

/// Carries bytes from each connection to the other until both have ended. When one side ends, the other is told so,
/// and may go on.
pub async fn relay(a: Connection, b: Connection, settings: RelaySettings) -> RelayStats {
    relay_until(a, b, settings, std::future::pending()).await
}

/// The same, and until `stop` completes: then both connections are dropped, with what was on its way.
pub async fn relay_until(
    a: Connection,
    b: Connection,
    settings: RelaySettings,
    stop: impl Future<Output = ()>,
) -> RelayStats {
    let mut relay = Relay {
        a: a.io,
        b: b.io,
        a_to_b: Direction::default(),
        b_to_a: Direction::default(),
        idle: settings.idle_timeout.map(|limit| Idle { limit, since: Instant::now(), timer: None }),
    };
    let stopped = tokio::select! {
        biased;
        stats = &mut relay => return stats,
        () = stop => RelayEnd::Stopped,
    };
    RelayStats { a_to_b: relay.a_to_b.written, b_to_a: relay.b_to_a.written, end: stopped }
}

struct Relay {
    a: Box<dyn Stream>,
    b: Box<dyn Stream>,
    a_to_b: Direction,
    b_to_a: Direction,
    idle: Option<Idle>,
}

impl Future for Relay {
    type Output = RelayStats;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<RelayStats> {
        let this = &mut *self;
        let before = (this.a_to_b.written, this.b_to_a.written);
        let there = this.a_to_b.go(&mut this.a, &mut this.b, cx);
        let back = this.b_to_a.go(&mut this.b, &mut this.a, cx);
        let end =
            match (there, back) {
                (Poll::Ready(Err(Broken::Reading(error))), _)
                | (_, Poll::Ready(Err(Broken::Writing(error)))) => RelayEnd::BrokenA(error),
                (Poll::Ready(Err(Broken::Writing(error))), _)
                | (_, Poll::Ready(Err(Broken::Reading(error)))) => RelayEnd::BrokenB(error),
                (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => RelayEnd::Closed,
                _ => {
                    let Some(idle) = &mut this.idle else { return Poll::Pending };
                    let moved = before != (this.a_to_b.written, this.b_to_a.written);
                    ready!(idle.poll(moved, cx));
                    RelayEnd::Idle
                }
            };
        Poll::Ready(RelayStats { a_to_b: this.a_to_b.written, b_to_a: this.b_to_a.written, end })
    }
}

/// One of the two ways.
#[derive(Default)]
struct Direction {
    /// What was read and not written yet: the buffer, from where and to where.
    held: Option<(Buffer, usize, usize)>,
    written: u64,
    /// Something was written that may not have left yet.
    unflushed: bool,
    stage: Stage,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// The source has ended; the sink is to be told.
    Ending,
    Done,
}

/// Which end of a direction broke.
enum Broken {
    Reading(io::Error),
    Writing(io::Error),
}

impl Direction {
    /// Goes on until it has to wait; ready when the source has ended and the sink knows.
    fn go<R: Stream, W: Stream>(
        &mut self,
        source: &mut R,
        sink: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        for _ in 0..READS_PER_TURN {
            ready!(self.write(sink, cx)).map_err(Broken::Writing)?;
            match self.stage {
                Stage::Open => {}
                Stage::Ending => {
                    ready!(Pin::new(&mut *sink).poll_shutdown(cx)).map_err(Broken::Writing)?;
                    self.stage = Stage::Done;
                    return Poll::Ready(Ok(()));
                }
                Stage::Done => return Poll::Ready(Ok(())),
            }
            let mut buffer = Buffer::take();
            let mut read = ReadBuf::new(&mut buffer.0);
            match Pin::new(&mut *source).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) => match read.filled().len() {
                    0 => self.stage = Stage::Ending,
                    len => self.held = Some((buffer, 0, len)),
                },
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::Reading(error))),
                Poll::Pending => {
                    drop(buffer);
                    return self.flush(sink, cx);
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what is held.
    fn write<W: Stream>(&mut self, sink: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((buffer, from, to)) = &mut self.held {
            let rest = buffer.0.get(*from..*to).unwrap_or_default();
            if rest.is_empty() {
                self.held = None;
                break;
            }
            match ready!(Pin::new(&mut *sink).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                len => {
                    *from += len;
                    self.written += len as u64;
                    self.unflushed = true;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Before waiting for more, what a layer such as TLS still holds is sent.
    fn flush<W: Stream>(&mut self, sink: &mut W, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.unflushed {
            ready!(Pin::new(sink).poll_flush(cx)).map_err(Broken::Writing)?;
            self.unflushed = false;
        }
        Poll::Pending
    }
}

/// Notices that nothing moves. The timer is not moved with every byte; it fires early and is armed again.
struct Idle {
    limit: Duration,
    since: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    fn poll(&mut self, moved: bool, cx: &mut Context<'_>) -> Poll<()> {
        if moved {
            self.since = Instant::now();
        }
        // A limit beyond all time is none.
        let Some(until) = self.since.checked_add(self.limit) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if until <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(until);
        }
    }
}

/// A buffer of the thread it is taken on, given back when dropped.
struct Buffer(Box<[u8]>);

thread_local! {
    static BUFFERS: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

impl Buffer {
    fn take() -> Self {
        let kept = BUFFERS.with(|buffers| buffers.borrow_mut().pop());
        Buffer(kept.unwrap_or_else(|| vec![0; BUFFER].into_boxed_slice()))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        // At the end of a thread the pool may be gone before.
        let _ = BUFFERS.try_with(|buffers| {
            let mut buffers = buffers.borrow_mut();
            if buffers.len() < KEPT {
                buffers.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests;
