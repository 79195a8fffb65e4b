//! Subscriptions.

use transom_client::{Overflow, RequestError, SubscribeOptions};
use transom_testkit::Heard;
use transom_wamp::{CallOptions, Match, Message, Revocation, Unsubscribed, code};

use super::support::{NEVER, Router, error, event, heard, id, nothing, result, say, subscribed, text};

#[tokio::test(start_paused = true)]
async fn events_come_in_order_and_the_subscription_ends_when_it_is_dropped() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let mut options = SubscribeOptions::default();
    (options.matching, options.get_retained) = (Match::Wildcard, true);
    let (subscription, ()) = tokio::join!(session.subscribe("a..c", options), async {
        match heard(&there, 1).await {
            Message::Subscribe(subscribe) => {
                assert_eq!((subscribe.topic.as_str(), subscribe.matching), ("a..c", Match::Wildcard));
                assert!(subscribe.get_retained);
            }
            other => panic!("{other:?}"),
        }
        // Events may come right behind the answer.
        say(&there, subscribed(1, 5));
        (1..=3).for_each(|number| say(&there, event(5, number)));
    });
    let mut subscription = subscription.unwrap();
    for number in 1..=3 {
        assert_eq!(subscription.next().await.unwrap().publication, id(number));
    }
    drop(subscription);
    assert!(matches!(heard(&there, 2).await, Message::Unsubscribe(message) if message.subscription == id(5)));
    // What was on its way is nobody's.
    say(&there, event(5, 4));
}

#[tokio::test(start_paused = true)]
async fn subscription_is_refused_or_ended_by_the_router() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let (refused, ()) = tokio::join!(session.subscribe("a.b", SubscribeOptions::default()), async {
        heard(&there, 1).await;
        say(&there, error(code::SUBSCRIBE, 1, "wamp.error.not_authorized"));
    });
    assert!(matches!(refused.unwrap_err(), RequestError::Failed(_)));

    let (subscription, ()) = tokio::join!(session.subscribe("a.b", SubscribeOptions::default()), async {
        heard(&there, 2).await;
        say(&there, subscribed(2, 5));
        say(&there, event(5, 1));
        say(&there, Message::SubscriptionRevoked(Revocation { id: id(5), reason: None }));
    });
    let mut subscription = subscription.unwrap();
    assert_eq!(subscription.next().await.unwrap().publication, id(1));
    assert!(subscription.next().await.is_none());
    assert!(subscription.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn those_who_subscribe_to_the_same_share_it_until_the_last_goes() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let subscribe = || session.subscribe("a.b", SubscribeOptions::default());
    let (first, second, ()) = tokio::join!(subscribe(), subscribe(), async {
        heard(&there, 2).await;
        say(&there, subscribed(1, 5));
        say(&there, subscribed(2, 5));
    });
    let (first, mut second) = (first.unwrap(), second.unwrap());
    first.unsubscribe().await.unwrap();
    say(&there, event(5, 1));
    assert_eq!(second.next().await.unwrap().publication, id(1));

    // A third is on its way while the second goes: the subscription stays.
    let third = tokio::spawn({
        let session = session.clone();
        async move { session.subscribe("a.b", SubscribeOptions::default()).await }
    });
    heard(&there, 3).await;
    second.unsubscribe().await.unwrap();
    say(&there, subscribed(3, 5));
    let mut third = third.await.unwrap().unwrap();
    say(&there, event(5, 2));
    assert_eq!(third.next().await.unwrap().publication, id(2));

    let (gone, ()) = tokio::join!(third.unsubscribe(), async {
        assert!(matches!(heard(&there, 4).await, Message::Unsubscribe(_)));
        say(&there, Message::Unsubscribed(Unsubscribed { request: id(4) }));
    });
    gone.unwrap();
}

#[tokio::test(start_paused = true)]
async fn subscription_that_nobody_waited_for_is_ended() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let subscribing = tokio::spawn({
        let session = session.clone();
        async move { session.subscribe("a.b", SubscribeOptions::default()).await }
    });
    heard(&there, 1).await;
    subscribing.abort();
    assert!(subscribing.await.unwrap_err().is_cancelled());
    say(&there, subscribed(1, 5));
    assert!(matches!(heard(&there, 2).await, Message::Unsubscribe(message) if message.subscription == id(5)));
}

fn options(capacity: usize, overflow: Overflow) -> SubscribeOptions {
    let mut options = SubscribeOptions::default();
    (options.capacity, options.overflow) = (capacity, overflow);
    options
}

#[tokio::test(start_paused = true)]
async fn events_beyond_the_room_are_dropped_and_counted_and_answers_get_through() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let (subscription, ()) = tokio::join!(session.subscribe("a.b", options(2, Overflow::Drop)), async {
        heard(&there, 1).await;
        say(&there, subscribed(1, 5));
        (1..=5).for_each(|number| say(&there, event(5, number)));
    });
    let mut subscription = subscription.unwrap();
    let (answer, ()) = tokio::join!(session.call("c.d", CallOptions::default(), nothing(), NEVER), async {
        heard(&there, 2).await;
        say(&there, result(2, "here"));
    });
    assert_eq!(answer.unwrap().payload, text("here"));
    assert_eq!((subscription.lost(), subscription.lost()), (3, 0));
    for number in 1..=2 {
        assert_eq!(subscription.next().await.unwrap().publication, id(number));
    }
    say(&there, event(5, 6));
    assert_eq!(subscription.next().await.unwrap().publication, id(6));
}

#[tokio::test(start_paused = true)]
async fn events_beyond_the_room_are_held_back_where_that_is_wished_and_none_is_lost() {
    const MANY: u64 = 20_000;
    let router = Router::new();
    let (session, there) = router.joined().await;
    let subscribe = |capacity, overflow| session.subscribe("a.b", options(capacity, overflow));
    let both = async {
        tokio::join!(subscribe(3, Overflow::HoldBack), subscribe(50_000, Overflow::Drop), async {
            heard(&there, 2).await;
            say(&there, subscribed(1, 5));
            say(&there, subscribed(2, 5));
        })
    };
    let (slow, quick, ()) = both.await;
    let (mut slow, mut quick) = (slow.unwrap(), quick.unwrap());
    (1..=MANY).for_each(|number| say(&there, event(5, number)));
    for number in 1..=MANY {
        assert_eq!(slow.next().await.unwrap().publication, id(number));
    }
    for number in 1..=MANY {
        assert_eq!(quick.next().await.unwrap().publication, id(number));
    }
    assert_eq!((slow.lost(), quick.lost()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn session_with_events_held_back_can_be_left() {
    let router = Router::new();
    let (session, there) = router.joined().await;
    let (subscription, ()) = tokio::join!(session.subscribe("a.b", options(1, Overflow::HoldBack)), async {
        heard(&there, 1).await;
        say(&there, subscribed(1, 5));
        (1..=5).for_each(|number| say(&there, event(5, number)));
    });
    let _full = subscription.unwrap();
    let before = tokio::time::Instant::now();
    let (_, ()) = tokio::join!(session.close(), async {
        let heard = there.heard_at_least(3).await;
        assert!(matches!(heard[2], Heard::Message(Message::Goodbye(_))));
        say(&there, super::support::goodbye("wamp.close.goodbye_and_out"));
    });
    assert_eq!(before.elapsed(), std::time::Duration::ZERO);
}
