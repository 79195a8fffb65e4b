//! From HELLO to WELCOME where it takes more than one step.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::{Value, json};
use transom_auth::{
    Admission, Attempts, CookieSettings, Cookies, Dynamic, Env, MemoryCookies, Methods, Settings,
    TicketPrincipal, TicketSettings, TlsSettings, WampcraSettings, client,
};
use transom_base::{Address, ConnInfo, Limit};
use transom_config::{Authorization, MatchPolicy, Realm, SlowConsumer};
use transom_router::Router;
use transom_testkit::FakeSink;
use transom_wamp::{CloseReason, Dict, Flow, Serializer, TransportDetails};

use crate::support::*;

const PROCEDURE: &str = "com.app.authenticate";

fn realms() -> [Realm; 2] {
    let roles = || {
        vec![
            role("anonymous", Authorization::Always(true), SlowConsumer::Drop),
            role("user", Authorization::Always(true), SlowConsumer::Drop),
            role(
                "caller",
                Authorization::Permissions(vec![rule(PROCEDURE, MatchPolicy::Exact, "call")]),
                SlowConsumer::Drop,
            ),
            role("nobody", Authorization::Always(false), SlowConsumer::Drop),
        ]
    };
    let named = |name: &str| Realm { name: name.into(), roles: roles(), ..Realm::default() };
    [named("realm1"), named("auth")]
}

fn tickets() -> Settings {
    let joe = TicketPrincipal { ticket: "secret".into(), role: Some("user".into()), realm: None };
    let principals = [("joe".to_owned(), joe)].into();
    Settings {
        ticket: Some(TicketSettings::Static { principals, default_role: None }),
        ..Settings::default()
    }
}

fn dynamic() -> Dynamic {
    Dynamic::new(PROCEDURE)
}

struct World {
    router: Arc<Router>,
    methods: Arc<Methods>,
    clock: Arc<SetClock>,
}

impl World {
    fn new(settings: Settings) -> Self {
        let clock = SetClock::new();
        let router = Router::with_clock(&realms(), clock.clone());
        let methods = Arc::new(Methods::new(settings, Env::default()));
        World { router, methods, clock }
    }

    fn connect_from(&self, info: ConnInfo, cookie: Option<&str>) -> Client {
        let sink = Arc::new(FakeSink::new(Serializer::Json));
        let mut details = TransportDetails::new(Serializer::Json, "websocket", Arc::new(info));
        details.cookie = cookie.map(Into::into);
        let port = self.router.port_with(self.methods.clone()).open(details, sink.clone());
        Client { port, sink, id: 0 }
    }

    fn connect(&self) -> Client {
        self.connect_from(ConnInfo::new(Address::Memory(1), Address::Memory(2)), None)
    }

    /// Somebody who answers calls of the authenticator on a realm.
    fn authenticator(&self, realm: &str) -> Client {
        let sink = Arc::new(FakeSink::new(Serializer::Json));
        let details = TransportDetails::memory(Serializer::Json, 1);
        let port = self.router.port(None).open(details, sink.clone());
        let mut client = Client { port, sink, id: 0 };
        assert_eq!(client.ask(hello(realm))[0], 2);
        client.register(PROCEDURE);
        client
    }

    fn sessions(&self) -> usize {
        self.router.status().realms.iter().map(|realm| realm.sessions).sum()
    }
}

fn offering(methods: &[&str]) -> Value {
    let mut hello = hello("realm1");
    hello[2]["authmethods"] = json!(methods);
    hello[2]["authid"] = json!("joe");
    hello
}

/// The reason of the only message, an ABORT.
#[track_caller]
fn aborted(client: &Client) -> String {
    let abort = client.one();
    assert_eq!(abort[0], 3, "{abort}");
    abort[2].as_str().unwrap().to_owned()
}

#[test]
fn ticket_is_asked_for_and_let_in() {
    let world = World::new(tickets());
    let mut joe = world.connect();
    assert_eq!(joe.ask(offering(&["ticket"])), json!([4, "ticket", {}]));
    let welcome = joe.ask(json!([5, "secret", {}]));
    assert_eq!(
        (&welcome[0], &welcome[2]["authid"], &welcome[2]["authrole"]),
        (&json!(2), &json!("joe"), &json!("user"))
    );
    assert_eq!(
        (&welcome[2]["authmethod"], &welcome[2]["authprovider"]),
        (&json!("ticket"), &json!("static"))
    );
    joe.subscribe(URI);
    // The same connection may log in anew.
    joe.ask(json!([6, {}, "wamp.close.normal"]));
    assert_eq!(joe.ask(offering(&["ticket"]))[0], 4);
    assert_eq!(joe.try_tell(json!([5, "wrong", {}])), Ok(Flow::Close(CloseReason::Normal)));
    assert_eq!(aborted(&joe), "wamp.error.not_authorized");
    assert_eq!(world.sessions(), 0);
}

#[test]
fn challenge_names_the_session_that_welcome_opens() {
    let wampcra = WampcraSettings::Static {
        users: [(
            "joe".to_owned(),
            transom_auth::WampcraUser { secret: "s".into(), role: Some("user".into()), salt: None },
        )]
        .into(),
        default_role: None,
    };
    let world = World::new(Settings { wampcra: Some(wampcra), ..Settings::default() });
    let mut joe = world.connect();
    let asked = joe.ask(offering(&["wampcra"]));
    let challenge: Value = serde_json::from_str(asked[2]["challenge"].as_str().unwrap()).unwrap();
    let mut extra = Dict::default();
    extra.push("challenge", asked[2]["challenge"].as_str().unwrap());
    let welcome = joe.ask(json!([5, client::wampcra("s", &extra).unwrap(), {}]));
    assert_eq!((&welcome[0], &welcome[1]), (&json!(2), &challenge["session"]));
}

#[test]
fn what_does_not_belong_between_challenge_and_welcome_is_a_violation() {
    for message in [offering(&["ticket"]), json!([32, 1, {}, URI]), json!([6, {}, "wamp.close.normal"])] {
        let world = World::new(tickets());
        let mut joe = world.connect();
        joe.ask(offering(&["ticket"]));
        let text = joe.violates(message);
        assert!(text.ends_with("while CHALLENGE is not answered"), "{text}");
    }
    let world = World::new(tickets());
    let mut joe = world.connect();
    joe.ask(offering(&["ticket"]));
    joe.tell(json!([3, {}, "wamp.error.cannot_authenticate"]));
    assert!(joe.violates(json!([5, "secret", {}])).contains("AUTHENTICATE without CHALLENGE"));
}

#[test]
fn challenge_has_a_deadline() {
    let world = World::new(tickets());
    let mut joe = world.connect();
    world.clock.forward(Duration::from_secs(3));
    joe.ask(offering(&["ticket"]));
    let until = joe.port.deadline().unwrap();
    assert_eq!(until, world.clock.forward(Duration::ZERO) + Duration::from_secs(10));
    assert_eq!(joe.port.expired(until - Duration::from_millis(1)), Flow::Continue);
    assert_eq!(joe.port.expired(until), Flow::Close(CloseReason::Timeout));
    assert_eq!(aborted(&joe), "wamp.error.authentication_failed");
}

#[test]
fn peer_that_gives_its_challenges_up_gets_no_more_time_by_that() {
    let world = World::new(tickets());
    let mut joe = world.connect();
    let until = joe.port.deadline();
    for _ in 0..3 {
        joe.ask(offering(&["ticket"]));
        world.clock.forward(Duration::from_secs(1));
        joe.tell(json!([3, {}, "wamp.error.cannot_authenticate"]));
        assert_eq!(joe.port.deadline(), until);
    }
    assert_eq!(joe.port.expired(until.unwrap()), Flow::Close(CloseReason::Timeout));
}

#[test]
fn authenticator_is_called_by_nobody_that_others_see_and_its_answer_lets_in() {
    let world =
        World::new(Settings { ticket: Some(TicketSettings::Dynamic(dynamic())), ..Settings::default() });
    let mut authenticator = world.authenticator("realm1");
    let mut joe = world.connect();
    joe.ask(offering(&["ticket"]));
    assert_eq!(joe.try_tell(json!([5, "secret", {}])), Ok(Flow::Pause));
    let woken = Woken::default();
    assert_eq!(joe.poll(&woken), Poll::Pending);
    let call = authenticator.one();
    assert_eq!(call[0], 68, "{call}");
    let (realm, authid, details) = (&call[4][0], &call[4][1], &call[4][2]);
    assert_eq!((realm, authid, &details["ticket"]), (&json!("realm1"), &json!("joe"), &json!("secret")));
    assert_eq!(
        (&details["authmethod"], &details["transport"]["channel_framing"]),
        (&json!("ticket"), &json!("websocket"))
    );
    assert_eq!(world.sessions(), 1);
    let session = details["session"].clone();
    joe.nothing();
    authenticator.tell(json!([70, call[1], {}, [{"role": "user", "extra": {"team": "red"}}]]));
    assert_eq!(woken.times(), 1);
    assert_eq!(joe.poll(&woken), Poll::Ready(Flow::Continue));
    let welcome = joe.one();
    assert_eq!(
        (&welcome[0], &welcome[1], &welcome[2]["authprovider"]),
        (&json!(2), &session, &json!("dynamic"))
    );
    assert_eq!(welcome[2]["authextra"], json!({"team": "red"}));
    assert_eq!(joe.poll(&woken), Poll::Ready(Flow::Continue));
    assert_eq!(world.sessions(), 2);
    joe.subscribe(URI);
}

#[test]
fn authenticator_on_another_realm_answers_before_the_challenge() {
    let dynamic = Dynamic { realm: Some("auth".into()), role: Some("caller".into()), ..dynamic() };
    let world =
        World::new(Settings { wampcra: Some(WampcraSettings::Dynamic(dynamic)), ..Settings::default() });
    let mut authenticator = world.authenticator("auth");
    let mut joe = world.connect();
    assert_eq!(joe.try_tell(offering(&["wampcra"])), Ok(Flow::Pause));
    let call = authenticator.one();
    authenticator.tell(json!([70, call[1], {}, [{"role": "user", "secret": "s", "authid": "joe2"}]]));
    assert_eq!(joe.poll(&Woken::default()), Poll::Ready(Flow::Continue));
    let asked = joe.one();
    let mut extra = Dict::default();
    extra.push("challenge", asked[2]["challenge"].as_str().unwrap());
    let welcome = joe.ask(json!([5, client::wampcra("s", &extra).unwrap(), {}]));
    assert_eq!((&welcome[2]["realm"], &welcome[2]["authid"]), (&json!("realm1"), &json!("joe2")));
}

/// A client whose only method is an authenticator that decides at once.
fn tls(dynamic: Dynamic) -> World {
    World::new(Settings { tls: Some(TlsSettings::Dynamic(dynamic)), ..Settings::default() })
}

#[test]
fn error_of_an_authenticator_is_the_abort() {
    let world = tls(dynamic());
    let mut authenticator = world.authenticator("realm1");
    for (error, args, expected, message) in [
        ("com.app.expired", json!(["too old"]), "com.app.expired", Some("too old")),
        ("com.app.expired", json!([5]), "com.app.expired", None),
        ("wamp.error.runtime_error", json!(["KeyError"]), "wamp.error.authentication_failed", None),
    ] {
        let mut joe = world.connect();
        assert_eq!(joe.try_tell(offering(&["tls"])), Ok(Flow::Pause));
        let call = authenticator.one();
        authenticator.tell(json!([8, 68, call[1], {}, error, args]));
        assert_eq!(joe.poll(&Woken::default()), Poll::Ready(Flow::Close(CloseReason::Normal)));
        let abort = joe.one();
        assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!(expected)));
        match message {
            Some(message) => assert_eq!(abort[1]["message"], message),
            None => assert_ne!(abort[1]["message"], "KeyError"),
        }
    }
    assert_eq!(world.sessions(), 1);
}

#[test]
fn authenticator_that_is_not_there_lets_nobody_in() {
    let elsewhere = |realm: &str| Dynamic { realm: Some(realm.into()), ..dynamic() };
    let as_role = |role: &str| Dynamic { role: Some(role.into()), ..dynamic() };
    let failed = "wamp.error.authentication_failed";
    for (dynamic, expected) in [
        (dynamic(), failed),
        (elsewhere("auth"), failed),
        (elsewhere("realm9"), failed),
        (as_role("no such role"), failed),
        (as_role("nobody"), "wamp.error.not_authorized"),
        (Dynamic { procedure: "not a uri".into(), ..Dynamic::new("x") }, "wamp.error.invalid_uri"),
    ] {
        let world = tls(dynamic.clone());
        let mut joe = world.connect();
        let flow = match joe.try_tell(offering(&["tls"])).unwrap() {
            Flow::Pause => joe.poll(&Woken::default()),
            flow => Poll::Ready(flow),
        };
        assert_eq!(flow, Poll::Ready(Flow::Close(CloseReason::Normal)), "{dynamic:?}");
        assert_eq!(aborted(&joe), expected, "{dynamic:?}");
        assert_eq!(world.sessions(), 0);
    }
}

#[test]
fn authenticator_that_hangs_leaves_or_talks_too_much_lets_nobody_in() {
    let failed = "wamp.error.authentication_failed";
    let world = tls(dynamic());
    let mut authenticator = world.authenticator("realm1");
    let mut joe = world.connect();
    assert_eq!(joe.try_tell(offering(&["tls"])), Ok(Flow::Pause));
    let until = joe.port.deadline().unwrap();
    assert_eq!(until, world.clock.forward(Duration::ZERO) + Duration::from_secs(10));
    assert_eq!(joe.port.expired(until), Flow::Close(CloseReason::Normal));
    assert_eq!(aborted(&joe), failed);
    // Its answer comes too late, and finds nobody.
    let call = authenticator.one();
    authenticator.tell(json!([70, call[1], {}, ["user"]]));
    joe.nothing();

    let mut joe = world.connect();
    assert_eq!(joe.try_tell(offering(&["tls"])), Ok(Flow::Pause));
    let call = authenticator.one();
    authenticator.tell(json!([70, call[1], {}, ["x".repeat(300_000)]]));
    assert_eq!(joe.poll(&Woken::default()), Poll::Ready(Flow::Close(CloseReason::Normal)));
    assert_eq!(aborted(&joe), failed);

    let mut joe = world.connect();
    let woken = Woken::default();
    assert_eq!(joe.try_tell(offering(&["tls"])), Ok(Flow::Pause));
    assert_eq!(joe.poll(&woken), Poll::Pending);
    drop(authenticator);
    assert_eq!(woken.times(), 1);
    assert_eq!(joe.poll(&woken), Poll::Ready(Flow::Close(CloseReason::Normal)));
    assert_eq!(aborted(&joe), failed);
    assert_eq!(world.sessions(), 0);
}

#[test]
fn peer_that_goes_while_an_authenticator_is_asked_leaves_nothing_behind() {
    let world = tls(dynamic());
    let mut authenticator = world.authenticator("realm1");
    for end in [
        |joe: &mut Client| joe.port.closed(CloseReason::TransportLost),
        |joe: &mut Client| {
            assert_eq!(joe.port.drain(), Flow::Close(CloseReason::SystemShutdown));
        },
    ] {
        let mut joe = world.connect();
        assert_eq!(joe.try_tell(offering(&["tls"])), Ok(Flow::Pause));
        end(&mut joe);
        let call = authenticator.one();
        authenticator.tell(json!([70, call[1], {}, ["user"]]));
        joe.nothing();
        assert_eq!(world.sessions(), 1);
    }
}

#[test]
fn message_while_an_authenticator_is_asked_ends_the_session() {
    let world = tls(dynamic());
    let _authenticator = world.authenticator("realm1");
    let mut joe = world.connect();
    assert_eq!(joe.try_tell(offering(&["tls"])), Ok(Flow::Pause));
    assert_eq!(joe.try_tell(offering(&["tls"])), Ok(Flow::Close(CloseReason::Internal)));
}

#[test]
fn only_so_many_connections_may_be_open_without_a_session() {
    let limit = Limit::new(2);
    let admission = Admission { unauthenticated: Some(limit.clone()), attempts: None };
    let world = World::new(Settings { admission, ..tickets() });
    let log_in = |client: &mut Client| {
        client.ask(offering(&["ticket"]));
        assert_eq!(client.ask(json!([5, "secret", {}]))[0], 2);
    };
    let mut first = world.connect();
    let mut second = world.connect();
    let third = world.connect();
    assert_eq!(aborted(&third), "wamp.error.unavailable");
    assert_eq!(third.sink.closed(), Some(CloseReason::Normal));
    log_in(&mut first);
    let fourth = world.connect();
    fourth.nothing();
    assert_eq!(limit.open(), 2);
    // Who says GOODBYE has to find a place again.
    assert_eq!(first.try_tell(json!([6, {}, "wamp.close.normal"])), Ok(Flow::Close(CloseReason::Normal)));
    assert_eq!(first.take()[0][0], 6);
    log_in(&mut second);
    drop(fourth);
    assert_eq!(limit.open(), 0);
    second.ask(json!([6, {}, "wamp.close.normal"]));
    log_in(&mut second);
}

#[test]
fn address_that_fails_too_often_has_to_wait() {
    let admission = Admission { unauthenticated: None, attempts: Some(Attempts::new(2, 0.1)) };
    let world = World::new(Settings { admission, ..tickets() });
    let address = |text: &str| Address::tcp(text.parse().unwrap());
    let from = |peer: &str| world.connect_from(ConnInfo::new(address("192.0.2.9:1"), address(peer)), None);
    let fail = |peer: &str| {
        let mut eve = from(peer);
        eve.ask(offering(&["ticket"]));
        assert_eq!(eve.try_tell(json!([5, "wrong", {}])), Ok(Flow::Close(CloseReason::Normal)));
        aborted(&eve)
    };
    assert_eq!(fail("192.0.2.1:1000"), "wamp.error.not_authorized");
    let mut silent = from("192.0.2.1:1001");
    silent.ask(offering(&["ticket"]));
    let until = silent.port.deadline().unwrap();
    silent.port.expired(until);
    let mut eve = from("192.0.2.1:1002");
    assert_eq!(eve.try_tell(offering(&["ticket"])), Ok(Flow::Close(CloseReason::Normal)));
    assert_eq!(aborted(&eve), "wamp.error.unavailable");
    assert_eq!(fail("192.0.2.2:1000"), "wamp.error.not_authorized");
    world.clock.forward(Duration::from_secs(10));
    assert_eq!(from("192.0.2.1:1003").ask(offering(&["ticket"]))[0], 4);
}

#[test]
fn browser_returns_by_its_cookie_until_it_logs_out() {
    let cookies = Cookies::new(CookieSettings::default(), Arc::new(MemoryCookies::default()), Env::default());
    let cookie = cookies.track([]).unwrap().id;
    let world = World::new(Settings { cookie: true, cookies: Some(cookies), ..tickets() });
    let browser = || world.connect_from(ConnInfo::new(Address::Memory(1), Address::Memory(2)), Some(&cookie));
    let mut first = browser();
    first.ask(offering(&["cookie", "ticket"]));
    first.ask(json!([5, "secret", {}]));
    let mut second = browser();
    let welcome = second.ask(offering(&["cookie"]));
    assert_eq!((&welcome[2]["authid"], &welcome[2]["authmethod"]), (&json!("joe"), &json!("ticket")));
    assert_eq!(welcome[2]["authprovider"], "cookie");
    second.ask(json!([6, {}, "wamp.close.logout"]));
    assert_eq!((first.sink.closed(), second.sink.closed()), (Some(CloseReason::Normal), None));
    let mut third = browser();
    assert_eq!(third.try_tell(offering(&["cookie"])), Ok(Flow::Close(CloseReason::Normal)));
    assert_eq!(aborted(&third), "wamp.error.no_auth_method");
}
