//! Where messages to one peer go: framed and appended to its outbox in one step. Where messages are compressed or
//! batched that step is put off until they are written, by the connection's own task and in their order; the outbox
//! then holds them as records, see [`seal`](crate::seal).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use transom_base::{Offered, Outbox, Queue};
use transom_wamp::{CANCEL, Class, CloseReason, Outgoing, Prepared, Serializer, SessionSink, Subprotocol};

use crate::deflate::{Compressor, Once};
use crate::seal::{Kind, RECORD, Record};
use crate::{CloseFrame, Control, Data, Deflate, Framing, Parts, Role, WebSocketSettings};

/// The way out to one peer.
#[derive(Debug)]
pub struct WebSocketSender {
    pub(crate) outbox: Outbox,
    pub(crate) framing: Framing,
    way: Way,
    /// What follows each message of a batch of text.
    separator: AtomicU8,
    /// The first reason for which somebody asked to close; the connection's own task looks when it is nudged.
    closing: OnceLock<CloseReason>,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It is framed at once.
    Framed,
    /// It is compressed or batched later.
    Sealed {
        /// How it is compressed once for all receivers, where this one's can be.
        once: Option<Once>,
        batched: bool,
    },
}

impl WebSocketSender {
    /// A way out for our side of a connection on which this was agreed; in batches where several messages are to go in
    /// one, as some WAMP subprotocols have it.
    pub fn new(settings: &WebSocketSettings, role: Role, agreed: Option<&Deflate>, batched: bool) -> Self {
        let once = agreed.and_then(|agreed| Compressor::new(agreed).once()).filter(|_| !batched);
        let sealed = batched || agreed.is_some();
        WebSocketSender {
            outbox: Outbox::new(settings.max_send_queue),
            framing: settings.framing(role),
            way: if sealed { Way::Sealed { once, batched } } else { Way::Framed },
            separator: AtomicU8::new(CANCEL),
            closing: OnceLock::new(),
        }
    }

    /// Queues a message. Never blocks.
    pub fn send(&self, text: bool, data: &Bytes) -> Offered {
        let kind = if text { Data::Text } else { Data::Binary };
        self.offer(kind, Parts { head: b"", body: data, tail: b"" }, false)
    }

    /// Asks the connection's task to close for this reason, after what is queued is written.
    pub fn close(&self, why: CloseReason) {
        if self.closing.set(why).is_ok() {
            self.outbox.nudge();
        }
    }

    /// Wakes the connection's own task: somebody left a sign for it.
    pub fn nudge(&self) {
        self.outbox.nudge();
    }

    /// Ready when the queue takes messages again after [`Offered::Full`], or never will.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.outbox.poll_room(cx)
    }

    /// Why somebody asked to close.
    pub(crate) fn closing(&self) -> Option<CloseReason> {
        self.closing.get().copied()
    }

    /// Whether messages go out in batches.
    pub(crate) fn is_batched(&self) -> bool {
        matches!(self.way, Way::Sealed { batched: true, .. })
    }

    /// What follows each message of a batch of text.
    pub(crate) fn separator(&self) -> u8 {
        self.separator.load(Ordering::Relaxed)
    }

    pub(crate) fn set_separator(&self, separator: u8) {
        self.separator.store(separator, Ordering::Relaxed);
    }

    /// Queues a message; with `always` the bound does not count.
    #[inline]
    pub(crate) fn offer(&self, kind: Data, parts: Parts<'_>, always: bool) -> Offered {
        match self.way {
            Way::Framed => {
                let len = self.framing.message_len(parts.len());
                self.outbox.offer(len, always, |queue| self.framing.message(kind, parts, queue))
            }
            Way::Sealed { .. } => self.offer_record(kind, parts, always),
        }
    }

    fn offer_record(&self, kind: Data, parts: Parts<'_>, always: bool) -> Offered {
        let record = Record { kind: Kind::of(kind), len: parts.len() };
        self.outbox.offer(RECORD + record.len, always, |queue| {
            record.write(queue);
            queue.copy(parts.head);
            queue.share(parts.body);
            queue.copy(parts.tail);
        })
    }

    /// Queues a message that goes to many.
    #[inline]
    fn offer_to_many(
        &self,
        kind: Data,
        parts: Parts<'_>,
        serializer: Serializer,
        made: &Prepared,
    ) -> Offered {
        let Way::Sealed { once: Some(once), .. } = self.way else { return self.offer(kind, parts, false) };
        let key = (serializer as u64) << 16 | u64::from(once.key());
        let compressed =
            made.get_or_make(key, || once.compress(parts.head.chain(&parts.body[..]).chain(parts.tail)));
        let Some(compressed) = compressed else { return self.offer_record(kind, parts, false) };
        let parts = Parts { head: b"", body: &compressed, tail: b"" };
        let len = self.framing.message_len(compressed.len());
        self.outbox.offer(RECORD + len, false, |queue| {
            Record { kind: Kind::Frames, len }.write(queue);
            self.framing.compressed(kind, parts, queue);
        })
    }

    /// Queues a ping or pong. A pong counts against the bound, so that a peer that asks and never reads fills no
    /// memory; RFC 6455 §5.5.3 lets answers be left out.
    pub(crate) fn control(&self, kind: Control, payload: &[u8]) {
        let always = kind == Control::Ping;
        let len = self.framing.control_len(payload.len());
        self.outbox
            .offer(self.queued_len(len), always, |queue| self.write_control(kind, payload, len, queue));
    }

    /// Queues the close frame, behind which nothing comes.
    pub(crate) fn finish(&self, close: Option<&CloseFrame>) {
        let payload = close.map(CloseFrame::payload).unwrap_or_default();
        let len = self.framing.control_len(payload.len());
        self.outbox.finish(self.queued_len(len), |queue| {
            self.write_control(Control::Close, &payload, len, queue);
        });
    }

    fn queued_len(&self, len: usize) -> usize {
        if self.way == Way::Framed { len } else { RECORD + len }
    }

    fn write_control(&self, kind: Control, payload: &[u8], len: usize, queue: &mut Queue) {
        if self.way != Way::Framed {
            Record { kind: Kind::Frames, len }.write(queue);
        }
        self.framing.control(kind, payload, queue);
    }
}

/// The way out to one WAMP peer.
#[derive(Debug)]
pub(crate) struct WampSink {
    pub(crate) sender: WebSocketSender,
    serializer: Serializer,
}

impl WampSink {
    pub(crate) fn new(
        settings: &WebSocketSettings,
        role: Role,
        subprotocol: Subprotocol,
        agreed: Option<&Deflate>,
    ) -> Self {
        let sender = WebSocketSender::new(settings, role, agreed, subprotocol.batched);
        WampSink { sender, serializer: subprotocol.serializer }
    }

    fn kind(&self) -> Data {
        if self.serializer.is_text() { Data::Text } else { Data::Binary }
    }
}

fn parts<'a>(out: &Outgoing<'a>) -> Parts<'a> {
    Parts { head: out.message.head, body: out.message.body, tail: out.message.tail }
}

impl SessionSink for WampSink {
    fn serializer(&self) -> Serializer {
        self.serializer
    }

    fn offer(&self, out: Outgoing<'_>) -> Offered {
        self.sender.offer(self.kind(), parts(&out), out.class == Class::Farewell)
    }

    fn offer_to_many(&self, out: Outgoing<'_>, prepared: &Prepared) -> Offered {
        self.sender.offer_to_many(self.kind(), parts(&out), self.serializer, prepared)
    }

    fn close(&self, why: CloseReason) {
        self.sender.close(why);
    }

    fn nudge(&self) {
        self.sender.nudge();
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.sender.poll_room(cx)
    }
}

#[cfg(test)]
mod tests {
    use transom_wamp::Encoded;

    use super::*;

    fn sink(serializer: Serializer, max_send_queue: usize) -> WampSink {
        let settings = WebSocketSettings { max_send_queue, ..WebSocketSettings::default() };
        WampSink::new(&settings, Role::Server, Subprotocol { serializer, batched: false }, None)
    }

    fn offer(sink: &WampSink, class: Class) -> Offered {
        let body = Bytes::from_static(b"[1,2]");
        sink.offer(Outgoing { class, message: Encoded { head: b"[36,", body: &body, tail: b"]" } })
    }

    #[test]
    fn queue_counts_octets_on_the_wire_and_lets_farewells_pass() {
        let sink = sink(Serializer::Json, 12);
        let outbox = &sink.sender.outbox;
        assert_eq!(offer(&sink, Class::Normal), Offered::Queued);
        assert_eq!(outbox.pending(), 12);
        assert_eq!(offer(&sink, Class::Normal), Offered::Full);
        sink.sender.control(Control::Pong, b"left out");
        assert_eq!(outbox.pending(), 12);
        assert_eq!(offer(&sink, Class::Farewell), Offered::Queued);
        sink.sender.finish(None);
        assert_eq!(offer(&sink, Class::Farewell), Offered::Closed);
        assert_eq!(outbox.pending(), 26);
    }

    #[test]
    fn first_reason_to_close_stays() {
        let sink = sink(Serializer::Cbor, 1);
        assert_eq!(sink.sender.closing(), None);
        sink.close(CloseReason::SlowConsumer);
        sink.close(CloseReason::Normal);
        assert_eq!(sink.sender.closing(), Some(CloseReason::SlowConsumer));
    }
}
