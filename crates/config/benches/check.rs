//! How long it takes to check a configuration, by its size: `cargo xtask bench config`.
//!
//! Each line is one notation of one configuration: sound, or with several mistakes in every item. `check` is reading
//! it, `shown` is putting everything that was found into words for a terminal. Twice the size should take twice the
//! time; the last column says how much it is for each byte.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use transom_config::{Context, Format, Purpose, parse_str, to_json, to_yaml};

/// Sizes of the configurations in bytes, about.
const SIZES: [usize; 4] = [1 << 18, 1 << 19, 1 << 20, 1 << 21];
/// The best of so many runs counts: what else the machine does only adds.
const RUNS: usize = 7;

fn main() {
    println!(
        "{:<22} {:>9} {:>9} {:>10} {:>10} {:>8}",
        "", "KiB", "findings", "check ms", "shown ms", "ns/byte"
    );
    for wrong in [false, true] {
        for notation in ["JSON, one line", "JSON", "YAML"] {
            for size in SIZES {
                let (text, format) = written(size, notation, wrong);
                let (check, shown, findings) = measured(&text, format);
                let name = format!("{notation}{}", if wrong { ", wrong" } else { "" });
                let ms = |time: Duration| time.as_secs_f64() * 1e3;
                let each = (check + shown).as_secs_f64() * 1e9 / text.len() as f64;
                println!(
                    "{name:<22} {:>9} {findings:>9} {:>10.1} {:>10.1} {each:>8.1}",
                    text.len() / 1024,
                    ms(check),
                    ms(shown)
                );
            }
        }
    }
}

fn written(size: usize, notation: &str, wrong: bool) -> (String, Format) {
    // Indented, an item is longer.
    let items = size
        / if notation == "JSON, one line" {
            1_000
        } else if notation == "YAML" {
            1_600
        } else {
            2_700
        };
    let compact = config(items, wrong);
    let value = serde_json::from_str(&compact).unwrap();
    match notation {
        "YAML" => (to_yaml(&value), Format::Yaml),
        "JSON" => (to_json(&value), Format::Json),
        _ => (compact, Format::Json),
    }
}

/// A node with that many workers, each with a realm, roles, a web transport and a RawSocket.
fn config(items: usize, wrong: bool) -> String {
    let mut text = r#"{"version":2,"workers":["#.to_owned();
    let word = |right: &'static str, other: &'static str| if wrong { other } else { right };
    for i in 0..items {
        let _ = write!(
            text,
            r#"{}{{"type":"router","id":"router{i}","realms":[{{"name":"{realm}{i}","roles":[{{"name":"anonymous","permissions":[{{"uri":"","match":"{prefix}","allow":{{"call":true,"{register}":true,"publish":true,"subscribe":true}},"disclose":{{"caller":false,"publisher":false}},"cache":true}}]}},{{"name":"backend","permissions":[{{"uri":"com.example.{i}.","match":"prefix","allow":{{"call":true,"register":true}}}}]}}]}}],"transports":[{{"type":"web","endpoint":{{"type":"unix","path":"run/web{i}.sock","mode":"0660","{backlog}":1024}},"paths":{{"/":{{"type":"static","directory":"../web"}},"ws":{{"type":"websocket","serializers":["json","{cbor}"],"options":{{"auto_ping_interval":{interval},"allowed_origins":["https://example.com:{i}"]}},"auth":{{"anonymous":{{"type":"static","role":"{role}"}}}}}},"info":{{"type":"nodeinfo"}}}}}},{{"type":"rawsocket","endpoint":{{"type":"unix","path":"run/raw{i}.sock","mode":"0660"}},"options":{{"max_message_size":1048576}}}}]}}"#,
            if i > 0 { "," } else { "" },
            realm = word("realm", "größe"),
            prefix = word("prefix", "Prefix"),
            register = word("register", "registers"),
            backlog = word("backlog", "backlogs"),
            cbor = word("cbor", "cbr"),
            interval = word("10000", "10"),
            role = word("backend", "nobody"),
        );
    }
    text + "]}"
}

fn measured(text: &str, format: Format) -> (Duration, Duration, usize) {
    let context = Context::new("config.json", Path::new("/node"), &|_| None);
    let mut best = (Duration::MAX, Duration::MAX);
    let mut findings = 0;
    for _ in 0..RUNS {
        let start = Instant::now();
        let loaded = parse_str(text, format, &context);
        let check = start.elapsed();
        let start = Instant::now();
        let shown = loaded.findings.render(Purpose::Check, true);
        let show = start.elapsed();
        std::hint::black_box(shown);
        findings = loaded.findings.len();
        best = (best.0.min(check), best.1.min(show));
    }
    (best.0, best.1, findings)
}
