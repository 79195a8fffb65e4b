//! `transom reload`.

use std::process::ExitCode;
use std::time::Duration;

use super::ask::{Failed, ask, astray, ended};
use super::{ReloadArgs, complain, say};
use crate::control::{Outcome, Request, Response};

/// How long a reload may take.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn run(args: ReloadArgs) -> ExitCode {
    ended(ask(args.cbdir.as_deref(), Request::Reload, TIMEOUT, async |_, response| match response {
        Response::Reload(outcome) => tell(outcome),
        _ => Err(astray()),
    }))
}

fn tell(outcome: Outcome) -> Result<(), Failed> {
    if let Some(findings) = &outcome.findings {
        complain(findings);
    }
    if !outcome.ok {
        let why = outcome.error.unwrap_or_default();
        return Err(Failed(format!("{why}\nThe configuration is not reloaded; the node goes on as it was.")));
    }
    let mut text = match outcome.changes.len() {
        0 => "Reloaded: nothing changed.".to_owned(),
        1 => "Reloaded: 1 change.".to_owned(),
        number => format!("Reloaded: {number} changes."),
    };
    for line in outcome.changes.iter().chain(&outcome.later) {
        text.push_str("\n  ");
        text.push_str(line);
    }
    say(&text);
    Ok(())
}
