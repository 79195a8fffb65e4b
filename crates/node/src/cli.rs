//! The command line: the words and exit codes that operators of Crossbar.io know.
//!
//! 0: done; 1: the configuration is wrong, the node cannot start, or it could not be asked or refused; 2: the command
//! line is wrong. The commands that connect tell more by further codes; their table is in `outcome`.

mod ask;
mod check;
mod convert;
mod endpoint;
mod init;
mod keys;
mod lines;
mod outcome;
mod part;
mod reload;
mod schema;
mod start;
mod status;
mod stop;
mod tor;
mod version;
mod wamp;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use transom_config::locate;
use transom_endpoint::Inherited;

/// A WAMP node in one binary: WebSocket, RawSocket and HTTP on TCP and Unix sockets, routed between them.
#[derive(Debug, Parser)]
#[command(name = "transom", version)]
#[command(after_help = "Without a command, `transom` starts the node.")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the node and run it until SIGINT or SIGTERM.
    Start(StartArgs),
    /// Check the node's configuration and say all that is wrong with it.
    Check(check::CheckArgs),
    /// Write the configuration in the other notation: JSON as YAML, YAML as JSON.
    Convert(convert::ConvertArgs),
    /// Bring the configuration from version 1 to version 2.
    Upgrade(convert::UpgradeArgs),
    /// Write a configuration to start from.
    Init(init::InitArgs),
    /// Print the schema of configurations, for editors and for people.
    Schema(schema::SchemaArgs),
    /// Make the running node read its configuration anew, as SIGHUP does, and say what came of it.
    Reload(ReloadArgs),
    /// Say what the running node does.
    Status(StatusArgs),
    /// Stop the running node in order, and wait until it is gone.
    Stop(StopArgs),
    /// Try endpoints alone: connect to one and report what is found, or carry bytes from one to another.
    Endpoint(endpoint::EndpointArgs),
    /// Look at keys, and make new ones.
    Keys(keys::KeysArgs),
    /// Call a procedure and print its result.
    Call(wamp::call::CallArgs),
    /// Publish an event.
    Publish(wamp::publish::PublishArgs),
    /// Subscribe to a topic and print its events until SIGINT or SIGTERM.
    Subscribe(wamp::subscribe::SubscribeArgs),
    /// Register a procedure and run a command for each call until SIGINT or SIGTERM.
    Register(wamp::register::RegisterArgs),
    /// Print the version of the program and of what it stands on.
    Version,
}

/// Where the configuration is.
#[derive(Debug, Args, Default)]
struct Place {
    /// The node directory. [default: CROSSBAR_DIR, else ./.crossbar if it is a directory, else .]
    #[arg(long, value_name = "DIR")]
    cbdir: Option<PathBuf>,
    /// The configuration file, relative to the node directory. [default: config.yaml, else config.json]
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
}

#[derive(Debug, Args, Default)]
struct StartArgs {
    #[command(flatten)]
    place: Place,
    /// How much to log.
    #[arg(long, value_enum, default_value_t)]
    loglevel: LogLevel,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t)]
    logformat: LogFormat,
    /// Whether to use colours.
    #[arg(long, value_enum, default_value_t)]
    color: Color,
    /// Worker threads, 1 to 1024; 0 = one per core. [default: controller.options.threads]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1024))]
    threads: Option<u16>,
    /// Stop by itself after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    shutdownafter: Option<u64>,
    /// Start even though the configuration asks for things that this release does not have. Never skips
    /// authentication or permissions.
    #[arg(long)]
    ignore_unsupported: bool,
    /// Print the configuration in effect, every default filled in and secrets masked, and do not start.
    #[arg(long)]
    print_config: bool,
}

#[derive(Debug, Args)]
struct ReloadArgs {
    /// The directory of the node. [default: as for start]
    #[arg(long, value_name = "DIR")]
    cbdir: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct StatusArgs {
    /// The directory of the node. [default: as for start]
    #[arg(long, value_name = "DIR")]
    cbdir: Option<PathBuf>,
    /// How the answer looks.
    #[arg(long, value_enum, default_value_t)]
    format: StatusFormat,
}

#[derive(Debug, Args)]
struct StopArgs {
    /// The directory of the node. [default: as for start]
    #[arg(long, value_name = "DIR")]
    cbdir: Option<PathBuf>,
    /// Wait so long for its end. [default: the node's drain timeout and 10 s]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum StatusFormat {
    /// Text for people.
    #[default]
    Text,
    /// A JSON object.
    Json,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum LogLevel {
    None,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// A line of text.
    #[default]
    #[value(alias = "standard")]
    Text,
    /// A JSON object a line.
    Json,
    /// Text without the time, for a log that adds its own.
    #[value(alias = "syslogd")]
    Bare,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    fn on(self, stream: &impl IsTerminal) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        }
    }
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    // Before anything else opens a file: the numbers of inherited sockets say nothing about who opened them.
    let inherited = Inherited::take();
    let cli = Cli::parse();
    match cli.command.unwrap_or_else(|| Command::Start(StartArgs::default())) {
        Command::Start(args) => start::run(args, inherited),
        Command::Check(args) => check::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Upgrade(args) => convert::run_upgrade(&args),
        Command::Init(args) => init::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Reload(args) => reload::run(args),
        Command::Status(args) => status::run(args),
        Command::Stop(args) => stop::run(args),
        Command::Endpoint(args) => endpoint::run(args, inherited),
        Command::Keys(args) => keys::run(&args),
        Command::Call(args) => wamp::call::run(&args),
        Command::Publish(args) => wamp::publish::run(&args),
        Command::Subscribe(args) => wamp::subscribe::run(&args),
        Command::Register(args) => wamp::register::run(&args),
        Command::Version => version::run(),
    }
}

/// Prints to standard output. A reader that went away is no reason to fail.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Says why it did not work, as scripts expect it, and fails.
fn failed(why: &str) -> ExitCode {
    say(&format!("Error: {why}"));
    ExitCode::FAILURE
}

/// An environment variable.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The configuration file, for commands that need one.
fn configuration_file(place: &Place) -> Result<PathBuf, String> {
    let cwd = std::env::current_dir().map_err(|error| format!("the working directory is gone: {error}"))?;
    let located = locate(place.cbdir.as_deref(), place.config.as_deref(), &env, &cwd);
    let located = located.map_err(|error| error.to_string())?;
    located.require_file().map(Path::to_path_buf).map_err(|error| error.to_string())
}

/// Prints to standard error, likewise.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_starts_the_node() {
        assert!(Cli::parse_from(["transom"]).command.is_none());
    }
}
