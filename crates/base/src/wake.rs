//! Waking once per batch. While a task feeds a batch of messages to a router, the tasks whose queues it fills are
//! noted and woken at the end of the batch: a receiver woken at its first message would start a write of its own
//! for it, and a wake across threads costs more than routing a message.

use std::cell::RefCell;
use std::task::Waker;

thread_local! {
    static DEFERRED: RefCell<Option<Vec<Waker>>> = const { RefCell::new(None) };
}

/// Runs `f`; everything handed to [`later`] meanwhile is woken when it ends. Inside another batch, when that ends.
pub fn batch<R>(f: impl FnOnce() -> R) -> R {
    let _outermost = DEFERRED.with(|deferred| {
        let mut deferred = deferred.borrow_mut();
        match *deferred {
            Some(_) => None,
            None => {
                *deferred = Some(Vec::new());
                Some(WakeAll)
            }
        }
    });
    f()
}

/// Wakes at the end of the running batch, or now when there is none.
pub fn later(waker: Waker) {
    let now = DEFERRED.with(|deferred| match deferred.borrow_mut().as_mut() {
        Some(list) => {
            list.push(waker);
            None
        }
        None => Some(waker),
    });
    if let Some(waker) = now {
        waker.wake();
    }
}

/// Ends the batch when dropped, so that a panic inside it strands nobody.
struct WakeAll;

impl Drop for WakeAll {
    fn drop(&mut self) {
        let list = DEFERRED.with(|deferred| deferred.borrow_mut().take());
        for waker in list.into_iter().flatten() {
            waker.wake();
        }
    }
}
