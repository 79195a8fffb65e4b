//! Configuration files.

use std::path::Path;
use transom_config::{Context, Format, Loaded, Purpose, convert, parse_str, to_json, upgrade};

/// The first byte chooses the notation and whether variables of the environment are there.
///
/// A file either gives a node or says why not, and what is said can be printed in every way. What is in effect is a
/// configuration that says the same. In the other notation it is the same text, found fault with in the same words.
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
        let effective = to_json(&node.effective());
        // Where a variable was put in place, what looks like another one would be replaced as well.
        if !effective.contains('$') {
            let again = read(&effective, Format::Json);
            let again = again.node.unwrap_or_else(|| panic!("{}", again.findings));
            assert_eq!(to_json(&again.effective()), effective);
        }
    }
    let _ = upgrade(text, format);
    let Ok(other) = convert(text, format) else { return };
    let (json, yaml) = match format {
        Format::Json => (convert(&other, Format::Yaml).unwrap_or_else(|error| panic!("{error}")), other),
        Format::Yaml => (other.clone(), yaml_of(&other)),
    };
    assert_eq!(convert(&yaml, Format::Yaml).as_ref(), Ok(&json));
    assert_eq!(said(&read(&json, Format::Json)), said(&read(&yaml, Format::Yaml)));
}

fn yaml_of(json: &str) -> String {
    convert(json, Format::Json).unwrap_or_else(|error| panic!("{error}"))
}

/// What is said, apart from where it stands in the text.
fn said(loaded: &Loaded) -> Vec<String> {
    let mut said: Vec<_> = loaded.findings.iter().map(|f| format!("{:?} {f}", f.severity)).collect();
    said.sort();
    said
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
