//! The shapes that nodes usually have: what `check` says about each, and whether `start` runs it.
//!
//! Beside each configuration in `tests/data` stands a text with what is expected: in the first line what `start` does,
//! then everything that `check` says.

use std::path::Path;

use transom_config::{Format, Loaded};

use super::support::{lines, read};

/// What `start` does with it.
fn outcome(loaded: &Loaded) -> &'static str {
    match (loaded.findings.has_errors(), loaded.findings.refuse_start()) {
        (true, _) => "wrong",
        (false, true) => "refused",
        (false, false) => "runs",
    }
}

#[test]
fn common_shapes_when_checked_and_started() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut counts = [0; 3];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(format) = Format::of(&path) else { continue };
        let loaded = read(&std::fs::read_to_string(&path).unwrap(), format);
        let mut said = vec![outcome(&loaded).to_owned()];
        said.extend(lines(&loaded));
        let expected = std::fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        assert_eq!(said, expected.lines().collect::<Vec<_>>(), "{}\n{}", path.display(), said.join("\n"));
        assert_eq!(loaded.node.is_some(), said[0] != "wrong", "{}", path.display());
        assert!(!said.join(" ").contains("open-sesame"), "{}: a secret is shown", path.display());
        counts[["runs", "refused", "wrong"].iter().position(|word| *word == said[0]).unwrap()] += 1;
    }
    assert!(counts.iter().all(|count| *count >= 4), "{counts:?}");
}
