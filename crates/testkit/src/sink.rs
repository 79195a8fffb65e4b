//! Where a router under test leaves its messages.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use transom_wamp::{
    Class, CloseReason, DecodeError, Message, Offered, Outgoing, Prepared, Serializer, SessionSink, decode,
};

/// Keeps what is offered, within bounds that a test sets.
#[derive(Debug)]
pub struct FakeSink {
    serializer: Serializer,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sent: Vec<Sent>,
    prepared: Vec<Bytes>,
    /// Messages that still fit.
    room: usize,
    max_len: usize,
    closed: Option<CloseReason>,
    nudges: usize,
    waiting: Vec<Waker>,
}

/// One message that was queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What kind it is.
    pub class: Class,
    /// The serialized message.
    pub bytes: Bytes,
}

impl FakeSink {
    /// A sink without bounds.
    pub fn new(serializer: Serializer) -> Self {
        FakeSink::bounded(serializer, usize::MAX)
    }

    /// A sink that is full after `room` messages.
    pub fn bounded(serializer: Serializer, room: usize) -> Self {
        let state = State {
            sent: Vec::new(),
            prepared: Vec::new(),
            room,
            max_len: usize::MAX,
            closed: None,
            nudges: 0,
            waiting: Vec::new(),
        };
        FakeSink { serializer, state: Mutex::new(state) }
    }

    /// Refuses messages longer than `max_len` bytes from now on.
    pub fn limit(&self, max_len: usize) {
        self.state.lock().unwrap().max_len = max_len;
    }

    /// Makes room for `messages` more and wakes who waits for it.
    pub fn make_room(&self, messages: usize) {
        let waiting = {
            let mut state = self.state.lock().unwrap();
            state.room = state.room.saturating_add(messages);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// What was queued so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.state.lock().unwrap().sent.clone()
    }

    /// What was prepared of each message that went to many: a copy of the message, made for the first receiver.
    pub fn prepared(&self) -> Vec<Bytes> {
        self.state.lock().unwrap().prepared.clone()
    }

    /// Takes what was queued, decoded. Messages that only routers send are an error of the decoder.
    pub fn take(&self) -> Vec<Result<Message, DecodeError>> {
        let sent = std::mem::take(&mut self.state.lock().unwrap().sent);
        sent.iter().map(|sent| decode(self.serializer, &sent.bytes)).collect()
    }

    /// How often the session's task was woken since the last look.
    pub fn nudges(&self) -> usize {
        std::mem::take(&mut self.state.lock().unwrap().nudges)
    }

    /// The reason with which it was closed.
    pub fn closed(&self) -> Option<CloseReason> {
        self.state.lock().unwrap().closed
    }
}

impl SessionSink for FakeSink {
    fn serializer(&self) -> Serializer {
        self.serializer
    }

    fn offer(&self, out: Outgoing<'_>) -> Offered {
        let mut state = self.state.lock().unwrap();
        if state.closed.is_some() {
            return Offered::Closed;
        }
        if out.message.len() > state.max_len {
            return Offered::TooLarge;
        }
        if out.class == Class::Normal {
            if state.room == 0 {
                return Offered::Full;
            }
            state.room -= 1;
        }
        let bytes = [out.message.head, out.message.body, out.message.tail].concat().into();
        state.sent.push(Sent { class: out.class, bytes });
        Offered::Queued
    }

    fn offer_to_many(&self, out: Outgoing<'_>, prepared: &Prepared) -> Offered {
        let offered = self.offer(out);
        if offered == Offered::Queued {
            let copy = || Some([out.message.head, out.message.body, out.message.tail].concat().into());
            let made = prepared.get_or_make(self.serializer as u64, copy);
            self.state.lock().unwrap().prepared.extend(made);
        }
        offered
    }

    fn close(&self, why: CloseReason) {
        let waiting = {
            let mut state = self.state.lock().unwrap();
            state.closed.get_or_insert(why);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn nudge(&self) {
        self.state.lock().unwrap().nudges += 1;
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock().unwrap();
        if state.closed.is_some() || state.room > 0 {
            return Poll::Ready(());
        }
        state.waiting.push(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use transom_wamp::Encoded;

    use super::*;

    fn offer(sink: &FakeSink, class: Class) -> Offered {
        let message = Encoded { head: b"[", body: &Bytes::from_static(b"6"), tail: b"]" };
        sink.offer(Outgoing { class, message })
    }

    #[test]
    fn sink_when_bounded_is_full_then_takes_farewells_then_has_room_again() {
        let sink = FakeSink::bounded(Serializer::Json, 1);
        assert_eq!(offer(&sink, Class::Normal), Offered::Queued);
        assert_eq!(offer(&sink, Class::Normal), Offered::Full);
        assert_eq!(offer(&sink, Class::Farewell), Offered::Queued);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(sink.poll_room(&mut cx).is_pending());
        sink.make_room(1);
        assert!(sink.poll_room(&mut cx).is_ready());
        assert_eq!(offer(&sink, Class::Normal), Offered::Queued);
        assert!(sink.sent().iter().all(|sent| &sent.bytes[..] == b"[6]"));
        sink.limit(2);
        assert_eq!(offer(&sink, Class::Farewell), Offered::TooLarge);
        sink.close(CloseReason::SlowConsumer);
        assert_eq!(offer(&sink, Class::Farewell), Offered::Closed);
        assert_eq!(sink.closed(), Some(CloseReason::SlowConsumer));
    }
}
