//! Bytes in, messages out (RFC 6455 §5, §6.2), for either role and however the bytes are cut.
//!
//! A message of one frame is a slice of the buffer it was read into; only fragmented ones are put together. Limits are
//! checked when a header is read, before anything is kept for the frame. Payloads are unmasked in place and text is
//! checked as it arrives, so that wrong text fails before its frame is whole. A compressed message is inflated when all
//! of it is there: meanwhile it costs no more than its peer has sent.

use bytes::{Buf, Bytes, BytesMut};

use crate::deflate::Inflater;
use crate::frame::{COMPRESSED, MAX_CONTROL, opcode};
use crate::utf8::Utf8;
use crate::{CloseFrame, Control, Data, Deflate, FrameError, Header, OpCode, Role, mask};

/// What is accepted from a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Our side.
    pub role: Role,
    /// As server: an unmasked frame is an error.
    pub require_mask: bool,
    /// Really unmask what is masked.
    pub apply_mask: bool,
    /// Text must be UTF-8.
    pub validate_utf8: bool,
    /// The longest payload of a frame, in octets.
    pub max_frame: usize,
    /// The longest message over all its fragments, in octets; of a compressed one after it is inflated.
    pub max_message: usize,
    /// The most fragments of a message. They cost no memory each, but work: tiny ones are a cheap attack.
    pub max_fragments: u32,
}

impl Rules {
    /// What RFC 6455 asks, for messages of up to 16 MiB in up to 131072 fragments.
    pub fn new(role: Role) -> Self {
        Rules {
            role,
            require_mask: true,
            apply_mask: true,
            validate_utf8: true,
            max_frame: usize::MAX,
            max_message: 1 << 24,
            max_fragments: 1 << 17,
        }
    }
}

/// What came from the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole message.
    Message {
        /// Whether it is text; it is binary otherwise.
        text: bool,
        /// Its payload; for text UTF-8, where the rules ask for it.
        data: Bytes,
    },
    /// A ping, to be answered with a pong of the same payload.
    Ping(Bytes),
    /// A pong, asked for or not.
    Pong(Bytes),
    /// The peer closes, and may have said why. Nothing that follows means anything.
    Close(Option<CloseFrame>),
}

/// Takes frames off a buffer.
#[derive(Debug)]
pub struct Decoder {
    rules: Rules,
    /// A frame whose header is read and whose payload is not whole.
    frame: Option<Begun>,
    /// What is known about the text message under way.
    utf8: Utf8,
    /// The fragments so far. Boxed: few messages have any.
    message: Option<Box<Fragments>>,
    /// What the peer's compressed messages are inflated with, where compression was agreed on.
    inflater: Option<Box<Inflater>>,
}

#[derive(Debug)]
struct Begun {
    header: Header,
    len: usize,
    /// Octets of the payload that are unmasked and checked, at the front of the buffer.
    done: usize,
}

#[derive(Debug)]
struct Fragments {
    text: bool,
    compressed: bool,
    count: u32,
    data: BytesMut,
}

impl Decoder {
    /// A decoder at the first octet after the handshake.
    pub fn new(rules: Rules) -> Self {
        Decoder { rules, frame: None, utf8: Utf8::default(), message: None, inflater: None }
    }

    /// The same where messages may be compressed.
    pub fn with_deflate(rules: Rules, agreed: &Deflate) -> Self {
        Decoder { inflater: Some(Box::new(Inflater::new(agreed))), ..Decoder::new(rules) }
    }

    /// Takes the next event off the front of `input`; `None` when more is needed. What is left in `input` belongs at
    /// its front in the next call, and may have been changed in place.
    ///
    /// # Errors
    ///
    /// The peer broke the protocol or a limit. Nothing that follows can be read.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Event>, FrameError> {
        loop {
            let Some(mut frame) = self.begin(input)? else { return Ok(None) };
            let have = frame.len.min(input.len());
            if let Some(new) = input.get_mut(frame.done..have) {
                if let (Some(key), true) = (frame.header.mask, self.rules.apply_mask) {
                    mask::apply(new, key, frame.done);
                }
                self.check_text(&frame, new, have == frame.len)?;
            }
            if have < frame.len {
                frame.done = have;
                self.frame = Some(frame);
                return Ok(None);
            }
            let payload = input.split_to(have);
            if let Some(event) = self.complete(frame.header, payload)? {
                return Ok(Some(event));
            }
        }
    }

    /// Gives up what is only kept to inflate quickly, for a connection on which nothing comes.
    pub fn rest(&mut self) {
        if let Some(inflater) = &mut self.inflater {
            inflater.rest();
        }
    }

    /// The length of the payload at the front of the input that is not whole yet; 0 when no header is read. It has
    /// passed the limits.
    pub fn wanted(&self) -> usize {
        self.frame.as_ref().map_or(0, |frame| frame.len)
    }

    /// The frame at the front of the input, its header taken off.
    fn begin(&mut self, input: &mut BytesMut) -> Result<Option<Begun>, FrameError> {
        if let Some(frame) = self.frame.take() {
            return Ok(Some(frame));
        }
        let Some(&[first, second]) = input.first_chunk::<2>() else { return Ok(None) };
        self.check_start(first, second)?;
        let Some((header, size)) = Header::parse(input)? else { return Ok(None) };
        let len = self.check_length(&header)?;
        input.advance(size);
        Ok(Some(Begun { header, len, done: 0 }))
    }

    /// Everything that the first two octets tell, so that nonsense is refused without waiting for more of it.
    fn check_start(&self, first: u8, second: u8) -> Result<(), FrameError> {
        let reserved = first >> 4 & 7;
        if reserved != 0 {
            // Only the first frame of a message says that it is compressed (RFC 7692 §6).
            let begins = matches!(opcode(first), Ok(OpCode::Data(Data::Text | Data::Binary)));
            if reserved != COMPRESSED || self.inflater.is_none() || !begins {
                return Err(FrameError::ReservedBits(reserved));
            }
        }
        match opcode(first)? {
            OpCode::Control(_) if first & 0x80 == 0 => return Err(FrameError::FragmentedControl),
            OpCode::Control(_) if usize::from(second & 0x7f) > MAX_CONTROL => {
                return Err(FrameError::ControlTooLong);
            }
            OpCode::Control(_) => {}
            OpCode::Data(Data::Continue) if self.message.is_none() => {
                return Err(FrameError::UnexpectedContinuation);
            }
            OpCode::Data(Data::Text | Data::Binary) if self.message.is_some() => {
                return Err(FrameError::ExpectedContinuation);
            }
            OpCode::Data(_) => {}
        }
        match (self.rules.role, second & 0x80 != 0) {
            (Role::Server, false) if self.rules.require_mask => Err(FrameError::Unmasked),
            (Role::Client, true) => Err(FrameError::Masked),
            _ => Ok(()),
        }
    }

    fn check_length(&self, header: &Header) -> Result<usize, FrameError> {
        let Rules { max_frame, max_message, max_fragments, .. } = self.rules;
        let len = usize::try_from(header.len).unwrap_or(usize::MAX);
        if let OpCode::Control(_) = header.opcode {
            return Ok(len);
        }
        if len > max_frame {
            return Err(FrameError::FrameTooLong { size: header.len, max: max_frame });
        }
        let (before, count, compressed) = match &self.message {
            Some(message) => (message.data.len(), message.count, message.compressed),
            None => (0, 0, header.rsv == COMPRESSED),
        };
        let size = before.saturating_add(len);
        // What cannot be made shorter gets a little longer by compression.
        let slack = if compressed { max_message / 8 + 1024 } else { 0 };
        if size > max_message.saturating_add(slack) {
            return Err(FrameError::MessageTooLong { size: size as u64, max: max_message });
        }
        if count >= max_fragments {
            return Err(FrameError::TooManyFragments(max_fragments));
        }
        Ok(len)
    }

    fn check_text(&mut self, frame: &Begun, new: &[u8], last: bool) -> Result<(), FrameError> {
        let text = match frame.header.opcode {
            OpCode::Data(Data::Text) => frame.header.rsv == 0,
            OpCode::Data(Data::Continue) => {
                self.message.as_ref().is_some_and(|message| message.text && !message.compressed)
            }
            _ => false,
        };
        if !text || !self.rules.validate_utf8 {
            return Ok(());
        }
        self.utf8.push(new).map_err(|_| FrameError::NotUtf8)?;
        if last && frame.header.fin && !self.utf8.is_whole() {
            return Err(FrameError::NotUtf8);
        }
        Ok(())
    }

    fn complete(&mut self, header: Header, payload: BytesMut) -> Result<Option<Event>, FrameError> {
        let text = match header.opcode {
            OpCode::Control(Control::Close) => {
                return Ok(Some(Event::Close(CloseFrame::parse(&payload.freeze())?)));
            }
            OpCode::Control(Control::Ping) => return Ok(Some(Event::Ping(payload.freeze()))),
            OpCode::Control(_) => return Ok(Some(Event::Pong(payload.freeze()))),
            OpCode::Data(kind) => kind == Data::Text,
        };
        let compressed = header.rsv == COMPRESSED;
        let Some(mut message) = self.message.take() else {
            if header.fin {
                return self.deliver(text, compressed, payload).map(Some);
            }
            // A copy, so that a message that comes slowly does not keep the buffer it was read into.
            let data = BytesMut::from(&payload[..]);
            self.message = Some(Box::new(Fragments { text, compressed, count: 1, data }));
            return Ok(None);
        };
        message.data.extend_from_slice(&payload);
        message.count += 1;
        if header.fin {
            return self.deliver(message.text, message.compressed, message.data).map(Some);
        }
        self.message = Some(message);
        Ok(None)
    }

    #[inline]
    fn deliver(&mut self, text: bool, compressed: bool, data: BytesMut) -> Result<Event, FrameError> {
        let data = match &mut self.inflater {
            Some(inflater) if compressed => {
                let Rules { max_message, validate_utf8, .. } = self.rules;
                inflater.inflate(&data, max_message, text && validate_utf8)?
            }
            _ => data.freeze(),
        };
        Ok(Event::Message { text, data })
    }
}

#[cfg(test)]
mod tests;
