//! What happens to messages that are compressed or batched, when they are written: by the connection's own task and in
//! the order in which they were queued, since a window has an order.
//!
//! Until then the outbox holds records: a head of nine octets, and either a message or frames that are done.

use bytes::Buf;
use transom_base::{Queue, Queued};
use transom_wamp::batch_prefix;

use crate::deflate::Compressor;
use crate::{Data, Deflate, Framing, Parts, WebSocketSender};

/// Octets of a record's head.
pub(crate) const RECORD: usize = 9;

/// A batch takes no further message beyond this size in octets, and no more than this is sealed before it is written.
const AT_ONCE: usize = 64 * 1024;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Frames as they go over the wire.
    Frames,
    Text,
    Binary,
}

impl Kind {
    pub(crate) fn of(data: Data) -> Self {
        if data == Data::Text { Kind::Text } else { Kind::Binary }
    }
}

/// The head of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    /// Octets that follow.
    pub(crate) len: usize,
}

impl Record {
    pub(crate) fn write(self, queue: &mut Queue) {
        let kind = match self.kind {
            Kind::Frames => 0,
            Kind::Text => 1,
            Kind::Binary => 2,
        };
        let [a, b, c, d, e, f, g, h] = (self.len as u64).to_be_bytes();
        queue.copy(&[kind, a, b, c, d, e, f, g, h]);
    }

    /// The head at the front. It was queued in one piece.
    fn peek(queued: &Queued) -> Option<Self> {
        let (kind, len) = queued.chunk().first_chunk::<RECORD>()?.split_first_chunk::<1>()?;
        let kind = match kind {
            [0] => Kind::Frames,
            [1] => Kind::Text,
            _ => Kind::Binary,
        };
        let len = u64::from_be_bytes(*len.first_chunk()?);
        Some(Record { kind, len: usize::try_from(len).ok()? })
    }
}

/// Seals the messages to one peer.
#[derive(Debug)]
pub(crate) struct Sealer {
    compressor: Option<Compressor>,
    /// Holds the place among the connections that keep windows.
    _agreed: Option<Deflate>,
}

impl Sealer {
    /// Nothing, where messages are neither compressed nor batched.
    pub(crate) fn new(sender: &WebSocketSender, agreed: Option<Deflate>) -> Option<Box<Self>> {
        let compressor = agreed.as_ref().map(Compressor::new);
        let sealed = sender.is_batched() || compressor.is_some();
        sealed.then(|| Box::new(Sealer { compressor, _agreed: agreed }))
    }

    /// Takes records off the front of `queued` and appends the frames that they become.
    pub(crate) fn seal(&mut self, sender: &WebSocketSender, queued: &mut Queued, out: &mut Queue) {
        let framing = &sender.framing;
        while out.len() < AT_ONCE {
            let Some(Record { kind, len }) = Record::peek(queued) else { return };
            if sender.is_batched() && kind != Kind::Frames {
                let (kind, batch) = batch(sender, queued);
                let len = batch.len();
                self.write(framing, kind, &mut Queued::from(batch), len, out);
                continue;
            }
            queued.advance(RECORD);
            let len = len.min(queued.remaining());
            match kind {
                Kind::Frames => queued.move_to(len, out),
                Kind::Text => self.write(framing, Data::Text, queued, len, out),
                Kind::Binary => self.write(framing, Data::Binary, queued, len, out),
            }
        }
    }

    /// Writes one message, the next `len` octets.
    fn write(&mut self, framing: &Framing, kind: Data, from: &mut Queued, len: usize, out: &mut Queue) {
        let compressor = self.compressor.as_mut().filter(|compressor| compressor.wants(len));
        if compressor.is_none()
            && let Some(header) = framing.plain_header(kind, len)
        {
            out.copy(header.as_slice());
            return from.move_to(len, out);
        }
        // In one piece, since it may turn out to be better sent as it is.
        let plain = from.copy_to_bytes(len);
        let compressed = compressor.and_then(|compressor| compressor.compress(&plain[..]));
        let whole = |body| Parts { head: b"", body, tail: b"" };
        match &compressed {
            Some(compressed) => framing.compressed(kind, whole(compressed), out),
            None => framing.message(kind, whole(&plain), out),
        }
    }

    /// Gives up what is only kept to compress better.
    pub(crate) fn rest(&mut self) {
        if let Some(compressor) = &mut self.compressor {
            compressor.rest();
        }
    }
}

/// The messages at the front as one batch.
fn batch(sender: &WebSocketSender, queued: &mut Queued) -> (Data, Queue) {
    let (mut batch, mut first) = (Queue::default(), None);
    while let Some(Record { kind, len }) = Record::peek(queued) {
        let over = batch.len().saturating_add(len) > AT_ONCE;
        if kind == Kind::Frames || *first.get_or_insert(kind) != kind || over && !batch.is_empty() {
            break;
        }
        queued.advance(RECORD);
        let len = len.min(queued.remaining());
        match (kind, batch_prefix(len)) {
            (Kind::Binary, Some(prefix)) => {
                batch.copy(&prefix);
                queued.move_to(len, &mut batch);
            }
            // No peer takes four gigabytes, and no batch can hold them.
            (Kind::Binary, None) => queued.advance(len),
            _ => {
                queued.move_to(len, &mut batch);
                batch.copy(&[sender.separator()]);
            }
        }
    }
    (if first == Some(Kind::Text) { Data::Text } else { Data::Binary }, batch)
}
