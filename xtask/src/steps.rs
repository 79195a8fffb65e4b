//! The steps of `test-all`, in their order.

use crate::run::{Cmd, Stop, failed, folder, installed, skip_is_failure};
use crate::tools::{self, Background};
use crate::workspace::Workspace;
use crate::{fuzz, layers, suites, tidy};
use std::time::Instant;

type Run = fn(&Workspace, &Background) -> Result<(), Stop>;

/// The member with the Tor inside a node brings more than three hundred crates along, which nobody who works on something
/// else should wait for.
const APART: [&str; 2] = ["--exclude", "transom-arti"];

const STEPS: &[(&str, Run)] = &[
    ("tools", |ws, _| tools::system(ws)),
    ("format", |ws, _| format(ws)),
    ("clippy", |ws, _| clippy(ws)),
    ("deps", |ws, _| layers::step(ws)),
    ("tidy", |ws, _| tidy::step(ws)),
    ("docs", |ws, _| rustdoc(ws)),
    ("tests", |ws, _| tests(ws)),
    ("order", |ws, _| order(ws)),
    ("outside", |ws, _| outside(ws)),
    ("package", |ws, _| package(ws)),
    ("clients", |ws, background| background.clients().and_then(|()| suites::clients(ws))),
    ("logins", |ws, background| background.clients().and_then(|()| suites::logins(ws))),
    ("validation", |ws, _| suites::validation(ws)),
    ("protocols", |ws, _| suites::protocols(ws)),
    ("tor", |ws, background| background.clients().and_then(|()| suites::tor::step(ws))),
    ("fuzz", |ws, _| fuzz::smoke(ws)),
    ("deny", deny),
];

/// Runs the steps asked for, all of them even when one fails, and prints the summary.
pub(crate) fn test_all(ws: &Workspace, args: &[String]) -> Result<(), Stop> {
    let steps = choose(args)?;
    let background = Background::default();
    let begin = Instant::now();
    let mut rows = Vec::new();
    for (name, run) in &steps {
        println!("\n==== {name}");
        let start = Instant::now();
        let mut result = run(ws, &background);
        if *name == "tools" {
            let chosen = |wanted| steps.iter().any(|(name, _)| *name == wanted);
            background.start(ws, chosen("clients"), chosen("deny"));
        }
        let seconds = start.elapsed().as_secs_f64();
        if let Err(stop) = &result {
            println!("{stop}");
        }
        if matches!(result, Err(Stop::Skipped(_))) && skip_is_failure() {
            result = failed("a skipped step is a failure when CI=true");
        }
        let word = match result {
            Ok(()) => "passed",
            Err(Stop::Failed(_)) => "failed",
            Err(Stop::Skipped(_)) => "skipped",
        };
        println!("---- {name} {word} after {seconds:.1} s");
        rows.push((*name, word, seconds));
    }
    println!("\n{:<12} {:<8} {:>8}", "step", "result", "seconds");
    for (name, word, seconds) in &rows {
        println!("{name:<12} {word:<8} {seconds:>8.1}");
    }
    println!("{:<12} {:<8} {:>8.1}", "all", "", begin.elapsed().as_secs_f64());
    let count = |wanted| rows.iter().filter(|(_, word, _)| *word == wanted).count();
    let failures = count("failed");
    println!("{} passed, {failures} failed, {} skipped", count("passed"), count("skipped"));
    // The count is the last line: nothing is printed after it.
    if failures == 0 { Ok(()) } else { std::process::exit(1) }
}

/// The steps that `--only` and `--skip` leave, in the order of the table.
fn choose(args: &[String]) -> Result<Vec<(&'static str, Run)>, Stop> {
    let names = || STEPS.iter().map(|(name, _)| *name);
    let mut chosen: Vec<&str> = names().collect();
    let mut words = args.iter().map(String::as_str);
    while let Some(option) = words.next() {
        let keep = match option {
            "--only" => true,
            "--skip" => false,
            _ => return failed(format!("the steps: {}", names().collect::<Vec<_>>().join(" "))),
        };
        let list: Vec<&str> = words.next().unwrap_or_default().split(',').collect();
        if let Some(unknown) = list.iter().find(|name| !names().any(|known| known == **name)) {
            return failed(format!(
                "no step is called {unknown:?}; {}",
                names().collect::<Vec<_>>().join(" ")
            ));
        }
        chosen.retain(|name| list.contains(name) == keep);
    }
    Ok(STEPS.iter().filter(|(name, _)| chosen.contains(name)).copied().collect())
}

/// Every member, and the packages that are none.
fn format(ws: &Workspace) -> Result<(), Stop> {
    ws.cargo("fmt --all -- --check").status()?;
    ws.cargo("fmt --manifest-path fuzz/Cargo.toml -- --check").status()?;
    ws.cargo("fmt --manifest-path tests/outside/Cargo.toml -- --check").status()
}

/// Every member but the one that only the step `tor` builds.
fn clippy(ws: &Workspace) -> Result<(), Stop> {
    ws.cargo("clippy --workspace --all-targets").args(APART).args(["--", "-D", "warnings"]).status()
}

/// The reference of every member, warnings denied.
pub(crate) fn rustdoc(ws: &Workspace) -> Result<(), Stop> {
    ws.cargo("doc --workspace --no-deps").args(APART).env("RUSTDOCFLAGS", "-D warnings").status()
}

/// Every test of the workspace.
fn tests(ws: &Workspace) -> Result<(), Stop> {
    let cargo = |words| {
        let browser = tools::browser_env(ws).into_iter();
        browser.fold(ws.cargo(words), |command, (key, value)| command.env(key, value)).args(APART)
    };
    if !installed("cargo-nextest") {
        return cargo("test --workspace").status();
    }
    cargo("nextest run --workspace").status()?;
    // nextest leaves the examples in documentation to cargo.
    cargo("test --workspace --doc").status()
}

/// The order of messages, with the interleavings of all of the router's locks chosen by the test. Asked of the whole
/// workspace, so that the crates from elsewhere have the features with which they are built already.
fn order(ws: &Workspace) -> Result<(), Stop> {
    let order = ws.cargo("test --workspace --features transom-router/shuttle --test order");
    order.args(APART).status()
}

/// A package that is no member uses the crates which people depend on singly.
fn outside(ws: &Workspace) -> Result<(), Stop> {
    let build = ws.cargo("run --quiet --manifest-path tests/outside/Cargo.toml");
    // What it has in common with the workspace is built already.
    build.env("CARGO_TARGET_DIR", &ws.build).status()
}

/// Every crate that can be published packs into an archive, and the archives compile together without the workspace
/// around them. Cargo's own check of an archive is not used: it keeps what it unpacked of the crate's siblings from
/// one run to the next, and so may look at old ones.
fn package(ws: &Workspace) -> Result<(), Stop> {
    let publishable: Vec<_> = ws.packages.iter().filter(|package| package.publish).collect();
    let names = publishable.iter().flat_map(|package| ["-p", &package.name]);
    ws.cargo("package --no-verify --allow-dirty").args(names).status()?;
    let _ = std::fs::remove_dir_all(ws.build.join("unpacked"));
    let unpacked = folder(ws.build.join("unpacked"))?;
    let mut manifest = "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n\n[patch.crates-io]\n".to_owned();
    for package in publishable {
        let archive = ws.build.join(format!("package/{}-{}.crate", package.name, package.version));
        // With times of now, or cargo would take changed files for the old ones.
        Cmd::new("tar").args(["-xzmf"]).args([archive]).dir(&unpacked).status()?;
        manifest += &format!("{0} = {{ path = \"{0}-{1}\" }}\n", package.name, package.version);
    }
    let written = std::fs::write(unpacked.join("Cargo.toml"), manifest)
        .and_then(|()| std::fs::copy(ws.root.join("Cargo.lock"), unpacked.join("Cargo.lock")));
    if let Err(error) = written {
        return failed(format!("{}: {error}", unpacked.display()));
    }
    let check = Cmd::new("cargo").args(["check", "--workspace", "--quiet"]).args(APART).dir(&unpacked);
    check.env("CARGO_TARGET_DIR", &ws.build).status()
}

/// Duplicates, licences and sources of everything the lock file names.
fn deny(ws: &Workspace, background: &Background) -> Result<(), Stop> {
    let deny = background.deny(ws)?;
    Cmd::new(deny).args(["check", "bans", "licenses", "sources"]).dir(&ws.root).status()
}

#[cfg(test)]
mod unit {
    use super::*;

    fn names(args: &[&str]) -> Result<Vec<&'static str>, Stop> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        choose(&args).map(|steps| steps.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn steps_when_chosen_keep_the_order_of_the_table() {
        assert_eq!(names(&[]).unwrap().len(), STEPS.len());
        assert_eq!(names(&["--only", "deny,format"]).unwrap(), ["format", "deny"]);
        assert_eq!(names(&["--only", "deny,format", "--skip", "format"]).unwrap(), ["deny"]);
        assert!(!names(&["--skip", "fuzz"]).unwrap().contains(&"fuzz"));
    }

    #[test]
    fn steps_when_unknown_are_refused() {
        for args in [&["--only", "formt"] as &[_], &["--only"], &["--list"], &["format"]] {
            assert!(matches!(names(args), Err(Stop::Failed(_))), "{args:?}");
        }
    }
}
