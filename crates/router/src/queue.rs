//! Calls that wait while every callee of a procedure has as many as it takes: first come, first served.
//!
//! One task at a time hands them out, so that they reach a callee in the order in which they were made; a task that
//! finds another at it leaves the work to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use transom_wamp::Call;

use crate::calls::{Made, MadeMore, Place, Timer};
use crate::dealer::{Invoked, NotInvoked, Terms};
use crate::realm::Realm;
use crate::registration::{Callee, Registration, Slot, Tried};
use crate::reply;
use crate::reroute::{Brought, Moving, detach};
use crate::session::Session;
use crate::sync::Mutex;

/// What a call takes beside its payload, in octets.
const OVERHEAD: usize = 256;

/// Where the calls of one registration wait.
pub(crate) struct CallQueue {
    limit: usize,
    max_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the order of coming.
    waiting: BTreeMap<u64, Box<Moving>>,
    next: u64,
    bytes: usize,
    /// Somebody is handing them out.
    busy: bool,
    /// Something has changed since whoever hands them out began.
    again: bool,
    /// Nobody answers the procedure any more.
    closed: bool,
}

impl CallQueue {
    pub(crate) fn new(limit: usize, max_bytes: usize) -> Box<Self> {
        Box::new(CallQueue { limit, max_bytes, state: Mutex::default() })
    }

    /// Takes the call that has waited longest. It counts as moving from then on.
    fn take_first(&self) -> Option<(u64, Box<Moving>)> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let (ticket, moving) = state.waiting.pop_first()?;
        state.bytes = state.bytes.saturating_sub(size(&moving.call));
        set_moving(&moving);
        Some((ticket, moving))
    }

    /// Puts a call back to where it was.
    fn put_back(&self, ticket: u64, moving: Box<Moving>) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let why = {
            let mut calls = moving.caller.calls.lock();
            match calls.made.get_mut(moving.call.request).map(|made| &mut made.place) {
                Some(Place::Moving { end: Some(why) }) => Some(*why),
                Some(place @ Place::Moving { end: None }) if !state.closed => {
                    *place = Place::Queued { registration: moving.registration.clone(), ticket };
                    state.bytes += size(&moving.call);
                    drop(calls);
                    state.waiting.insert(ticket, moving);
                    return;
                }
                _ => None,
            }
        };
        let closed = state.closed;
        drop(guard);
        match why {
            Some(why) => why.answer(&moving.caller, moving.call.request),
            None if closed => refuse(&moving),
            // Its caller has left.
            None => {}
        }
    }

    /// Whether there is anything to hand out; whoever is told so does it.
    fn begin(&self) -> bool {
        let mut state = self.state.lock();
        if state.busy {
            state.again = true;
            return false;
        }
        state.busy = !state.waiting.is_empty();
        state.busy
    }

    /// Whether everything is handed out that can be.
    fn finish(&self) -> bool {
        let mut state = self.state.lock();
        state.busy = std::mem::take(&mut state.again) && !state.waiting.is_empty();
        !state.busy
    }
}

/// The call is on its way; nobody takes it out of the queue any more.
fn set_moving(moving: &Moving) {
    let mut calls = moving.caller.calls.lock();
    if let Some(made) = calls.made.get_mut(moving.call.request) {
        made.place = Place::Moving { end: None };
    }
}

fn size(call: &Call) -> usize {
    call.payload.bytes.len() + OVERHEAD
}

fn refuse(moving: &Moving) {
    let text = "nobody answers the procedure any more";
    moving.caller.answer_error(moving.call.request, reply::CANCELED, text);
}

impl Registration {
    /// Whether calls wait, or are just being handed out.
    pub(crate) fn has_queued(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| {
            let state = queue.state.lock();
            state.busy || !state.waiting.is_empty()
        })
    }

    /// Lets a call wait for a callee, where there is a queue with room. Calls in pieces do not wait: their pieces would
    /// have to.
    pub(crate) fn enqueue(
        self: &Arc<Self>,
        realm: &Realm,
        caller: &Arc<Session>,
        mut call: Call,
        terms: Terms,
    ) -> Invoked {
        let Some(queue) = self.queue.as_ref().filter(|_| !call.options.progress) else {
            return Invoked::Not(call, NotInvoked::Busy);
        };
        let request = call.request;
        let timer = Timer::new(realm, terms.timeout, false);
        let more = timer.map(|timer| Box::new(MadeMore { timer: Some(timer), ..MadeMore::default() }));
        detach(&mut call);
        let size = size(&call);
        let moving =
            Moving { registration: self.clone(), caller: caller.clone(), call, terms, tried: Tried::new() };
        let moving = Box::new(moving);
        let mut state = queue.state.lock();
        let ticket = state.next;
        let full = state.waiting.len() >= queue.limit || state.bytes.saturating_add(size) > queue.max_bytes;
        let noted = if state.closed {
            Err(NotInvoked::Ended)
        } else if full {
            Err(NotInvoked::Busy)
        } else {
            let place = Place::Queued { registration: self.clone(), ticket };
            caller.note_made(request, Made { place, more })
        };
        if let Err(why) = noted {
            drop(state);
            return Invoked::Not(moving.call, why);
        }
        state.next += 1;
        state.bytes += size;
        state.waiting.insert(ticket, moving);
        drop(state);
        self.dispatch(realm);
        Invoked::Sent
    }

    /// Takes a call out of the queue; false when it is not there any more.
    pub(crate) fn unqueue(&self, ticket: u64) -> bool {
        let Some(queue) = &self.queue else { return false };
        let removed = {
            let mut state = queue.state.lock();
            let removed = state.waiting.remove(&ticket);
            let freed = removed.as_ref().map_or(0, |moving| size(&moving.call));
            state.bytes = state.bytes.saturating_sub(freed);
            removed
        };
        removed.is_some()
    }

    /// Hands out calls that wait, as long as callees have room.
    pub(crate) fn dispatch(self: &Arc<Self>, realm: &Realm) {
        let Some(queue) = &self.queue else { return };
        if !queue.begin() {
            return;
        }
        loop {
            while let Ok((callee, slot)) = self.choose(&[]) {
                let Some((ticket, moving)) = queue.take_first() else {
                    if let Some(slot) = slot {
                        slot.give_back();
                    }
                    break;
                };
                if !self.hand_out(realm, moving, ticket, callee, slot) {
                    break;
                }
            }
            if queue.finish() {
                return;
            }
        }
    }

    /// Brings one call to a callee; false where there is none with room, so that it waits again.
    fn hand_out(
        self: &Arc<Self>,
        realm: &Realm,
        mut moving: Box<Moving>,
        ticket: u64,
        mut callee: Arc<Callee>,
        mut slot: Option<Slot>,
    ) -> bool {
        loop {
            match moving.bring(realm, &callee, slot) {
                Brought::Done => return true,
                Brought::Failed(uri, text) => {
                    moving.caller.answer_error(moving.call.request, uri, text);
                    return true;
                }
                Brought::NotThere => moving.tried.push(callee.number),
            }
            match self.choose(&moving.tried) {
                Ok(another) => (callee, slot) = another,
                Err(_) => {
                    moving.tried.clear();
                    if let Some(queue) = &self.queue {
                        queue.put_back(ticket, moving);
                    }
                    return false;
                }
            }
        }
    }

    /// Nobody answers the procedure any more: who waits is told.
    pub(crate) fn refuse_queued(&self) {
        let Some(queue) = &self.queue else { return };
        let waiting = {
            let mut guard = queue.state.lock();
            let state = &mut *guard;
            state.closed = true;
            state.bytes = 0;
            let waiting = std::mem::take(&mut state.waiting);
            waiting.values().for_each(|moving| set_moving(moving));
            waiting
        };
        waiting.values().for_each(|moving| refuse(moving));
    }
}
