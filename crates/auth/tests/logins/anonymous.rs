//! `anonymous`, and which method runs.

use transom_auth::{AnonymousSettings, ErrorUris, Settings, TicketSettings};
use transom_wamp::{Text, TransportDetails};

use crate::support::*;

fn fixed(role: &str, authid: Option<&str>, realm: Option<&str>) -> Settings {
    let (authid, realm) = (authid.map(Text::from), realm.map(Text::from));
    let anonymous = Some(AnonymousSettings::Static { role: role.into(), authid, realm });
    Settings { anonymous, ..Settings::default() }
}

#[test]
fn methods_are_tried_in_the_clients_order_and_unknown_ones_passed_over() {
    let table: [(&[&str], bool); 6] = [
        (&[], true),
        (&["anonymous"], true),
        (&["ticket", "anonymous"], true),
        (&["no-such-method", "anonymous", "ticket"], true),
        (&["ticket"], false),
        (&["Anonymous"], false),
    ];
    for (offered, gets_in) in table {
        let step = client(offered, Some("joe")).says_hello(&methods(Settings::open()));
        match gets_in {
            true => assert_eq!(welcomed(step).role, "anonymous"),
            false => assert_eq!(reason(step), "wamp.error.no_auth_method"),
        }
    }
    let mut silent = client(&[], None);
    silent.hello.details.authmethods = None;
    assert_eq!(welcomed(silent.says_hello(&methods(Settings::open()))).role, "anonymous");
}

#[test]
fn first_configured_method_decides_alone() {
    let ticket = TicketSettings::Static { principals: named([]), default_role: None };
    let both = methods(Settings { ticket: Some(ticket), ..Settings::open() });
    let (_, pending) = challenged(client(&["wampcra", "ticket", "anonymous"], Some("joe")).says_hello(&both));
    assert_eq!(reason(pending.authenticate(&signed("x"))), DENIED);
    let first = client(&["anonymous", "ticket"], Some("joe")).says_hello(&both);
    assert_eq!(welcomed(first).method, "anonymous");
}

#[test]
fn nobody_gets_in_when_nothing_is_configured() {
    for (uris, expected) in [
        (ErrorUris::Crossbar, "wamp.error.no_auth_method"),
        (ErrorUris::Spec, "wamp.error.no_matching_auth_method"),
    ] {
        let methods = methods(Settings { error_uris: uris, ..Settings::default() });
        assert_eq!(reason(client(&["anonymous", "ticket"], None).says_hello(&methods)), expected);
    }
}

#[test]
fn anonymous_when_configured_gives_role_authid_and_a_realm_to_those_who_name_none() {
    let methods = methods(fixed("guest", Some("visitor"), Some("lobby")));
    let principal = welcomed(client(&[], Some("joe")).realm(None).says_hello(&methods));
    assert_eq!((&*principal.authid, &*principal.role), ("visitor", "guest"));
    assert_eq!(principal.realm, "lobby");
    assert_eq!((&*principal.method, &*principal.provider), ("anonymous", "static"));
    assert_eq!(welcomed(client(&[], None).says_hello(&methods)).realm, "realm1");
    let nowhere = client(&[], None).realm(None).says_hello(&self::methods(fixed("guest", None, None)));
    assert_eq!(reason(nowhere), "wamp.error.no_such_realm");
}

#[test]
fn anonymous_when_nothing_is_configured_draws_an_authid_and_echoes_authextra() {
    let methods = methods(Settings::open());
    let extra = dict(&[("x_app", "shop".into())]);
    let one = welcomed(client(&[], Some("joe")).extra(extra.clone()).says_hello(&methods));
    let two = welcomed(client(&[], Some("joe")).says_hello(&methods));
    assert_ne!(one.authid, two.authid);
    assert_ne!(one.authid, "joe");
    assert_eq!((one.authid.len(), one.extra), (29, extra));
}

#[test]
fn anonymous_of_a_tracked_browser_is_called_after_its_cookie() {
    let mut tracked = transport();
    tracked.cookie = Some("abcdefghijklmnopqrstuvwx".into());
    let same = |methods: &transom_auth::Methods, transport: &TransportDetails| {
        welcomed(client(&[], None).on(transport.clone()).says_hello(methods)).authid
    };
    assert_eq!(same(&methods(Settings::open()), &tracked), "abcdefghijklmnopqrstuvwx");
}

#[test]
fn nobody_gets_a_random_authid_where_there_is_no_randomness() {
    let methods = transom_auth::Methods::new(Settings::open(), env_with(Exhausted));
    let refused = refused(client(&[], None).says_hello(&methods));
    assert_eq!((&*refused.reason, refused.blames_peer()), (FAILED, false));
}
