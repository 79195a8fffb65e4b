//! `transom publish`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use transom_wamp::PublishOptions;

use super::{CarriedArgs, SessionArgs, in_session};
use crate::cli::outcome::{EXIT_CODES, Trouble, ended};
use crate::cli::say;

/// Arguments of `transom publish`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct PublishArgs {
    /// The topic.
    topic: String,
    #[command(flatten)]
    carried: CarriedArgs,
    /// Wait until the router has published it, and print `{"publication": ID}`. Without it a refusal is not noticed.
    #[arg(long)]
    acknowledge: bool,
    /// Have the router keep the event for later subscribers.
    #[arg(long)]
    retain: bool,
    /// Ask to be named to the subscribers.
    #[arg(long)]
    disclose_me: bool,
    #[command(flatten)]
    session: SessionArgs,
}

pub(in crate::cli) fn run(args: &PublishArgs) -> ExitCode {
    ended(published(args))
}

fn published(args: &PublishArgs) -> Result<(), Trouble> {
    let payload = args.carried.payload()?;
    let PublishArgs { acknowledge, retain, disclose_me, .. } = *args;
    let options = PublishOptions { acknowledge, retain, disclose_me, ..PublishOptions::default() };
    in_session(&args.session, async |session| {
        if let Some(publication) = session.publish(args.topic.as_str(), options, payload).await? {
            say(&json!({"publication": publication.get()}).to_string());
        }
        Ok(())
    })
}
