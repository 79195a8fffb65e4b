//! Shared by the tests: reading a text in a made-up surrounding.

use std::path::{Path, PathBuf};

use transom_config::{Context, Format, Loaded, Node, Purpose, parse_str};

/// Whether files with expectations are to be written instead of compared.
pub(crate) fn bless() -> bool {
    std::env::var_os("TRANSOM_BLESS").is_some_and(|value| value == "1")
}

/// A configuration in `tests/data`.
pub(crate) struct Sample {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    pub(crate) text: String,
}

/// All of them, by name.
pub(crate) fn samples() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(format) = Format::of(&path) else { continue };
        samples.push(Sample { text: std::fs::read_to_string(&path).unwrap(), path, format });
    }
    samples.sort_by(|a, b| a.path.cmp(&b.path));
    samples
}

/// The environment of all tests.
pub(crate) fn env(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("9000".to_owned()),
        "WORD" => Some("word".to_owned()),
        "RUN" => Some("/run/user".to_owned()),
        _ => None,
    }
}

pub(crate) fn read(text: &str, format: Format) -> Loaded {
    parse_str(text, format, &Context::new("c", Path::new("/node"), &env))
}

pub(crate) fn json(text: &str) -> Loaded {
    read(text, Format::Json)
}

/// The findings as `check` words them, without the file name.
pub(crate) fn lines(loaded: &Loaded) -> Vec<String> {
    let line = |finding| loaded.findings.line(finding, Purpose::Check)[2..].to_owned();
    loaded.findings.iter().map(line).collect()
}

/// A node of one router worker, from the inside of that worker.
pub(crate) fn worker(inside: &str) -> Loaded {
    json(&format!(r#"{{"version": 2, "workers": [{{"type": "router", {inside}}}]}}"#))
}

/// A node of one transport.
pub(crate) fn transport(text: &str) -> Loaded {
    worker(&format!(r#""transports": [{text}]"#))
}

/// The node of a text that has nothing wrong.
pub(crate) fn sound(loaded: &Loaded) -> Node {
    assert!(!loaded.findings.refuse_start(), "{}", loaded.findings);
    loaded.node.clone().expect("a node without errors")
}

/// A RawSocket transport with that inside its endpoint.
pub(crate) fn endpoint(text: &str) -> Loaded {
    transport(&format!(r#"{{"type": "rawsocket", "endpoint": {{{text}}}}}"#))
}
