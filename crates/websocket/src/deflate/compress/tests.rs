use proptest::prelude::*;

use super::*;
use crate::deflate::Inflater;

fn agreed(bits: u8, takeover: bool) -> Deflate {
    let window = Window { bits, takeover };
    Deflate::new(window, window, 8)
}

/// Inflates as miniz does it, which shares no code with ours.
struct Peer(Box<miniz_oxide::inflate::stream::InflateState>);

impl Peer {
    fn new() -> Self {
        Peer(miniz_oxide::inflate::stream::InflateState::new_boxed(miniz_oxide::DataFormat::Raw))
    }

    fn inflate(&mut self, compressed: &[u8]) -> Vec<u8> {
        let compressed = [compressed, &TAIL].concat();
        let (mut plain, mut rest) = (Vec::new(), &compressed[..]);
        let mut out = vec![0; 1 << 16];
        loop {
            let flush = miniz_oxide::MZFlush::None;
            let result = miniz_oxide::inflate::stream::inflate(&mut self.0, rest, &mut out, flush);
            plain.extend_from_slice(&out[..result.bytes_written]);
            rest = &rest[result.bytes_consumed..];
            if result.bytes_written < out.len() && rest.is_empty() {
                return plain;
            }
            result.status.unwrap();
        }
    }
}

fn event(n: usize) -> Vec<u8> {
    format!(
        r#"[36,{},{},{{"publisher":{}}},[{{"temperature":{},"humidity":{},"sensor":"hall-{}"}}]]"#,
        1234567,
        n * 104_729,
        998_877,
        20 + n % 10,
        40 + n % 30,
        n % 100
    )
    .into_bytes()
}

#[test]
fn messages_of_a_connection_are_read_by_another_implementation() {
    for bits in 9..=15 {
        for memory_level in [1, 5, 9] {
            let window = Window { bits, takeover: true };
            let mut ours = Compressor::new(&Deflate::new(window, window, memory_level));
            let mut peer = Peer::new();
            for n in 0..60 {
                let message = event(n).repeat(1 + n % 9);
                let Some(compressed) = ours.compress(&message[..]) else {
                    assert_eq!(n, 0, "only the first, which is short");
                    continue;
                };
                assert_eq!(peer.inflate(&compressed), message, "{bits} {memory_level} {n}");
                assert!(n == 1 || compressed.len() < message.len());
            }
        }
    }
}

#[test]
fn message_in_pieces_is_the_same_message() {
    let message = event(1).repeat(300);
    let mut whole = Compressor::new(&agreed(15, true));
    let expected = whole.compress(&message[..]).unwrap();
    for cut in [0, 1, 100, 16 * 1024, message.len()] {
        let (first, second) = message.split_at(cut);
        let mut ours = Compressor::new(&agreed(15, true));
        let compressed = ours.compress(first.chain(second)).unwrap();
        assert_eq!(Peer::new().inflate(&compressed), message);
        assert!(compressed.len() <= expected.len() + 100);
    }
}

#[test]
fn what_gets_no_shorter_is_compressed_only_where_the_window_needs_it() {
    let noise: Vec<u8> =
        (0..300u32).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n).to_be_bytes()).collect();
    assert_eq!(Compressor::new(&agreed(15, false)).compress(&noise[..]), None);
    let mut takeover = Compressor::new(&agreed(15, true));
    assert_eq!(takeover.compress(&noise[..]), None, "nothing refers to the first message");
    let compressed = takeover.compress(&noise[..]).unwrap();
    assert_eq!(Peer::new().inflate(&compressed), noise);
}

#[test]
fn small_messages_are_not_worth_it() {
    let takeover = Compressor::new(&agreed(15, true));
    let mut fresh = Compressor::new(&agreed(15, false));
    assert_eq!([63, 64, 255, 256].map(|len| takeover.wants(len)), [false, true, true, true]);
    assert_eq!([63, 64, 255, 256].map(|len| fresh.wants(len)), [false, false, false, true]);
    assert_eq!(fresh.compress(&[b'a'; 255][..]), None);
    assert!(fresh.compress(&[b'a'; 256][..]).is_some());
}

#[test]
fn window_is_kept_from_the_second_message_on_and_can_be_given_up() {
    let mut ours = Compressor::new(&agreed(15, true));
    let mut peer = Inflater::new(&agreed(15, true));
    assert!(!ours.is_live() && ours.once().is_none());
    for n in 0..20 {
        let message = event(n).repeat(5);
        let first = n % 3 == 0;
        let compressed = ours.compress(&message[..]).unwrap();
        assert_eq!(ours.is_live(), !first);
        assert_eq!(peer.inflate(&compressed, 2000, true).unwrap(), message, "{n}");
        if n % 3 == 2 {
            ours.rest();
            assert!(!ours.is_live());
        }
    }
    let fresh = Compressor::new(&agreed(15, false));
    assert!(!fresh.is_live() && fresh.once().is_some());
}

#[test]
fn window_of_256_octets_is_not_tried() {
    // A client may be told so by a server. What it sends then is not compressed.
    assert_eq!(Compressor::new(&agreed(8, true)).compress(&event(1)[..]), None);
    assert_eq!(Compressor::new(&agreed(8, false)).compress(&event(1).repeat(9)[..]), None);
}

#[test]
fn messages_for_many_depend_on_nothing_before() {
    let once = Compressor::new(&agreed(12, false)).once().unwrap();
    let message = event(1).repeat(9);
    let first = once.compress(&message[..]).unwrap();
    let other = Compressor::new(&agreed(9, false)).once().unwrap();
    for _ in 0..3 {
        other.compress(&event(5).repeat(9)[..]).unwrap();
        assert_eq!(once.compress(&message[..]).unwrap(), first);
    }
    assert_eq!(Peer::new().inflate(&first), message);
    assert_ne!(once.key(), other.key());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn messages_come_out_as_they_were(
        messages in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 1..60), 1..200usize, any::<bool>()),
            1..12,
        ),
        bits in 9..=15u8,
        takeover: bool,
    ) {
        let mut ours = Compressor::new(&agreed(bits, takeover));
        let mut peer = Inflater::new(&agreed(bits, takeover));
        let mut other = Peer::new();
        for (pattern, times, rest) in messages {
            let message = pattern.repeat(times);
            let Some(compressed) = ours.compress(&message[..]) else { continue };
            prop_assert_eq!(&peer.inflate(&compressed, message.len(), false).unwrap(), &message);
            prop_assert_eq!(other.inflate(&compressed), message);
            if rest {
                ours.rest();
            }
        }
    }
}
