//! What compressing and inflating cost beside the bare library with the same settings, in this process.

use std::hint::black_box;
use std::time::{Duration, Instant};

use transom_websocket::deflate::{Compressor, Deflate, Inflater, Window};
use zlib_rs::{Deflate as Zlib, DeflateConfig, DeflateFlush, Inflate, InflateFlush};

use super::{Settings, median, row};
use crate::error::Result;

/// The level that ours uses.
const LEVEL: i32 = 1;
const WINDOW: Window = Window { bits: 15, takeover: true };
const MEMORY_LEVEL: u8 = 8;

pub(super) fn run(settings: &Settings) -> Result<()> {
    for size in [200, 1_000, 10_000, 100_000] {
        let messages: Vec<Vec<u8>> = (0..64).map(|n| event(n, size)).collect();
        let agreed = || Deflate::new(WINDOW, WINDOW, MEMORY_LEVEL);
        let mut compressor = Compressor::new(&agreed());
        let mut zlib = Zlib::new_with_config(DeflateConfig {
            level: LEVEL,
            window_bits: -15,
            mem_level: MEMORY_LEVEL.into(),
            ..DeflateConfig::default()
        });
        let mut space = vec![0; size * 2 + 1000];
        let mut ours = |message: &[u8]| {
            black_box(compressor.compress(message));
        };
        let mut theirs = |message: &[u8]| {
            // A message that cannot be compressed would be seen in the figures.
            let _ = black_box(zlib.compress(message, &mut space, DeflateFlush::SyncFlush));
        };
        compare(settings, &format!("deflate {size} B"), &messages, &mut ours, &mut theirs)?;

        let mut compressor = Compressor::new(&agreed());
        let compressed: Vec<Vec<u8>> =
            messages.iter().filter_map(|message| compressor.compress(&message[..])).map(Vec::from).collect();
        let mut inflater = Inflater::new(&agreed());
        let mut inflate = Inflate::new(false, 15);
        let mut space = vec![0; size + 1000];
        let mut ours = |message: &[u8]| {
            let _ = black_box(inflater.inflate(message, usize::MAX, false));
        };
        let mut theirs = |message: &[u8]| {
            let _ = black_box(inflate.decompress(message, &mut space, InflateFlush::SyncFlush));
            let tail = [0, 0, 0xff, 0xff];
            let _ = black_box(inflate.decompress(&tail, &mut space, InflateFlush::SyncFlush));
        };
        compare(settings, &format!("inflate {size} B"), &compressed, &mut ours, &mut theirs)?;
    }
    Ok(())
}

/// Turns of both over the same messages.
fn compare(
    settings: &Settings,
    name: &str,
    messages: &[Vec<u8>],
    ours: &mut dyn FnMut(&[u8]),
    theirs: &mut dyn FnMut(&[u8]),
) -> Result<()> {
    let turns = settings.repeat.max(1) * 20;
    let turn = settings.window / 40;
    let (mut our_cost, mut their_cost) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        our_cost.push(measure(messages, turn, ours));
        their_cost.push(measure(messages, turn, theirs));
    }
    let (our_cost, their_cost) = (median(&mut our_cost), median(&mut their_cost));
    for (server, cost) in [("transom", our_cost), ("zlib-rs", their_cost)] {
        row(name, server, cost, 1e9 / cost, cost / our_cost)?;
    }
    Ok(())
}

/// Nanoseconds for a message.
fn measure(messages: &[Vec<u8>], turn: Duration, each: &mut dyn FnMut(&[u8])) -> f64 {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < turn {
        messages.iter().for_each(|message| each(message));
        count += messages.len();
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

/// An event as applications send them, about so long.
fn event(n: usize, size: usize) -> Vec<u8> {
    let mut text = format!("[36,{},{},{{}},[", 5_512_315 + n, n * 104_729);
    let mut at = n;
    while text.len() < size {
        at = at.wrapping_mul(1_103_515_245).wrapping_add(12_345) % 1_000_003;
        text += &format!("{{\"sensor\":\"room-{}\",\"value\":{}.{}}},", at % 40, at % 100, at % 10);
    }
    text.into_bytes()
}
