//! `transom call`.

use std::process::ExitCode;

use clap::Args;
use transom_wamp::CallOptions;

use super::{CarriedArgs, SessionArgs, in_session, json};
use crate::cli::outcome::{EXIT_CODES, Exit, Trouble, ended};
use crate::cli::say;

/// Arguments of `transom call`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct CallArgs {
    /// The procedure.
    procedure: String,
    #[command(flatten)]
    carried: CarriedArgs,
    /// Print the result's only argument alone instead of `{"args": […], "kwargs": {…}}`; a result of another shape then
    /// ends with 11.
    #[arg(long)]
    value: bool,
    /// Ask to be named to the callee.
    #[arg(long)]
    disclose_me: bool,
    #[command(flatten)]
    session: SessionArgs,
}

pub(in crate::cli) fn run(args: &CallArgs) -> ExitCode {
    ended(called(args))
}

fn called(args: &CallArgs) -> Result<(), Trouble> {
    let payload = args.carried.payload()?;
    let options = CallOptions { disclose_me: args.disclose_me, ..CallOptions::default() };
    let mut result = None;
    in_session(&args.session, async |session| {
        let call = session.call(args.procedure.as_str(), options, payload, args.session.deadline());
        result = Some(call.await?.payload);
        Ok(())
    })?;
    let carried = json::Carried::of(&result.unwrap_or_else(json::nothing));
    let line = if args.value { carried.only_value().map(str::to_owned) } else { Some(json::line(&carried)) };
    match line {
        Some(line) => {
            say(&line);
            Ok(())
        }
        None => {
            let why = format!("the result is not one value: {}", json::line(&carried));
            Err(Trouble::new(Exit::Request, why))
        }
    }
}
