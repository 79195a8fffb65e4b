//! Lines on their way to standard output, which may be slow or closed: a thread of its own writes them, so that nothing
//! else waits for whoever reads.

use std::io::Write;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use transom_base::Deadline;

/// Lines that wait to be written.
const WAITING: usize = 1024;

/// How long the last lines may take.
const END: Duration = Duration::from_secs(2);

/// Where lines go in.
#[derive(Debug, Clone)]
pub(super) struct Lines(mpsc::Sender<String>);

/// The thread that writes them.
pub(super) struct Writing(oneshot::Receiver<()>);

/// A way for lines to standard output.
pub(super) fn lines() -> (Lines, Writing) {
    let (sender, mut receiver) = mpsc::channel::<String>(WAITING);
    let (done, wait) = oneshot::channel();
    std::thread::spawn(move || {
        let mut out = std::io::stdout();
        while let Some(line) = receiver.blocking_recv() {
            // A reader that went away wants no more lines.
            if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                break;
            }
        }
        drop(done);
    });
    (Lines(sender), Writing(wait))
}

impl Lines {
    /// Adds a line, unless too many wait. Whether there was room.
    pub(super) fn offer(&self, line: String) -> bool {
        !matches!(self.0.try_send(line), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Adds a line as soon as there is room. Whether there is somebody who reads.
    pub(super) async fn add(&self, line: String) -> bool {
        self.0.send(line).await.is_ok()
    }

    /// Completes when nobody reads any more.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

impl Writing {
    /// Waits until all lines are written, all [`Lines`] being dropped; not for long, when nobody reads them.
    pub(super) async fn done(self) {
        let _ = Deadline::after(END).run(self.0).await;
    }
}
