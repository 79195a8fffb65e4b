//! Realms and roles that change while sessions join and events are on their way.

use std::sync::Arc;

use transom_config::{AnonymousAuth, AnonymousConfig, AuthConfig, Authorization, Realm, RealmOptions, Role};
use transom_router::Router;
use transom_testkit::FakeSink;
use transom_wamp::{Flow, Hello, HelloDetails, Message, Serializer, TransportDetails};

use crate::client::*;
use crate::topics::publishing;

/// A realm and whether its role `anonymous` is there by another name.
fn realms(name: &str, role: &str) -> Vec<Realm> {
    let role = Role { name: role.into(), authorization: Authorization::Always(true), ..Role::default() };
    vec![Realm { name: name.into(), roles: vec![role], ..Realm::default() }]
}

#[test]
fn session_that_joins_while_its_realm_or_role_goes_is_refused_or_dismissed() {
    for (before, after) in [
        (realms("realm1", "user"), realms("realm2", "user")),
        (realms("realm1", "user"), realms("realm1", "x")),
    ] {
        explore(move || {
            let router = Router::new(&before);
            let anonymous = AnonymousConfig { role: "user".into(), ..AnonymousConfig::default() };
            let auth =
                AuthConfig { anonymous: Some(AnonymousAuth::Static(anonymous)), ..AuthConfig::default() };
            let sink = Arc::new(FakeSink::new(Serializer::MsgPack));
            let mut port =
                router.port(Some(&auth)).open(TransportDetails::memory(Serializer::MsgPack, 1), sink.clone());
            let joining = thread::spawn(move || {
                let hello = Hello { realm: Some("realm1".into()), details: HelloDetails::default() };
                let flow = port.receive(Message::Hello(Box::new(hello))).unwrap();
                (port, flow)
            });
            let dismissed = router.update(&after);
            let (mut port, flow) = joining.join().unwrap();
            assert_eq!(dismissed, sink.nudges());
            if dismissed > 0 {
                let now = port.deadline().unwrap();
                port.expired(now);
            }
            let heard: Vec<Message> = sink.take().into_iter().map(|message| message.unwrap()).collect();
            match flow {
                Flow::Continue => {
                    assert!(matches!(heard[..], [Message::Welcome(_), Message::Goodbye(_)]), "{heard:?}");
                    assert_eq!(dismissed, 1);
                }
                _ => {
                    assert!(matches!(heard[..], [Message::Abort(_)]), "{heard:?}");
                    assert_eq!(dismissed, 0);
                }
            }
            drop(port);
            assert_eq!(Arc::strong_count(&sink), 1);
        });
    }
}

#[test]
fn events_when_permissions_change_are_lost_to_nobody_and_nothing_follows_a_dismissal() {
    explore(|| {
        let router = router(1);
        let (mut staying, mut leaving) = (Client::join(&router), Client::join(&router));
        staying.subscribe("com.app");
        leaving.subscribe("com.app");
        let publishing = self::publishing(&router, 1, 4);
        let changed = Realm {
            options: RealmOptions { event_dispatching_chunk_size: 2, ..RealmOptions::default() },
            ..realms("realm1", "anonymous").remove(0)
        };
        assert_eq!(router.update(std::slice::from_ref(&changed)), 0);
        let publisher = publishing.join().unwrap();
        staying.listen();
        let events = |client: &Client| {
            let is_event = |message: &&Message| matches!(message, Message::Event(_));
            client.heard.iter().filter(is_event).count()
        };
        assert_eq!(events(&staying), 4);
        let more = self::publishing(&router, 1, 2);
        assert_eq!(router.update(&[]), 4);
        let now = leaving.port.deadline().unwrap();
        leaving.port.expired(now);
        let more = more.join().unwrap();
        leaving.listen();
        assert!(matches!(leaving.heard.last(), Some(Message::Goodbye(_))), "{:?}", leaving.heard);
        drop((more, publisher));
    });
}
