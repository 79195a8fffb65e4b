//! Configuration files.

use std::path::Path;
use transom_config::{Context, Format, Purpose, parse_str};

/// The first byte chooses the notation and whether variables of the environment are there.
///
/// A file either gives a node or says why not, and what is said can be printed in every way.
pub fn file(data: &[u8]) {
    let Some((&choice, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let format = if choice & 1 == 0 { Format::Json } else { Format::Yaml };
    let env = |name: &str| (choice & 2 == 0).then(|| name.to_ascii_lowercase());
    let context = Context::new("fuzz.json", Path::new("/node"), &env);
    let loaded = parse_str(text, format, &context);
    assert_eq!(loaded.node.is_none(), loaded.findings.has_errors());
    for purpose in [Purpose::Check, Purpose::Start] {
        let rendered = loaded.findings.render(purpose, choice & 4 == 0);
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
