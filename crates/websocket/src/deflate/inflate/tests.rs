use proptest::prelude::*;

use super::*;
use crate::deflate::Window;

fn inflater(bits: u8, takeover: bool) -> Inflater {
    let window = Window { bits, takeover };
    Inflater::new(&Deflate::new(window, window, 8))
}

fn inflate(compressed: &[u8]) -> Result<Bytes, FrameError> {
    inflater(15, true).inflate(compressed, 1 << 20, false)
}

/// What miniz makes of messages: another implementation than ours, as a peer that keeps its window has it.
pub(crate) struct Peer(Box<miniz_oxide::deflate::core::CompressorOxide>);

impl Peer {
    pub(crate) fn new() -> Self {
        let flags = miniz_oxide::deflate::core::create_comp_flags_from_zip_params(6, -15, 0);
        Peer(Box::new(miniz_oxide::deflate::core::CompressorOxide::new(flags)))
    }

    pub(crate) fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        use miniz_oxide::MZFlush;
        let mut compressed = Vec::new();
        let mut rest = message;
        loop {
            let mut out = vec![0; 1 << 16];
            let result = miniz_oxide::deflate::stream::deflate(&mut self.0, rest, &mut out, MZFlush::Sync);
            compressed.extend_from_slice(&out[..result.bytes_written]);
            rest = &rest[result.bytes_consumed..];
            if result.bytes_written < out.len() && rest.is_empty() {
                break;
            }
        }
        assert!(compressed.ends_with(&TAIL), "{compressed:?}");
        compressed.truncate(compressed.len() - TAIL.len());
        compressed
    }
}

#[test]
fn examples_of_rfc_7692_section_7_2_3() {
    for compressed in [
        // One compressed block.
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
        // No compression.
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
        // A block that says that it is the last.
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        // Two blocks.
        &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
    ] {
        assert_eq!(inflate(compressed).unwrap(), "Hello", "{compressed:x?}");
    }
    // The second message refers to the first.
    let mut peer = inflater(15, true);
    assert_eq!(peer.inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], 5, true).unwrap(), "Hello");
    assert_eq!(peer.inflate(&[0xf2, 0x00, 0x11, 0x00, 0x00], 5, true).unwrap(), "Hello");
    // Where the window is not kept there is nothing to refer to.
    let mut peer = inflater(15, false);
    assert!(peer.inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], 5, true).is_ok());
    assert_eq!(peer.inflate(&[0xf2, 0x00, 0x11, 0x00, 0x00], 5, true), Err(FrameError::NotDeflated));
    // The empty message, and what some senders make of it.
    for compressed in [&[0x00][..], &[], &[0x02, 0x00], &[0x03, 0x00, 0x00]] {
        assert_eq!(inflate(compressed).unwrap(), "", "{compressed:x?}");
    }
}

#[test]
fn blocks_that_say_they_are_the_last_may_refer_to_those_before() {
    let hello = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let again = [0xf3, 0x00, 0x11, 0x00];
    for takeover in [true, false] {
        let mut peer = inflater(9, takeover);
        let twice = [&hello[..], &again, &[0]].concat();
        assert_eq!(peer.inflate(&twice, 10, true).unwrap(), "HelloHello");
        assert_eq!(peer.inflate(&[&again[..], &[0]].concat(), 10, true).is_ok(), takeover);
    }
}

#[test]
fn streams_in_a_message_are_counted() {
    let empty = [0x03, 0x00];
    assert_eq!(inflate(&[empty.repeat(10), vec![0]].concat()).unwrap(), "");
    assert_eq!(inflate(&[empty.repeat(1000), vec![0]].concat()), Err(FrameError::NotDeflated));
    assert_eq!(inflate(&empty.repeat(8 << 20)), Err(FrameError::NotDeflated));
}

#[test]
fn message_is_never_longer_than_allowed() {
    for size in [0, 1, 100, STEP - 1, STEP, STEP + 1, 3 * STEP, 1 << 20] {
        let message: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let compressed = Peer::new().compress(&message);
        let mut peer = inflater(15, true);
        assert_eq!(peer.inflate(&compressed, size, false).unwrap(), message, "{size}");
        if size > 0 {
            let max = size - 1;
            let expected = FrameError::MessageTooLong { size: size as u64, max };
            assert_eq!(inflater(15, true).inflate(&compressed, max, false), Err(expected), "{size}");
        }
    }
    // A million octets in a thousand, cut off at the first hundred.
    let bomb = Peer::new().compress(&vec![0; 1 << 20]);
    assert!(bomb.len() < 2000);
    let mut peer = inflater(15, true);
    assert_eq!(peer.inflate(&bomb, 100, false), Err(FrameError::MessageTooLong { size: 101, max: 100 }));
}

#[test]
fn what_is_not_compressed_is_refused() {
    for wrong in [
        &[0x06][..], // a kind of block that there is not
        &[0xff; 20],
        b"[1,\"realm\",{}]",
        &[0x00, 0x05, 0x00, 0x05, 0x00, 1, 2, 3, 4, 5], // a length whose check is wrong
        &[0x02, 0x03, 0x00],                            // refers to what was never said
    ] {
        assert_eq!(inflate(wrong), Err(FrameError::NotDeflated), "{wrong:x?}");
    }
}

#[test]
fn text_is_checked_while_it_is_inflated() {
    for (message, right) in [
        (&b"plain"[..], true),
        ("κόσμε".as_bytes(), true),
        (b"\xce", false),
        (b"\xff", false),
        (b"\xed\xa0\x80", false),
    ] {
        let compressed = Peer::new().compress(message);
        let expected = if right { Ok(Bytes::copy_from_slice(message)) } else { Err(FrameError::NotUtf8) };
        assert_eq!(inflater(15, true).inflate(&compressed, 100, true), expected, "{message:?}");
        assert!(inflater(15, true).inflate(&compressed, 100, false).is_ok());
    }
    // A character across two steps.
    let mut long = vec![b'x'; STEP - 1];
    long.extend_from_slice("é".as_bytes());
    let compressed = Peer::new().compress(&long);
    assert_eq!(inflater(15, true).inflate(&compressed, 1 << 20, true).unwrap(), long);
}

#[test]
fn memory_is_what_the_peer_sent_and_at_most_its_window() {
    let mut peer = Peer::new();
    let mut ours = inflater(15, true);
    assert_eq!(ours.memory(), 0);
    ours.inflate(&peer.compress(b"[36,1,2,{},[3]]"), 100, true).unwrap();
    assert!(ours.memory() < 64, "{}", ours.memory());
    for n in 0..200u32 {
        let message: Vec<u8> = (0..1000).flat_map(|k| (n * 7919 + k * 31).to_be_bytes()).collect();
        assert_eq!(ours.inflate(&peer.compress(&message), 4000, false).unwrap(), message);
    }
    assert_eq!(ours.memory(), 64 * 1024);
    ours.rest();
    assert_eq!(ours.memory(), 32 * 1024);
    let last = peer.compress(b"[36,1,2,{},[3]]");
    assert_eq!(ours.inflate(&last, 100, true).unwrap(), "[36,1,2,{},[3]]", "it refers to the first");
    let mut none = inflater(15, false);
    none.inflate(&Peer::new().compress(&[1; 5000]), 5000, false).unwrap();
    assert_eq!(none.memory(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn messages_of_another_implementation_come_out_as_they_were(
        messages in proptest::collection::vec(
            (proptest::collection::vec(0..4u8, 0..40), 1..400usize, any::<bool>()),
            1..20,
        ),
    ) {
        let mut peer = Peer::new();
        let mut ours = inflater(15, true);
        for (pattern, times, rest) in messages {
            let message = pattern.repeat(times);
            let compressed = peer.compress(&message);
            prop_assert_eq!(ours.inflate(&compressed, message.len(), false).unwrap(), message);
            if rest {
                ours.rest();
            }
        }
    }

    #[test]
    fn no_octets_whatever_make_more_than_allowed(
        octets in proptest::collection::vec(any::<u8>(), 0..300),
        max in 0..2000usize,
        bits in 8..=15u8,
    ) {
        let mut ours = inflater(bits, true);
        for _ in 0..3 {
            if let Ok(message) = ours.inflate(&octets, max, false) {
                prop_assert!(message.len() <= max);
            }
        }
    }
}
