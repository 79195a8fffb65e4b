//! Everything that reads what a peer or a file can send, as functions of bytes that must never panic.
//!
//! A target is a function here, a row in [`TARGETS`], a binary of one line in `fuzz_targets/` with its entry in
//! `Cargo.toml`, and a folder of small seeds in `corpus/`; a test fails when one of them is missing, and
//! replays every seed on the stable toolchain. `cargo xtask fuzz` runs them with libFuzzer.
//!
//! A target asserts what must hold of any input, not only that nothing panics: what was read can be written and
//! read again, two ways of cutting the bytes give one result, a limit is kept.

pub mod auth;
pub mod config;
pub mod control;
pub mod deflate;
pub mod demux;
pub mod endpoint;
pub mod rawsocket;
pub mod tls;
pub mod tor;
pub mod wamp;
pub mod websocket;

/// A target: it panics when the input shows a fault.
pub type Target = fn(&[u8]);

/// Every target by the name of its binary and its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("auth_authenticator", auth::authenticator),
    ("auth_cookie", auth::cookie),
    ("auth_login", auth::login),
    ("config", config::file),
    ("control_line", control::line),
    ("proxy_header", endpoint::proxy_header),
    ("rawsocket_frames", rawsocket::frames),
    ("rawsocket_handshake", rawsocket::handshake),
    ("sniff", demux::sniff),
    ("tls_certificate", tls::certificate),
    ("tor_control", tor::control),
    ("wamp_batch", wamp::batch),
    ("wamp_message", wamp::message),
    ("wamp_payload", wamp::payload),
    ("websocket_close", websocket::close),
    ("websocket_deflate", deflate::compressed),
    ("websocket_extensions", deflate::negotiated),
    ("websocket_frames", websocket::frames),
    ("websocket_inflate", deflate::inflated),
    ("websocket_peer", websocket::peer),
    ("websocket_request", websocket::request),
    ("websocket_response", websocket::response),
];

/// The bytes in pieces of 1 to 16, the sizes following from `cut`.
pub(crate) fn chunks(data: &[u8], cut: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    let mut state = cut;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        state = state.wrapping_mul(29).wrapping_add(17);
        let (piece, after) = rest.split_at(rest.len().min(1 + usize::from(state >> 4)));
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    fn folder(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
    }

    fn names(of: &str) -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder(of)).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn targets_when_listed_have_a_binary_and_a_corpus() {
        let listed: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names("fuzz_targets"), listed);
        assert_eq!(names("corpus"), listed);
        let manifest = std::fs::read_to_string(folder("Cargo.toml")).unwrap();
        for name in listed {
            assert!(manifest.contains(&format!("\nname = \"{name}\"\n")), "{name} is not in Cargo.toml");
        }
    }

    #[test]
    fn corpus_when_replayed_shows_no_fault() {
        for (name, target) in TARGETS {
            let mut seeds = 0;
            for entry in std::fs::read_dir(folder("corpus").join(name)).unwrap() {
                let path = entry.unwrap().path();
                println!("{}", path.display());
                target(&std::fs::read(path).unwrap());
                seeds += 1;
            }
            assert!(seeds > 0, "{name} has no seeds");
        }
    }
}
