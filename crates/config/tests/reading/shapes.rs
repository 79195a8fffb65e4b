//! The shapes that nodes usually have, odd ones included: what `check` says about each, and whether `start` runs it.
//!
//! Beside each configuration in `tests/data` stands a text with what is expected: in the first line what `start` does,
//! then everything that `check` says. With `TRANSOM_BLESS=1` in the environment the texts are written anew; what then
//! differs is for eyes.

use transom_config::Loaded;

use super::support::{bless, lines, read, samples};

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
    let mut counts = [0; 3];
    for sample in samples() {
        let loaded = read(&sample.text, sample.format);
        let mut said = vec![outcome(&loaded).to_owned()];
        said.extend(lines(&loaded));
        let expected = sample.path.with_extension("txt");
        if bless() {
            std::fs::write(&expected, said.join("\n") + "\n").unwrap();
        }
        let expected = std::fs::read_to_string(expected).unwrap_or_default();
        assert_eq!(
            said,
            expected.lines().collect::<Vec<_>>(),
            "{}\n{}",
            sample.path.display(),
            said.join("\n")
        );
        assert_eq!(loaded.node.is_some(), said[0] != "wrong", "{}", sample.path.display());
        assert!(!said.join(" ").contains("open-sesame"), "{}: a secret is shown", sample.path.display());
        counts[["runs", "refused", "wrong"].iter().position(|word| *word == said[0]).unwrap()] += 1;
    }
    assert!(counts.iter().sum::<usize>() >= 60 && counts.iter().all(|count| *count >= 10), "{counts:?}");
}
