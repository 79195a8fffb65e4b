//! The `transom` program, built beside the tests that run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    transom_node::cli::main()
}
