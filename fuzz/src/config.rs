//! Configuration files.

use std::path::Path;
use transom_config::{Context, Format, Loaded, Purpose, convert, parse_str, to_json, upgrade};

/// The first byte chooses the notation and whether variables of the environment are there.
///
/// A file either gives a node or says why not, and what is said can be printed in every way; so it is with the same
/// configuration in the other notation.
pub fn file(data: &[u8]) {
    let Some((&choice, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let format = if choice & 1 == 0 { Format::Json } else { Format::Yaml };
    let env = |name: &str| (choice & 2 == 0).then(|| name.to_ascii_lowercase());
    let read =
        |text: &str, format| parse_str(text, format, &Context::new("fuzz.json", Path::new("/node"), &env));
    let loaded = read(text, format);
    shown(&loaded, text, choice & 4 == 0);
    if let Some(node) = &loaded.node {
        // That it says the same is for the tests of the crate: here it is one more text that must not panic.
        read(&to_json(&node.effective()), Format::Json);
    }
    let _ = upgrade(text, format);
    let Ok(other) = convert(text, format) else { return };
    let other_format = if format == Format::Json { Format::Yaml } else { Format::Json };
    shown(&read(&other, other_format), &other, true);
}

/// Prints everything there is to say.
fn shown(loaded: &Loaded, text: &str, colour: bool) {
    assert_eq!(loaded.node.is_none(), loaded.findings.has_errors());
    for purpose in [Purpose::Check, Purpose::Start] {
        let rendered = loaded.findings.render(purpose, colour);
        assert_eq!(rendered.is_empty(), loaded.findings.is_empty());
        for finding in loaded.findings.iter() {
            assert!(!loaded.findings.line(finding, purpose).is_empty());
        }
    }
    for finding in loaded.findings.iter() {
        if let Some(span) = finding.span {
            assert!(span.start <= span.end && span.end <= text.len(), "{finding:?}");
        }
    }
}
