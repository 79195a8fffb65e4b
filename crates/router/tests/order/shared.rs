//! Several callees of one procedure, calls that wait, and calls that are brought elsewhere.

use std::sync::Arc;

use transom_router::Router;
use transom_wamp::{CloseReason, Invoke, Message, RegisterOptions};

use crate::client::*;

fn options(invoke: Invoke, concurrency: Option<u64>) -> RegisterOptions {
    RegisterOptions { invoke, concurrency, ..RegisterOptions::default() }
}

/// A callee that answers what has come, so often, and leaves.
fn answering(mut callee: Client, times: usize) -> thread::JoinHandle<Client> {
    thread::spawn(move || {
        for _ in 0..times {
            let heard = callee.listen();
            callee.answer(&heard);
        }
        callee
    })
}

#[test]
fn calls_are_answered_once_while_callees_of_a_shared_registration_come_and_go() {
    explore(|| {
        let router = router(100);
        let mut staying = Client::join(&router);
        staying.register_with(options(Invoke::RoundRobin, None), "com.app");
        let mut fickle = Client::join(&router);
        let fickle = thread::spawn(move || {
            for _ in 0..2 {
                let id = fickle.register_with(options(Invoke::RoundRobin, None), "com.app").unwrap();
                let heard = fickle.listen();
                fickle.answer(&heard);
                fickle.unregister(id);
            }
            fickle
        });
        let mut caller = Client::join(&router);
        for request in 1..4 {
            caller.call(request, "com.app");
        }
        let mut fickle = fickle.join().unwrap();
        fickle.assert_invocations_within_registrations();
        let heard = staying.listen();
        staying.answer(&heard);
        drop((staying, fickle));
        caller.assert_each_answered_once(&[1, 2, 3]);
        drop(caller);
        assert_empty(&router);
    });
}

/// The arguments of the invocations that came.
fn arguments(heard: &[Message]) -> Vec<u64> {
    heard
        .iter()
        .filter_map(|message| match message {
            Message::Invocation(invocation) => Some(read(&invocation.payload)),
            _ => None,
        })
        .collect()
}

#[test]
fn calls_that_wait_reach_the_callee_in_order_and_none_stays_behind() {
    explore(|| {
        let router = queueing_router();
        let mut callee = Client::join(&router);
        callee.register_with(options(Invoke::Single, Some(1)), "com.app");
        let calling = |first: u64| {
            let mut caller = Client::join(&router);
            thread::spawn(move || {
                for request in first..first + 2 {
                    caller.call(request, "com.app");
                }
                caller
            })
        };
        let callers = [calling(1), calling(11)];
        let callee = answering(callee, 2);
        let [mut one, mut two] = callers.map(|thread| thread.join().unwrap());
        let mut callee = callee.join().unwrap();
        // Whatever was answered meanwhile, the rest comes one after the other.
        loop {
            let heard = callee.listen();
            if heard.is_empty() {
                break;
            }
            callee.answer(&heard);
        }
        one.assert_each_answered_once(&[1, 2]);
        two.assert_each_answered_once(&[11, 12]);
        let came = arguments(&callee.heard);
        assert_eq!(came.len(), 4);
        for first in [1, 11] {
            let own: Vec<u64> = came.iter().copied().filter(|n| (first..first + 2).contains(n)).collect();
            assert_eq!(own, [first, first + 1]);
        }
        drop((one, two, callee));
        assert_empty(&router);
    });
}

#[test]
fn call_that_waits_ends_once_when_it_is_canceled_handed_out_and_unregistered_at_once() {
    explore(|| {
        let router = queueing_router();
        let mut callee = Client::join_featuring(&router, &["call_canceling"]);
        let registration = callee.register_with(options(Invoke::First, Some(1)), "com.app").unwrap();
        let mut caller = Client::join(&router);
        for request in 1..4 {
            caller.call(request, "com.app");
        }
        let callee = thread::spawn(move || {
            let heard = callee.listen();
            callee.answer(&heard);
            callee.unregister(registration);
            callee
        });
        caller.cancel(2);
        caller.cancel(3);
        let mut callee = callee.join().unwrap();
        callee.assert_interrupts_follow_invocations();
        drop(callee);
        caller.assert_each_answered_once(&[1, 2, 3]);
        drop(caller);
        assert_empty(&router);
    });
}

#[test]
fn caller_that_leaves_while_its_calls_wait_leaves_nothing() {
    explore(|| {
        let router = queueing_router();
        let mut callee = Client::join(&router);
        callee.register_with(options(Invoke::First, Some(1)), "com.app");
        let (mut leaving, mut staying) = (Client::join(&router), Client::join(&router));
        leaving.call(1, "com.app");
        leaving.call(2, "com.app");
        staying.call(1, "com.app");
        let callee = answering(callee, 2);
        leaving.port.closed(CloseReason::TransportLost);
        let mut callee = callee.join().unwrap();
        loop {
            let heard = callee.listen();
            if heard.is_empty() {
                break;
            }
            callee.answer(&heard);
        }
        staying.assert_each_answered_once(&[1]);
        drop((leaving, staying, callee));
        assert_empty(&router);
    });
}

fn rerouting(router: &Arc<Router>) -> [Client; 2] {
    [(); 2].map(|()| {
        let mut callee = Client::join_featuring(router, &["call_reroute", "call_canceling"]);
        callee.register_with(options(Invoke::First, Some(2)), "com.app");
        callee
    })
}

#[test]
fn call_that_is_brought_to_another_callee_ends_once_when_it_is_canceled_meanwhile() {
    explore(|| {
        let router = queueing_router();
        let [mut first, mut second] = rerouting(&router);
        let mut caller = Client::join_featuring(&router, &["call_reroute"]);
        caller.call(1, "com.app");
        caller.call(2, "com.app");
        let refusing = thread::spawn(move || {
            let heard = first.listen();
            first.refuse(&heard);
            first
        });
        let answering = thread::spawn(move || {
            let heard = second.listen();
            second.answer(&heard);
            second
        });
        caller.cancel(1);
        let mut callees = [refusing.join().unwrap(), answering.join().unwrap()];
        for callee in &mut callees {
            callee.assert_interrupts_follow_invocations();
        }
        drop(callees);
        caller.assert_each_answered_once(&[1, 2]);
        drop(caller);
        assert_empty(&router);
    });
}

#[test]
fn wish_to_cancel_is_not_lost_while_the_call_is_brought_to_another_callee() {
    explore(|| {
        let router = queueing_router();
        let [mut first, mut second] = rerouting(&router);
        let mut caller = Client::join_featuring(&router, &["call_reroute"]);
        caller.call(1, "com.app");
        let refusing = thread::spawn(move || {
            let heard = first.listen();
            first.refuse(&heard);
            first
        });
        caller.cancel(1);
        let mut first = refusing.join().unwrap();
        // Nobody answers it.
        caller.assert_each_answered_once(&[1]);
        first.assert_interrupts_follow_invocations();
        second.assert_interrupts_follow_invocations();
        drop((first, second, caller));
        assert_empty(&router);
    });
}

#[test]
fn call_that_is_brought_to_another_callee_ends_once_when_either_side_leaves() {
    explore(|| {
        let router = queueing_router();
        let [mut first, second] = rerouting(&router);
        let mut caller = Client::join_featuring(&router, &["call_reroute"]);
        let mut leaving = Client::join_featuring(&router, &["call_reroute"]);
        caller.call(1, "com.app");
        leaving.call(1, "com.app");
        let refusing = thread::spawn(move || {
            let heard = first.listen();
            first.refuse(&heard);
            first
        });
        let gone = thread::spawn(move || drop(second));
        leaving.port.closed(CloseReason::TransportLost);
        gone.join().unwrap();
        drop(refusing.join().unwrap());
        caller.assert_each_answered_once(&[1]);
        drop((caller, leaving));
        assert_empty(&router);
    });
}

#[test]
fn callee_that_forces_its_way_in_meets_others_that_register_and_leave() {
    explore(|| {
        let router = router(100);
        let forcing = RegisterOptions { force_reregister: true, ..RegisterOptions::default() };
        let callees = [true, true, false].map(|force| {
            let mut callee = Client::join(&router);
            let options = if force { forcing.clone() } else { RegisterOptions::default() };
            thread::spawn(move || {
                let registered = callee.register_with(options, "com.app");
                (callee, registered)
            })
        });
        let mut caller = Client::join(&router);
        caller.call(1, "com.app");
        let mut callees = callees.map(|thread| thread.join().unwrap());
        // One of them holds it, and only one.
        caller.call(2, "com.app");
        let mut holders = 0;
        for (callee, _) in &mut callees {
            callee.listen();
            let heard = callee.heard.clone();
            callee.answer(&heard);
            let revoked =
                callee.heard.iter().filter(|m| matches!(m, Message::RegistrationRevoked(_))).count();
            let registered = callee.heard.iter().filter(|m| matches!(m, Message::Registered(_))).count();
            holders += registered - revoked;
        }
        assert_eq!(holders, 1);
        assert_eq!(router.status().realms[0].registrations, 1);
        caller.assert_each_answered_once(&[1, 2]);
        drop((callees, caller));
        assert_empty(&router);
    });
}
