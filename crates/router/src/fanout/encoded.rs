//! An event as far as it is encoded, once for each serializer.

use bytes::Bytes;
use transom_wamp::{Encoded, Encoder, Message, Serializer};

const SERIALIZERS: usize = Serializer::ALL.len();

/// An event in each serializer that its subscribers use, in memory of its own.
pub(super) type Frames = [Option<Frame>; SERIALIZERS];

/// An encoded event in memory of its own.
pub(super) struct Frame {
    head: Box<[u8]>,
    body: Bytes,
    tail: &'static [u8],
}

/// An event as far as it is encoded.
pub(super) struct Ready<'a>([Slot<'a>; SERIALIZERS]);

enum Slot<'a> {
    Not(&'a mut Encoder),
    Is(Encoded<'a>),
    /// Only while it changes.
    Between,
}

impl<'a> Ready<'a> {
    pub(super) fn new(encoders: &'a mut [Encoder; SERIALIZERS], frames: Option<&'a Frames>) -> Self {
        let mut slots = encoders.each_mut().map(Slot::Not);
        for (slot, frame) in slots.iter_mut().zip(frames.into_iter().flatten()) {
            if let Some(frame) = frame {
                *slot = Slot::Is(frame.encoded());
            }
        }
        Ready(slots)
    }

    pub(super) fn encode(&mut self, serializer: Serializer, event: &'a Message) {
        let Some(slot) = self.0.get_mut(serializer as usize) else { return };
        *slot = match std::mem::replace(slot, Slot::Between) {
            Slot::Not(encoder) => Slot::Is(encoder.encode(serializer, event)),
            encoded => encoded,
        };
    }

    pub(super) fn get(&self, serializer: Serializer) -> Option<Encoded<'a>> {
        match self.0.get(serializer as usize) {
            Some(Slot::Is(encoded)) => Some(*encoded),
            _ => None,
        }
    }

    pub(super) fn keep(&self) -> Box<Frames> {
        let keep = |serializer| {
            let Encoded { head, body, tail } = self.get(serializer)?;
            Some(Frame { head: head.into(), body: body.clone(), tail })
        };
        Box::new(Serializer::ALL.map(keep))
    }
}

impl Frame {
    pub(super) fn encoded(&self) -> Encoded<'_> {
        Encoded { head: &self.head, body: &self.body, tail: self.tail }
    }
}
