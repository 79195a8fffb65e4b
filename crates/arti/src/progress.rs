//! Bootstrapping: attempts until one succeeds, and what is told about it.

use std::time::Duration;

use arti_client::status::BootstrapStatus;
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::client::Client;
use crate::error::words;

/// The pauses between attempts double from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// When nothing has moved for this time, that is the problem.
const STALLED: Duration = Duration::from_secs(30);

/// What bootstrapping is at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// How far it is, 0 to 100. Falls again when what is known of the network becomes too old.
    pub percent: u8,
    /// Whether streams can be opened at once.
    pub ready: bool,
    /// What is being done.
    pub text: String,
    /// Why it does not go on, as far as that is known.
    pub problem: Option<String>,
}

impl From<&BootstrapStatus> for Progress {
    fn from(status: &BootstrapStatus) -> Self {
        // `status` writes the percentage first.
        let text = status.to_string();
        let text = text.split_once("%: ").map_or(&*text, |(_, text)| text).to_owned();
        Progress {
            // A float turned into an integer stays within its bounds.
            percent: (status.as_frac() * 100.0) as u8,
            ready: status.ready_for_traffic(),
            text,
            problem: status.blocked().map(|blocked| format!("{}: {}", blocked.kind(), blocked.message())),
        }
    }
}

/// Attempts to bootstrap until one succeeds, and tells of changes for as long as the Tor runs.
pub(crate) async fn bootstrap(client: &Client, progress: &watch::Sender<Progress>) {
    tokio::join!(attempts(client, progress), changes(client, progress));
}

async fn attempts(client: &Client, progress: &watch::Sender<Progress>) {
    let (mut pause, longest) = PAUSES;
    while let Err(error) = client.bootstrap().await {
        let problem = words(&error);
        warn!("Tor: bootstrapping failed, next attempt in {} s: {problem}", pause.as_secs());
        progress.send_modify(|progress| progress.problem = Some(problem));
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

async fn changes(client: &Client, progress: &watch::Sender<Progress>) {
    let mut events = client.bootstrap_events();
    let mut told = Told::default();
    loop {
        let now = match timeout(STALLED, events.next()).await {
            Ok(Some(status)) => Progress::from(&status),
            Ok(None) => return,
            Err(_) => stalled(&progress.borrow()),
        };
        told.log(&now);
        progress.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
    }
}

/// Arti says nothing while it waits, often for minutes, before it tries relays again that could not be reached.
fn stalled(before: &Progress) -> Progress {
    let mut now = before.clone();
    if !now.ready && now.problem.is_none() {
        now.problem = Some(format!("nothing has moved for {} s: {}", STALLED.as_secs(), now.text));
    }
    now
}

/// What stands in the log already: each step of ten percent, readiness and each new problem are told once.
#[derive(Debug, Default)]
struct Told {
    step: u8,
    ready: bool,
    problem: Option<String>,
}

impl Told {
    /// Whether these are news.
    fn news(&mut self, now: &Progress) -> (bool, bool) {
        let step = now.percent / 10;
        let moved = step > self.step || now.ready != self.ready;
        if moved {
            (self.step, self.ready) = (step, now.ready);
        }
        let stuck = now.problem.is_some() && now.problem != self.problem;
        if stuck || now.ready {
            self.problem.clone_from(&now.problem);
        }
        (moved, stuck)
    }

    fn log(&mut self, now: &Progress) {
        let (moved, stuck) = self.news(now);
        if moved {
            let ready = if now.ready { "ready" } else { "not ready" };
            info!("Tor: {ready}, {} %: {}", now.percent, now.text);
        }
        if let (true, Some(problem)) = (stuck, &now.problem) {
            warn!("Tor: {} %, stuck: {problem}", now.percent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_when_it_moves_is_logged_in_steps_and_each_problem_once() {
        let mut told = Told::default();
        for (percent, ready, problem, news) in [
            (0, false, None, (false, false)),
            (9, false, None, (false, false)),
            (12, false, None, (true, false)),
            (19, false, Some("no relay"), (false, true)),
            (19, false, Some("no relay"), (false, false)),
            (15, false, None, (false, false)),
            (19, false, Some("no relay"), (false, false)),
            (40, false, Some("clock"), (true, true)),
            (100, true, None, (true, false)),
            (100, true, Some("clock"), (false, true)),
            (60, false, None, (true, false)),
            (70, false, None, (true, false)),
        ] {
            let now = Progress { percent, ready, text: String::new(), problem: problem.map(str::to_owned) };
            assert_eq!(told.news(&now), news, "{now:?}");
        }
    }

    #[test]
    fn progress_when_it_stands_still_is_a_problem_unless_ready() {
        let at = |ready, problem: Option<&str>| {
            let problem = problem.map(str::to_owned);
            stalled(&Progress { percent: 9, ready, text: "connecting".to_owned(), problem }).problem
        };
        assert_eq!(at(false, None).as_deref(), Some("nothing has moved for 30 s: connecting"));
        assert_eq!(at(false, Some("clock")).as_deref(), Some("clock"));
        assert_eq!(at(true, None), None);
    }

    #[test]
    fn progress_when_nothing_was_done_is_at_the_start() {
        let progress = Progress::from(&BootstrapStatus::default());
        assert_eq!((progress.percent, progress.ready), (0, false));
        assert!(!progress.text.is_empty() && !progress.text.contains('%'), "{progress:?}");
    }
}
