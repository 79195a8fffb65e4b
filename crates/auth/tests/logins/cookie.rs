//! `cookie`, and cookies as such.

use std::sync::Arc;
use std::time::Duration;

use transom_auth::{
    CookieSettings, Cookies, Env, MemoryCookies, Methods, SameSite, Settings, TicketPrincipal, TicketSettings,
};
use transom_testkit::FakeSink;
use transom_wamp::{CloseReason, Serializer, Text, TransportDetails};

use crate::support::*;

struct Site {
    cookies: Arc<Cookies>,
    methods: Methods,
    clock: Arc<SetClock>,
}

fn site(settings: CookieSettings, cookie: bool) -> Site {
    let clock = set_clock();
    let env = Env { clock: clock.clone(), random: Arc::new(Counting::default()) };
    let cookies = Cookies::new(settings, Arc::new(MemoryCookies::default()), env.clone());
    let joe = TicketPrincipal { ticket: "secret".into(), role: Some("user".into()), realm: None };
    let ticket = Some(TicketSettings::Static { principals: named([("joe", joe)]), default_role: None });
    let settings = Settings { ticket, cookie, cookies: Some(cookies.clone()), ..Settings::open() };
    Site { cookies, methods: Methods::new(settings, env), clock }
}

fn with(cookie: &Text) -> TransportDetails {
    let mut transport = transport();
    transport.cookie = Some(cookie.clone());
    transport
}

impl Site {
    /// A browser that comes for the first time.
    fn new_browser(&self) -> Text {
        let tracked = self.cookies.track([]).unwrap();
        assert!(tracked.set_cookie.is_some());
        tracked.id
    }

    /// It logs in with a ticket.
    fn log_in(&self, cookie: &Text) {
        let transport = with(cookie);
        let hello = client(&["cookie", "ticket"], Some("joe")).on(transport.clone());
        let (_, pending) = challenged(hello.says_hello(&self.methods));
        let principal = welcomed(pending.authenticate(&signed("secret")));
        self.methods.joined(&transport, &principal);
    }

    fn returns(&self, cookie: &Text, offered: &[&str]) -> transom_auth::Step {
        client(offered, None).realm(Some("elsewhere")).on(with(cookie)).says_hello(&self.methods)
    }
}

#[test]
fn browser_is_known_again_by_its_cookie() {
    let site = site(CookieSettings::default(), true);
    let tracked = site.cookies.track(["other=1; cbtid=unknown, x"]).unwrap();
    assert_eq!(tracked.id.len(), 24);
    assert_eq!(tracked.set_cookie, Some(format!("cbtid={};max-age=604800", tracked.id)));
    let header = format!("other=1; cbtid={} ;x=2", tracked.id);
    let again = site.cookies.track(["cbtid=aaaaaaaaaaaaaaaaaaaaaaaa", &header]).unwrap();
    assert_eq!((again.id, again.set_cookie), (tracked.id.clone(), None));
    assert_ne!(site.cookies.track(["cbtid=aaaaaaaaaaaaaaaaaaaaaaaa"]).unwrap().id, tracked.id);
    site.clock.forward(Duration::from_secs(604_800));
    assert!(site.cookies.track([&*header]).unwrap().set_cookie.is_some());
}

#[test]
fn cookie_has_the_attributes_that_are_configured() {
    let settings = CookieSettings {
        name: "id".into(),
        length: 7,
        max_age: Duration::from_secs(60),
        secure: true,
        http_only: true,
        same_site: Some(SameSite::Strict),
    };
    let tracked = site(settings, true).cookies.track([]).unwrap();
    assert_eq!(tracked.id.len(), 7);
    let expected = format!("id={};max-age=60;Secure;HttpOnly;SameSite=Strict", tracked.id);
    assert_eq!(tracked.set_cookie, Some(expected));
}

#[test]
fn who_joined_before_gets_in_by_cookie() {
    let site = site(CookieSettings::default(), true);
    let cookie = site.new_browser();
    assert_eq!(reason(site.returns(&cookie, &["cookie"])), "wamp.error.no_auth_method");
    site.log_in(&cookie);
    let joe = welcomed(site.returns(&cookie, &["ticket", "cookie"]));
    assert_eq!((&*joe.realm, &*joe.authid, &*joe.role), ("realm1", "joe", "user"));
    assert_eq!((&*joe.method, &*joe.provider), ("ticket", "cookie"));
    // Without a cookie, or with another one, it is nothing.
    assert_eq!(reason(site.returns(&site.new_browser(), &["cookie"])), "wamp.error.no_auth_method");
    assert_eq!(reason(client(&["cookie"], None).says_hello(&site.methods)), "wamp.error.no_auth_method");
    site.clock.forward(Duration::from_secs(604_800));
    assert_eq!(reason(site.returns(&cookie, &["cookie"])), "wamp.error.no_auth_method");
}

#[test]
fn cookie_proves_nothing_after_a_session_that_did_not_want_it() {
    let site = site(CookieSettings::default(), true);
    let cookie = site.new_browser();
    site.log_in(&cookie);
    assert_eq!(welcomed(site.returns(&cookie, &["anonymous"])).method, "anonymous");
    assert_eq!(reason(site.returns(&cookie, &["cookie"])), "wamp.error.no_auth_method");
}

#[test]
fn cookie_proves_nothing_where_it_is_only_tracked() {
    let site = site(CookieSettings::default(), false);
    let cookie = site.new_browser();
    site.log_in(&cookie);
    assert_eq!(reason(site.returns(&cookie, &["cookie"])), "wamp.error.no_auth_method");
    assert_eq!(welcomed(site.returns(&cookie, &["anonymous"])).authid, cookie);
}

#[test]
fn authid_of_an_anonymous_browser_does_not_tell_a_cookie_that_proves_something() {
    let site = site(CookieSettings::default(), true);
    let cookie = site.new_browser();
    let authid = welcomed(site.returns(&cookie, &["anonymous"])).authid;
    assert_ne!(authid, cookie);
    assert_eq!(authid, welcomed(site.returns(&cookie, &["anonymous"])).authid);
    assert_ne!(authid, welcomed(site.returns(&site.new_browser(), &["anonymous"])).authid);
}

#[test]
fn logging_out_forgets_the_cookie_and_ends_its_other_connections() {
    let site = site(CookieSettings::default(), true);
    let (cookie, another) = (site.new_browser(), site.new_browser());
    site.log_in(&cookie);
    let connect = |cookie| {
        let sink = Arc::new(FakeSink::new(Serializer::Json));
        (site.methods.attach(&with(cookie), sink.clone()).unwrap(), sink)
    };
    let (first, first_sink) = connect(&cookie);
    let (_second, second_sink) = connect(&cookie);
    let (gone, gone_sink) = connect(&cookie);
    let (_other, other_sink) = connect(&another);
    drop(gone);
    first.log_out();
    let closed = [&first_sink, &second_sink, &gone_sink, &other_sink].map(|sink| sink.closed());
    assert_eq!(closed, [None, Some(CloseReason::Normal), None, None]);
    assert_eq!(reason(site.returns(&cookie, &["cookie"])), "wamp.error.no_auth_method");
    assert!(site.cookies.track([&*format!("cbtid={cookie}")]).unwrap().set_cookie.is_some());
}
