//! RawSocket: the handshake and the frames.

use crate::chunks;
use bytes::BytesMut;
use transom_rawsocket::frame::{FrameError, LONGEST, Prefix, take};
use transom_rawsocket::handshake::{Reply, Request};

/// Either side of the handshake. The first byte chooses which serializers are spoken.
///
/// What is read from a prefix stays true of all that follows, and an accepted request is written as it was read.
pub fn handshake(data: &[u8]) {
    let Some((&choice, octets)) = data.split_first() else { return };
    let supported = |serializer: u8| choice & (1_u8 << (serializer & 7)) != 0;
    let mut last = Ok(None);
    for end in 0..=octets.len().min(8) {
        let result = Request::parse(&octets[..end], supported);
        assert!(last == Ok(None) || result == last, "{last:?} became {result:?} at {end}");
        last = result;
    }
    let Ok(Some(request)) = last else { return };
    assert!(request.serializer != 0 && supported(request.serializer));
    assert_eq!(request.to_octets()[..], octets[..4]);
    if let Ok(Some(length)) = Reply::parse(&octets[4..], request) {
        assert!(length.octets() <= LONGEST);
    }
}

/// Frames. The first byte chooses the longest payload, the second how the bytes are cut.
///
/// However they are cut, the same frames come out, none above the limit, and written again they are the same bytes.
pub fn frames(data: &[u8]) {
    let [choice, cut, octets @ ..] = data else { return };
    let max = usize::from(*choice) * 16;
    let whole = read(std::iter::once(octets), max);
    assert_eq!(whole, read(chunks(octets, *cut), max));
    let (written, _) = whole;
    assert!(octets.starts_with(&written));
}

/// The frames, written again, and how it ended.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>, max: usize) -> (Vec<u8>, Option<FrameError>) {
    let (mut input, mut written) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match take(&mut input, max) {
                Ok(Some(frame)) => {
                    assert!(frame.payload.len() <= max);
                    let prefix = Prefix { kind: frame.kind, len: frame.payload.len() };
                    written.extend_from_slice(&prefix.to_octets());
                    written.extend_from_slice(&frame.payload);
                }
                Ok(None) => break,
                Err(error) => return (written, Some(error)),
            }
        }
    }
    (written, None)
}
