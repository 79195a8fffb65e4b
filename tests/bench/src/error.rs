//! What can go wrong in a benchmark run, by situation.
//!
//! A failed case is reported in its row and does not stop the others; only a wrong command line does.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Result of anything in this package.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// One situation each; the cause is the source.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("connecting to {target}")]
    Connect { target: String, source: io::Error },
    #[error("{step}")]
    Io { step: &'static str, source: io::Error },
    #[error("the peer closed the connection while {during}")]
    Closed { during: &'static str },
    #[error("{carrier} handshake refused: {answer}")]
    Handshake { carrier: &'static str, answer: String },
    #[error("expected {expected}, got {got}")]
    Unexpected { expected: &'static str, got: String },
    #[error("not a legal frame from a server: {0}")]
    Frame(&'static str),
    #[error("no progress for {waited:?} with {outstanding} messages outstanding")]
    Stalled { waited: Duration, outstanding: u64 },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path}: not understood")]
    Proc { path: PathBuf },
    #[error("starting {program}")]
    Spawn { program: String, source: io::Error },
    #[error("{program} ended early ({status}); its last output:\n{output}")]
    Ended { program: String, status: String, output: String },
    #[error("{program} did not stop cleanly on SIGTERM ({status}); its last output:\n{output}")]
    Unclean { program: String, status: String, output: String },
    #[error("{program} did not answer on its port within {waited:?}; its last output:\n{output}")]
    Silent { program: String, waited: Duration, output: String },
    #[error("{program} did not stop within {waited:?} after SIGTERM")]
    Stuck { program: String, waited: Duration },
    #[error("{what}: {errno}")]
    System { what: &'static str, errno: nix::errno::Errno },
    #[error("{text:?} is not {wanted}")]
    Argument { text: String, wanted: &'static str },
}

impl Error {
    /// For `map_err` on plain input and output.
    pub(crate) fn io(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { step, source }
    }

    /// The error and its causes in one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
