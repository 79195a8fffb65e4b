//! Where the answer comes to that a session of the router's own waits for: one message at a time, which whoever asked
//! looks for.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use transom_base::wake;
use transom_wamp::{CloseReason, Offered, Outgoing, Serializer, SessionSink};

use crate::sync::Mutex;

/// How such sessions are spoken to.
pub(crate) const SERIALIZER: Serializer = Serializer::MsgPack;

/// The longest answer in bytes.
const LONGEST: usize = 256 * 1024;

/// The place of the last answer.
#[derive(Default)]
pub(crate) struct Inbox(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    answer: Option<Bytes>,
    waiting: Option<Waker>,
}

impl Inbox {
    /// Forgets an answer that nobody looked for.
    pub(crate) fn clear(&self) {
        let answer = self.0.lock().answer.take();
        drop(answer);
    }

    /// The answer, once it is there.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let mut inner = self.0.lock();
        match inner.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                inner.waiting = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl SessionSink for Inbox {
    fn serializer(&self) -> Serializer {
        SERIALIZER
    }

    fn offer(&self, out: Outgoing<'_>) -> Offered {
        if out.message.len() > LONGEST {
            return Offered::TooLarge;
        }
        let answer = [out.message.head, out.message.body, out.message.tail].concat().into();
        let waiting = {
            let mut inner = self.0.lock();
            inner.answer = Some(answer);
            inner.waiting.take()
        };
        waiting.into_iter().for_each(wake::later);
        Offered::Queued
    }

    /// Nothing that would close it leaves the question without an answer for longer than its deadline.
    fn close(&self, _why: CloseReason) {}

    /// Nobody asks it to leave: it is no member of its realm.
    fn nudge(&self) {}

    fn poll_room(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
