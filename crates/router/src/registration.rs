//! Procedures and who answers them: registering, unregistering, and the choice of a callee for a call.
//!
//! The callee of a registration that is not shared never changes and is at hand without a lock. Those of a shared one
//! stand in a list behind a lock that is held only to choose. Either way an INVOCATION is queued under the lock of its
//! callee's entry, which is the lock that UNREGISTERED is queued under.

use std::sync::Arc;

use smallvec::SmallVec;
use transom_base::Timestamp;
use transom_wamp::{
    Class, Encoded, Id, Invoke, Match, Message, Offered, Outgoing, RegisterOptions,
    Registered as RegisteredMessage, Revocation, Text,
};

use crate::broker::Ended;
use crate::meta::MetaEvent;
use crate::queue::CallQueue;
use crate::realm::Realm;
use crate::scratch;
use crate::session::Session;
use crate::sync::RwLock;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::uri::{self, UNREGISTERED};

/// A procedure or a pattern of procedures, and who answers it.
pub(crate) struct Registration {
    pub(crate) id: Id,
    pub(crate) uri: Text,
    pub(crate) matching: Match,
    pub(crate) invoke: Invoke,
    pub(crate) created: Timestamp,
    /// The callee of one that is not shared.
    sole: Option<Arc<Callee>>,
    callees: RwLock<Callees>,
    /// Where calls wait while every callee has as many as it takes.
    pub(crate) queue: Option<Box<CallQueue>>,
    /// Nobody answers it any more.
    ended: AtomicBool,
}

struct Callees {
    /// In the order of registering.
    list: Vec<Arc<Callee>>,
    /// The number of the next callee; from 1.
    next: u64,
    /// `roundrobin`: the number of the callee whose turn it is, or of the first after it.
    turn: AtomicU64,
    /// The last one left: the registration is not in use any more.
    dead: bool,
    /// `on_create` was published.
    announced: bool,
}

/// A session that answers a procedure.
pub(crate) struct Callee {
    pub(crate) number: u64,
    pub(crate) session: Arc<Session>,
    /// It wants to know its callers.
    pub(crate) disclose_caller: bool,
    /// It watches time-outs itself.
    pub(crate) forward_timeout: bool,
    /// At most so many invocations at once.
    concurrency: Option<u64>,
    /// Invocations that it has not answered, counted where they are limited.
    outstanding: AtomicU64,
    /// It does not answer new calls any more. INVOCATIONs are queued under the read lock.
    ended: RwLock<bool>,
}

/// A place among the invocations of a callee that takes a limited number.
pub(crate) struct Slot {
    callee: Arc<Callee>,
    registration: Arc<Registration>,
}

/// What became of a wish to register.
pub(crate) enum Registered {
    Done(Arc<Registration>, Arc<Callee>),
    /// It was registered before.
    Held,
    Exists,
    /// It is shared in another way.
    OtherPolicy(Invoke),
    /// It belongs to callees of other roles, which may not be driven out.
    OthersHold,
    /// REGISTERED does not fit; nothing happened.
    NoRoom,
}

/// Why there is nobody for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nobody {
    /// The registration ended.
    Ended,
    /// Every callee has as many calls as it takes.
    Busy,
    /// Every callee was tried.
    Exhausted,
}

/// Numbers of callees that are not asked again for a call.
pub(crate) type Tried = SmallVec<[u64; 2]>;

impl Callee {
    fn new(number: u64, session: Arc<Session>, options: &RegisterOptions) -> Arc<Self> {
        Arc::new(Callee {
            number,
            session,
            disclose_caller: options.disclose_caller,
            forward_timeout: options.forward_timeout,
            concurrency: options.concurrency,
            outstanding: AtomicU64::new(0),
            ended: RwLock::new(false),
        })
    }

    /// Whether its invocations are counted.
    #[inline]
    pub(crate) fn is_limited(&self) -> bool {
        self.concurrency.is_some()
    }

    /// Queues an INVOCATION; none where it does not answer calls any more.
    #[inline]
    pub(crate) fn offer(&self, message: &Message) -> Option<Offered> {
        scratch::single(|encoder| {
            let message = encoder.encode(self.session.serializer, message);
            let ended = self.ended.read();
            (!*ended).then(|| self.session.sink.offer(Outgoing { class: Class::Normal, message }))
        })
    }

    /// Takes a place among its invocations, if there is one.
    fn reserve(&self) -> bool {
        let Some(limit) = self.concurrency else { return true };
        let take = |outstanding: u64| (outstanding < limit).then(|| outstanding + 1);
        self.outstanding.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }

    /// Ends it and queues `reply` in one step; false when that does not fit.
    fn end(&self, reply: Option<Encoded<'_>>) -> bool {
        let mut ended = self.ended.write();
        *ended = reply.is_none_or(|message| {
            self.session.sink.offer(Outgoing { class: Class::Normal, message }) != Offered::Full
        });
        *ended
    }
}

impl Slot {
    /// The invocation is over: the place is given back, and whoever waits for one gets it.
    pub(crate) fn release(self, realm: &Realm) {
        self.callee.outstanding.fetch_sub(1, Ordering::AcqRel);
        self.registration.dispatch(realm);
    }

    /// The place was not needed.
    pub(crate) fn give_back(self) {
        self.callee.outstanding.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Registration {
    fn new(realm: &Realm, uri: &Text, options: &RegisterOptions, first: Arc<Callee>) -> Self {
        let sole = (options.invoke == Invoke::Single).then(|| first.clone());
        let callees =
            Callees { list: vec![first], next: 2, turn: AtomicU64::new(0), dead: false, announced: false };
        Registration {
            id: realm.next_id(),
            // It lives as long as the registration does, not as the frame it came in.
            uri: uri.detached(),
            matching: options.matching,
            invoke: options.invoke,
            created: realm.now(),
            sole,
            callees: RwLock::new(callees),
            queue: realm.call_queue(options.matching, uri),
            ended: AtomicBool::new(false),
        }
    }

    /// The callee, where there is one only and it takes any number of calls.
    #[inline]
    pub(crate) fn unlimited(&self) -> Option<&Arc<Callee>> {
        self.sole.as_ref().filter(|callee| !callee.is_limited())
    }

    /// Whether somebody still answers it.
    pub(crate) fn is_alive(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
    }

    /// Chooses a callee among those that were not tried, and takes a place among its invocations where they are limited.
    pub(crate) fn choose(self: &Arc<Self>, tried: &[u64]) -> Result<(Arc<Callee>, Option<Slot>), Nobody> {
        let callee = {
            let callees = self.callees.read();
            if callees.dead {
                return Err(Nobody::Ended);
            }
            callees.choose(self.invoke, tried)?
        };
        let slot = callee.is_limited().then(|| Slot { callee: callee.clone(), registration: self.clone() });
        Ok((callee, slot))
    }

    /// Those who answer it, in the order of registering.
    pub(crate) fn callees(&self) -> Vec<Arc<Session>> {
        self.callees.read().list.iter().map(|callee| callee.session.clone()).collect()
    }

    /// Tells of a callee that came, and of the registration where it is the first that may be told of.
    fn announce(self: &Arc<Self>, realm: &Realm, callees: &mut Callees, session: &Session) {
        if self.is_silent(session) {
            return;
        }
        if !std::mem::replace(&mut callees.announced, true) {
            realm.meta.note(|| MetaEvent::RegistrationCreated(session.id, self.clone()));
        }
        realm.meta.note(|| MetaEvent::Registered(session.id, self.id));
    }

    fn is_silent(&self, session: &Session) -> bool {
        session.is_silent() || uri::is_reserved(&self.uri)
    }

    /// Adds a callee to a shared registration and queues its REGISTERED in one step.
    fn join(self: &Arc<Self>, realm: &Realm, wish: &Wish<'_>) -> Option<Registered> {
        let reply = wish.registered(self.id);
        scratch::single(|encoder| {
            let message = encoder.encode(wish.session.serializer, &reply);
            let mut callees = self.callees.write();
            if callees.dead {
                return None;
            }
            let held = callees.list.iter().any(|callee| Arc::ptr_eq(&callee.session, wish.session));
            if wish.session.sink.offer(Outgoing { class: Class::Normal, message }) == Offered::Full {
                return Some(Registered::NoRoom);
            }
            if held {
                return Some(Registered::Held);
            }
            let callee = Callee::new(callees.next, wish.session.clone(), wish.options);
            callees.next += 1;
            callees.list.push(callee.clone());
            self.announce(realm, &mut callees, wish.session);
            Some(Registered::Done(self.clone(), callee))
        })
    }

    /// Takes a callee out and queues `reply` in one step.
    fn leave(&self, realm: &Realm, callee: &Arc<Callee>, reply: Option<&Message>) -> Ended {
        match reply {
            Some(reply) => scratch::single(|encoder| {
                let reply = encoder.encode(callee.session.serializer, reply);
                self.remove(realm, callee, Some(reply))
            }),
            None => self.remove(realm, callee, None),
        }
    }

    fn remove(&self, realm: &Realm, callee: &Arc<Callee>, reply: Option<Encoded<'_>>) -> Ended {
        let mut callees = self.callees.write();
        let Some(at) = callees.list.iter().position(|there| Arc::ptr_eq(there, callee)) else {
            return Ended::NotHeld;
        };
        if !callee.end(reply) {
            return Ended::NoRoom;
        }
        let gone = callees.list.remove(at);
        callees.dead = callees.list.is_empty();
        if callees.dead {
            self.ended.store(true, Ordering::Release);
        }
        let session = &callee.session;
        if !self.is_silent(session) {
            realm.meta.note(|| MetaEvent::Unregistered(session.id, self.id));
        }
        if callees.dead && callees.announced && !session.is_quiet() {
            realm.meta.note(|| MetaEvent::RegistrationDeleted(session.id, self.id));
        }
        drop(callees);
        drop(gone);
        Ended::Yes
    }
}

impl Callees {
    fn choose(&self, invoke: Invoke, tried: &[u64]) -> Result<Arc<Callee>, Nobody> {
        let mut untried = false;
        let mut reserve = |callee: &&Arc<Callee>| {
            if tried.contains(&callee.number) || callee.session.has_left() {
                return false;
            }
            untried = true;
            callee.reserve()
        };
        let chosen = match invoke {
            Invoke::Single | Invoke::First => self.list.iter().find(&mut reserve),
            Invoke::Last => self.list.iter().rev().find(&mut reserve),
            Invoke::RoundRobin => {
                let turn = self.turn.load(Ordering::Relaxed);
                let first = self.list.partition_point(|callee| callee.number < turn);
                let (before, from) = self.list.split_at_checked(first).unwrap_or((&[], &self.list));
                let chosen = from.iter().chain(before).find(&mut reserve);
                if let Some(callee) = chosen {
                    self.turn.store(callee.number + 1, Ordering::Relaxed);
                }
                chosen
            }
            Invoke::Random => {
                // Any of them, and where that one has no room, any of the others.
                let mut left: SmallVec<[&Arc<Callee>; 8]> = self.list.iter().collect();
                loop {
                    if left.is_empty() {
                        break None;
                    }
                    let callee = left.swap_remove(scratch::random_below(left.len()));
                    if reserve(&callee) {
                        break Some(callee);
                    }
                }
            }
        };
        match chosen {
            Some(callee) => Ok(callee.clone()),
            None if untried => Err(Nobody::Busy),
            None => Err(Nobody::Exhausted),
        }
    }
}

/// A REGISTER, after all that could be said against it without looking at what is registered.
pub(crate) struct Wish<'a> {
    pub(crate) session: &'a Arc<Session>,
    pub(crate) request: Id,
    pub(crate) procedure: &'a Text,
    pub(crate) options: &'a RegisterOptions,
}

impl Wish<'_> {
    fn registered(&self, registration: Id) -> Message {
        Message::Registered(RegisteredMessage { request: self.request, registration })
    }
}

impl Realm {
    /// Registers a procedure and queues its REGISTERED in one step.
    pub(crate) fn register(&self, wish: &Wish<'_>) -> Registered {
        loop {
            let present = self.find_registration(wish.options.matching, wish.procedure);
            let registered = match present.filter(|present| present.is_alive()) {
                Some(present) if wish.options.force_reregister => {
                    if !self.may_replace(&present, wish.session) {
                        return Registered::OthersHold;
                    }
                    self.drive_out(&present);
                    self.begin_registration(wish)
                }
                Some(present) if present.invoke == Invoke::Single => return Registered::Exists,
                Some(present) if present.invoke != wish.options.invoke => {
                    return Registered::OtherPolicy(present.invoke);
                }
                Some(present) => present.join(self, wish),
                None => self.begin_registration(wish),
            };
            // Somebody else was faster, or it just ended.
            if let Some(registered) = registered {
                return registered;
            }
        }
    }

    /// Makes a registration, where there is none that is alive.
    fn begin_registration(&self, wish: &Wish<'_>) -> Option<Registered> {
        let Wish { session, procedure, options, .. } = wish;
        let callee = Callee::new(1, (*session).clone(), options);
        let fresh = Arc::new(Registration::new(self, procedure, options, callee.clone()));
        let reply = wish.registered(fresh.id);
        self.registration_ids.insert(fresh.id, fresh.clone());
        let begun = scratch::single(|encoder| {
            let message = encoder.encode(session.serializer, &reply);
            self.put_registration(&fresh, || {
                if session.sink.offer(Outgoing { class: Class::Normal, message }) == Offered::Full {
                    return false;
                }
                fresh.announce(self, &mut fresh.callees.write(), session);
                true
            })
        });
        match begun {
            Some(true) => return Some(Registered::Done(fresh, callee)),
            Some(false) | None => drop(self.registration_ids.remove(fresh.id)),
        }
        begun.map(|_| Registered::NoRoom)
    }

    /// Puts a registration into its table, unless there is one that is alive: then none. `queue` runs under the table's
    /// lock, and nothing is put where it says false.
    fn put_registration(&self, fresh: &Arc<Registration>, queue: impl FnOnce() -> bool) -> Option<bool> {
        let put = |present: Option<&Arc<Registration>>| {
            if present.is_some_and(|present| present.is_alive()) {
                return (None, None);
            }
            let queued = queue();
            (Some(queued), queued.then(|| fresh.clone()))
        };
        match fresh.matching {
            Match::Exact => self.procedures.put_with(&fresh.uri, put),
            pattern => self.procedure_patterns.put_with(pattern, &fresh.uri, put),
        }
    }

    fn may_replace(&self, present: &Registration, session: &Session) -> bool {
        let same_role = |callee: &Arc<Session>| callee.role.name == session.role.name;
        session.role.trusted || present.callees().iter().all(same_role)
    }

    /// Takes every callee of a registration out, and tells each.
    fn drive_out(&self, registration: &Arc<Registration>) {
        let callees: Vec<Arc<Callee>> = registration.callees.read().list.clone();
        for callee in callees {
            self.revoke_registration(registration, &callee, Some(Text::from_static(UNREGISTERED)), true);
        }
    }

    /// Takes a callee out that did not ask for it. It is told where it announced that it understands that, or where it
    /// is to be told anyway.
    pub(crate) fn revoke_registration(
        &self,
        registration: &Arc<Registration>,
        callee: &Arc<Callee>,
        reason: Option<Text>,
        tell: bool,
    ) -> bool {
        let session = &callee.session;
        let revocation = Message::RegistrationRevoked(Revocation { id: registration.id, reason });
        let told = (tell || session.announced.registration_revocation).then_some(&revocation);
        let mut ended = self.unregister(registration, callee, told);
        if ended == Ended::NoRoom {
            // It must not go on believing that it is registered.
            session.too_slow();
            ended = self.unregister(registration, callee, None);
        }
        if ended != Ended::Yes {
            return false;
        }
        let mut held = session.held.lock();
        let gone = match held.registrations.get(&registration.id) {
            Some((_, there)) if Arc::ptr_eq(there, callee) => held.registrations.remove(&registration.id),
            _ => None,
        };
        drop(held);
        drop(gone);
        true
    }

    /// Ends a session's part in a registration, and queues `reply` where there is one.
    pub(crate) fn unregister(
        &self,
        registration: &Arc<Registration>,
        callee: &Arc<Callee>,
        reply: Option<&Message>,
    ) -> Ended {
        let ended = registration.leave(self, callee, reply);
        if ended == Ended::Yes && !registration.is_alive() {
            self.remove_registration(registration);
            registration.refuse_queued();
        }
        ended
    }

    /// The registration of a procedure or pattern itself, if it is there.
    pub(crate) fn find_registration(&self, matching: Match, uri: &Text) -> Option<Arc<Registration>> {
        match matching {
            Match::Exact => self.procedures.get(uri),
            pattern => self.procedure_patterns.get(pattern, uri),
        }
    }

    /// The registration that answers calls of a procedure: the exact one, else the best pattern. No pattern reaches into
    /// the router's own.
    pub(crate) fn registration_for(&self, procedure: &Text) -> Option<Arc<Registration>> {
        self.procedures.get(procedure).or_else(|| {
            if uri::is_reserved(procedure) { None } else { self.procedure_patterns.best(procedure) }
        })
    }

    /// Takes a registration that nobody answers out of the tables.
    pub(crate) fn remove_registration(&self, registration: &Arc<Registration>) {
        match registration.matching {
            Match::Exact => self.procedures.remove(&registration.uri, registration),
            pattern => self.procedure_patterns.remove(pattern, &registration.uri, registration),
        }
        drop(self.registration_ids.remove(registration.id));
    }
}
