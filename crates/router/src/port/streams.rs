//! Calls that a session makes in pieces. Source: WAMP specification, "Progressive Call Invocations".
//!
//! A call may be over before its last piece comes; what comes late is dropped without a word.

use std::collections::HashMap;
use std::time::Duration;

use ahash::RandomState;
use tokio::time::Instant;
use transom_wamp::{Id, Text};

use crate::session::Session;

/// How long late pieces of a call are known as such.
const GRACE: Duration = Duration::from_secs(30);

/// So many before those that are over are looked for.
const FEW: usize = 16;

/// Calls whose last piece has not come.
#[derive(Default)]
pub(super) struct Streams {
    open: HashMap<Id, Stream, RandomState>,
    /// When there are so many, those that are over are looked for.
    tidy_at: usize,
}

struct Stream {
    procedure: Text,
    /// Since when the call is known to be over.
    over: Option<Instant>,
}

/// What a CALL is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// A call of its own.
    None,
    /// A further piece of a call.
    Further,
    /// A piece of a call of another procedure.
    Foreign,
}

impl Streams {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether pieces of this call are still to come.
    pub(super) fn is_open(&self, call: Id) -> bool {
        self.open.contains_key(&call)
    }

    /// A CALL came; whether it is a further piece of one that came before. After the last there is none.
    pub(super) fn take(&mut self, call: Id, procedure: &Text, last: bool) -> Piece {
        match self.open.get(&call) {
            None => return Piece::None,
            Some(stream) if stream.procedure != *procedure => return Piece::Foreign,
            Some(_) => {}
        }
        if last {
            self.open.remove(&call);
        }
        Piece::Further
    }

    /// The first piece of a call came. Whether it reached anybody or not, others may follow it. With more than `most`, no
    /// piece of those that are over is waited for.
    pub(super) fn begin(&mut self, session: &Session, call: Id, procedure: &Text, now: Instant, most: usize) {
        if self.open.len() >= self.tidy_at.max(FEW) {
            self.tidy(session, now, most);
            self.tidy_at = 2 * self.open.len();
        }
        self.open.insert(call, Stream { procedure: procedure.detached(), over: None });
    }

    /// Forgets calls that have been over for long, and, where there are too many, all that are over.
    fn tidy(&mut self, session: &Session, now: Instant, most: usize) {
        let many = self.open.len() > most;
        self.open.retain(|call, stream| {
            if session.has_made(*call) {
                return true;
            }
            let since = *stream.over.get_or_insert(now);
            !many && now.saturating_duration_since(since) < GRACE
        });
    }
}
