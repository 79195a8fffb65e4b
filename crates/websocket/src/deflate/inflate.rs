//! What a peer compressed (RFC 7692 §7.2.2), never longer than allowed.
//!
//! What a connection must keep are the octets that later messages may refer to: at most as many as its peer has sent,
//! and 2^bits. A decompressor of its own it has only while messages come; otherwise the thread's does, into which those
//! octets are copied first.

use bytes::Bytes;
use zlib_rs::{Inflate, InflateFlush, Status};

use super::Deflate;
use crate::FrameError;
use crate::utf8::Utf8;

/// What a compressed message lacks at its end.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Octets inflated at once.
const STEP: usize = 16 * 1024;

/// How much a message may be expected to grow at once.
const MAX_GROWTH: usize = 1024 * 1024;

/// Streams that a message may consist of, beyond one for so many octets: each costs the copying of a window.
const STREAMS: usize = 16;
const OCTETS_PER_STREAM: usize = 512;

/// Inflates the messages of one peer.
pub struct Inflater {
    /// The last octets of the messages before, where the peer may refer to them.
    history: Vec<u8>,
    /// How many octets it may refer to; 0 when it does not keep its window.
    window: usize,
    /// A message came since the connection was at rest.
    begun: bool,
    /// The decompressor of this connection, in which the window is.
    live: Option<Box<Inflate>>,
}

/// What a thread uses for every message.
struct Tools {
    inflate: Inflate,
    step: Box<[u8]>,
}

thread_local! {
    static TOOLS: std::cell::Cell<Option<Box<Tools>>> = const { std::cell::Cell::new(None) };
}

impl Inflater {
    /// For the messages of the peer on a connection with this agreement.
    pub fn new(agreed: &Deflate) -> Self {
        let window = if agreed.theirs.takeover { 1 << agreed.theirs.bits.min(15) } else { 0 };
        Inflater { history: Vec::new(), window, begun: false, live: None }
    }

    /// The message that `compressed` stands for: at most `max` octets, and UTF-8 where `text` is checked. Nothing more
    /// can be inflated after an error.
    ///
    /// # Errors
    ///
    /// It is no compressed message, too long, or no UTF-8.
    pub fn inflate(&mut self, compressed: &[u8], max: usize, text: bool) -> Result<Bytes, FrameError> {
        let mut tools = TOOLS.take().unwrap_or_else(|| {
            Box::new(Tools { inflate: Inflate::new(false, 15), step: vec![0; STEP].into_boxed_slice() })
        });
        let again = std::mem::replace(&mut self.begun, true) && self.window > 0;
        let mut live = self.live.take();
        let known = live.is_some();
        if again {
            live.get_or_insert_with(|| Box::new(Inflate::new(false, 15)));
        }
        let Tools { inflate, step } = &mut *tools;
        let inflate = live.as_deref_mut().unwrap_or(inflate);
        let ready = if known { Ok(()) } else { self.restart(inflate, &[]) };
        let result = ready.and_then(|()| self.run(inflate, step, compressed, max, text));
        TOOLS.set(Some(tools));
        self.live = live;
        let message = result?;
        self.remember(&message);
        Ok(message.into())
    }

    fn run(
        &self,
        inflate: &mut Inflate,
        step: &mut [u8],
        compressed: &[u8],
        max: usize,
        text: bool,
    ) -> Result<Vec<u8>, FrameError> {
        let (mut message, mut utf8) = (Vec::new(), Utf8::default());
        let mut streams = STREAMS + compressed.len() / OCTETS_PER_STREAM;
        for part in [compressed, &TAIL] {
            let mut rest = part;
            loop {
                let (read, made) = (inflate.total_in(), inflate.total_out());
                let status = inflate
                    .decompress(rest, step, InflateFlush::SyncFlush)
                    .map_err(|_| FrameError::NotDeflated)?;
                let read = (inflate.total_in() - read) as usize;
                let made = (inflate.total_out() - made) as usize;
                rest = rest.get(read..).unwrap_or_default();
                let new = step.get(..made).unwrap_or_default();
                if message.len() + made > max {
                    return Err(FrameError::MessageTooLong { size: max as u64 + 1, max });
                }
                if text {
                    utf8.push(new).map_err(|_| FrameError::NotUtf8)?;
                }
                if message.capacity() == 0 && made < step.len() {
                    message.reserve_exact(made);
                } else if message.capacity() - message.len() < made {
                    // As if the rest were like this part.
                    let likely = rest.len().saturating_mul(made) / read.max(1);
                    message.reserve(made + likely.min(max - message.len()).min(MAX_GROWTH));
                }
                message.extend_from_slice(new);
                if status == Status::StreamEnd {
                    // A sender may end a block as if it were the last; the next one goes on with the same window.
                    streams = streams.checked_sub(1).ok_or(FrameError::NotDeflated)?;
                    self.restart(inflate, &message)?;
                } else if read == 0 && made == 0 && !rest.is_empty() {
                    return Err(FrameError::NotDeflated);
                }
                if rest.is_empty() && made < step.len() {
                    break;
                }
            }
        }
        if text && !utf8.is_whole() {
            return Err(FrameError::NotUtf8);
        }
        Ok(message)
    }

    /// Makes the decompressor ready to go on after what was said before and `message`.
    fn restart(&self, inflate: &mut Inflate, message: &[u8]) -> Result<(), FrameError> {
        inflate.reset(false);
        let last = |octets: &'_ [u8], most: usize| octets.len() - octets.len().min(most);
        // Within a message everything can be referred to, in either case.
        let limit = if self.window == 0 { 1 << 15 } else { self.window };
        let new = message.get(last(message, limit)..).unwrap_or_default();
        let old = self.history.get(last(&self.history, self.window.saturating_sub(new.len()))..);
        for part in [old.unwrap_or_default(), new] {
            if !part.is_empty() {
                inflate.set_dictionary(part).map_err(|_| FrameError::NotDeflated)?;
            }
        }
        Ok(())
    }

    fn remember(&mut self, message: &[u8]) {
        if self.window == 0 {
            return;
        }
        // Room behind a full window, so that not every message moves all of it.
        let most = 2 * self.window;
        let new = message.get(message.len() - message.len().min(self.window)..).unwrap_or_default();
        if self.history.len() + new.len() > most {
            let keep = self.window - new.len();
            self.history.drain(..self.history.len() - self.history.len().min(keep));
        }
        if self.history.len() + new.len() > self.history.capacity() {
            // Not more than can ever be needed.
            let room = (2 * (self.history.len() + new.len())).min(most);
            self.history.reserve_exact(room - self.history.len());
        }
        self.history.extend_from_slice(new);
    }

    /// Gives up what is only kept to be quick.
    pub fn rest(&mut self) {
        self.live = None;
        self.begun = false;
        let old = self.history.len() - self.history.len().min(self.window);
        self.history.drain(..old);
        self.history.shrink_to_fit();
    }

    /// Octets of memory that it holds.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.history.capacity()
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater")
            .field("history", &self.history.len())
            .field("window", &self.window)
            .field("live", &self.live.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests;
