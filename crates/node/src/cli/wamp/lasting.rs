//! Sessions of the commands that run until they are stopped: they come back, and say on standard error how they stand.

use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::task::JoinHandle;
use transom_client::{Backoff, Reconnecting, RequestError, Status, Why};
use transom_wamp::Match;

use crate::cli::complain;
use crate::cli::outcome::{Exit, Trouble, visible};

/// How it comes back.
#[derive(Debug, Args)]
pub(super) struct LastingArgs {
    /// Give up after so many failures in a row to have a session; 1 = do not come back; 0 = never. What trying again
    /// cannot mend, such as a certificate that is not trusted or a login that is refused, ends the command at once.
    #[arg(long, value_name = "N", default_value_t = 0)]
    attempts: u32,
    /// The longest pause between two attempts, in seconds. Pauses begin at half a second to one and grow.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    max_delay: u64,
}

/// How URIs match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Matching {
    /// Equal.
    #[default]
    Exact,
    /// Begins with it.
    Prefix,
    /// Equal but for empty components, which match any one.
    Wildcard,
}

impl From<Matching> for Match {
    fn from(matching: Matching) -> Self {
        match matching {
            Matching::Exact => Match::Exact,
            Matching::Prefix => Match::Prefix,
            Matching::Wildcard => Match::Wildcard,
        }
    }
}

impl LastingArgs {
    pub(super) fn backoff(&self) -> Backoff {
        Backoff {
            longest: Duration::from_secs(self.max_delay),
            attempts: (self.attempts > 0).then_some(self.attempts),
            ..Backoff::default()
        }
    }
}

/// Says how it stands whenever that changes.
pub(super) fn tell(reconnecting: &Reconnecting, realm: &str) -> JoinHandle<()> {
    let (mut status, realm) = (reconnecting.status(), realm.to_owned());
    tokio::spawn(async move {
        loop {
            let now = status.borrow_and_update().clone();
            match now {
                Status::Joined(session) => {
                    complain(&format!("session {} in realm {realm}", session.welcome().session));
                }
                Status::Waiting { why, delay } => {
                    let why = why.to_string();
                    complain(&format!("{}; again in {:.1} s", visible(&why), delay.as_secs_f64()));
                }
                _ => {}
            }
            if status.changed().await.is_err() {
                return;
            }
        }
    })
}

/// Why something was not subscribed or registered: there will be no session, or it was refused.
pub(super) fn trouble(reconnecting: &Reconnecting, error: RequestError) -> Trouble {
    match (error, &*reconnecting.status().borrow()) {
        (RequestError::Ended, Status::Stopped(Why::Connect(error))) => Trouble::from(&**error),
        (RequestError::Ended, Status::Stopped(why)) => Trouble::new(Exit::Connection, why.to_string()),
        (error, _) => error.into(),
    }
}

/// Why it is over: there will be no session any more, or the router ended it.
pub(super) fn over(reconnecting: &Reconnecting, what: &str) -> Trouble {
    let stopped = matches!(&*reconnecting.status().borrow(), Status::Stopped(_));
    if stopped {
        trouble(reconnecting, RequestError::Ended)
    } else {
        Trouble::new(Exit::Request, format!("the router ended the {what}"))
    }
}
