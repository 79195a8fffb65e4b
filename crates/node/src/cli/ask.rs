//! What the commands that ask a running node have in common.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use transom_config::locate;

use super::complain;
use crate::control::{AskError, Control, Request, Response};

/// Why a command did not get what it asked for, for people.
pub(super) struct Failed(pub(super) String);

impl From<AskError> for Failed {
    fn from(error: AskError) -> Self {
        Failed(error.to_string())
    }
}

/// Asks the node that runs in a directory, and does `then` with the connection and the answer.
pub(super) fn ask<T>(
    cbdir: Option<&Path>,
    request: Request,
    timeout: Duration,
    then: impl AsyncFnOnce(Control, Response) -> Result<T, Failed>,
) -> Result<T, Failed> {
    let env = |name: &str| std::env::var(name).ok();
    let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let located = locate(cbdir, None, &env, &cwd).map_err(|error| Failed(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failed(format!("setting up the process: {error}")))?;
    runtime.block_on(async {
        let mut control = Control::connect(&located.node_dir).await?;
        match control.ask(request, timeout).await? {
            Response::Refused { error } => Err(Failed(format!("the node refuses: {error}"))),
            response => then(control, response).await,
        }
    })
}

/// An answer to another question.
pub(super) fn astray() -> Failed {
    Failed("the node answers another question than it was asked".to_owned())
}

/// How the command ends.
pub(super) fn ended(result: Result<(), Failed>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(why)) => {
            complain(&format!("Error: {why}"));
            ExitCode::FAILURE
        }
    }
}
