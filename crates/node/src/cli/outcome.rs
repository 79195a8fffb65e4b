//! How the commands that connect end: one table of exit codes for all of them.

use std::borrow::Cow;
use std::process::ExitCode;

use transom_client::{ConnectError, RequestError};
use transom_endpoint::{ConnectFailure, EndpointError};
use transom_tls::Untrusted;

use super::complain;
use crate::StartError;

/// The table, for `--help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   what was given is wrong or cannot be had: an endpoint or transport, a file, an argument, a secret, an address
  2   the command line is wrong
  3   the host name leads to no address
  4   refused: nobody listens there
  5   unreachable: no way leads there
  6   no answer in time
  7   the server's certificate is not trusted
  8   the TLS handshake failed for another reason
  9   the connection failed or was lost, or the server speaks something else
  10  the router refused the session
  11  the request was answered with an error";

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Wrong = 1,
    Unresolvable = 3,
    Refused = 4,
    Unreachable = 5,
    TimedOut = 6,
    Untrusted = 7,
    Tls = 8,
    Connection = 9,
    Session = 10,
    Request = 11,
}

impl Exit {
    /// The word for machines.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Exit::Wrong => "wrong",
            Exit::Unresolvable => "unresolvable",
            Exit::Refused => "refused",
            Exit::Unreachable => "unreachable",
            Exit::TimedOut => "timed-out",
            Exit::Untrusted => "untrusted",
            Exit::Tls => "tls",
            Exit::Connection => "connection",
            Exit::Session => "session",
            Exit::Request => "request",
        }
    }

    /// What an error of an endpoint comes to.
    pub(super) fn of(error: &EndpointError) -> Self {
        match (error.connect_failure(), error) {
            (Some(ConnectFailure::Unresolvable), _) => Exit::Unresolvable,
            (Some(ConnectFailure::Unreachable), _) => Exit::Unreachable,
            (Some(ConnectFailure::Refused), _) => Exit::Refused,
            (Some(ConnectFailure::TimedOut), _) | (None, EndpointError::UpgradeTimeout { .. }) => {
                Exit::TimedOut
            }
            (None, EndpointError::Upgrade { source, .. }) if source.is::<Untrusted>() => Exit::Untrusted,
            (None, EndpointError::Upgrade { .. }) => Exit::Tls,
            (None, EndpointError::OutOfRange { .. }) => Exit::Wrong,
            _ => Exit::Connection,
        }
    }
}

/// Why a command did not do what it was asked, with a sentence for people.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) exit: Exit,
    pub(super) why: String,
}

impl Trouble {
    pub(super) fn new(exit: Exit, why: impl Into<String>) -> Self {
        Trouble { exit, why: why.into() }
    }

    /// What was given is wrong.
    pub(super) fn wrong(why: impl Into<String>) -> Self {
        Trouble::new(Exit::Wrong, why)
    }
}

impl From<StartError> for Trouble {
    fn from(error: StartError) -> Self {
        Trouble::wrong(error.to_string())
    }
}

impl From<&ConnectError> for Trouble {
    fn from(error: &ConnectError) -> Self {
        let exit = match error {
            ConnectError::Endpoint(error) => Exit::of(error),
            ConnectError::Timeout { .. } => Exit::TimedOut,
            ConnectError::Login(_) | ConnectError::Refused(_) => Exit::Session,
            _ => Exit::Connection,
        };
        Trouble::new(exit, error.chain())
    }
}

impl From<RequestError> for Trouble {
    fn from(error: RequestError) -> Self {
        match &error {
            RequestError::Failed(message) => {
                let mut why = message.error.to_string();
                if let Ok((args, kwargs)) = message.payload.to_values()
                    && !(args.is_empty() && kwargs.is_empty())
                {
                    let carried = super::wamp::json::message(&args, &kwargs);
                    why = format!("{why} {carried}");
                }
                Trouble::new(Exit::Request, why)
            }
            RequestError::TimedOut => Trouble::new(Exit::TimedOut, error.to_string()),
            RequestError::TooLarge => Trouble::wrong(error.to_string()),
            _ => Trouble::new(Exit::Connection, error.to_string()),
        }
    }
}

/// How the command ends.
pub(super) fn ended(result: Result<(), Trouble>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Trouble { exit, why }) => {
            complain(&format!("Error: {}", visible(&why)));
            ExitCode::from(exit as u8)
        }
    }
}

/// A text that a peer may have written, without what would move a terminal's cursor.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| c.is_control() && c != '\n';
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if harmful(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_stands_in_the_table() {
        for exit in [
            Exit::Wrong,
            Exit::Unresolvable,
            Exit::Refused,
            Exit::Unreachable,
            Exit::TimedOut,
            Exit::Untrusted,
            Exit::Tls,
            Exit::Connection,
            Exit::Session,
            Exit::Request,
        ] {
            let line = format!("\n  {:<4}", exit as u8);
            assert!(EXIT_CODES.contains(&line), "{exit:?}");
        }
    }

    #[test]
    fn what_a_peer_says_moves_no_cursor() {
        assert_eq!(visible("plain, ü"), "plain, ü");
        assert_eq!(visible("a\u{1b}[2Jb\r"), "a\\u{1b}[2Jb\\r");
    }
}
