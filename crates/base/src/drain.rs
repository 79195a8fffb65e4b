//! The way a node ends: running, draining, aborting. One [`Drain`] belongs to whoever decides; a [`DrainWatch`] to
//! everything that has to take part. Draining is over when the last watch is dropped.

use tokio::sync::watch;

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    Running,
    /// No new connections; those that are open say goodbye and finish.
    Draining,
    /// Whatever is still open is cut.
    Aborting,
}

/// Decides the phase.
#[derive(Debug)]
pub struct Drain {
    phase: watch::Sender<Phase>,
}

/// Follows the phase; holding one keeps the drain from being complete.
#[derive(Debug, Clone)]
pub struct DrainWatch {
    phase: watch::Receiver<Phase>,
}

impl Drain {
    /// A drain in the phase [`Phase::Running`] and a first watch of it.
    pub fn new() -> (Drain, DrainWatch) {
        let (sender, receiver) = watch::channel(Phase::Running);
        (Drain { phase: sender }, DrainWatch { phase: receiver })
    }

    /// Another watch.
    pub fn watch(&self) -> DrainWatch {
        DrainWatch { phase: self.phase.subscribe() }
    }

    /// Asks everything that is open to finish.
    pub fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// Cuts what is still open.
    pub fn abort(&self) {
        self.advance(Phase::Aborting);
    }

    /// Completes when no watch is left.
    pub async fn complete(&self) {
        self.phase.closed().await;
    }

    /// How many watches are left.
    pub fn left(&self) -> usize {
        self.phase.receiver_count()
    }

    fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let forward = *phase < to;
            if forward {
                *phase = to;
            }
            forward
        });
    }
}

impl DrainWatch {
    /// A watch that stays at [`Phase::Running`] for ever, for uses without a node around them.
    pub fn never() -> DrainWatch {
        Drain::new().1
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until the phase is `at_least`; for ever when nobody is left who could say so.
    pub async fn reached(&mut self, at_least: Phase) {
        if self.phase.wait_for(|phase| *phase >= at_least).await.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drain_completes_when_the_last_watch_is_dropped() {
        let (drain, mut watch) = Drain::new();
        let second = drain.watch();
        drain.drain();
        watch.reached(Phase::Draining).await;
        assert_eq!(second.phase(), Phase::Draining);
        drop((watch, second));
        drain.complete().await;
    }

    #[test]
    fn phase_never_goes_back() {
        let (drain, watch) = Drain::new();
        drain.abort();
        drain.drain();
        assert_eq!(watch.phase(), Phase::Aborting);
    }
}
