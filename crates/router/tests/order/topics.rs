//! Events while subscribers come and go.

use std::sync::Arc;

use transom_router::Router;

use crate::client::*;

/// Publishes in a thread of its own.
pub(crate) fn publishing(router: &Arc<Router>, publisher: u64, events: u64) -> thread::JoinHandle<Client> {
    let mut client = Client::join(router);
    thread::spawn(move || {
        for n in 0..events {
            client.publish("com.app", 1000 * publisher + n);
        }
        client
    })
}

#[test]
fn events_come_only_between_subscribed_and_unsubscribed() {
    explore(|| {
        let router = router(100);
        let mut subscriber = Client::join(&router);
        let publishers = [publishing(&router, 1, 3), publishing(&router, 2, 3)];
        for _ in 0..2 {
            let subscription = subscriber.subscribe("com.app");
            subscriber.unsubscribe(subscription);
        }
        let publishers = publishers.map(|thread| thread.join().unwrap());
        subscriber.assert_events_within_subscriptions();
        subscriber.assert_publishers_in_order();
        drop((subscriber, publishers));
        assert_empty(&router);
    });
}

#[test]
fn events_of_a_publisher_come_in_order_and_none_is_lost() {
    explore(|| {
        let router = router(100);
        let mut subscribers = [Client::join(&router), Client::join(&router)];
        for subscriber in &mut subscribers {
            subscriber.subscribe("com.app");
        }
        for thread in [publishing(&router, 1, 3), publishing(&router, 2, 3)] {
            thread.join().unwrap();
        }
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.assert_publishers_in_order(), 6);
        }
    });
}

#[test]
fn events_in_chunks_keep_their_order_while_subscribers_come_and_go() {
    explore(|| {
        let router = router(1);
        let mut staying = [Client::join(&router), Client::join(&router)];
        for subscriber in &mut staying {
            subscriber.subscribe("com.app");
        }
        let mut fickle = Client::join(&router);
        let publishers = [publishing(&router, 1, 2), publishing(&router, 2, 2)];
        for _ in 0..2 {
            let subscription = fickle.subscribe("com.app");
            fickle.unsubscribe(subscription);
        }
        for thread in publishers {
            thread.join().unwrap();
        }
        fickle.assert_events_within_subscriptions();
        fickle.assert_publishers_in_order();
        for subscriber in &mut staying {
            assert_eq!(subscriber.assert_publishers_in_order(), 4);
        }
    });
}

#[test]
fn topic_when_several_subscribe_and_leave_at_once_is_one_or_gone() {
    explore(|| {
        let router = router(100);
        let fickle = |router: &Arc<Router>| {
            let mut client = Client::join(router);
            thread::spawn(move || {
                let subscription = client.subscribe("com.app");
                client.unsubscribe(subscription);
                client.subscribe("com.app");
                client
            })
        };
        let threads = [fickle(&router), fickle(&router)];
        let mut clients = threads.map(|thread| thread.join().unwrap());
        assert_eq!(router.status().realms[0].subscriptions, 1);
        // Both are in the same set: each hears the other.
        let [one, two] = &mut clients;
        one.publish("com.app", 1000);
        two.publish("com.app", 2000);
        assert_eq!(one.assert_publishers_in_order(), 1);
        assert_eq!(two.assert_publishers_in_order(), 1);
        drop(clients);
        assert_empty(&router);
    });
}
