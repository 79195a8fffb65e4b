//! Whatever the text, there is an answer.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use transom_config::*;

use super::conversion::in_effect_again;
use super::support::{read, samples};

/// Texts to start from: small enough that a change often hits something.
fn examples() -> &'static [String] {
    static EXAMPLES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let samples = samples().into_iter().map(|sample| sample.text);
        samples.chain([EMBEDDED_JSON.to_owned()]).filter(|text| text.len() < 8_000).collect()
    });
    &EXAMPLES
}

/// Reads, shows, converts and upgrades in every way.
fn exercise(text: &str) {
    for format in [Format::Json, Format::Yaml] {
        if let Ok(other) = convert(text, format) {
            let turned = if format == Format::Json { Format::Yaml } else { Format::Json };
            assert!(convert(&other, turned).is_ok(), "{other}");
        }
        _ = upgrade(text, format);
        let loaded = read(text, format);
        assert_eq!(loaded.node.is_none(), loaded.findings.has_errors());
        loaded.node.iter().for_each(|node| in_effect_again(node).unwrap());
        for purpose in [Purpose::Check, Purpose::Start] {
            loaded.findings.render(purpose, true);
        }
        for finding in &loaded.findings {
            let span = finding.span.unwrap();
            assert!(span.line >= 1 && span.column >= 1 && span.start <= span.end && span.end <= text.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sound_files_when_mutated(
        which in any::<Index>(),
        edits in proptest::collection::vec((any::<Index>(), 0..6_usize, ".{0,3}"), 1..6),
        cut in proptest::option::of(any::<Index>()),
    ) {
        let mut chars: Vec<char> = which.get(examples()).chars().collect();
        for (at, remove, insert) in edits {
            let at = at.index(chars.len() + 1);
            let end = (at + remove).min(chars.len());
            chars.splice(at..end, insert.chars());
        }
        if let Some(cut) = cut {
            chars.truncate(cut.index(chars.len() + 1));
        }
        exercise(&chars.into_iter().collect::<String>());
    }

    /// Values of the wrong kind everywhere: the tokens of a sound file in another order.
    #[test]
    fn sound_files_when_values_are_swapped(
        which in any::<Index>(),
        swaps in proptest::collection::vec((any::<Index>(), 0..9_usize), 1..8),
    ) {
        const VALUES: [&str; 9] =
            ["null", "true", "-1", "1.5", "99999999999999999999", "\"\"", "[]", "{}", "[{\"type\": \"tcp\"}]"];
        let text = which.get(examples());
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (at, value) in swaps {
            let at = at.index(lines.len());
            if let Some(colon) = lines[at].find(": ") {
                let comma = if lines[at].ends_with(',') { "," } else { "" };
                lines[at] = format!("{}: {}{comma}", &lines[at][..colon], VALUES[value]);
            }
        }
        exercise(&lines.join("\n"));
    }

    #[test]
    fn any_text_when_read(text in "\\PC{0,200}|[\\x00-\\x7f]{0,200}|[\\[\\]{}\",:a-z0-9*&<> \n-]{0,200}") {
        exercise(&text);
    }
}

#[test]
fn nesting_when_too_deep() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [99, 100, 101, 5_000, 200_000] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            for format in [Format::Json, Format::Yaml] {
                let loaded = read(&text, format);
                assert!(loaded.node.is_none());
                if depth > 100 {
                    let message = &loaded.findings.iter().next().unwrap().message;
                    assert!(message.contains("deep") || message.contains("limit"), "{format:?} {message}");
                }
            }
        }
    }
    exercise(&"- ".repeat(10_000));
    exercise(&"[".repeat(10_000));
}

/// Texts and keys of a megabyte: what is said about them stays short.
#[test]
fn texts_when_very_long() {
    let long = "x".repeat(1 << 20);
    let sound = r#"{"version": 2, "workers": [{"type": "router", "id": "abc", "realms": [{"name": "realm1", "roles": [
        {"name": "anonymous", "permissions": [{"uri": "", "match": "prefix"}]}]}], "transports": [
        {"type": "web", "endpoint": {"type": "unix", "path": "a", "mode": "0600"}, "paths": {
            "/": {"type": "static", "directory": "b", "options": {"mime_types": {".x": "y"}}},
            "j": {"type": "json", "value": "c"}, "r": {"type": "redirect", "url": "d"},
            "ws": {"type": "websocket", "serializers": ["json"], "auth": {"anonymous": {"type": "static", "role": "e"}}}}}]}]}"#;
    assert!(!read(sound, Format::Json).findings.has_errors());
    let parts: Vec<&str> = sound.split('"').collect();
    let mut errors = 0;
    for index in (1..parts.len()).step_by(2) {
        let mut parts = parts.clone();
        parts[index] = &long;
        let text = parts.join("\"");
        // YAML takes its time without optimisation.
        for format in [Format::Json].into_iter().chain((index % 10 == 1).then_some(Format::Yaml)) {
            let loaded = read(&text, format);
            let shown = loaded.findings.render(Purpose::Check, false);
            let longest = shown.lines().map(|line| line.chars().count()).max().unwrap_or_default();
            assert!(longest < 2_000, "{longest}: {}", &shown[..2_000]);
            errors += usize::from(loaded.findings.has_errors());
        }
    }
    // The others are names, files and values that may be of any length.
    assert!(errors >= 30, "{errors}");
}

#[test]
fn file_when_unreadable() {
    let temp = tempfile::tempdir().unwrap();
    let said = |name: &str| {
        let loaded = load(&temp.path().join(name), &|_| None, Unsupported::Kept);
        assert!(loaded.node.is_none() && loaded.findings.refuse_start());
        loaded.findings.to_string()
    };
    std::fs::write(temp.path().join("bytes.json"), b"{\"a\": \"\xff\"}").unwrap();
    assert!(said("bytes.json").contains("not UTF-8: byte 7"), "{}", said("bytes.json"));
    assert!(said("none.json").contains("none.json does not exist"));
    assert!(said("config.toml").contains("only .json and .yaml"));
    std::fs::create_dir(temp.path().join("dir.json")).unwrap();
    assert!(said("dir.json").contains("cannot be read"));
    std::fs::File::create(temp.path().join("big.json")).unwrap().set_len(1 << 40).unwrap();
    assert!(said("big.json").contains("larger than"));
}
