//! A command that answers one call.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use transom_base::Deadline;
use transom_client::ProcedureError;
use transom_wamp::{Payload, uri};

use crate::cli::complain;
use crate::cli::wamp::json::{self, CallLine};

/// The most that a command may print. No message of WAMP over RawSocket is longer.
const MAX_OUTPUT: u64 = 16 << 20;

/// Runs the command with the call on its standard input; what it prints is the result. Dropping the future kills it, with
/// all it has started.
pub(super) async fn run(
    command: &[String],
    timeout: Option<Duration>,
    call: &CallLine,
) -> Result<Payload, ProcedureError> {
    let outcome = Deadline::after(timeout).run(output(command, call)).await;
    let failed = |why: &str| Err(ProcedureError::new(uri::RUNTIME_ERROR, why));
    let (status, output) = match outcome {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => {
            // What exactly is wrong here is not the caller's business.
            complain(&format!("Error: the command cannot be run: {error}"));
            return failed("the command cannot be run");
        }
        Err(_) => return Err(ProcedureError::new(uri::TIMEOUT, "the command took too long")),
    };
    let Ok(output) = String::from_utf8(output) else {
        return failed("the command printed what is not UTF-8");
    };
    if !status.success() {
        if let Some((error, payload)) = json::error(&output) {
            return Err(ProcedureError { error: error.into(), payload });
        }
        return failed(&format!("the command failed: {status}"));
    }
    json::answer(&output).or_else(|why| failed(&format!("the command printed no JSON: {why}")))
}

async fn output(command: &[String], call: &CallLine) -> io::Result<(ExitStatus, Vec<u8>)> {
    let (program, args) = command.split_first().ok_or(io::ErrorKind::NotFound)?;
    let child = Command::new(program)
        .args(args)
        .env("TRANSOM_PROCEDURE", &call.procedure)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let mut group = Group(child);
    let (stdin, stdout) = (group.0.stdin.take(), group.0.stdout.take());
    let line = json::line(call) + "\n";
    let ask = async move {
        if let Some(mut stdin) = stdin {
            // A command need not read it.
            let _ = stdin.write_all(line.as_bytes()).await;
        }
    };
    let ((), output) = tokio::join!(ask, printed(stdout));
    let output = output?;
    let status = group.0.wait().await?;
    Ok((status, output))
}

async fn printed(stdout: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    if let Some(stdout) = stdout {
        stdout.take(MAX_OUTPUT + 1).read_to_end(&mut output).await?;
    }
    if output.len() as u64 > MAX_OUTPUT {
        return Err(io::Error::other(format!("it prints more than {MAX_OUTPUT} bytes")));
    }
    Ok(output)
}

/// A command and all that it starts; killed when it is dropped before its end.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Nobody has waited for it, so the number is still its own.
        if let Some(pid) = self.0.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}
