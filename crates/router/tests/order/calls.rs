//! Calls while callees come and go, and sessions that end.

use std::sync::Arc;

use transom_wamp::{CloseReason, Message};

use crate::client::*;
use crate::topics::publishing;

#[test]
fn invocations_come_only_between_registered_and_unregistered() {
    explore(|| {
        let router = router(100);
        let callees = [Client::join(&router), Client::join(&router)].map(|mut callee| {
            thread::spawn(move || {
                for _ in 0..2 {
                    if let Some(registration) = callee.register("com.app") {
                        let heard = callee.listen();
                        callee.answer(&heard);
                        callee.unregister(registration);
                    }
                }
                callee
            })
        });
        let mut caller = Client::join(&router);
        for request in 1..4 {
            caller.call(request, "com.app");
        }
        let mut callees = callees.map(|thread| thread.join().unwrap());
        for callee in &mut callees {
            callee.assert_invocations_within_registrations();
        }
        // Who has not answered yet leaves.
        drop(callees);
        caller.assert_each_answered_once(&[1, 2, 3]);
        drop(caller);
        assert_empty(&router);
    });
}

#[test]
fn call_is_answered_once_when_answer_cancel_and_leaving_meet() {
    explore(|| {
        let router = router(100);
        let mut callee = Client::join(&router);
        callee.register("com.app");
        let callee = thread::spawn(move || {
            for _ in 0..2 {
                let heard = callee.listen();
                callee.answer(&heard);
            }
            drop(callee);
        });
        let mut caller = Client::join(&router);
        for request in 1..4 {
            caller.call(request, "com.app");
        }
        caller.cancel(2);
        callee.join().unwrap();
        caller.assert_each_answered_once(&[1, 2, 3]);
        drop(caller);
        assert_empty(&router);
    });
}

#[test]
fn nothing_comes_after_goodbye() {
    explore(|| {
        let router = router(100);
        let mut callee = Client::join(&router);
        callee.register("com.app");
        let mut leaving = Client::join(&router);
        leaving.subscribe("com.app");
        leaving.call(1, "com.app");
        let answering = thread::spawn(move || {
            let heard = callee.listen();
            callee.answer(&heard);
            callee
        });
        let publishing = publishing(&router, 1, 2);
        leaving.goodbye();
        let others = (answering.join().unwrap(), publishing.join().unwrap());
        leaving.listen();
        assert!(matches!(leaving.heard.last(), Some(Message::Goodbye(_))), "{:?}", leaving.heard);
        leaving.assert_events_within_subscriptions();
        drop(others);
        assert_empty(&router);
    });
}

#[test]
fn sessions_that_leave_at_once_leave_nothing() {
    explore(|| {
        let router = router(100);
        let mut clients = [Client::join(&router), Client::join(&router)];
        let [one, two] = &mut clients;
        one.register("com.one");
        two.register("com.two");
        // Each waits for the other, and for itself.
        one.call(1, "com.two");
        one.call(2, "com.one");
        two.call(1, "com.one");
        let sinks = clients.each_ref().map(|client| Arc::downgrade(&client.sink));
        let leaving =
            |mut client: Client| thread::spawn(move || client.port.closed(CloseReason::TransportLost));
        for thread in clients.map(leaving) {
            thread.join().unwrap();
        }
        assert_empty(&router);
        assert!(sinks.iter().all(|sink| sink.upgrade().is_none()));
    });
}
