use transom_wamp::{Dict, Published, Registered, Serializer, Unregistered, Unsubscribed};

use super::*;

fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

fn nothing() -> Payload {
    Payload::empty(Serializer::MsgPack)
}

fn welcome() -> Message {
    Message::Welcome(Welcome { session: id(9), details: Dict::default() })
}

fn abort() -> Message {
    Message::Abort(Abort { message: None, reason: "wamp.error.no_such_realm".into() })
}

fn goodbye() -> Message {
    Message::Goodbye(Goodbye { message: None, reason: "wamp.close.normal".into() })
}

fn error(request_type: u16, request: u64) -> Message {
    let (error, payload) = ("com.error".into(), nothing());
    Message::Error(ErrorMessage { request_type, request: id(request), passthru: None, error, payload })
}

fn open() -> Peer {
    let mut peer = Peer::default();
    peer.hello(Some("realm1".into()), HelloDetails::default());
    assert!(matches!(peer.receive(welcome()), Ok(Incoming::Joined(_))));
    peer
}

#[test]
fn requests_are_numbered_over_all_kinds_from_one() {
    let mut peer = open();
    assert_eq!(peer.subscribe("a.b".into(), Match::Exact, false).0, id(1));
    assert_eq!(peer.publish("a.b".into(), PublishOptions::default(), nothing()).0, id(2));
    assert_eq!(peer.call("a.b".into(), CallOptions::default(), nothing()).0, id(3));
    assert_eq!(peer.register("a.b".into(), RegisterOptions::default()).0, id(4));
    assert_eq!(peer.unregister(id(50)).0, id(5));
    assert_eq!(peer.unsubscribe(id(60)).0, id(6));
}

#[test]
fn answers_are_taken_once_and_only_by_requests_of_their_kind() {
    let ack = || PublishOptions { acknowledge: true, ..PublishOptions::default() };
    let result = |request| {
        Message::Result(ResultMessage { request, progress: false, passthru: None, payload: nothing() })
    };
    type Ask = Box<dyn Fn(&mut Peer) -> Id>;
    let requests: [(Ask, u16, Message); 6] = [
        (
            Box::new(move |p| p.publish("a".into(), ack(), nothing()).0),
            16,
            Message::Published(Published { request: id(1), publication: id(5) }),
        ),
        (
            Box::new(|p| p.subscribe("a".into(), Match::Exact, false).0),
            32,
            Message::Subscribed(Subscribed { request: id(1), subscription: id(5) }),
        ),
        (Box::new(|p| p.unsubscribe(id(5)).0), 34, Message::Unsubscribed(Unsubscribed { request: id(1) })),
        (Box::new(|p| p.call("a".into(), CallOptions::default(), nothing()).0), 48, result(id(1))),
        (
            Box::new(|p| p.register("a".into(), RegisterOptions::default()).0),
            64,
            Message::Registered(Registered { request: id(1), registration: id(5) }),
        ),
        (Box::new(|p| p.unregister(id(5)).0), 66, Message::Unregistered(Unregistered { request: id(1) })),
    ];
    for (asking, (ask, code, _)) in requests.iter().enumerate() {
        for (answering, (_, _, answer)) in requests.iter().enumerate() {
            let mut peer = open();
            assert_eq!(ask(&mut peer), id(1));
            let fits = peer.receive(answer.clone()).is_ok();
            assert_eq!(fits, asking == answering, "{answer:?}");
            if fits {
                assert_eq!(
                    peer.receive(answer.clone()),
                    Err(PeerError::NotAsked { message: answer.name(), request: id(1) })
                );
            }
        }
        let mut peer = open();
        ask(&mut peer);
        assert!(matches!(peer.receive(error(*code, 1)), Ok(Incoming::Failed(_))));
        assert!(peer.receive(error(*code, 1)).is_err());
        assert!(peer.receive(error(code::INVOCATION, 1)).is_err());
    }
}

#[test]
fn progressive_results_leave_the_call_open() {
    let mut peer = open();
    let (request, _) = peer.call("a.b".into(), CallOptions::default(), nothing());
    let result =
        |progress| Message::Result(ResultMessage { request, progress, passthru: None, payload: nothing() });
    assert!(peer.receive(result(true)).is_ok());
    assert!(peer.cancel(request, CancelMode::Skip).is_some());
    assert!(peer.receive(result(true)).is_ok());
    assert!(peer.receive(result(false)).is_ok());
    assert!(peer.receive(result(false)).is_err());
    assert_eq!(peer.cancel(request, CancelMode::Skip), None);
}

#[test]
fn session_is_opened_and_closed_in_either_direction() {
    let mut peer = Peer::default();
    assert_eq!(peer.receive(welcome()), Err(PeerError::Unexpected("WELCOME")));
    peer.hello(None, HelloDetails::default());
    assert_eq!(peer.receive(goodbye()), Err(PeerError::Unexpected("GOODBYE")));
    assert!(matches!(peer.receive(abort()), Ok(Incoming::Aborted(_))));
    assert_eq!(peer.receive(welcome()), Err(PeerError::Unexpected("WELCOME")));

    let mut peer = open();
    assert_eq!(peer.receive(welcome()), Err(PeerError::Unexpected("WELCOME")));
    let Ok(Incoming::Left { answer: Some(answer), .. }) = peer.receive(goodbye()) else {
        panic!("an answer")
    };
    assert!(matches!(*answer, Message::Goodbye(answer) if answer.reason == "wamp.close.goodbye_and_out"));
    assert!(peer.receive(goodbye()).is_err());

    let mut peer = open();
    let (request, _) = peer.call("a.b".into(), CallOptions::default(), nothing());
    peer.goodbye("wamp.close.normal");
    assert!(matches!(peer.receive(error(48, request.get())), Ok(Incoming::Failed(_))));
    assert!(matches!(peer.receive(goodbye()), Ok(Incoming::Left { answer: None, .. })));
    // The same peer may join again, and numbers its requests anew.
    peer.hello(None, HelloDetails::default());
    peer.receive(welcome()).unwrap();
    assert_eq!(peer.subscribe("a".into(), Match::Exact, false).0, id(1));
}

#[test]
fn request_that_was_not_sent_is_not_awaited_and_its_number_comes_again() {
    let mut peer = open();
    let ask = |peer: &mut Peer| peer.call("a.b".into(), CallOptions::default(), nothing()).0;
    assert_eq!((ask(&mut peer), ask(&mut peer)), (id(1), id(2)));
    peer.take_back(id(2));
    assert!(peer.receive(error(48, 2)).is_err());
    assert_eq!(ask(&mut peer), id(2));
    // Others are on their way.
    peer.take_back(id(1));
    assert_eq!(ask(&mut peer), id(3));
    assert!(peer.receive(error(48, 1)).is_ok());
}

#[test]
fn session_when_aborted_hears_nothing_more() {
    let mut peer = Peer::default();
    peer.hello(None, HelloDetails::default());
    let abort = peer.abort("wamp.error.cannot_authenticate", Some("no key".into()));
    assert!(matches!(abort, Message::Abort(abort) if abort.message == Some("no key".into())));
    assert!(peer.receive(welcome()).is_err());
}
