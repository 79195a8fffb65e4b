//! `transom subscribe`.

use std::process::ExitCode;

use clap::Args;
use transom_client::{Client, Overflow, Reconnecting, SubscribeOptions};
use transom_wamp::Event;

use super::lasting::{self, LastingArgs, Matching};
use super::{SessionArgs, json, runtime};
use crate::StartError;
use crate::cli::complain;
use crate::cli::lines::{Lines, lines};
use crate::cli::outcome::{EXIT_CODES, Trouble, ended};
use crate::signals::{Signal, Signals};

/// Arguments of `transom subscribe`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct SubscribeArgs {
    /// The topic, or the pattern that topics are to match.
    topic: String,
    /// How topics match.
    #[arg(long = "match", value_enum, value_name = "HOW", default_value_t)]
    matching: Matching,
    /// Also ask for the event that the router keeps.
    #[arg(long)]
    get_retained: bool,
    /// End after so many events.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[command(flatten)]
    lasting: LastingArgs,
    #[command(flatten)]
    session: SessionArgs,
}

pub(in crate::cli) fn run(args: &SubscribeArgs) -> ExitCode {
    ended(subscribed(args))
}

fn subscribed(args: &SubscribeArgs) -> Result<(), Trouble> {
    let client = args.session.client()?;
    runtime()?.block_on(async {
        let (lines, writing) = lines();
        let result = listen(args, client, &lines).await;
        drop(lines);
        writing.done().await;
        result
    })
}

async fn listen(args: &SubscribeArgs, client: Client, lines: &Lines) -> Result<(), Trouble> {
    let mut signals = Signals::install().map_err(StartError::Process)?;
    let reconnecting = Reconnecting::start(client, args.lasting.backoff());
    let telling = lasting::tell(&reconnecting, &args.session.realm);
    let mut options = SubscribeOptions::default();
    options.matching = args.matching.into();
    options.get_retained = args.get_retained;
    // Whoever reads slowly is a slow subscriber to the router, and loses nothing here.
    options.overflow = Overflow::HoldBack;
    let result = tokio::select! {
        result = print(args, &reconnecting, options, lines) => result,
        () = stopped(&mut signals) => Ok(()),
        // Nobody reads what would be printed.
        () = lines.closed() => Ok(()),
    };
    telling.abort();
    reconnecting.close().await;
    result
}

async fn print(
    args: &SubscribeArgs,
    reconnecting: &Reconnecting,
    options: SubscribeOptions,
    lines: &Lines,
) -> Result<(), Trouble> {
    let subscribing = reconnecting.subscribe(args.topic.as_str(), options);
    let mut subscription = subscribing.await.map_err(|error| lasting::trouble(reconnecting, error))?;
    complain(&format!("subscribed to {}", args.topic));
    let mut left = args.count;
    while left != Some(0) {
        let Some(event) = subscription.next().await else {
            return Err(lasting::over(reconnecting, "subscription"));
        };
        lines.add(json::line(&line(&args.topic, &event))).await;
        left = left.map(|left| left - 1);
    }
    Ok(())
}

fn line(topic: &str, event: &Event) -> json::EventLine {
    let details = &event.details;
    json::EventLine {
        topic: details.topic.as_ref().map_or_else(|| topic.to_owned(), ToString::to_string),
        publication: event.publication.get(),
        publisher: details.publisher.as_ref().map(|publisher| publisher.session.get()),
        retained: details.retained,
        carried: json::Carried::of(&event.payload),
    }
}

/// Completes at the first wish to stop; there is nothing to reload.
pub(super) async fn stopped(signals: &mut Signals) {
    while signals.next().await == Signal::Reload {}
}
