//! `anonymous-proxy` and `cryptosign-proxy`.

use transom_auth::client::Cryptosign;
use transom_auth::{CryptosignPrincipal, CryptosignSettings, Methods, PrivateKey, Settings};
use transom_base::{Address, ConnInfo};
use transom_wamp::{Dict, Value};

use crate::support::*;

const KEY: &str = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510";

fn backend() -> Methods {
    let authorized_keys = vec![PrivateKey::from_hex(KEY).unwrap().public()];
    let proxy = CryptosignPrincipal { authorized_keys, role: Some("proxy".into()), realm: None };
    let principals = named([("proxy1", proxy)]);
    let cryptosign_proxy = Some(CryptosignSettings::Static { principals, default_role: None });
    methods(Settings { anonymous_proxy: true, cryptosign_proxy, ..Settings::default() })
}

fn vouching() -> Dict {
    dict(&[
        ("proxy_realm", "realm2".into()),
        ("proxy_authid", "joe".into()),
        ("proxy_authrole", "user".into()),
        ("proxy_authmethod", "wampcra".into()),
        ("proxy_authprovider", "dynamic".into()),
        ("proxy_authextra", Value::Map(dict(&[("x", 1_i64.into())]))),
    ])
}

#[test]
fn proxy_on_a_unix_socket_names_its_client() {
    let unix = over(ConnInfo::new(Address::Unix(Some("/run/x.sock".into())), Address::Unix(None)));
    let joe = welcomed(client(&["anonymous-proxy"], None).extra(vouching()).on(unix).says_hello(&backend()));
    assert_eq!((&*joe.realm, &*joe.authid, &*joe.role), ("realm2", "joe", "user"));
    assert_eq!((&*joe.method, &*joe.provider), ("wampcra", "dynamic"));
    assert_eq!(joe.extra, dict(&[("x", 1_i64.into())]));
}

#[test]
fn anybody_on_tcp_is_no_proxy() {
    let tcp = || Address::tcp("127.0.0.1:9".parse().unwrap());
    let hello = client(&["anonymous-proxy"], None).extra(vouching()).on(over(ConnInfo::new(tcp(), tcp())));
    let refused = refused(hello.says_hello(&backend()));
    assert!(refused.message.contains("use 'cryptosign-proxy'"), "{refused:?}");
}

#[test]
fn proxy_with_a_key_names_its_client() {
    let login = |signer: &Cryptosign| {
        let mut extra = signer.hello();
        extra.0.extend(vouching().0);
        let (extra, pending) =
            challenged(client(&["cryptosign-proxy"], None).extra(extra).says_hello(&backend()));
        pending.authenticate(&signed(&signer.answer(&extra).unwrap()))
    };
    let joe = welcomed(login(&Cryptosign::new(PrivateKey::from_hex(KEY).unwrap())));
    assert_eq!((&*joe.authid, &*joe.method), ("joe", "wampcra"));
    assert_eq!(reason(login(&Cryptosign::new(PrivateKey::from_hex(&"11".repeat(32)).unwrap()))), DENIED);
}

#[test]
fn proxy_that_does_not_say_whom_it_speaks_for_is_told() {
    for key in ["proxy_realm", "proxy_authid", "proxy_authrole"] {
        let extra = Dict(vouching().0.into_iter().filter(|(other, _)| **other != *key).collect());
        let refused = refused(client(&["anonymous-proxy"], None).extra(extra).says_hello(&backend()));
        assert!(refused.message.contains(&format!("authextra.{key} of HELLO is missing")), "{refused:?}");
    }
    let mut extra = vouching();
    extra.push("proxy_authextra", "x");
    let refused = refused(client(&["anonymous-proxy"], None).extra(extra).says_hello(&backend()));
    assert!(refused.message.contains("proxy_authextra of HELLO is no map"), "{refused:?}");
    let minimal =
        dict(&[("proxy_realm", "r".into()), ("proxy_authid", "a".into()), ("proxy_authrole", "x".into())]);
    let minimal = welcomed(client(&["anonymous-proxy"], None).extra(minimal).says_hello(&backend()));
    assert_eq!((&*minimal.method, &*minimal.provider), ("anonymous-proxy", "static"));
}
