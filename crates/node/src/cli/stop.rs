//! `transom stop`.

use std::process::ExitCode;
use std::time::Duration;

use super::ask::{Failed, ask, astray, ended};
use super::{StopArgs, say};
use crate::control::{Request, Response};

/// How long the node may take to begin.
const ANSWER: Duration = Duration::from_secs(10);

/// What the end may take beside the drain.
const BESIDE: Duration = Duration::from_secs(10);

pub(super) fn run(args: StopArgs) -> ExitCode {
    ended(ask(args.cbdir.as_deref(), Request::Stop, ANSWER, async |control, response| {
        let Response::Stop(stopping) = response else { return Err(astray()) };
        let pid = stopping.pid;
        say(&format!("The node (process {pid}) is stopping."));
        let timeout = match (args.timeout, stopping.drain_timeout) {
            (Some(seconds), _) => Some(Duration::from_secs(seconds)),
            (None, drain) => drain.map(|ms| Duration::from_millis(ms).saturating_add(BESIDE)),
        };
        if control.gone(timeout).await {
            say("Stopped.");
            return Ok(());
        }
        let seconds = timeout.unwrap_or_default().as_secs();
        Err(Failed(format!("the node is not gone after {seconds} s; it is still stopping (process {pid})")))
    }))
}
