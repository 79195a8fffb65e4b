//! What a thread uses again for every message: encoders with their memory, and random IDs. Nothing is allocated for a
//! message that finds them warm.

use std::cell::RefCell;

use transom_wamp::{Class, Encoder, Id, Message, Offered, Outgoing, RandomIds, Serializer, SessionSink};

use crate::sync::thread_local;

/// One for each serializer.
type Encoders = [Encoder; Serializer::ALL.len()];

thread_local! {
    static SINGLE: RefCell<Encoder> = RefCell::new(Encoder::default());
    static EVENTS: RefCell<Encoders> = RefCell::new(Default::default());
    static IDS: RefCell<RandomIds> = RefCell::new(RandomIds::default());
}

/// Runs `f` with the thread's encoder for messages to one receiver.
pub(crate) fn single<R>(f: impl FnOnce(&mut Encoder) -> R) -> R {
    SINGLE.with(|encoder| match encoder.try_borrow_mut() {
        Ok(mut encoder) => f(&mut encoder),
        // In use further up the stack.
        Err(_) => f(&mut Encoder::default()),
    })
}

/// Runs `f` with the thread's encoders for messages to many receivers, one for each serializer.
pub(crate) fn events<R>(f: impl FnOnce(&mut Encoders) -> R) -> R {
    EVENTS.with(|encoders| match encoders.try_borrow_mut() {
        Ok(mut encoders) => f(&mut encoders),
        Err(_) => f(&mut Default::default()),
    })
}

/// A random ID; none when the operating system has no randomness to give.
pub(crate) fn random_id() -> Option<Id> {
    let id = IDS.with(|ids| match ids.try_borrow_mut() {
        Ok(mut ids) => ids.next(),
        Err(_) => RandomIds::default().next(),
    });
    id.inspect_err(|error| tracing::error!(%error, "no random ID")).ok()
}

/// A random number below another, which is not 0.
pub(crate) fn random_below(number: usize) -> usize {
    // The IDs are far more than whatever is chosen among, so that each is as likely as the others.
    random_id().map_or(0, |id| (id.get() % number.max(1) as u64) as usize)
}

/// Encodes a message and offers it.
pub(crate) fn offer(sink: &dyn SessionSink, class: Class, message: &Message) -> Offered {
    single(|encoder| {
        let message = encoder.encode(sink.serializer(), message);
        sink.offer(Outgoing { class, message })
    })
}
