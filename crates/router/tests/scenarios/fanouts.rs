//! Events for many: in chunks, and for those who are to be waited for.

use std::sync::Arc;
use std::task::Poll;

use serde_json::json;
use transom_config::{Realm, RealmOptions};
use transom_router::Router;
use transom_testkit::FakeSink;
use transom_wamp::{CloseReason, Flow, Serializer};

use crate::support::*;

fn chunked(chunk: usize) -> Arc<Router> {
    let options = RealmOptions { event_dispatching_chunk_size: chunk, ..RealmOptions::default() };
    Router::new(&[Realm { options, ..open_realm() }])
}

fn subscribers(router: &Arc<Router>, number: usize) -> Vec<Client> {
    let join = |n: usize| {
        let sink = FakeSink::new(Serializer::ALL[n % 3]);
        let mut client = Client::join_with(router, None, sink);
        client.subscribe(URI);
        client
    };
    (0..number).map(join).collect()
}

fn reached(subscribers: &[Client]) -> usize {
    subscribers.iter().filter(|subscriber| !subscriber.sink.sent().is_empty()).count()
}

#[test]
fn large_fanout_goes_out_in_chunks_and_pauses_its_publisher_meanwhile() {
    let router = chunked(10);
    let mut publisher = Client::join(&router);
    let all = subscribers(&router, 25);
    let woken = Woken::default();
    assert_eq!(publisher.publish(URI, 5), Ok(Flow::Pause));
    assert_eq!(reached(&all), 10);
    assert_eq!(publisher.poll(&woken), Poll::Pending);
    assert_eq!((reached(&all), woken.times()), (20, 1));
    assert_eq!(publisher.poll(&woken), Poll::Ready(Flow::Continue));
    assert_eq!(reached(&all), 25);
    assert!(all.iter().all(|subscriber| subscriber.arguments() == [5]));
}

#[test]
fn what_a_transport_prepares_of_an_event_serves_all_receivers_of_all_chunks() {
    let router = chunked(10);
    let mut publisher = Client::join(&router);
    let all = subscribers(&router, 30);
    for n in 0..2 {
        assert_eq!(publisher.publish(URI, n), Ok(Flow::Pause));
        while publisher.poll(&Woken::default()).is_pending() {}
    }
    for (n, subscriber) in all.iter().enumerate() {
        let prepared = subscriber.sink.prepared();
        let sent = subscriber.sink.sent();
        assert_eq!(prepared.len(), 2);
        for (event, (prepared, first)) in prepared.iter().zip(all[n % 3].sink.prepared()).enumerate() {
            assert_eq!(*prepared, sent[sent.len() - 2 + event].bytes);
            assert_eq!(prepared.as_ptr(), first.as_ptr(), "it was made again for receiver {n}");
        }
    }
}

#[test]
fn fanout_of_exactly_one_chunk_needs_no_pause() {
    let router = chunked(10);
    let mut publisher = Client::join(&router);
    let all = subscribers(&router, 10);
    assert_eq!(publisher.publish(URI, 5), Ok(Flow::Continue));
    assert_eq!(reached(&all), 10);
}

#[test]
fn acknowledgement_precedes_every_chunk() {
    let router = chunked(2);
    let mut publisher = Client::join(&router);
    let id = publisher.subscribe(URI);
    let _all = subscribers(&router, 5);
    let publish = json!([16, 3, {"acknowledge": true, "exclude_me": false}, URI]);
    assert_eq!(publisher.try_tell(publish), Ok(Flow::Pause));
    let own = publisher.take();
    assert_eq!((&own[0][0], &own[1][0], &own[1][1]), (&json!(17), &json!(36), &json!(id)));
}

#[test]
fn who_comes_or_goes_between_chunks_is_treated_as_at_that_moment() {
    for chunk in 1..=4 {
        let router = chunked(chunk);
        let mut publisher = Client::join(&router);
        let mut all = subscribers(&router, 9);
        let id = all[0].subscribe(URI);
        assert_eq!(publisher.publish(URI, 5), Ok(Flow::Pause));
        // Gone: some of the first, who may have the event, one later, and the last, which comes back.
        for n in [1, 2, 5, 8] {
            all[n].ask_last(json!([34, 1, id]));
        }
        all[8].subscribe(URI);
        let mut late = Client::join(&router);
        late.subscribe(URI);
        while publisher.poll(&Woken::default()).is_pending() {}
        let got: Vec<usize> = (0..9).filter(|n| all[*n].arguments() == [5]).collect();
        assert_eq!(got, [0, 3, 4, 6, 7], "chunks of {chunk}");
        late.nothing();
    }
}

#[test]
fn everybody_going_between_chunks_ends_the_fanout() {
    let router = chunked(2);
    let mut publisher = Client::join(&router);
    let all = subscribers(&router, 9);
    assert_eq!(publisher.publish(URI, 5), Ok(Flow::Pause));
    drop(all);
    assert_eq!(publisher.poll(&Woken::default()), Poll::Ready(Flow::Continue));
    drop(publisher);
    assert_empty(&router);
}

#[test]
fn event_of_a_publisher_that_leaves_between_chunks_reaches_everybody() {
    for leave in ["lost", "goodbye", "drain"] {
        let router = chunked(2);
        let mut publisher = Client::join(&router);
        let all = subscribers(&router, 9);
        assert_eq!(publisher.publish(URI, 5), Ok(Flow::Pause));
        match leave {
            "lost" => publisher.port.closed(CloseReason::TransportLost),
            "goodbye" => publisher.tell(json!([6, {}, "wamp.close.normal"])),
            _ => assert_eq!(publisher.port.drain(), Flow::Continue),
        }
        assert_eq!(reached(&all), 9, "{leave}");
        assert_eq!(publisher.poll(&Woken::default()), Poll::Ready(Flow::Continue));
    }
}

#[test]
fn message_of_a_publisher_that_is_paused_is_a_fault_of_the_transport() {
    let router = chunked(2);
    let mut publisher = Client::join(&router);
    let _all = subscribers(&router, 5);
    assert_eq!(publisher.publish(URI, 5), Ok(Flow::Pause));
    assert_eq!(publisher.publish(URI, 6), Ok(Flow::Close(CloseReason::Internal)));
}
