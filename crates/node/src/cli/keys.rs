//! `transom keys`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use transom_tor::OnionKey;

use super::{failed, say};

/// Arguments of `transom keys`.
#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the address of the onion service whose key a file holds.
    Onion(OnionArgs),
}

#[derive(Debug, Args)]
struct OnionArgs {
    /// The key file, as in "private_key_file" of an onion endpoint.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Make a new key and write it to the file, which must not be there yet.
    #[arg(long)]
    new: bool,
}

pub(super) fn run(args: &KeysArgs) -> ExitCode {
    let Command::Onion(OnionArgs { file, new }) = &args.command;
    let key = if *new {
        OnionKey::generate().and_then(|key| key.save(file).map(|()| key))
    } else {
        OnionKey::load(file)
    };
    match key {
        Ok(key) => {
            say(&key.address());
            ExitCode::SUCCESS
        }
        Err(problem) => failed(&problem.to_string()),
    }
}
