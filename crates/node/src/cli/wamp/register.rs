//! `transom register`.

mod command;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use transom_base::{Deadline, Drain, DrainWatch};
use transom_client::{Client, ProcedureError, Reconnecting, Status};
use transom_wamp::{Invocation, Invoke, Payload, RegisterOptions};

use super::lasting::{self, LastingArgs, Matching};
use super::subscribe::stopped;
use super::{SessionArgs, json, runtime};
use crate::StartError;
use crate::cli::complain;
use crate::cli::outcome::{EXIT_CODES, Trouble, ended};
use crate::signals::Signals;

/// Arguments of `transom register`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct RegisterArgs {
    /// The procedure, or the pattern that procedures are to match.
    procedure: String,
    /// The command that is run for each call. The call is on its standard input, as a line `{"procedure": …, "args": […],
    /// "kwargs": {…}}`. Its result is what it prints: `{"args": […], "kwargs": {…}}`, any other JSON value as the only
    /// argument, or nothing. With an exit status other than 0 the call fails: with wamp.error.runtime_error, or with what
    /// is printed as `{"error": URI, "args": […], "kwargs": {…}}`.
    #[arg(last = true, required = true, num_args = 1.., value_name = "COMMAND")]
    command: Vec<String>,
    /// How procedures match.
    #[arg(long = "match", value_enum, value_name = "HOW", default_value_t)]
    matching: Matching,
    /// How calls are spread over all who register the procedure.
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    invoke: Invoking,
    /// Commands that run at once, 1 to 10000. The router is told.
    #[arg(long, value_name = "N", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=10_000))]
    concurrency: u64,
    /// Seconds that a command may run before it is killed and its call fails with wamp.error.timeout; 0 = no limit.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    command_timeout: u64,
    /// Seconds that running commands have left after SIGINT or SIGTERM; a second signal kills them at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    drain_timeout: u64,
    #[command(flatten)]
    lasting: LastingArgs,
    #[command(flatten)]
    session: SessionArgs,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
enum Invoking {
    /// One callee only.
    #[default]
    Single,
    /// One after the other.
    RoundRobin,
    /// Any.
    Random,
    /// Whoever registered first.
    First,
    /// Whoever registered last.
    Last,
}

impl From<Invoking> for Invoke {
    fn from(invoking: Invoking) -> Self {
        match invoking {
            Invoking::Single => Invoke::Single,
            Invoking::RoundRobin => Invoke::RoundRobin,
            Invoking::Random => Invoke::Random,
            Invoking::First => Invoke::First,
            Invoking::Last => Invoke::Last,
        }
    }
}

pub(in crate::cli) fn run(args: &RegisterArgs) -> ExitCode {
    ended(registered(args))
}

fn registered(args: &RegisterArgs) -> Result<(), Trouble> {
    let client = args.session.client()?;
    runtime()?.block_on(serve(args, client))
}

async fn serve(args: &RegisterArgs, client: Client) -> Result<(), Trouble> {
    let mut signals = Signals::install().map_err(StartError::Process)?;
    let reconnecting = Reconnecting::start(client, args.lasting.backoff());
    let telling = lasting::tell(&reconnecting, &args.session.realm);
    let options = RegisterOptions {
        matching: args.matching.into(),
        invoke: args.invoke.into(),
        concurrency: Some(args.concurrency),
        ..RegisterOptions::default()
    };
    let (drain, watch) = Drain::new();
    let answering = Arc::new(Answering {
        command: args.command.clone(),
        timeout: (args.command_timeout > 0).then(|| Duration::from_secs(args.command_timeout)),
        procedure: args.procedure.clone(),
    });
    // The handler stays with the registration; each call has a watch of its own.
    let watches = Arc::new(watch);
    let calls = Arc::downgrade(&watches);
    let handler =
        move |invocation| answer(answering.clone(), calls.upgrade().map(|w| (*w).clone()), invocation);
    let registering = reconnecting.register(args.procedure.as_str(), options, handler);
    let registration = tokio::select! {
        registered = registering => registered.map_err(|error| lasting::trouble(&reconnecting, error))?,
        () = stopped(&mut signals) => {
            reconnecting.close().await;
            return Ok(());
        }
    };
    complain(&format!("registered {}", args.procedure));
    let result = tokio::select! {
        () = stopped_for_good(&reconnecting) => Err(lasting::over(&reconnecting, "registration")),
        () = registration.revoked() => Err(lasting::over(&reconnecting, "registration")),
        () = stopped(&mut signals) => Ok(()),
    };
    telling.abort();
    if result.is_ok() {
        // No further calls; those that came are answered. Where there is no session there is nobody to tell.
        let leaving = async {
            let _ = registration.unregister().await;
            drop(watches);
            drain.complete().await;
        };
        tokio::select! {
            _ = Deadline::after(Duration::from_secs(args.drain_timeout)).run(leaving) => {}
            _ = signals.stop() => {}
        }
    }
    reconnecting.close().await;
    result
}

/// Completes when there will be no session any more.
async fn stopped_for_good(reconnecting: &Reconnecting) {
    let mut status = reconnecting.status();
    let _ = status.wait_for(|status| matches!(status, Status::Stopped(_))).await;
}

/// How calls are answered.
struct Answering {
    command: Vec<String>,
    timeout: Option<Duration>,
    procedure: String,
}

/// Answers a call by the command. `_running` is dropped when that is done.
async fn answer(
    how: Arc<Answering>,
    _running: Option<DrainWatch>,
    invocation: Invocation,
) -> Result<Payload, ProcedureError> {
    let details = &invocation.details;
    let call = json::CallLine {
        procedure: details.procedure.as_ref().map_or_else(|| how.procedure.clone(), ToString::to_string),
        caller: details.caller.as_ref().map(|caller| caller.session.get()),
        carried: json::Carried::of(&invocation.payload),
    };
    command::run(&how.command, how.timeout, &call).await
}
