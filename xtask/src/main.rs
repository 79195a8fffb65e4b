//! `cargo xtask`: what is run over the whole workspace rather than over one crate of it.
//!
//! It calls other programs for anything long and knows nothing of what the crates do: it depends on none of
//! them. Start reading at [`steps`], the list of what `test-all` runs.

// A command line tool speaks on its standard output.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod fuzz;
mod layers;
mod run;
mod steps;
mod suites;
mod tidy;
mod tools;
mod workspace;

use run::{Cmd, Stop};
use std::process::ExitCode;
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask COMMAND
  test-all [--only STEP,…] [--skip STEP,…]   everything that must hold, with a summary
  deps                                       the layer rule: crates depend on lower levels only
  tidy                                       what no compiler checks: paths, leftovers, licences, long files
  suites                                     the conformance suites against a node
  differential [SCENARIO…]                   what differs between Crossbar.io and the node
  fuzz [--seconds N] [TARGET…]               the fuzz targets, 15 seconds each unless told
  bench [run OPTION… | COMMAND…]             the benchmark, with a release build of the node
  bench parts [OPTION…]                      WebSocket, TLS, accepting, relaying and compressing beside other programs
  bench instructions                         what reading and writing a WebSocket message takes
  bench config                               how long it takes to check a configuration, by its size
  bench router                               how much work the router has with each message, by what it holds
  dist                                       the node as it is shipped, with every feature: target/dist/transom
  docs                                       the reference of every crate and, with mdbook installed, the book";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", &[] as &[String]),
    };
    let result = Workspace::load().and_then(|ws| match command {
        "test-all" => steps::test_all(&ws, rest),
        "deps" => layers::step(&ws),
        "tidy" => tidy::step(&ws),
        "suites" => suites::all(&ws),
        "differential" => suites::differential(&ws, rest),
        "fuzz" => fuzz::command(&ws, rest),
        "bench" => bench(&ws, rest),
        "dist" => dist(&ws),
        "docs" => docs(&ws),
        _ => Err(Stop::Failed(USAGE.into())),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            eprintln!("{stop}");
            if matches!(stop, Stop::Skipped(_)) && !run::skip_is_failure() {
                return ExitCode::SUCCESS;
            }
            ExitCode::from(if command.is_empty() { 2 } else { 1 })
        }
    }
}

/// Hands over to a benchmark. That of a whole node: both built for release. `run`, which is also what options alone mean, gets this
/// workspace's node.
fn bench(ws: &Workspace, args: &[String]) -> Result<(), Stop> {
    let bench = |words: &str| ws.cargo(&format!("run --release --quiet -p transom-bench -- {words}"));
    match args {
        [word] if word == "config" => {
            ws.cargo("bench --quiet -p transom-config --all-features --bench check").status()
        }
        [word, options @ ..] if word == "parts" => {
            let node = suites::build_node(ws)?;
            bench("parts --node").args([node]).args(options).status()
        }
        [word] if word == "router" => ws.cargo("bench --quiet -p transom-router --bench cases").status(),
        [word, ..] if word != "run" && !word.starts_with('-') => bench(word).args(&args[1..]).status(),
        _ => {
            let node = suites::build_node(ws)?;
            let options = args.strip_prefix(&["run".to_owned()]).unwrap_or(args);
            bench("run --node").args([node]).args(options).status()
        }
    }
}

/// Builds what is shipped.
fn dist(ws: &Workspace) -> Result<(), Stop> {
    ws.cargo("build --locked --profile dist -p transom-node --all-features").status()?;
    let program = ws.build.join("dist/transom");
    let size = std::fs::metadata(&program).map_or(0, |facts| facts.len());
    println!("{}: {:.1} MB", program.display(), size as f64 / 1e6);
    Ok(())
}

fn docs(ws: &Workspace) -> Result<(), Stop> {
    steps::rustdoc(ws)?;
    if !run::installed("mdbook") {
        return Err(Stop::Skipped(
            "the book: mdbook is not installed (cargo install --locked mdbook)".into(),
        ));
    }
    Cmd::new("mdbook").args(["build", "docs"]).dir(&ws.root).status()
}
