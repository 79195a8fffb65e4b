//! What no compiler checks: paths of somebody's machine, leftovers, licence files, module documentation, and
//! files that have grown long.

use crate::run::{Cmd, Stop, failed};
use crate::workspace::Workspace;

/// A longer file is named, so that somebody looks for its second idea.
const LONG: usize = 800;

/// Written in two halves, so that this file does not find itself.
const LEFTOVERS: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("to", "do!("), "unfinished code"),
    (concat!("unimpl", "emented!("), "unfinished code"),
    (concat!("#[ign", "ore"), "a test that does not run"),
];

/// Checks every file that git knows; long files are printed, everything else is a failure.
pub(crate) fn step(ws: &Workspace) -> Result<(), Stop> {
    let list = Cmd::new("git").args(["ls-files", "-z"]).dir(&ws.root).stdout();
    let list = list.map_err(|stop| Stop::Skipped(format!("no list of files: {stop}")))?;
    let files: Vec<&str> = list.split('\0').filter(|name| !name.is_empty()).collect();
    let mut findings = Vec::new();
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        if !files.contains(&name) {
            findings.push(format!("{name} is missing"));
        }
    }
    for name in files {
        // Binary files and files deleted a moment ago have no text to look at.
        let Ok(text) = std::fs::read_to_string(ws.root.join(name)) else { continue };
        findings.extend(check(name, &text));
        let lines = text.lines().count();
        if lines > LONG && name.ends_with(".rs") {
            println!("note: {name} has {lines} lines");
        }
    }
    if findings.is_empty() { Ok(()) } else { failed(findings.join("\n")) }
}

/// Everything wrong with one file.
fn check(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    // What others wrote, kept as it is.
    if name.starts_with("tests/vendor/") {
        return findings;
    }
    for (number, line) in text.lines().enumerate() {
        for (needle, what) in LEFTOVERS {
            if line.contains(needle) {
                findings.push(format!("{name}:{}: {needle} is {what}", number + 1));
            }
        }
    }
    let module = name.strip_suffix(".rs").is_some_and(|stem| {
        (stem.starts_with("crates/") || stem.starts_with("xtask/"))
            && stem.contains("/src/")
            && !is_test(stem)
    });
    if module && !text.starts_with("//!") {
        findings.push(format!("{name}: it does not open with //! and what it is for"));
    }
    findings
}

/// Whether this module, without its `.rs`, holds tests only.
fn is_test(stem: &str) -> bool {
    stem.split('/').any(|part| part == "tests" || part.ends_with("_tests"))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn tree_is_tidy() {
        match step(&Workspace::load().unwrap()) {
            Err(Stop::Skipped(why)) if !crate::run::skip_is_failure() => println!("SKIPPED: {why}"),
            result => result.unwrap(),
        }
    }

    #[test]
    fn planted_leftovers_when_checked_are_each_found() {
        for (needle, _) in LEFTOVERS {
            let found = check("docs/src/a.md", &format!("fine\nsee {needle}x\n"));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with("docs/src/a.md:2: "), "{found:?}");
        }
        assert!(check("docs/src/a.md", "fine\n").is_empty());
    }

    #[test]
    fn modules_when_they_do_not_say_what_they_are_for_are_found() {
        for (name, found) in [
            ("crates/base/src/lib.rs", 1),
            ("crates/base/src/a/b.rs", 1),
            ("xtask/src/main.rs", 1),
            ("crates/base/src/a/tests.rs", 0),
            ("crates/base/build.rs", 0),
        ] {
            assert_eq!(check(name, "use std::fmt;\n").len(), found, "{name}");
            assert!(check(name, "//! A module.\n").is_empty(), "{name}");
        }
    }
}
