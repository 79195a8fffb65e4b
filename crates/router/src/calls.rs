//! The calls of a session that are not answered yet: those it made, and those it is to answer as a callee.
//!
//! Whoever takes an entry out of the callee's `taken` alone may answer the call, so that each call is answered once
//! whether its callee answers, its caller cancels it, or either leaves. The two sessions' locks are never held together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use ahash::RandomState;
use transom_wamp::{Class, CloseReason, Id, Message, Offered, Outgoing, code};

use crate::dealer::NotInvoked;
use crate::reply;
use crate::scratch;
use crate::session::Session;

pub(crate) struct Calls {
    made: HashMap<Id, Made, RandomState>,
    taken: HashMap<Id, Taken, RandomState>,
    /// So many may be in `made`, and so many in `taken`.
    most: usize,
    /// The session has left.
    over: bool,
}

impl Calls {
    /// Of a session that may have so many calls it made, and so many it took, that are not answered yet.
    pub(crate) fn new(most: usize) -> Self {
        Calls { made: HashMap::default(), taken: HashMap::default(), most, over: false }
    }
}

/// A call that a session made.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) callee: Arc<Session>,
    pub(crate) invocation: Id,
}

/// A call that a session is to answer.
pub(crate) struct Taken {
    pub(crate) caller: Arc<Session>,
    pub(crate) call: Id,
}

impl Session {
    /// From now on the session may have so many calls that are not answered yet; those there are stay.
    pub(crate) fn limit_calls(&self, most: usize) {
        self.calls.lock().most = most;
    }

    /// Notes a call of this session.
    pub(crate) fn note_made(&self, call: Id, made: Made) -> Result<(), NotInvoked> {
        let mut calls = self.calls.lock();
        let full = calls.made.len() >= calls.most;
        let why = match calls.made.entry(call) {
            Entry::Occupied(_) => NotInvoked::NumberInUse,
            Entry::Vacant(_) if full => NotInvoked::TooManyMade,
            Entry::Vacant(entry) => {
                entry.insert(made);
                return Ok(());
            }
        };
        drop(calls);
        drop(made);
        Err(why)
    }

    /// Forgets a call of this session.
    pub(crate) fn forget_made(&self, call: Id) {
        let made = self.calls.lock().made.remove(&call);
        drop(made);
    }

    /// The call of this number, while it is not answered.
    pub(crate) fn made(&self, call: Id) -> Option<Made> {
        self.calls.lock().made.get(&call).cloned()
    }

    /// Notes a call that this session is to answer.
    pub(crate) fn note_taken(&self, invocation: Id, taken: Taken) -> Result<(), NotInvoked> {
        let mut calls = self.calls.lock();
        let why = if calls.over {
            NotInvoked::Gone
        } else if calls.taken.len() >= calls.most {
            NotInvoked::TooManyTaken
        } else {
            calls.taken.insert(invocation, taken);
            return Ok(());
        };
        drop(calls);
        drop(taken);
        Err(why)
    }

    /// The right to answer a call that this session took, unless somebody else has it already.
    pub(crate) fn claim(&self, invocation: Id) -> Option<Taken> {
        self.calls.lock().taken.remove(&invocation)
    }

    /// Whether an invocation of this session is not answered yet.
    pub(crate) fn has_taken(&self, invocation: Id) -> bool {
        self.calls.lock().taken.contains_key(&invocation)
    }

    /// Answers a call of this session with RESULT or ERROR, for who claimed it. Nothing is queued once the session has
    /// left. A session with no room for the answer is closed.
    pub(crate) fn answer(&self, call: Id, answer: &Message) {
        match self.end_made(call, answer) {
            Offered::Queued | Offered::Closed => {}
            Offered::Full => self.too_slow(),
            Offered::TooLarge => self.answer_too_large(call),
        }
    }

    fn end_made(&self, call: Id, answer: &Message) -> Offered {
        scratch::single(|encoder| {
            let message = encoder.encode(self.serializer, answer);
            let mut calls = self.calls.lock();
            let made = calls.made.remove(&call);
            let offered = match &made {
                Some(_) => self.sink.offer(Outgoing { class: Class::Normal, message }),
                None => Offered::Closed,
            };
            drop(calls);
            drop(made);
            offered
        })
    }

    fn answer_too_large(&self, call: Id) {
        let text = "the answer is larger than the caller accepts";
        let error = reply::error(self.serializer, code::CALL, call, reply::PAYLOAD_SIZE_EXCEEDED, text);
        let offered = scratch::single(|encoder| {
            let message = encoder.encode(self.serializer, &error);
            let calls = self.calls.lock();
            if calls.over {
                return Offered::Closed;
            }
            self.sink.offer(Outgoing { class: Class::Normal, message })
        });
        match offered {
            Offered::Queued | Offered::Closed => {}
            Offered::Full => self.too_slow(),
            Offered::TooLarge => {
                tracing::info!(session = %self.id, "closing a session that accepts no message of the size of an error");
                self.sink.close(CloseReason::Internal);
            }
        }
    }

    /// The session leaves: its calls are forgotten and those it took are answered with an error.
    pub(crate) fn end_calls(&self) {
        let (made, taken) = {
            let mut calls = self.calls.lock();
            calls.over = true;
            (std::mem::take(&mut calls.made), std::mem::take(&mut calls.taken))
        };
        for made in made.into_values() {
            // Late answers find nothing any more.
            drop(made.callee.claim(made.invocation));
        }
        for Taken { caller, call } in taken.into_values() {
            let text = "the callee left before it answered";
            caller.answer(call, &reply::error(caller.serializer, code::CALL, call, reply::CANCELED, text));
        }
    }
}
