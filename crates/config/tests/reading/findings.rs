//! Everything that is said about wrong configurations, as it is shown.
//!
//! Each file in `tests/findings` holds configurations on one subject, and below each exactly what is shown. With
//! `TRANSOM_BLESS=1` in the environment the files are written anew; what then differs is for eyes.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use transom_config::{Format, Loaded, Purpose, Unsupported, load};

use super::support::{bless, env, read};

const BEGIN: &str = "=== ";
const SHOWN: &str = "--- shown";

/// A configuration and what is shown about it, without blank lines around.
struct Case<'f> {
    /// Begins with `JSON: `, `YAML: `, or `FILE: ` for JSON that is read from a file, in a folder with some other files.
    title: &'f str,
    text: String,
    shown: Option<String>,
}

fn cases(file: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in file.lines() {
        if let Some(title) = line.strip_prefix(BEGIN) {
            cases.push(Case { title, text: String::new(), shown: None });
            continue;
        }
        let case = cases.last_mut().expect("a file begins with a title");
        match &mut case.shown {
            None if line == SHOWN => case.shown = Some(String::new()),
            None => case.text += &format!("{line}\n"),
            Some(shown) => *shown += &format!("{line}\n"),
        }
    }
    for case in &mut cases {
        let text = case.text.trim_end();
        case.text = if text.is_empty() { String::new() } else { format!("{text}\n") };
        case.shown = case.shown.take().map(|shown| shown.trim_end().to_owned());
    }
    cases
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/findings");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn shown(case: &Case<'_>) -> String {
    let text = case.text.as_str();
    let shown = match case.title.split_once(": ").expect("a title begins with what it is about").0 {
        "JSON" => render(&read(text, Format::Json)),
        "YAML" => render(&read(text, Format::Yaml)),
        "FILE" => {
            let folder = tempfile::tempdir().unwrap();
            let here = folder.path();
            let write = |name: &str, text: &str, mode| {
                std::fs::write(here.join(name), text).unwrap();
                std::fs::set_permissions(here.join(name), PermissionsExt::from_mode(mode)).unwrap();
            };
            write("config.json", text, 0o644);
            write("open.pem", "", 0o644);
            write("key.pem", "", 0o600);
            std::fs::create_dir(here.join("here")).unwrap();
            let loaded = load(&here.join("config.json"), &env, Unsupported::Kept);
            render(&loaded).replace(&here.display().to_string(), "~")
        }
        other => panic!("what is {other}?"),
    };
    shown.trim_end().to_owned()
}

fn render(loaded: &Loaded) -> String {
    assert_eq!(loaded.node.is_none(), loaded.findings.has_errors());
    loaded.findings.render(Purpose::Check, false)
}

#[test]
fn findings_when_shown() {
    let mut differences = String::new();
    for path in files() {
        let file = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(name.ends_with(".txt"), "what is {name} for?");
        let mut blessed = String::new();
        for case in cases(&file) {
            let shown = shown(&case);
            assert!(!shown.is_empty(), "{name}: {}: nothing is found", case.title);
            for secret in ["sesame", "987654321"] {
                assert!(!shown.contains(secret), "{name}: {}: a secret is shown", case.title);
            }
            if case.shown.as_ref() != Some(&shown) {
                let expected = case.shown.unwrap_or_default();
                let _ =
                    writeln!(differences, "{name}: {}\nexpected:\n{expected}\nshown:\n{shown}\n", case.title);
            }
            let _ = write!(blessed, "{BEGIN}{}\n{}\n{SHOWN}\n{shown}\n\n", case.title, case.text);
        }
        if bless() {
            std::fs::write(&path, blessed.trim_end().to_owned() + "\n").unwrap();
        }
    }
    assert!(bless() || differences.is_empty(), "{differences}");
}
