//! The table `tests/keys.txt` against the reader and against the tests that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use transom_config::{Key, Severity};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What a row says.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    /// `test NAME[, NAME]`
    Test(Vec<String>),
    /// `refused at start`
    Refused,
    /// `ignored: WHY`
    Ignored(String),
    /// `silent: WHY`
    Silent,
    /// `holds: MAP`
    Holds(String),
    /// `with: MAP / KEY`
    With(String),
}

/// The rows by `MAP / KEY`, or `MAP / KEY = WORD`.
fn table() -> BTreeMap<String, Verdict> {
    let text = std::fs::read_to_string(root().join("tests/keys.txt")).unwrap();
    let (mut rows, mut map) = (BTreeMap::new(), "");
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            map = name;
            continue;
        }
        let (key, verdict) = line.split_once("  ").unwrap_or_else(|| panic!("no verdict: {line:?}"));
        let verdict = verdict.trim();
        let after = |word: &str| verdict.strip_prefix(word).map(|rest| rest.trim().to_owned());
        let verdict = if let Some(names) = after("test ") {
            Verdict::Test(names.split(", ").map(str::to_owned).collect())
        } else if let Some(why) = after("ignored:") {
            Verdict::Ignored(why)
        } else if after("silent:").is_some() {
            Verdict::Silent
        } else if let Some(map) = after("holds:") {
            Verdict::Holds(map)
        } else if let Some(row) = after("with:") {
            Verdict::With(row)
        } else {
            assert_eq!(verdict, "refused at start", "{line:?}");
            Verdict::Refused
        };
        let row = format!("{map} / {key}");
        assert!(rows.insert(row.clone(), verdict).is_none(), "{row} has two rows");
    }
    rows
}

fn row(key: &Key) -> String {
    match &key.word {
        None => format!("{} / {}", key.within, key.name),
        Some(word) => format!("{} / {} = {word}", key.within, key.name),
    }
}

#[test]
fn every_key_has_a_row_and_every_row_a_key() {
    let keys: BTreeSet<String> = transom_config::keys().iter().map(row).collect();
    let rows: BTreeSet<String> = table().into_keys().collect();
    let missing: Vec<_> = keys.difference(&rows).collect();
    let unknown: Vec<_> = rows.difference(&keys).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "no row for: {missing:#?}\nno such key: {unknown:#?}");
}

#[test]
fn rows_say_what_the_reader_says() {
    let rows = table();
    let maps: BTreeSet<_> = transom_config::keys().into_iter().map(|key| key.within).collect();
    for key in transom_config::keys() {
        let name = row(&key);
        let Some(verdict) = rows.get(&name) else { panic!("no row for {name}") };
        let severity = key.answer.as_ref().map(|finding| finding.severity);
        let message = key.answer.as_ref().map_or("", |finding| finding.message.as_str());
        let agrees = match verdict {
            Verdict::Refused => severity == Some(Severity::Unsupported),
            Verdict::Ignored(why) => {
                matches!(severity, Some(Severity::Warning | Severity::Note))
                    && message.ends_with(&format!("has no effect: {why}"))
            }
            Verdict::Test(_) => severity != Some(Severity::Unsupported) && !message.contains("has no effect"),
            Verdict::Silent => severity.is_none(),
            Verdict::Holds(map) => severity.is_none() && maps.contains(map),
            Verdict::With(other) => {
                severity.is_none() && matches!(rows.get(other), Some(Verdict::Refused | Verdict::Ignored(_)))
            }
        };
        assert!(agrees, "{name}: the table says {verdict:?}, the reader {severity:?}: {message:?}");
    }
}

#[test]
fn silence_about_a_key_without_effect_is_rare() {
    let silent: Vec<_> =
        table().into_iter().filter(|(_, verdict)| *verdict == Verdict::Silent).map(|(row, _)| row).collect();
    assert_eq!(silent, ["permission / cache", "the configuration / $schema"]);
}

#[test]
fn every_test_that_a_row_names_exists() {
    let mut folders = BTreeMap::from([("transom-tests".to_owned(), root().join("tests"))]);
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        folders.insert(format!("transom-{name}"), path.clone());
    }
    let mut count = 0;
    for (row, verdict) in table() {
        let Verdict::Test(names) = verdict else { continue };
        for name in names {
            assert!(is_a_test(&folders, &name), "{row} names {name}, which is no test");
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

/// Whether `PACKAGE::PATH::NAME` is a test: PATH leads to a file, and maybe on to a module in it.
fn is_a_test(folders: &BTreeMap<String, PathBuf>, name: &str) -> bool {
    let mut parts: Vec<&str> = name.split("::").collect();
    let function = parts.pop().unwrap();
    let Some((package, path)) = parts.split_first() else { return false };
    let Some(folder) = folders.get(*package) else { return false };
    (1..=path.len()).rev().any(|length| {
        let (file, modules) = path.split_at(length);
        let file = file.join("/");
        let candidates = [format!("src/{file}.rs"), format!("tests/{file}.rs")];
        candidates.iter().filter_map(|file| std::fs::read_to_string(folder.join(file)).ok()).any(|text| {
            modules.iter().all(|module| text.contains(&format!("mod {module} {{")))
                && has_test(&text, function)
        })
    })
}

/// Whether a source has that function with the attribute of a test on it.
fn has_test(text: &str, function: &str) -> bool {
    let mut attribute = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            attribute = true;
        } else if line.contains("fn ") {
            let name = line.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            if attribute && name == Some(function) {
                return true;
            }
            attribute = false;
        }
    }
    false
}

#[test]
fn test_that_does_not_exist_is_none() {
    let folders = BTreeMap::from([("transom-tests".to_owned(), root().join("tests"))]);
    let this = "transom-tests::keys::table::test_that_does_not_exist_is_none";
    assert!(is_a_test(&folders, this));
    for other in [
        "transom-tests::keys::table::has_test",
        "transom-tests::keys::table::nothing",
        "transom-tests::keys::nothing::test_that_does_not_exist_is_none",
        "transom-none::keys::table::test_that_does_not_exist_is_none",
        "transom-tests",
    ] {
        assert!(!is_a_test(&folders, other), "{other}");
    }
}
