//! permessage-deflate, against miniz, which shares no code with the library that Transom uses.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};
use transom_websocket::deflate::{Compressor, Inflater, Window};
use transom_websocket::{Deflate, DeflateClient, DeflateServer, DeflateSettings};

/// Octets of a message at most.
const MAX: usize = 20_000;

/// What a compressed message lacks at its end.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// What both sides agreed on, by a byte: in both directions the same.
fn agreed(choice: u8) -> Deflate {
    let window = Window { bits: 9 + choice % 7, takeover: choice & 0x80 == 0 };
    Deflate::new(window, window, 1 + (choice >> 4 & 7))
}

/// Messages, each behind its length in two bytes.
fn messages(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let ([high, low], rest) = data.split_first_chunk::<2>()?;
        let len = usize::from(u16::from_be_bytes([*high, *low])) % 4096;
        let (message, rest) = rest.split_at(len.min(rest.len()));
        data = rest;
        Some(message)
    })
    .take(20)
}

/// The other implementation: what it makes of a message, and whether it ends where a block ends.
struct Miniz(Box<InflateState>);

impl Miniz {
    fn new() -> Self {
        Miniz(InflateState::new_boxed(DataFormat::Raw))
    }

    fn take(&mut self, octets: &[u8]) -> Option<Vec<u8>> {
        let (mut plain, mut rest) = (Vec::new(), octets);
        let mut out = vec![0; 1 << 15];
        loop {
            let result = inflate(&mut self.0, rest, &mut out, MZFlush::None);
            plain.extend_from_slice(&out[..result.bytes_written]);
            rest = &rest[result.bytes_consumed..];
            match result.status {
                Ok(MZStatus::Ok) | Err(miniz_oxide::MZError::Buf) => {}
                // A block that says that it is the last: from there on the two are used differently.
                _ => return None,
            }
            if rest.is_empty() && result.bytes_written < out.len() {
                return Some(plain);
            }
            if plain.len() > 2 * MAX || result.bytes_consumed + result.bytes_written == 0 {
                return None;
            }
        }
    }

    /// The message, if it is whole: what is stored behind it then comes out as it is.
    fn message(&mut self, compressed: &[u8]) -> Option<Vec<u8>> {
        let plain = self.take(&[compressed, &TAIL].concat())?;
        (self.take(b"\0\x04\0\xfb\xffwhat")? == b"what").then_some(plain)
    }
}

/// Compressed messages, as a peer may send them. The first byte chooses what was agreed on.
///
/// None becomes longer than allowed, and what comes out is what the other implementation gives.
pub fn inflated(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    // The window of the other one is always the largest, and it keeps what it was asked behind each message.
    let window = Window { bits: 15, takeover: false };
    let mut alone = Inflater::new(&Deflate::new(window, window, 8));
    let mut kept = Inflater::new(&agreed(choice & 0x7f));
    for compressed in messages(rest) {
        if let Ok(message) = kept.inflate(compressed, MAX, choice & 1 == 0) {
            assert!(message.len() <= MAX);
            assert!(choice & 1 != 0 || std::str::from_utf8(&message).is_ok());
        }
        let ours = alone.inflate(compressed, MAX, false);
        if let (Some(theirs), Ok(ours)) = (Miniz::new().message(compressed), ours) {
            assert_eq!(theirs, ours);
        }
    }
}

/// Messages of ours. The first byte chooses what was agreed on.
///
/// They come out as they were, for our own other side and for the other implementation.
pub fn compressed(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    let agreed = agreed(choice);
    let mut ours = Compressor::new(&agreed);
    let mut peer = Inflater::new(&agreed);
    let mut other = Miniz::new();
    // The first message, and the first after a rest, refers to nothing.
    let mut alone = true;
    for (n, message) in messages(rest).enumerate() {
        // Repeated, so that there is something to refer to.
        let message = message.repeat(1 + n % 4 * usize::from(choice % 5));
        if !ours.wants(message.len()) {
            continue;
        }
        let refers = agreed.ours.takeover && !std::mem::take(&mut alone);
        let Some(compressed) = ours.compress(&message[..]) else {
            assert!(!refers);
            continue;
        };
        assert!(refers || compressed.len() < message.len());
        assert_eq!(peer.inflate(&compressed, message.len(), false), Ok(Bytes::from(message.clone())));
        assert_eq!(other.take(&[&compressed[..], &TAIL].concat()), Some(message));
        if message_rests(choice, n) {
            ours.rest();
            alone = true;
        }
        if message_rests(choice << 1, n) {
            peer.rest();
        }
    }
}

fn message_rests(choice: u8, n: usize) -> bool {
    choice & 0x40 != 0 && n % 3 == 2
}

/// The header `Sec-WebSocket-Extensions`. The first byte chooses the settings, the second whether it is an offer or an
/// answer.
///
/// Nobody agrees to a window that it cannot have, and the client understands what the server answers to its own offer.
pub fn negotiated(data: &[u8]) {
    let [choice, side, header @ ..] = data else { return };
    let Ok(value) = HeaderValue::from_bytes(header) else { return };
    let settings = DeflateSettings {
        request_no_context_takeover: choice & 1 != 0,
        request_max_window_bits: (choice & 2 != 0).then_some(9 + choice % 7),
        no_context_takeover: choice & 4 != 0,
        max_window_bits: 9 + (choice >> 3) % 7,
        memory_level: 8,
        max_contexts: usize::from(choice >> 7),
    };
    let headers = |value: HeaderValue| HeaderMap::from_iter([(SEC_WEBSOCKET_EXTENSIONS, value)]);
    if side & 1 == 0 {
        let Some((agreed, answer)) = DeflateServer::new(settings).accept(&headers(value.clone())) else {
            return;
        };
        assert!((9..=settings.max_window_bits).contains(&agreed.ours.bits));
        assert!((8..=15).contains(&agreed.theirs.bits));
        assert!(!agreed.ours.takeover || !settings.no_context_takeover);
        assert!(!agreed.theirs.takeover || !settings.request_no_context_takeover);
        assert!(answer.to_str().is_ok_and(|answer| answer.starts_with("permessage-deflate")));
        // The answer alone is an offer that is understood as well.
        let _ = DeflateServer::new(settings).accept(&headers(answer));
    } else if let Ok(Some(agreed)) = DeflateClient::new(settings).agreed(&headers(value)) {
        assert!((8..=settings.max_window_bits).contains(&agreed.ours.bits));
        assert!(settings.request_max_window_bits.is_none_or(|bits| agreed.theirs.bits <= bits));
        assert!(!agreed.ours.takeover || !settings.no_context_takeover);
        assert!(!agreed.theirs.takeover || !settings.request_no_context_takeover);
    }
}
