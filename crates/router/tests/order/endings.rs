//! Calls that end in several ways at once.

use transom_wamp::{CallOptions, CancelMode, Message, Yield};

use crate::client::*;

#[test]
fn killed_call_is_answered_once_when_the_answer_and_more_wishes_meet() {
    explore(|| {
        let router = router(100);
        let mut callee = Client::join_featuring(&router, &["call_canceling"]);
        callee.register("com.app");
        let mut caller = Client::join(&router);
        for request in 1..4 {
            caller.call(request, "com.app");
        }
        let callee = thread::spawn(move || {
            let heard = callee.listen();
            callee.answer(&heard);
            callee
        });
        caller.cancel_with(1, CancelMode::Kill);
        caller.cancel_with(2, CancelMode::Kill);
        caller.cancel_with(2, CancelMode::KillNoWait);
        caller.cancel_with(3, CancelMode::Skip);
        let mut callee = callee.join().unwrap();
        callee.assert_interrupts_follow_invocations();
        caller.assert_each_answered_once(&[1, 2, 3]);
        drop((caller, callee));
        assert_empty(&router);
    });
}

#[test]
fn results_in_pieces_come_in_order_and_none_after_the_end() {
    explore(|| {
        let router = router(100);
        let mut callee = Client::join_featuring(&router, &["progressive_call_results", "call_canceling"]);
        callee.register("com.app");
        let mut caller = Client::join(&router);
        let progress = CallOptions { receive_progress: true, ..CallOptions::default() };
        caller.call_with(progress.clone(), 1, "com.app");
        caller.call_with(progress, 2, "com.app");
        let callee = thread::spawn(move || {
            let heard = callee.listen();
            for n in 0..3 {
                for message in &heard {
                    let Message::Invocation(invocation) = message else { continue };
                    let call = read(&invocation.payload);
                    let payload = argument(if n < 2 { 10 * call + n } else { call });
                    let answer =
                        Yield { request: invocation.request, progress: n < 2, passthru: None, payload };
                    callee.send(Message::Yield(answer));
                }
            }
            callee
        });
        caller.cancel(1);
        let callee = callee.join().unwrap();
        caller.assert_each_answered_once(&[1, 2]);
        for call in [1, 2] {
            let mut last = None;
            let mut over = false;
            for message in &caller.heard {
                match message {
                    Message::Result(result) if result.request == id(call) => {
                        assert!(!over, "{:?}", caller.heard);
                        if result.progress {
                            let number = read(&result.payload);
                            assert!(last < Some(number));
                            last = Some(number);
                        }
                        over = !result.progress;
                    }
                    Message::Error(error) if error.request == id(call) => over = true,
                    _ => {}
                }
            }
            assert!(over);
        }
        drop((caller, callee));
        assert_empty(&router);
    });
}

#[test]
fn call_is_answered_once_when_its_time_is_over_as_it_is_answered() {
    explore(|| {
        let router = queueing_router();
        let mut callee = Client::join_featuring(&router, &["call_canceling"]);
        callee.register("com.app");
        let mut caller = Client::join(&router);
        // Over before it has begun, as it were.
        let short = CallOptions { timeout: 1, ..CallOptions::default() };
        for request in 1..3 {
            caller.call_with(short.clone(), request, "com.app");
        }
        let callee = thread::spawn(move || {
            let heard = callee.listen();
            callee.answer(&heard);
            callee
        });
        let late = tokio::time::Instant::now() + std::time::Duration::from_secs(1);
        while caller.port.deadline().is_some() {
            caller.port.expired(late);
        }
        let mut callee = callee.join().unwrap();
        callee.assert_interrupts_follow_invocations();
        caller.assert_each_answered_once(&[1, 2]);
        drop((caller, callee));
        assert_empty(&router);
    });
}

#[test]
fn pieces_of_a_call_meet_its_answer() {
    explore(|| {
        let router = router(100);
        let features = ["progressive_call_invocations", "call_canceling"];
        let mut callee = Client::join_featuring(&router, &features);
        callee.register("com.app");
        let mut caller = Client::join_featuring(&router, &features);
        let piece = |progress| CallOptions { progress, ..CallOptions::default() };
        caller.call_with(piece(true), 1, "com.app");
        let callee = thread::spawn(move || {
            let heard = callee.listen();
            callee.answer(&heard[..1]);
            callee
        });
        caller.call_with(piece(true), 1, "com.app");
        caller.call_with(piece(false), 1, "com.app");
        let mut callee = callee.join().unwrap();
        callee.listen();
        // The number is free when the last piece was sent and the answer came.
        caller.assert_each_answered_once(&[1]);
        caller.call(1, "com.app");
        let heard = callee.listen();
        assert!(matches!(&heard[..], [Message::Invocation(invocation)] if invocation.request == id(2)));
        drop((caller, callee));
        assert_empty(&router);
    });
}
