//! What we compress (RFC 7692 §7.2.1).

use bytes::{Buf, Bytes};
use zlib_rs::{Deflate as Zlib, DeflateConfig, DeflateFlush};

use super::{Deflate, Window};

/// The fastest level: on messages of some hundred octets, others cost three to eight times as much and save a fifth.
const LEVEL: i32 = 1;

/// Messages below these sizes in octets are sent as they are: what is saved is not worth the work. From nothing there
/// is little to save, and emptying the tables costs more than compressing.
const MIN_TAKEOVER: usize = 64;
const MIN_FRESH: usize = 256;

/// Octets made at once.
const STEP: usize = 16 * 1024;

/// Compressors without a window that a thread keeps.
const KEPT: usize = 2;

/// What a message ends with after a flush, and is sent without.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// How messages are compressed that do not depend on one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Once {
    bits: u8,
    memory_level: u8,
}

/// Compresses our messages for one peer. A window is allocated with the second message: a session that only joins and
/// waits has none.
pub struct Compressor {
    once: Once,
    takeover: bool,
    /// A message was sent since there was no window last.
    begun: bool,
    /// The window kept between messages, once there is one.
    live: Option<Box<Zlib>>,
}

/// What a thread uses for every message.
struct Tools {
    step: Box<[u8]>,
    fresh: Vec<(Once, Zlib)>,
}

thread_local! {
    static TOOLS: std::cell::Cell<Option<Box<Tools>>> = const { std::cell::Cell::new(None) };
}

impl Once {
    fn new(window: Window, memory_level: u8) -> Self {
        Once { bits: window.bits.min(15), memory_level: memory_level.clamp(1, 9) }
    }

    /// All of it as a number, for whoever keeps what was compressed.
    pub(crate) fn key(self) -> u16 {
        u16::from(self.bits) << 8 | u16::from(self.memory_level)
    }

    /// Compresses a message of its own; `None` where that does not make it shorter.
    pub(crate) fn compress(self, mut message: impl Buf) -> Option<Bytes> {
        let len = message.remaining();
        if len < MIN_FRESH || self.bits < 9 {
            return None;
        }
        let mut tools = Tools::take();
        let known = tools.fresh.iter().position(|(once, _)| *once == self);
        let mut zlib = match known {
            Some(at) => tools.fresh.swap_remove(at).1,
            None => self.zlib(),
        };
        zlib.reset();
        let compressed = run(&mut zlib, &mut tools.step, &mut message);
        if tools.fresh.len() == KEPT {
            tools.fresh.remove(0);
        }
        tools.fresh.push((self, zlib));
        TOOLS.set(Some(tools));
        compressed.filter(|compressed| compressed.len() < len)
    }

    fn zlib(self) -> Zlib {
        Zlib::new_with_config(DeflateConfig {
            level: LEVEL,
            window_bits: -i32::from(self.bits),
            mem_level: self.memory_level.into(),
            ..DeflateConfig::default()
        })
    }
}

impl Tools {
    fn take() -> Box<Tools> {
        TOOLS
            .take()
            .unwrap_or_else(|| Box::new(Tools { step: vec![0; STEP].into_boxed_slice(), fresh: Vec::new() }))
    }
}

impl Compressor {
    /// For our messages on a connection with this agreement.
    pub fn new(agreed: &Deflate) -> Self {
        let once = Once::new(agreed.ours, agreed.memory_level);
        Compressor { once, takeover: agreed.ours.takeover, begun: false, live: None }
    }

    /// How messages for many are compressed once for all, where this peer's can be.
    pub(crate) fn once(&self) -> Option<Once> {
        (!self.takeover).then_some(self.once)
    }

    /// Whether it is worth to try with a message of so many octets.
    pub fn wants(&self, len: usize) -> bool {
        len >= if self.takeover { MIN_TAKEOVER } else { MIN_FRESH }
    }

    /// Compresses the next message for this peer; `None` where it is to be sent as it is. What was compressed must be
    /// sent: the peer's window has it too.
    pub fn compress(&mut self, mut message: impl Buf) -> Option<Bytes> {
        if !self.takeover {
            return self.once.compress(message);
        }
        // zlib has no window of 2^8 and would take a larger one, which the peer might not hold.
        if self.once.bits < 9 {
            return None;
        }
        if !std::mem::replace(&mut self.begun, true) {
            // It refers to nothing before it, which any peer understands.
            return self.once.compress(message);
        }
        let zlib = self.live.get_or_insert_with(|| Box::new(self.once.zlib()));
        let mut tools = Tools::take();
        let compressed = run(zlib, &mut tools.step, &mut message);
        TOOLS.set(Some(tools));
        if compressed.is_none() {
            // A new window refers to nothing, so that it does not matter what the peer's has.
            self.live = None;
        }
        compressed
    }

    /// Gives the window up: the next message begins with an empty one, which any peer understands.
    pub fn rest(&mut self) {
        self.live = None;
        self.begun = false;
    }

    /// Whether a window is kept.
    #[cfg(test)]
    pub(crate) fn is_live(&self) -> bool {
        self.live.is_some()
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor")
            .field("once", &self.once)
            .field("takeover", &self.takeover)
            .field("live", &self.live.is_some())
            .finish()
    }
}

/// Compresses a message up to the next octet's boundary, without the tail that says so.
fn run(zlib: &mut Zlib, step: &mut [u8], message: &mut impl Buf) -> Option<Bytes> {
    let mut compressed = Vec::new();
    loop {
        let chunk = message.chunk();
        let last = chunk.len() == message.remaining();
        let flush = if last { DeflateFlush::SyncFlush } else { DeflateFlush::NoFlush };
        let (read, made) = (zlib.total_in(), zlib.total_out());
        zlib.compress(chunk, step, flush).ok()?;
        let read = (zlib.total_in() - read) as usize;
        let made = (zlib.total_out() - made) as usize;
        message.advance(read);
        let new = step.get(..made)?;
        let done = made < step.len() && last && !message.has_remaining();
        if done && compressed.is_empty() {
            // As most messages are: in one piece, copied once.
            return new.strip_suffix(&TAIL).map(Bytes::copy_from_slice);
        }
        compressed.extend_from_slice(new);
        if done {
            break;
        }
        if made < step.len() && read == 0 && made == 0 {
            return None;
        }
    }
    if !compressed.ends_with(&TAIL) {
        return None;
    }
    compressed.truncate(compressed.len() - TAIL.len());
    Some(compressed.into())
}

#[cfg(test)]
mod tests;
