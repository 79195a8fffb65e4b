//! The calls of a session that are not answered yet: those it made, and those it is to answer as a callee.
//!
//! Whoever takes an entry out of the callee's `taken` alone may answer the call, so that each call is answered once
//! whether its callee answers, its caller cancels it, its time is over or either leaves. The two sessions' locks are
//! never held together.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use transom_wamp::{CallOptions, Class, CloseReason, Id, Message, Offered, Outgoing, code};

use crate::dealer::{NotInvoked, Terms};
use crate::ending::Why;
use crate::realm::Realm;
use crate::registration::{Callee, Registration, Slot};
use crate::reply;
use crate::reroute::Moving;
use crate::scratch;
use crate::session::Session;
use crate::window::Window;

pub(crate) struct Calls {
    pub(crate) made: Window<Made>,
    pub(crate) taken: Window<Taken>,
    /// When calls that the session made take too long, the first first.
    timers: BTreeSet<(Instant, Id)>,
    /// So many may be in `made`, and so many in `taken`.
    most: usize,
    /// The session has left.
    over: bool,
}

impl Calls {
    /// Of a session that may have so many calls it made, and so many it took, that are not answered yet.
    pub(crate) fn new(most: usize) -> Self {
        let timers = BTreeSet::new();
        Calls { made: Window::default(), taken: Window::default(), timers, most, over: false }
    }

    /// Takes out a call that the session made.
    #[inline]
    fn remove_made(&mut self, call: Id) -> Option<Made> {
        let made = self.made.remove(call)?;
        if let Some(Timer { at, .. }) = made.timer() {
            self.timers.remove(&(*at, call));
        }
        Some(made)
    }
}

/// Calls in the order of their numbers.
type Numbered<T> = Vec<(Id, T)>;

/// A call that a session made.
pub(crate) struct Made {
    pub(crate) place: Place,
    /// Only where there is more to say of it.
    pub(crate) more: Option<Box<MadeMore>>,
}

/// Where a call is.
pub(crate) enum Place {
    /// A callee is to answer it.
    With { callee: Arc<Session>, invocation: Id },
    /// It waits for a callee to have room.
    Queued { registration: Arc<Registration>, ticket: u64 },
    /// Somebody is bringing it to a callee. What is to end it meanwhile is left here.
    Moving { end: Option<Why> },
}

/// What there may be to say of a call.
#[derive(Default)]
pub(crate) struct MadeMore {
    pub(crate) timer: Option<Timer>,
    /// The callee was told to end it, and is waited for.
    pub(crate) killed: bool,
    /// Its arguments come in pieces.
    pub(crate) stream: Option<Stream>,
}

/// How long a call may take.
pub(crate) struct Timer {
    pub(crate) after: Duration,
    pub(crate) at: Instant,
}

/// What all pieces of a call have in common.
#[derive(Clone)]
pub(crate) struct Stream {
    pub(crate) registration: Arc<Registration>,
    pub(crate) callee: Arc<Callee>,
    pub(crate) options: CallOptions,
    pub(crate) terms: Terms,
}

/// A call that a session is to answer.
pub(crate) struct Taken {
    pub(crate) caller: Arc<Session>,
    pub(crate) call: Id,
    /// Only where there is more to say of it.
    pub(crate) more: Option<Box<TakenMore>>,
}

/// What there may be to say of an invocation.
pub(crate) struct TakenMore {
    /// The caller asked for progressive results.
    pub(crate) progress: bool,
    /// One was sent.
    pub(crate) progressed: bool,
    /// How far its INVOCATION is.
    pub(crate) sent: Sent,
    pub(crate) slot: Option<Slot>,
    /// What it takes to bring the call to another callee.
    pub(crate) again: Option<Box<Moving>>,
}

/// How far an INVOCATION is. Nothing that says more of it may be queued before it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is queued.
    Yes,
    /// It is about to be queued.
    NotYet,
    /// It is about to be queued, and is to be followed by an INTERRUPT of the mode `kill`.
    ToBeKilled,
}

impl Made {
    #[inline]
    pub(crate) fn timer(&self) -> Option<&Timer> {
        self.more.as_ref()?.timer.as_ref()
    }
}

impl Taken {
    /// Whether its INVOCATION is queued.
    pub(crate) fn is_sent(&self) -> bool {
        self.more.as_ref().is_none_or(|more| more.sent == Sent::Yes)
    }

    /// The invocation is over: its place among those of its callee is free.
    #[inline]
    pub(crate) fn release(self, realm: &Realm) {
        if let Some(more) = self.more
            && let Some(slot) = more.slot
        {
            slot.release(realm);
        }
    }
}

impl Session {
    /// From now on the session may have so many calls that are not answered yet; those there are stay.
    pub(crate) fn limit_calls(&self, most: usize) {
        self.calls.lock().most = most;
    }

    /// Notes a call of this session.
    #[inline]
    pub(crate) fn note_made(&self, call: Id, made: Made) -> Result<(), NotInvoked> {
        let mut guard = self.calls.lock();
        let calls = &mut *guard;
        let why = if calls.made.contains(call) {
            NotInvoked::NumberInUse
        } else if calls.made.len() >= calls.most {
            NotInvoked::TooManyMade
        } else if calls.over {
            NotInvoked::Left
        } else {
            if let Some(Timer { at, .. }) = made.timer() {
                calls.timers.insert((*at, call));
            }
            calls.made.insert(call, made);
            return Ok(());
        };
        drop(guard);
        drop(made);
        Err(why)
    }

    /// Forgets a call of this session.
    pub(crate) fn forget_made(&self, call: Id) {
        let made = self.calls.lock().remove_made(call);
        drop(made);
    }

    /// Whether a call of this number is not answered yet.
    pub(crate) fn has_made(&self, call: Id) -> bool {
        self.calls.lock().made.contains(call)
    }

    /// Notes a call that this session is to answer; gives it back where it may not.
    #[inline]
    pub(crate) fn note_taken(&self, invocation: Id, taken: Taken) -> Result<(), (NotInvoked, Taken)> {
        let mut calls = self.calls.lock();
        if calls.over {
            return Err((NotInvoked::Gone, taken));
        }
        if calls.taken.len() >= calls.most {
            return Err((NotInvoked::TooManyTaken(calls.most), taken));
        }
        calls.taken.insert(invocation, taken);
        Ok(())
    }

    /// The right to answer a call that this session took, unless somebody else has it already.
    #[inline]
    pub(crate) fn claim(&self, invocation: Id) -> Option<Taken> {
        self.calls.lock().taken.remove(invocation)
    }

    /// Whether an invocation of this session is not answered yet.
    pub(crate) fn has_taken(&self, invocation: Id) -> bool {
        self.calls.lock().taken.contains(invocation)
    }

    /// Answers a call of this session with RESULT or ERROR, for who claimed it. Nothing is queued once the session has
    /// left. A session with no room for the answer is closed.
    #[inline]
    pub(crate) fn answer(&self, call: Id, answer: &Message) {
        match self.end_made(call, answer) {
            Offered::Queued | Offered::Closed => {}
            offered => self.not_answered(call, offered),
        }
    }

    /// Answers a call with ERROR.
    pub(crate) fn answer_error(&self, call: Id, uri: &'static str, text: &'static str) {
        self.answer(call, &reply::error(self.serializer, code::CALL, call, uri, text));
    }

    #[inline]
    fn end_made(&self, call: Id, answer: &Message) -> Offered {
        scratch::single(|encoder| {
            let message = encoder.encode(self.serializer, answer);
            let mut calls = self.calls.lock();
            let made = calls.remove_made(call);
            let offered = match &made {
                Some(_) => self.sink.offer(Outgoing { class: Class::Normal, message }),
                None => Offered::Closed,
            };
            drop(calls);
            drop(made);
            offered
        })
    }

    #[cold]
    fn not_answered(&self, call: Id, offered: Offered) {
        match offered {
            Offered::Queued | Offered::Closed => {}
            Offered::Full => self.too_slow(),
            Offered::TooLarge => self.answer_too_large(call),
        }
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

    /// Queues a progressive result of a call, if it is still with this callee; its time begins anew.
    pub(crate) fn progress(
        &self,
        call: Id,
        callee: &Arc<Session>,
        invocation: Id,
        now: Instant,
        result: &Message,
    ) -> Offered {
        scratch::single(|encoder| {
            let message = encoder.encode(self.serializer, result);
            let mut guard = self.calls.lock();
            let calls = &mut *guard;
            let Some(made) = calls.made.get_mut(call) else { return Offered::Closed };
            if !made.place.is_with(callee, invocation) {
                return Offered::Closed;
            }
            if let Some(timer) = made.more.as_mut().and_then(|more| more.timer.as_mut())
                && let Some(at) = now.checked_add(timer.after)
            {
                calls.timers.remove(&(timer.at, call));
                timer.at = at;
                calls.timers.insert((at, call));
            }
            self.sink.offer(Outgoing { class: Class::Normal, message })
        })
    }

    /// Calls of this session whose time is over, and when the next one's is.
    pub(crate) fn timed_out(&self, now: Instant) -> (Vec<Id>, Option<Instant>) {
        let mut calls = self.calls.lock();
        let mut over = Vec::new();
        while let Some((at, call)) = calls.timers.first().copied() {
            if at > now {
                return (over, Some(at));
            }
            calls.timers.pop_first();
            over.push(call);
        }
        (over, None)
    }

    /// The session leaves: what it made and took is taken from it, in the order of numbers, and nothing more is noted.
    pub(crate) fn take_calls(&self) -> (Numbered<Made>, Numbered<Taken>) {
        self.leaves();
        let mut calls = self.calls.lock();
        calls.over = true;
        calls.timers.clear();
        let (made, taken) = (std::mem::take(&mut calls.made), std::mem::take(&mut calls.taken));
        drop(calls);
        (made.into_sorted(), taken.into_sorted())
    }
}

impl Place {
    /// Whether this callee is to answer it, by this invocation.
    pub(crate) fn is_with(&self, session: &Arc<Session>, number: Id) -> bool {
        matches!(self, Place::With { callee, invocation } if Arc::ptr_eq(callee, session) && *invocation == number)
    }
}
