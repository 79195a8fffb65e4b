//! The `transom` binary: everything is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    transom_node::cli::main()
}
