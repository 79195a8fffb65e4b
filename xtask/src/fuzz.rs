//! The fuzz targets: replayed over their corpora, then run with libFuzzer, on the stable toolchain.
//!
//! libFuzzer only needs the coverage counters that LLVM's own pass puts in, so neither a nightly compiler nor
//! cargo-fuzz is involved. The targets themselves are in `fuzz/`, a workspace of its own.

use crate::run::{Cmd, Stop, failed, folder, tail};
use crate::workspace::Workspace;
use std::path::Path;
use std::sync::Mutex;

const TRIPLE: &str = concat!("x86_64", "-unknown-linux-gnu");
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions=on";
/// As many at a time as the smallest machine has cores.
const AT_ONCE: usize = 2;
const SMOKE_SECONDS: u64 = 15;

/// `fuzz [--seconds N] [TARGET…]`
pub(crate) fn command(ws: &Workspace, args: &[String]) -> Result<(), Stop> {
    let mut seconds = SMOKE_SECONDS;
    let mut wanted = Vec::new();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        if word == "--seconds" {
            match words.next().map(|number| number.parse()) {
                Some(Ok(number)) if number >= 3 => seconds = number,
                _ => return failed("--seconds wants a number, 3 or more"),
            }
        } else {
            wanted.push(word.as_str());
        }
    }
    run(ws, &wanted, seconds)
}

/// Replays the corpora, then runs every target for a quarter of a minute.
pub(crate) fn smoke(ws: &Workspace) -> Result<(), Stop> {
    // Most of what the replay needs the workspace has built already.
    let replay = ws.cargo("test --quiet --lib --manifest-path fuzz/Cargo.toml");
    replay.env("CARGO_TARGET_DIR", &ws.build).status()?;
    run(ws, &[], SMOKE_SECONDS)
}

fn run(ws: &Workspace, wanted: &[&str], seconds: u64) -> Result<(), Stop> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Err(Stop::Skipped(format!("fuzzing is set up for {TRIPLE}")));
    }
    let all = targets(&ws.root)?;
    if let Some(unknown) = wanted.iter().find(|name| !all.iter().any(|target| target == **name)) {
        return failed(format!("no fuzz target is called {unknown}; {}", all.join(" ")));
    }
    let build = ws.cargo("build --release --manifest-path fuzz/Cargo.toml --bins --target").args([TRIPLE]);
    build.env("RUSTFLAGS", COVERAGE).env("CARGO_TARGET_DIR", ws.build.join("fuzz")).status()?;
    let queue = Mutex::new(all.iter().filter(|name| wanted.is_empty() || wanted.contains(&name.as_str())));
    let findings = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(name) = queue.lock().ok().and_then(|mut queue| queue.next()) {
                    match fuzz(ws, name, seconds) {
                        Ok(report) => println!("{report}"),
                        Err(stop) => {
                            println!("{name}: {stop}");
                            findings.lock().into_iter().for_each(|mut findings| findings.push(name.as_str()));
                        }
                    }
                }
            });
        }
    });
    let findings = findings.into_inner().unwrap_or_default();
    if findings.is_empty() { Ok(()) } else { failed(format!("fuzzing failed: {}", findings.join(" "))) }
}

/// The targets, one a file in `fuzz/fuzz_targets`.
fn targets(root: &Path) -> Result<Vec<String>, Stop> {
    let entries = std::fs::read_dir(root.join("fuzz/fuzz_targets"));
    let entries = entries.or_else(|error| failed(format!("fuzz/fuzz_targets: {error}")))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect();
    names.sort();
    if names.is_empty() { failed("fuzz/fuzz_targets holds no target") } else { Ok(names) }
}

/// A third of the time from an empty corpus, which shows that the target is instrumented and reached; the rest
/// from the committed one and what was found.
fn fuzz(ws: &Workspace, name: &str, seconds: u64) -> Result<String, Stop> {
    let work = ws.build.join("fuzz/run").join(name);
    // What an earlier run left would not be an empty corpus.
    let _ = std::fs::remove_dir_all(work.join("corpus"));
    let corpus = folder(work.join("corpus"))?;
    let artifacts = folder(ws.build.join("fuzz/artifacts").join(name))?;
    let binary = ws.build.join("fuzz").join(TRIPLE).join("release").join(name);
    let log = work.join("log");
    let phase = |seconds: u64, more: &[&Path]| -> Result<Stats, Stop> {
        let options = ["-print_final_stats=1", "-timeout=10", "-rss_limit_mb=2048", "-max_len=8192"];
        Cmd::new(&binary)
            .args(options)
            .args([
                format!("-max_total_time={seconds}"),
                format!("-artifact_prefix={}/", artifacts.display()),
            ])
            .args([corpus.as_path()])
            .args(more)
            .dir(&ws.root)
            .logged(&log)?;
        Stats::read(&tail(&log, 20))
    };
    let empty = phase(seconds / 3, &[])?;
    if empty.new_units == 0 {
        return failed("no new coverage from an empty corpus");
    }
    let rest = phase(seconds - seconds / 3, &[&ws.root.join("fuzz/corpus").join(name)])?;
    let executed = empty.executed + rest.executed;
    Ok(format!(
        "{name}: {executed} executions, {} inputs with new coverage",
        empty.new_units + rest.new_units
    ))
}

/// The numbers libFuzzer prints at its end.
#[derive(Debug, PartialEq)]
struct Stats {
    executed: u64,
    new_units: u64,
}

impl Stats {
    fn read(log: &str) -> Result<Self, Stop> {
        let number = |key: &str| {
            let line = log.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(key));
            line.and_then(|rest| rest.trim_start_matches(':').trim().parse().ok())
        };
        match (number("number_of_executed_units"), number("new_units_added")) {
            (Some(executed), Some(new_units)) => Ok(Self { executed, new_units }),
            _ => failed(format!("libFuzzer printed no statistics:\n{log}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_when_printed_are_read() {
        let log = "Done 7 runs\nstat::number_of_executed_units: 68932\nstat::new_units_added:          19\n";
        assert_eq!(Stats::read(log).unwrap(), Stats { executed: 68932, new_units: 19 });
        assert!(Stats::read("Done 7 runs\n").is_err());
    }
}
