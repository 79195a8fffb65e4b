//! Drives one connection: reads, feeds a sans-I/O protocol, writes what is queued, keeps its deadline. One task, one
//! future, no channel and no lock of its own.
//!
//! The rules it keeps, each measured to matter: one write for all that is queued; no write per message; no read
//! buffer while idle; one timer per connection, re-armed only when it fires; receivers woken once per read batch.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::outbox::{Batch, MAX_SLICES, Queue, Queued};
use crate::pool::{READ_BUFFER, give_read, give_write, take_read};
use crate::{BoxFuture, ConnScope, Outbox, Phase, ServeError, Stream, wake};

/// How long what is queued may take to leave, and the peer to close, once a connection is to end.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// An unfinished unit up to this size is copied out of the read buffer, so that the buffer can serve others; a larger
/// one keeps the buffer until it is whole.
const COPY_TAIL: usize = 8 * 1024;

/// Room behind a large unit, so that the beginning of the next one does not need a read of its own.
const SLACK: usize = 4 * 1024;

/// The largest read buffer that is taken because large units came before.
const EXPECT_MAX: usize = 512 * 1024;

/// Reads in a row before what they caused is written.
const READS_PER_TURN: usize = 8;

/// What a protocol wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// More input.
    Read,
    /// No input for now; ask [`Protocol::poll_ready`]. What is queued is still written.
    Pause,
    /// To end: what is queued is written, for at most [`FLUSH_TIMEOUT`], then the connection is closed.
    Close,
    /// To end at once.
    Abort,
}

/// Why a connection ended, told to [`Protocol::finish`].
#[derive(Debug)]
pub enum End {
    /// The protocol wished it.
    Closed,
    /// The peer closed its side.
    Eof,
    /// Reading or writing failed.
    Broken(io::Error),
    /// The node's drain timeout passed.
    Aborted,
}

/// A protocol without I/O: fed with bytes and moments, answering through its [`Outbox`].
pub trait Protocol: Send {
    /// Takes all whole units off the front of `input` and leaves the unfinished rest. Called again with the same rest
    /// and more.
    fn receive(&mut self, input: &mut BytesMut) -> Flow;

    /// How many octets the unit at the front of `input` has that is not whole yet, as far as its first octets tell;
    /// 0 when they do not. Only a hint for reading it with few calls.
    fn wanted(&self, input: &[u8]) -> usize {
        let _ = input;
        0
    }

    /// After [`Flow::Pause`]: what comes next, when it is known.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow>;

    /// Somebody called [`Outbox::nudge`]: look at what was left.
    fn nudged(&mut self) -> Flow;

    /// When [`Protocol::expired`] is to be called. Asked after every turn; may move freely.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline passed.
    fn expired(&mut self, now: Instant) -> Flow;

    /// The node is draining: say goodbye.
    fn drain(&mut self) -> Flow;

    /// The queue that is written.
    fn outbox(&self) -> &Outbox;

    /// Whether what is queued has to be sealed before it is written, as compression and batching want it. Does not
    /// change once anything is queued.
    fn seals(&self) -> bool {
        false
    }

    /// Takes some of what was queued off the front, at least one unit, and appends what is to be written in its place.
    /// Called again for the rest when that is written: how much is taken at once decides how much memory it costs.
    fn seal(&mut self, queued: &mut Queued, out: &mut Queue) {
        queued.move_to(usize::MAX, out);
    }

    /// The connection is over. Called exactly once, unless the whole task is dropped.
    fn finish(&mut self, end: End) -> Result<(), ServeError>;
}

/// Serves a connection with a protocol until either wishes to end. `leftover` was read before and comes first.
pub fn drive<P: Protocol + 'static>(
    io: Box<dyn Stream>,
    leftover: BytesMut,
    protocol: P,
    scope: ConnScope,
) -> BoxFuture<'static, Result<(), ServeError>> {
    let mut watch = scope.drain.clone();
    let drain: BoxFuture<'static, ()> = Box::pin(async move { watch.reached(Phase::Draining).await });
    Box::pin(Drive {
        io,
        fresh: !leftover.is_empty(),
        tail: leftover,
        expect: READ_BUFFER,
        protocol,
        batch: Batch::default(),
        unflushed: false,
        sealing: None,
        timer: None,
        drain: Some(drain),
        stage: Stage::Open { paused: false },
        scope,
    })
}

struct Drive<P> {
    io: Box<dyn Stream>,
    protocol: P,
    /// The unfinished rest of what was read.
    tail: BytesMut,
    /// `tail` holds bytes that the protocol has not seen.
    fresh: bool,
    /// Size of the next read buffer: larger than usual while large units come, since a unit that fits into one buffer
    /// is not copied.
    expect: usize,
    batch: Batch,
    /// Something was written since the stream was last flushed. A stream such as TLS may hold what it took.
    unflushed: bool,
    /// Only while a protocol that seals has something to write.
    sealing: Option<Box<Sealing>>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Completes at the next phase of the node.
    drain: Option<BoxFuture<'static, ()>>,
    stage: Stage,
    scope: ConnScope,
}

#[derive(Debug, Default)]
struct Sealing {
    queued: Queued,
    /// Octets that were queued and stand sealed in the batch that is being written.
    sealed: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open {
        paused: bool,
    },
    /// Writing what is queued, then closing.
    Closing {
        until: Instant,
        eof: bool,
        shut: bool,
    },
}

impl<P: Protocol> Future for Drive<P> {
    type Output = Result<(), ServeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output>
    where
        Self: Unpin,
    {
        let this = &mut *self;
        let end = ready!(this.turn(cx));
        this.protocol.outbox().close();
        Poll::Ready(this.protocol.finish(end))
    }
}

// Nothing in it is pinned by its address: the futures are boxed.
impl<P> Unpin for Drive<P> {}

impl<P: Protocol> Drive<P> {
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Some(end) = wake::batch(|| self.signals(cx)) {
            return Poll::Ready(end);
        }
        loop {
            let more = match wake::batch(|| self.read(cx)) {
                Ok(more) => more,
                Err(end) => return Poll::Ready(end),
            };
            match self.write(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(End::Broken(error)),
                Poll::Ready(Ok(())) => {}
                Poll::Pending => {
                    if !more {
                        break;
                    }
                }
            }
            if let Stage::Closing { .. } = self.stage
                && let Poll::Ready(end) = self.close(cx)
            {
                return Poll::Ready(end);
            }
            if !more {
                break;
            }
            if tokio::task::coop::has_budget_remaining() {
                continue;
            }
            cx.waker().wake_by_ref();
            break;
        }
        self.arm(cx)
    }

    /// What came from elsewhere than the peer: the node's phase, the timer, a nudge.
    fn signals(&mut self, cx: &mut Context<'_>) -> Option<End> {
        if let Some(drain) = &mut self.drain
            && drain.as_mut().poll(cx).is_ready()
        {
            self.drain = None;
            if self.scope.drain.phase() == Phase::Aborting {
                return Some(End::Aborted);
            }
            let mut watch = self.scope.drain.clone();
            let mut abort: BoxFuture<'static, ()> =
                Box::pin(async move { watch.reached(Phase::Aborting).await });
            if abort.as_mut().poll(cx).is_ready() {
                return Some(End::Aborted);
            }
            self.drain = Some(abort);
            if let Stage::Open { .. } = self.stage {
                let flow = self.protocol.drain();
                if let Some(end) = self.follow(flow) {
                    return Some(end);
                }
            }
        }
        if self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
            self.timer = None;
            let now = Instant::now();
            match self.stage {
                Stage::Closing { until, .. } if until <= now => return Some(End::Closed),
                Stage::Open { .. } if self.protocol.deadline().is_some_and(|at| at <= now) => {
                    let flow = self.protocol.expired(now);
                    if let Some(end) = self.follow(flow) {
                        return Some(end);
                    }
                }
                _ => {}
            }
        }
        if self.protocol.outbox().take_nudge()
            && let Stage::Open { .. } = self.stage
        {
            let flow = self.protocol.nudged();
            return self.follow(flow);
        }
        None
    }

    /// Reads and feeds; `Ok(true)` when there may be more to read at once.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        for _ in 0..READS_PER_TURN {
            match self.stage {
                Stage::Open { paused: true } => match self.protocol.poll_ready(cx) {
                    Poll::Ready(flow) => {
                        self.fresh = !self.tail.is_empty();
                        self.stage = Stage::Open { paused: false };
                        self.follow(flow).map_or(Ok(()), Err)?;
                        continue;
                    }
                    Poll::Pending => return Ok(false),
                },
                Stage::Open { paused: false } => {}
                Stage::Closing { eof: true, .. } => return Ok(false),
                Stage::Closing { .. } => {}
            }
            let mut buf =
                if self.tail.is_empty() { take_read(self.expect) } else { std::mem::take(&mut self.tail) };
            if !std::mem::take(&mut self.fresh) {
                if buf.capacity() == buf.len() {
                    buf = self.grow(buf);
                }
                let before = buf.len();
                let read = pin!(self.io.read_buf(&mut buf)).poll(cx);
                match read {
                    Poll::Pending => {
                        self.keep(buf);
                        return Ok(false);
                    }
                    Poll::Ready(Err(error)) => return Err(End::Broken(error)),
                    Poll::Ready(Ok(0)) => {
                        self.keep(buf);
                        match &mut self.stage {
                            Stage::Closing { eof, .. } => *eof = true,
                            Stage::Open { .. } => self.begin_closing(true),
                        }
                        return Ok(false);
                    }
                    Poll::Ready(Ok(_)) if before == 0 && buf.len() < READ_BUFFER => self.expect = READ_BUFFER,
                    Poll::Ready(Ok(_)) => {}
                }
            }
            if let Stage::Closing { .. } = self.stage {
                // Said after the end: read only so that closing does not reset what is still on its way out.
                buf.clear();
                give_read(buf);
                continue;
            }
            let flow = self.protocol.receive(&mut buf);
            self.keep(buf);
            self.follow(flow).map_or(Ok(()), Err)?;
        }
        Ok(true)
    }

    /// A larger buffer with the same bytes. It holds the whole unit where its size is known, but at most as much again
    /// as has arrived: memory follows what a peer sends, not what it announces.
    fn grow(&mut self, buf: BytesMut) -> BytesMut {
        let wanted = self.protocol.wanted(&buf).saturating_add(SLACK).max(buf.len() + COPY_TAIL);
        let size = wanted.min((2 * buf.len()).max(READ_BUFFER));
        self.expect = size.clamp(READ_BUFFER, EXPECT_MAX);
        let mut larger = take_read(size);
        larger.extend_from_slice(&buf);
        give_read(buf);
        larger
    }

    /// Stores the rest of the input, or gives its buffer back.
    fn keep(&mut self, buf: BytesMut) {
        if buf.is_empty() {
            give_read(buf);
        } else if buf.len() <= COPY_TAIL && buf.capacity() > 2 * COPY_TAIL {
            self.tail = BytesMut::from(&buf[..]);
            give_read(buf);
        } else {
            self.tail = buf;
        }
    }

    fn follow(&mut self, flow: Flow) -> Option<End> {
        match (flow, self.stage) {
            (Flow::Abort, _) => return Some(End::Closed),
            (_, Stage::Closing { .. }) => {}
            (Flow::Read, _) => {}
            (Flow::Pause, _) => self.stage = Stage::Open { paused: true },
            (Flow::Close, _) => self.begin_closing(false),
        }
        None
    }

    fn begin_closing(&mut self, eof: bool) {
        self.protocol.outbox().close();
        self.stage = Stage::Closing { until: Instant::now() + FLUSH_TIMEOUT, eof, shut: false };
    }

    /// Writes all that is queued, as far as the peer takes it.
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.refill(cx.waker());
            if self.batch.is_done() {
                return self.flush(cx);
            }
            while !self.batch.is_done() {
                let written = match self.batch.single() {
                    Some(bytes) => Pin::new(&mut self.io).poll_write(cx, bytes),
                    None => {
                        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                        let n = self.batch.slices(&mut slices);
                        Pin::new(&mut self.io).poll_write_vectored(cx, slices.get(..n).unwrap_or_default())
                    }
                };
                match written {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(n)) => {
                        self.unflushed = true;
                        self.batch.advance(n);
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        self.refill(cx.waker());
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// Makes a stream send what it holds back.
    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Tells the outbox what is written, and takes what is to be written next once all before it is.
    fn refill(&mut self, waker: &Waker) {
        if self.protocol.seals() {
            self.refill_sealed(waker);
        } else {
            self.protocol.outbox().exchange(&mut self.batch, false, waker);
        }
    }

    /// The same through [`Protocol::seal`]. What was queued counts as written when what it became is.
    fn refill_sealed(&mut self, waker: &Waker) {
        let sealing = self.sealing.get_or_insert_default();
        let busy = !self.batch.is_done();
        if !busy {
            sealing.queued.batch.written += std::mem::take(&mut sealing.sealed);
        }
        self.protocol.outbox().exchange(&mut sealing.queued.batch, busy, waker);
        if busy {
            return;
        }
        let before = sealing.queued.remaining();
        if before == 0 {
            self.sealing = None;
            give_write(self.batch.retire());
            return;
        }
        self.protocol.seal(&mut sealing.queued, self.batch.begin());
        sealing.sealed = before - sealing.queued.remaining();
    }

    /// After the queue is written: closes our side and waits for the peer's.
    fn close(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let Stage::Closing { eof, shut, .. } = &mut self.stage else { return Poll::Pending };
        if !self.batch.is_done() {
            return Poll::Pending;
        }
        if !*shut {
            match Pin::new(&mut self.io).poll_shutdown(cx) {
                Poll::Ready(Ok(())) => *shut = true,
                Poll::Ready(Err(_)) => return Poll::Ready(End::Closed),
                Poll::Pending => return Poll::Pending,
            }
        }
        if *eof { Poll::Ready(End::Eof) } else { Poll::Pending }
    }

    /// Makes sure that the task is woken at its deadline.
    fn arm(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let deadline = match self.stage {
            Stage::Closing { until, .. } => Some(until),
            Stage::Open { .. } => self.protocol.deadline(),
        };
        let Some(at) = deadline else {
            self.timer = None;
            return Poll::Pending;
        };
        match &mut self.timer {
            // It fires early and is armed again then: cheaper than moving it with every message.
            Some(timer) if timer.deadline() <= at => {}
            Some(timer) => {
                timer.as_mut().reset(at);
                if timer.as_mut().poll(cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
            }
            None => {
                let mut timer = Box::pin(sleep_until(at));
                if timer.as_mut().poll(cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
                self.timer = Some(timer);
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
