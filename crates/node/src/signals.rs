//! Signals as an operator means them: the first SIGINT or SIGTERM drains, the second cuts; SIGHUP is noted.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals of this process, caught from when it is made.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next wish to stop; returns the signal's name.
    pub(crate) async fn stop(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.hangup.recv() => {
                    tracing::warn!("SIGHUP: this release cannot reload its configuration; the node goes on as it is");
                }
            }
        }
    }
}
