//! Where the router leaves messages for one client.

use std::sync::OnceLock;
use std::task::{Context, Poll};

use transom_base::{Offered, Outbox};
use transom_wamp::{Class, CloseReason, Outgoing, Serializer, SessionSink};

use crate::frame::{Kind, Prefix};

/// The outbound half of a session.
pub(crate) struct Sink {
    pub(crate) outbox: Outbox,
    serializer: Serializer,
    /// The largest message that the client accepts and that can be framed, in octets.
    max_outgoing: usize,
    closing: OnceLock<CloseReason>,
}

impl Sink {
    pub(crate) fn new(outbox: Outbox, serializer: Serializer, max_outgoing: usize) -> Self {
        Sink { outbox, serializer, max_outgoing, closing: OnceLock::new() }
    }

    /// The reason of the first wish to close.
    pub(crate) fn closing(&self) -> Option<CloseReason> {
        self.closing.get().copied()
    }
}

impl SessionSink for Sink {
    fn serializer(&self) -> Serializer {
        self.serializer
    }

    fn offer(&self, out: Outgoing<'_>) -> Offered {
        let message = out.message;
        let len = message.len();
        if len > self.max_outgoing {
            return Offered::TooLarge;
        }
        let prefix = Prefix { kind: Kind::Message, len }.to_octets();
        self.outbox.offer(prefix.len() + len, out.class == Class::Farewell, |queue| {
            queue.copy(&prefix);
            queue.copy(message.head);
            queue.share(message.body);
            queue.copy(message.tail);
        })
    }

    fn close(&self, why: CloseReason) {
        if self.closing.set(why).is_ok() {
            self.outbox.nudge();
        }
    }

    fn nudge(&self) {
        self.outbox.nudge();
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.outbox.poll_room(cx)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use transom_wamp::Encoded;

    use super::*;

    fn offer(sink: &Sink, class: Class, body: &Bytes) -> Offered {
        sink.offer(Outgoing { class, message: Encoded { head: b"[", body, tail: b"]" } })
    }

    #[test]
    fn message_when_larger_than_the_peer_accepts_is_refused_whatever_its_class() {
        let sink = Sink::new(Outbox::new(1 << 20), Serializer::Json, 512);
        assert_eq!(offer(&sink, Class::Normal, &Bytes::from(vec![b'1'; 510])), Offered::Queued);
        assert_eq!(sink.outbox.pending(), 516);
        assert_eq!(offer(&sink, Class::Normal, &Bytes::from(vec![b'1'; 511])), Offered::TooLarge);
        assert_eq!(offer(&sink, Class::Farewell, &Bytes::from(vec![b'1'; 511])), Offered::TooLarge);
        assert_eq!(sink.outbox.pending(), 516);
    }

    #[test]
    fn queue_when_full_takes_a_farewell_only() {
        let sink = Sink::new(Outbox::new(1), Serializer::Json, 512);
        let body = Bytes::from_static(b"1");
        assert_eq!(offer(&sink, Class::Normal, &body), Offered::Queued);
        assert_eq!(offer(&sink, Class::Normal, &body), Offered::Full);
        assert_eq!(offer(&sink, Class::Farewell, &body), Offered::Queued);
        sink.outbox.close();
        assert_eq!(offer(&sink, Class::Farewell, &body), Offered::Closed);
    }

    #[test]
    fn first_reason_to_close_counts() {
        let sink = Sink::new(Outbox::new(1), Serializer::Json, 512);
        assert_eq!(sink.closing(), None);
        sink.close(CloseReason::SlowConsumer);
        sink.close(CloseReason::Normal);
        assert_eq!(sink.closing(), Some(CloseReason::SlowConsumer));
    }
}
