//! Where a router leaves messages for a session in its own process.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use transom_base::wake;
use transom_wamp::{Class, CloseReason, Offered, Outgoing, Serializer, SessionSink};

/// A queue of serialized messages, bounded in bytes. Below its bound it takes one more of any size.
#[derive(Debug)]
pub(crate) struct LocalSink {
    serializer: Serializer,
    cap: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Bytes>,
    pending: usize,
    closed: Option<CloseReason>,
    reader: Option<Waker>,
    room: Vec<Waker>,
}

impl LocalSink {
    pub(crate) fn new(serializer: Serializer, cap: usize) -> Self {
        LocalSink { serializer, cap, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What it holds is whole between any two of its own lines.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next message; pending while there is none, `Err` with the reason once there will be none.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Result<Bytes, CloseReason>> {
        let (next, room) = {
            let mut state = self.state();
            match state.queue.pop_front() {
                Some(message) => {
                    let was_full = state.pending >= self.cap;
                    state.pending -= message.len();
                    let room = was_full && state.pending < self.cap;
                    (
                        Poll::Ready(Ok(message)),
                        if room { std::mem::take(&mut state.room) } else { Vec::new() },
                    )
                }
                None => match state.closed {
                    Some(reason) => (Poll::Ready(Err(reason)), Vec::new()),
                    None => {
                        state.reader = Some(cx.waker().clone());
                        (Poll::Pending, Vec::new())
                    }
                },
            }
        };
        room.into_iter().for_each(wake::later);
        next
    }

    /// The next message, if one is there.
    pub(crate) fn next(&self) -> Option<Bytes> {
        match self.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(message)) => Some(message),
            Poll::Ready(Err(_)) | Poll::Pending => None,
        }
    }
}

impl SessionSink for LocalSink {
    fn serializer(&self) -> Serializer {
        self.serializer
    }

    fn offer(&self, out: Outgoing<'_>) -> Offered {
        let reader = {
            let mut state = self.state();
            if state.closed.is_some() {
                return Offered::Closed;
            }
            if state.pending >= self.cap && out.class == Class::Normal {
                return Offered::Full;
            }
            let message = out.message;
            let mut bytes = Vec::with_capacity(message.len());
            bytes.extend_from_slice(message.head);
            bytes.extend_from_slice(message.body);
            bytes.extend_from_slice(message.tail);
            state.pending += bytes.len();
            state.queue.push_back(bytes.into());
            state.reader.take()
        };
        reader.into_iter().for_each(wake::later);
        Offered::Queued
    }

    fn close(&self, why: CloseReason) {
        let (reader, room) = {
            let mut state = self.state();
            state.closed.get_or_insert(why);
            (state.reader.take(), std::mem::take(&mut state.room))
        };
        reader.into_iter().chain(room).for_each(wake::later);
    }

    fn nudge(&self) {
        let reader = self.state().reader.take();
        reader.into_iter().for_each(wake::later);
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.closed.is_some() || state.pending < self.cap {
            return Poll::Ready(());
        }
        if !state.room.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.room.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use transom_wamp::Encoded;

    use super::*;

    fn offer(sink: &LocalSink, class: Class) -> Offered {
        let message = Encoded { head: b"[", body: &Bytes::from_static(b"6"), tail: b"]" };
        sink.offer(Outgoing { class, message })
    }

    #[test]
    fn queue_below_its_bound_takes_one_more_and_a_farewell_always() {
        let sink = LocalSink::new(Serializer::Json, 4);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(offer(&sink, Class::Normal), Offered::Queued);
        assert_eq!(offer(&sink, Class::Normal), Offered::Queued);
        assert_eq!(offer(&sink, Class::Normal), Offered::Full);
        assert_eq!(offer(&sink, Class::Farewell), Offered::Queued);
        assert!(sink.poll_room(&mut cx).is_pending());
        assert_eq!(sink.next().as_deref(), Some(&b"[6]"[..]));
        assert!(sink.poll_room(&mut cx).is_pending());
        sink.next();
        assert!(sink.poll_room(&mut cx).is_ready());
        assert_eq!(offer(&sink, Class::Normal), Offered::Queued);
    }

    #[test]
    fn what_was_queued_is_read_before_the_end() {
        let sink = LocalSink::new(Serializer::Json, 4);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(sink.poll_next(&mut cx).is_pending());
        offer(&sink, Class::Normal);
        sink.close(CloseReason::SlowConsumer);
        sink.close(CloseReason::Normal);
        assert_eq!(offer(&sink, Class::Farewell), Offered::Closed);
        assert!(matches!(sink.poll_next(&mut cx), Poll::Ready(Ok(_))));
        assert_eq!(sink.poll_next(&mut cx), Poll::Ready(Err(CloseReason::SlowConsumer)));
    }
}
