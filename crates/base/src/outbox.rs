//! What is queued for a peer: bounded in bytes, filled by any task, written by the connection's own.
//!
//! Small pieces are copied into one buffer, large ones travel as shared [`Bytes`]. The bound counts what is queued
//! until it is written. Below its bound an outbox always takes one more message, of whatever legal size.

mod queued;

use std::collections::VecDeque;
use std::io::IoSlice;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use parking_lot::Mutex;

use crate::{pool, wake};

pub use queued::Queued;

/// Pieces from this size on are shared instead of copied. Below it a copy is cheaper than another slice to write.
const SHARE_FROM: usize = 2048;

/// Slices in one vectored write.
pub(crate) const MAX_SLICES: usize = 64;

/// What became of a message that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It is queued and will be written.
    Queued,
    /// The queue is at its bound; nothing was queued.
    Full,
    /// It is larger than the peer accepts; nothing was queued.
    TooLarge,
    /// The connection is going away; nothing was queued.
    Closed,
}

/// The output queue of one connection.
#[derive(Debug)]
pub struct Outbox {
    cap: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    /// Bytes queued here or taken by the writer and not yet written.
    pending: usize,
    closed: bool,
    /// Somebody left a sign that is not output; see [`Outbox::nudge`].
    nudged: bool,
    /// The writer sleeps and nothing it will wait for by itself is queued.
    idle: bool,
    writer: Option<Waker>,
    /// Who waits for the queue to fall below its bound.
    room: Vec<Waker>,
}

/// Pieces in order: small ones back to back in a buffer, large ones beside it.
#[derive(Debug, Default)]
pub struct Queue {
    small: Vec<u8>,
    large: VecDeque<Large>,
}

/// A shared piece that goes out before the byte `at` of the small buffer.
#[derive(Debug)]
struct Large {
    at: usize,
    bytes: Bytes,
}

impl Queue {
    /// Appends a copy.
    #[inline]
    pub fn copy(&mut self, bytes: &[u8]) {
        self.small.extend_from_slice(bytes);
    }

    /// Appends a piece that others hold too: shared when large, copied when small.
    #[inline]
    pub fn share(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARE_FROM {
            self.small.extend_from_slice(bytes);
        } else {
            self.large.push_back(Large { at: self.small.len(), bytes: bytes.clone() });
        }
    }

    /// Appends all that another queue holds.
    pub fn append(&mut self, other: Queue) {
        let before = self.small.len();
        self.small.extend_from_slice(&other.small);
        self.large.extend(other.large.into_iter().map(|large| Large { at: before + large.at, ..large }));
    }

    /// Appends a small piece that is written in place: `write` gets the buffer and only appends to it.
    #[inline]
    pub fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.small);
    }

    /// Octets in it.
    pub fn len(&self) -> usize {
        self.small.len() + self.large.iter().map(|large| large.bytes.len()).sum::<usize>()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.small.is_empty() && self.large.is_empty()
    }
}

impl Outbox {
    /// An outbox that takes no more once `cap` bytes are queued.
    pub fn new(cap: usize) -> Self {
        Outbox { cap, state: Mutex::default() }
    }

    /// Queues one message of `len` bytes, which `fill` appends. Never blocks on the peer. With `always` the bound does
    /// not count: for the few small messages that must get through, such as a goodbye.
    ///
    /// `fill` runs under the outbox's lock: it only appends.
    pub fn offer(&self, len: usize, always: bool, fill: impl FnOnce(&mut Queue)) -> Offered {
        let waker = {
            let mut state = self.state.lock();
            if state.closed {
                return Offered::Closed;
            }
            if state.pending >= self.cap && !always {
                return Offered::Full;
            }
            if state.queue.small.capacity() == 0 {
                state.queue.small = pool::take_write();
            }
            fill(&mut state.queue);
            state.pending += len;
            state.wake_idle()
        };
        if let Some(waker) = waker {
            wake::later(waker);
        }
        Offered::Queued
    }

    /// Queues a last piece of `len` bytes, which `fill` appends, whatever the bound; takes nothing more afterwards. In
    /// one step, so that no message of another task can come behind it.
    pub fn finish(&self, len: usize, fill: impl FnOnce(&mut Queue)) -> Offered {
        let (waker, room) = {
            let mut state = self.state.lock();
            if state.closed {
                return Offered::Closed;
            }
            state.closed = true;
            if state.queue.small.capacity() == 0 {
                state.queue.small = pool::take_write();
            }
            fill(&mut state.queue);
            state.pending += len;
            (state.wake_idle(), std::mem::take(&mut state.room))
        };
        for waker in waker.into_iter().chain(room) {
            wake::later(waker);
        }
        Offered::Queued
    }

    /// Wakes the connection's task though nothing is queued, because something was left for it elsewhere.
    pub fn nudge(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.nudged = true;
            state.writer.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Bytes queued and not yet written.
    pub fn pending(&self) -> usize {
        self.state.lock().pending
    }

    /// Ready when the queue is below its bound, or will never take anything again.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.closed || state.pending < self.cap {
            return Poll::Ready(());
        }
        if !state.room.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.room.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Takes nothing more. What is queued can still be written.
    pub fn close(&self) {
        let room = {
            let mut state = self.state.lock();
            state.closed = true;
            std::mem::take(&mut state.room)
        };
        for waker in room {
            waker.wake();
        }
    }

    /// For the writer: reports what was written since the last call, and takes what is queued into an empty batch,
    /// unless the writer is `busy` with something else. When nothing is queued the writer counts as asleep and `waker`
    /// is kept.
    pub(crate) fn exchange(&self, batch: &mut Batch, busy: bool, waker: &Waker) {
        let written = std::mem::take(&mut batch.written);
        let wait_for_batch = busy || !batch.is_done();
        let (room, spare) = {
            let mut state = self.state.lock();
            let was_full = state.pending >= self.cap;
            state.pending = state.pending.saturating_sub(written);
            if !state.writer.as_ref().is_some_and(|known| known.will_wake(waker)) {
                state.writer = Some(waker.clone());
            }
            let mut spare = None;
            if wait_for_batch {
                state.idle = false;
            } else if state.queue.is_empty() {
                state.idle = true;
            } else {
                state.idle = false;
                spare = Some(batch.refill(&mut state.queue));
            }
            let room = if was_full && state.pending < self.cap {
                std::mem::take(&mut state.room)
            } else {
                Vec::new()
            };
            (room, spare)
        };
        if let Some(spare) = spare {
            pool::give_write(spare);
        } else if !wait_for_batch {
            pool::give_write(batch.retire());
        }
        for waker in room {
            wake::later(waker);
        }
    }

    /// For the connection's task: whether somebody left a sign since the last call.
    pub(crate) fn take_nudge(&self) -> bool {
        std::mem::take(&mut self.state.lock().nudged)
    }
}

impl State {
    fn wake_idle(&mut self) -> Option<Waker> {
        if self.idle {
            self.idle = false;
            self.writer.clone()
        } else {
            None
        }
    }
}

/// What the writer has taken and is writing.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    queue: Queue,
    /// Bytes of the small buffer that are written.
    at: usize,
    /// Bytes written that the outbox does not know of yet.
    pub(crate) written: usize,
}

impl Batch {
    /// Whether all of it is written.
    pub(crate) fn is_done(&self) -> bool {
        self.at == self.queue.small.len() && self.queue.large.is_empty()
    }

    /// Takes the queue and leaves an empty one; returns the buffer that was used before.
    fn refill(&mut self, queue: &mut Queue) -> Vec<u8> {
        self.at = 0;
        std::mem::swap(&mut self.queue, queue);
        std::mem::take(&mut queue.small)
    }

    /// Gives up the buffer of a batch that is written: an idle connection holds none.
    pub(crate) fn retire(&mut self) -> Vec<u8> {
        self.at = 0;
        std::mem::take(&mut self.queue.small)
    }

    /// Whether one slice holds all that is left.
    pub(crate) fn single(&self) -> Option<&[u8]> {
        if self.queue.large.is_empty() { self.queue.small.get(self.at..) } else { None }
    }

    /// The slices of the next write, at most [`MAX_SLICES`].
    pub(crate) fn slices<'a>(&'a self, out: &mut [IoSlice<'a>; MAX_SLICES]) -> usize {
        let mut n = 0;
        let mut at = self.at;
        let mut put = |bytes: &'a [u8]| {
            if let (false, Some(slot)) = (bytes.is_empty(), out.get_mut(n)) {
                *slot = IoSlice::new(bytes);
                n += 1;
            }
        };
        for large in self.queue.large.iter().take(MAX_SLICES / 2) {
            put(self.queue.small.get(at..large.at).unwrap_or_default());
            put(&large.bytes);
            at = large.at;
        }
        if self.queue.large.len() < MAX_SLICES / 2 {
            put(self.queue.small.get(at..).unwrap_or_default());
        }
        n
    }

    /// An empty queue to fill with what is to be written, where this batch is.
    pub(crate) fn begin(&mut self) -> &mut Queue {
        self.at = 0;
        self.written = 0;
        self.queue.small.clear();
        if self.queue.small.capacity() == 0 {
            self.queue.small = pool::take_write();
        }
        &mut self.queue
    }

    /// Notes that `n` bytes were written.
    pub(crate) fn advance(&mut self, n: usize) {
        self.written += n;
        self.consume(n);
    }

    /// Takes `n` bytes off the front.
    fn consume(&mut self, mut n: usize) {
        while n > 0 {
            let Some(large) = self.queue.large.front_mut() else {
                self.at += n;
                return;
            };
            let before = large.at - self.at;
            if n < before {
                self.at += n;
                return;
            }
            n -= before;
            self.at = large.at;
            if n < large.bytes.len() {
                large.bytes.advance(n);
                return;
            }
            n -= large.bytes.len();
            self.queue.large.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(outbox: &Outbox, bytes: &'static [u8]) -> Offered {
        outbox.offer(bytes.len(), false, |q| q.share(&Bytes::from_static(bytes)))
    }

    /// Writes a batch `step` bytes at a time and returns what came out.
    fn written(outbox: &Outbox, step: usize) -> Vec<u8> {
        let (mut batch, mut out) = (Batch::default(), Vec::new());
        loop {
            outbox.exchange(&mut batch, false, Waker::noop());
            if batch.is_done() {
                return out;
            }
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let n = batch.slices(&mut slices);
            let all: Vec<u8> = slices[..n].iter().flat_map(|s| s.to_vec()).collect();
            let now = step.min(all.len());
            out.extend_from_slice(&all[..now]);
            batch.advance(now);
        }
    }

    #[test]
    fn pieces_leave_in_order_whatever_their_size_and_however_short_the_writes() {
        static LARGE: [u8; SHARE_FROM] = [b'L'; SHARE_FROM];
        for step in [1, 2, 7, SHARE_FROM, usize::MAX] {
            let outbox = Outbox::new(usize::MAX);
            let mut expected = Vec::new();
            for piece in [&b"ab"[..], &LARGE, &LARGE, b"c", b"", &LARGE, b"de"] {
                expected.extend_from_slice(piece);
                let piece: &'static [u8] = Vec::leak(piece.to_vec());
                assert_eq!(offer(&outbox, piece), Offered::Queued);
            }
            assert_eq!(written(&outbox, step), expected, "step {step}");
            assert_eq!(outbox.pending(), 0);
        }
    }

    #[test]
    fn more_large_pieces_than_slices_are_written_in_several_batches() {
        static LARGE: [u8; SHARE_FROM] = [b'L'; SHARE_FROM];
        let outbox = Outbox::new(usize::MAX);
        for _ in 0..100 {
            offer(&outbox, b"x");
            offer(&outbox, &LARGE);
        }
        assert_eq!(written(&outbox, usize::MAX).len(), 100 * (SHARE_FROM + 1));
    }

    #[test]
    fn below_its_bound_it_takes_one_more_and_then_none() {
        let outbox = Outbox::new(4);
        assert_eq!(offer(&outbox, b"abc"), Offered::Queued);
        assert_eq!(offer(&outbox, b"a long one"), Offered::Queued);
        assert_eq!(offer(&outbox, b""), Offered::Full);
        assert_eq!(outbox.offer(1, true, |q| q.copy(b"!")), Offered::Queued);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(outbox.poll_room(&mut cx).is_pending());
        assert_eq!(written(&outbox, 3), b"abca long one!");
        assert!(outbox.poll_room(&mut cx).is_ready());
    }

    #[test]
    fn nothing_comes_behind_the_last_piece() {
        let outbox = Outbox::new(1);
        offer(&outbox, b"full");
        assert_eq!(outbox.finish(3, |q| q.copy(b"end")), Offered::Queued);
        assert_eq!(outbox.offer(1, true, |q| q.copy(b"!")), Offered::Closed);
        assert_eq!(outbox.finish(1, |q| q.copy(b"!")), Offered::Closed);
        assert_eq!(written(&outbox, 10), b"fullend");
        assert_eq!(outbox.pending(), 0);
    }

    #[test]
    fn closed_outbox_takes_nothing_and_still_writes() {
        let outbox = Outbox::new(10);
        offer(&outbox, b"last");
        outbox.close();
        assert_eq!(offer(&outbox, b"later"), Offered::Closed);
        assert_eq!(written(&outbox, 10), b"last");
    }
}
