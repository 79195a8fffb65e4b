//! The time limits of a connection, kept by one timer that is moved only when it fires.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::HttpSettings;
use super::watched::{Progress, Step};

/// Which limit a peer has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// The head of a request was not there in time.
    Head,
    /// Nothing was asked for long enough; an ordinary end.
    Idle,
    /// The peer takes nothing of the answer.
    Answer,
}

pub(super) struct Limits {
    header: Option<Duration>,
    idle: Option<Duration>,
    progress: Arc<Progress>,
    seen: Option<(u32, bool)>,
    deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Limits {
    pub(super) fn new(settings: &HttpSettings, progress: Arc<Progress>) -> Self {
        Limits {
            header: settings.header_timeout,
            idle: settings.idle_timeout,
            progress,
            seen: None,
            deadline: None,
            timer: None,
        }
    }

    /// To be polled after the connection was.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        let mark = self.progress.mark();
        if self.seen != Some(mark) {
            self.seen = Some(mark);
            let time = match self.progress.step() {
                Step::Head => self.header,
                Step::Idle => self.idle,
                Step::Answer if self.progress.is_blocked() => self.idle,
                // It is the service that takes its time.
                Step::Answer => None,
            };
            self.deadline = time.and_then(|time| Instant::now().checked_add(time));
        }
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if deadline <= Instant::now() {
                return Poll::Ready(match self.progress.step() {
                    Step::Head => Late::Head,
                    // The last bytes of an answer may still be waiting.
                    Step::Idle if !self.progress.is_blocked() => Late::Idle,
                    Step::Idle | Step::Answer => Late::Answer,
                });
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
