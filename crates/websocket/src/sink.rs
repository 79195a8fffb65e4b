//! Where the router's messages to one peer go: framed and appended to its outbox in one step.

use std::sync::OnceLock;
use std::task::{Context, Poll};

use transom_base::Outbox;
use transom_wamp::{Class, CloseReason, Offered, Outgoing, Serializer, SessionSink};

use crate::{CloseFrame, Control, Data, Framing, Parts};

/// The way out to one peer.
pub(crate) struct WebSocketSink {
    pub(crate) outbox: Outbox,
    serializer: Serializer,
    framing: Framing,
    /// The first reason for which somebody asked to close; the session's own task looks when it is nudged.
    closing: OnceLock<CloseReason>,
}

impl WebSocketSink {
    pub(crate) fn new(serializer: Serializer, framing: Framing, max_queue: usize) -> Self {
        WebSocketSink { outbox: Outbox::new(max_queue), serializer, framing, closing: OnceLock::new() }
    }

    /// Why somebody asked to close.
    pub(crate) fn closing(&self) -> Option<CloseReason> {
        self.closing.get().copied()
    }

    /// Queues a ping or pong. A pong counts against the bound, so that a peer that asks and never reads fills no
    /// memory; RFC 6455 §5.5.3 lets answers be left out.
    pub(crate) fn control(&self, kind: Control, payload: &[u8]) {
        let always = kind == Control::Ping;
        self.outbox.offer(self.framing.control_len(payload.len()), always, |queue| {
            self.framing.control(kind, payload, queue);
        });
    }

    /// Queues the close frame, behind which nothing comes.
    pub(crate) fn finish(&self, close: Option<&CloseFrame>) {
        let payload = close.map(CloseFrame::payload).unwrap_or_default();
        self.outbox.finish(self.framing.control_len(payload.len()), |queue| {
            self.framing.control(Control::Close, &payload, queue);
        });
    }
}

impl SessionSink for WebSocketSink {
    fn serializer(&self) -> Serializer {
        self.serializer
    }

    fn offer(&self, out: Outgoing<'_>) -> Offered {
        let kind = if self.serializer.is_text() { Data::Text } else { Data::Binary };
        let parts = Parts { head: out.message.head, body: out.message.body, tail: out.message.tail };
        let len = self.framing.message_len(out.message.len());
        self.outbox.offer(len, out.class == Class::Farewell, |queue| {
            self.framing.message(kind, parts, queue);
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
    use crate::Role;

    fn offer(sink: &WebSocketSink, class: Class) -> Offered {
        let body = Bytes::from_static(b"[1,2]");
        sink.offer(Outgoing { class, message: Encoded { head: b"[36,", body: &body, tail: b"]" } })
    }

    #[test]
    fn queue_counts_octets_on_the_wire_and_lets_farewells_pass() {
        let sink = WebSocketSink::new(Serializer::Json, Framing::new(Role::Server), 12);
        assert_eq!(offer(&sink, Class::Normal), Offered::Queued);
        assert_eq!(sink.outbox.pending(), 12);
        assert_eq!(offer(&sink, Class::Normal), Offered::Full);
        sink.control(Control::Pong, b"left out");
        assert_eq!(sink.outbox.pending(), 12);
        assert_eq!(offer(&sink, Class::Farewell), Offered::Queued);
        sink.finish(None);
        assert_eq!(offer(&sink, Class::Farewell), Offered::Closed);
        assert_eq!(sink.outbox.pending(), 26);
    }

    #[test]
    fn first_reason_to_close_stays() {
        let sink = WebSocketSink::new(Serializer::Cbor, Framing::new(Role::Server), 1);
        assert_eq!(sink.closing(), None);
        sink.close(CloseReason::SlowConsumer);
        sink.close(CloseReason::Normal);
        assert_eq!(sink.closing(), Some(CloseReason::SlowConsumer));
    }
}
