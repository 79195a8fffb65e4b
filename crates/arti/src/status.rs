//! How an onion service is doing.

use futures_util::StreamExt;
use tokio::sync::watch;
use tor_hsservice::RunningOnionService;
use tor_hsservice::status::{OnionServiceStatus, Problem, State};
use tracing::{debug, warn};

use crate::error::words;

/// How an onion service is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Whether clients are believed to reach it. They may also while it is `false`.
    pub reachable: bool,
    /// What it is at.
    pub text: String,
    /// What went wrong last, while that matters.
    pub problem: Option<String>,
}

impl From<&OnionServiceStatus> for ServiceStatus {
    fn from(status: &OnionServiceStatus) -> Self {
        let problem = status.current_problem().and_then(problem);
        let (reachable, text) = match status.state() {
            State::Running => (true, "reachable"),
            State::DegradedReachable => (true, "reachable, with fewer introduction points than wanted"),
            // Without a problem only one of two descriptors is due, as on a young network.
            State::DegradedUnreachable => {
                (problem.is_none(), "its descriptor could be uploaded in part only")
            }
            State::Bootstrapping => (false, "being published"),
            State::Recovering => (false, "recovering"),
            State::Broken => (false, "broken"),
            State::Shutdown => (false, "not started"),
            _ => (false, "unknown"),
        };
        let text = if reachable && problem.is_none() { "reachable" } else { text };
        ServiceStatus { reachable, text: text.to_owned(), problem }
    }
}

/// Arti also names lists of problems that are empty.
fn problem(problem: &Problem) -> Option<String> {
    match problem {
        Problem::Runtime(error) => Some(words(error)),
        Problem::DescriptorUpload(errors) => several("uploads of its descriptor", errors),
        Problem::Ipt(errors) => several("introduction points", errors),
        _ => Some("unknown".to_owned()),
    }
}

fn several<E: std::error::Error>(what: &str, errors: &[E]) -> Option<String> {
    let first = errors.first()?;
    Some(format!("{} {what} failed: {}", errors.len(), words(first)))
}

/// Tells of changes for as long as the service runs.
pub(crate) async fn changes(
    address: &str,
    service: &RunningOnionService,
    status: &watch::Sender<ServiceStatus>,
) {
    let mut events = service.status_events();
    while let Some(now) = events.next().await {
        let now = ServiceStatus::from(&now);
        let before = status.send_replace(now.clone());
        if now.reachable != before.reachable {
            debug!("onion service {address}: {}", now.text);
        }
        if let Some(problem) = now.problem.filter(|_| !now.reachable)
            && before.problem.as_ref() != Some(&problem)
        {
            warn!("onion service {address}: {}: {problem}", now.text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_when_there_are_none_are_not_told() {
        assert_eq!(problem(&Problem::Ipt(Vec::new())), None);
        assert_eq!(problem(&Problem::DescriptorUpload(Vec::new())), None);
        let errors = [std::io::Error::other("late"), std::io::Error::other("later")];
        assert_eq!(several("uploads", &errors).as_deref(), Some("2 uploads failed: late"));
    }
}
