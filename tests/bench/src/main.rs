//! `transom-bench`: a WAMP router and a bare relay under the same load in one run.
//!
//! Printed are the router's CPU time per delivery, its rate, its latency, and the ratio to the relay, which is the
//! floor of what the kernel allows. Pinned, router and load generator share one core; free, they take what they
//! get. This program speaks WAMP with a codec of its own and must not use the router's.
//!
//! Start reading at [`run`] (who takes turns when), then [`load`] (what counts) and [`relay`] (the floor).

mod affinity;
mod cases;
mod cli;
mod error;
#[cfg(test)]
mod fake;
mod figures;
mod flow;
mod histogram;
mod instructions;
mod load;
mod parts;
mod peer;
mod process;
mod procfs;
mod profile;
mod relay;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod wire;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::main() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _shown = writeln!(std::io::stderr(), "transom-bench: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}
