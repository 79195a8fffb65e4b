//! `ticket`.

use transom_auth::{Methods, Settings, TicketPrincipal, TicketSettings};
use transom_wamp::Dict;

use crate::support::*;

fn ticket(default_role: Option<&str>) -> Methods {
    let joe = TicketPrincipal { ticket: "secret!!!".into(), role: Some("user".into()), realm: None };
    let bob = TicketPrincipal { ticket: "bob".into(), role: None, realm: Some("realm2".into()) };
    let principals = named([("joe", joe), ("bob", bob)]);
    let default_role = default_role.map(Into::into);
    let ticket = Some(TicketSettings::Static { principals, default_role });
    methods(Settings { ticket, ..Settings::default() })
}

#[test]
fn right_ticket_gets_in() {
    let (extra, pending) = challenged(client(&["ticket"], Some("joe")).says_hello(&ticket(None)));
    assert_eq!(extra, Dict::default());
    let joe = welcomed(pending.authenticate(&signed("secret!!!")));
    assert_eq!((&*joe.realm, &*joe.authid, &*joe.role), ("realm1", "joe", "user"));
    assert_eq!((&*joe.method, &*joe.provider, joe.extra), ("ticket", "static", Dict::default()));
}

#[test]
fn principal_has_a_realm_of_its_own_and_the_default_role() {
    let login = |methods: &Methods| {
        let (_, pending) = challenged(client(&["ticket"], Some("bob")).says_hello(methods));
        pending.authenticate(&signed("bob"))
    };
    let bob = welcomed(login(&ticket(Some("guest"))));
    assert_eq!((&*bob.realm, &*bob.role), ("realm2", "guest"));
    assert_eq!(reason(login(&ticket(None))), "wamp.error.no_such_role");
}

#[test]
fn wrong_ticket_and_unknown_authid_look_the_same() {
    let try_as = |authid, answer: &str| {
        let (extra, pending) = challenged(client(&["ticket"], Some(authid)).says_hello(&ticket(None)));
        let refused = refused(pending.authenticate(&signed(answer)));
        (extra, refused.reason, refused.message)
    };
    let expected = try_as("joe", "wrong");
    assert_eq!(expected.1, DENIED);
    for (authid, answer) in [("joe", ""), ("joe", "secret!!"), ("eve", "secret!!!"), ("", "")] {
        assert_eq!(try_as(authid, answer), expected, "{authid}");
    }
    let nobody = client(&["ticket"], None).says_hello(&ticket(None));
    assert_eq!(reason(nobody), "wamp.error.no_such_principal");
}

#[test]
fn ticket_is_nowhere_in_what_is_printed() {
    let (_, pending) = challenged(client(&["ticket"], Some("joe")).says_hello(&ticket(None)));
    let printed = format!("{:?} {pending:?}", ticket(None));
    assert!(!printed.contains("secret!!!"), "{printed}");
}
