//! `transom endpoint`: endpoints alone, without a node around them.

mod connect;
mod pipe;
mod report;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use transom_endpoint::Inherited;

/// Arguments of `transom endpoint`.
#[derive(Debug, Args)]
pub(super) struct EndpointArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Connect to an endpoint once and report all that is found: addresses, TLS, certificates, times.
    Connect(connect::ConnectArgs),
    /// Carry bytes between whoever connects to one endpoint and another endpoint, until SIGINT or SIGTERM.
    Pipe(pipe::PipeArgs),
}

pub(super) fn run(args: EndpointArgs, inherited: Inherited) -> ExitCode {
    match args.command {
        Command::Connect(args) => connect::run(&args),
        Command::Pipe(args) => pipe::run(args, inherited),
    }
}
