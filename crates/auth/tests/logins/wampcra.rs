//! `wampcra`, with the figures of the WAMP specification and Crossbar.io's examples.

use transom_auth::client::{self, ClientError, Salt};
use transom_auth::{Methods, Settings, WampcraSettings, WampcraUser};
use transom_wamp::{Dict, Value};

use crate::support::*;

fn salt(iterations: u32, keylen: u32) -> Salt {
    Salt { salt: "salt123".into(), iterations, keylen }
}

fn user(secret: &str, salt: Option<Salt>) -> WampcraUser {
    WampcraUser { secret: secret.into(), role: Some("user".into()), salt }
}

fn users(users: impl IntoIterator<Item = (&'static str, WampcraUser)>) -> Methods {
    let wampcra = Some(WampcraSettings::Static { users: named(users), default_role: None });
    methods(Settings { wampcra, ..Settings::default() })
}

fn known() -> Methods {
    users([("peter", user("secret2", None)), ("salty", user("secret2", Some(salt(100, 16))))])
}

#[test]
fn keys_are_derived_as_the_vectors_say() {
    let table = [
        ("L3L1YUE8Txlw", 1000, 32, "qzcdsr9uu/L5hnss3kjNTRe490ETgA70ZBaB5rvnJ5Y="),
        ("secret1", 100, 16, "prq7+YkJ1/KlW1X0YczMHw=="),
        ("secret2", 100, 16, "LG5/FwnS5WvgmlEyLPk/pQ=="),
        ("secret2", 1000, 32, "nythvFZ7EuM5sPCQrrgnz1oJiZXUNcZZFlDIdGSiNUs="),
    ];
    for (password, iterations, keylen, expected) in table {
        assert_eq!(salt(iterations, keylen).derive(password.as_bytes()).as_str(), expected);
    }
}

#[test]
fn challenges_are_signed_as_the_vectors_say() {
    let challenge = r#"{"authid":"peter","authrole":"user","authmethod":"wampcra","authprovider":"static","session":3251278072152162,"nonce":"LHRTC9zeOIrt_9U3","timestamp":"2014-06-22T16:36:25.448Z"}"#;
    let plain = |challenge: &str| dict(&[("challenge", challenge.into())]);
    let salted = |iterations, keylen| {
        let mut extra = plain(challenge);
        extra.push("salt", "salt123");
        extra.push("iterations", Value::Int(iterations));
        extra.push("keylen", Value::Int(keylen));
        extra
    };
    let table = [
        ("L3L1YUE8Txlw", plain("[1, 2, 3]"), "1njQtmmeYO41N5EWEzD2kAjjEKRZ5kPZt/TzpYXOzR0="),
        ("secret2", plain(challenge), "lYWHVCvXT6T/kg6sU96WVBX5UGWsUBNVotS1Q0pGY7I="),
        ("secret2", salted(100, 16), "vp6GKfDKA2ir5Rdc3yiZZf61g2tV5hGcoT0jazFiBAE="),
        ("secret2", salted(1000, 32), "t2hgsy5edE6a/xOrIih1U7hV2Na3BB+vcK1kr7//ND0="),
    ];
    for (secret, extra, expected) in table {
        assert_eq!(client::wampcra(secret, &extra).as_deref(), Ok(expected));
    }
    let mut absent = plain(challenge);
    absent.push("salt", "salt123");
    assert_eq!(client::wampcra("secret2", &absent), client::wampcra("secret2", &salted(1000, 32)));
}

#[test]
fn challenge_says_who_wants_in_and_when() {
    let (extra, _) = challenged(client(&["wampcra"], Some("peter")).says_hello(&known()));
    assert_eq!(extra.0.len(), 1);
    let challenge: serde_json::Value = serde_json::from_str(text(&extra, "challenge")).unwrap();
    let keys: Vec<&str> = challenge.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["authid", "authrole", "authmethod", "authprovider", "session", "nonce", "timestamp"]);
    assert_eq!((&challenge["authid"], &challenge["authrole"]), (&"peter".into(), &"user".into()));
    assert_eq!((&challenge["authmethod"], &challenge["authprovider"]), (&"wampcra".into(), &"static".into()));
    assert_eq!(challenge["session"], 3_251_278_072_152_162_u64);
    assert_eq!(challenge["timestamp"], "2014-06-22T16:36:25.448Z");
    assert_eq!(challenge["nonce"].as_str().unwrap().len(), 64);
}

#[test]
fn right_signature_gets_in_with_the_secret_stored_either_way() {
    let derived = salt(100, 16).derive(b"secret2");
    let methods = users([
        ("plain", user("secret2", None)),
        ("password", user("secret2", Some(salt(100, 16)))),
        ("derived", user(derived.as_str(), Some(salt(100, 16)))),
    ]);
    for authid in ["plain", "password", "derived"] {
        let (extra, pending) = challenged(client(&["wampcra"], Some(authid)).says_hello(&methods));
        assert_eq!(extra.get("salt").is_some(), authid != "plain");
        let signature = client::wampcra("secret2", &extra).unwrap();
        let principal = welcomed(pending.authenticate(&signed(&signature)));
        assert_eq!((&*principal.authid, &*principal.role), (authid, "user"));
        assert_eq!((&*principal.method, &*principal.provider), ("wampcra", "static"));
    }
}

#[test]
fn wrong_signatures_do_not_get_in() {
    for authid in ["peter", "salty"] {
        let hello = || challenged(client(&["wampcra"], Some(authid)).says_hello(&known()));
        let (extra, _) = hello();
        let wrong = client::wampcra("secret3", &extra).unwrap();
        let of_another = client::wampcra("secret2", &dict(&[("challenge", "x".into())])).unwrap();
        for answer in ["", "secret2", "====", "AAAA", &wrong, &of_another] {
            assert_eq!(reason(hello().1.authenticate(&signed(answer))), DENIED, "{authid}: {answer}");
        }
    }
}

#[test]
fn answer_to_an_earlier_challenge_is_worth_nothing() {
    let methods = known();
    let peter = client(&["wampcra"], Some("peter"));
    let (extra, pending) = challenged(peter.says_hello(&methods));
    let signature = signed(&client::wampcra("secret2", &extra).unwrap());
    welcomed(pending.authenticate(&signature));
    let (again, pending) = challenged(peter.says_hello(&methods));
    assert_ne!(again, extra);
    assert_eq!(reason(pending.authenticate(&signature)), DENIED);
}

#[test]
fn unknown_authid_is_asked_like_a_known_one_and_always_the_same() {
    let shape = |extra: &Dict| extra.0.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>();
    let known = known();
    let (mut plain, mut salted) = (0, 0);
    for n in 0..20 {
        let eve = client(&["wampcra"], Some(&format!("eve{n}")));
        let (extra, pending) = challenged(eve.says_hello(&known));
        let (again, _) = challenged(eve.says_hello(&known));
        assert_eq!(shape(&extra), shape(&again));
        assert_eq!(extra.get("salt"), again.get("salt"));
        match extra.get("salt") {
            None => plain += 1,
            Some(salt) => {
                assert_eq!(text(&extra, "salt").len(), "salt123".len());
                assert_ne!(*salt, Value::from("salt123"));
                assert_eq!(
                    (extra.get("iterations"), extra.get("keylen")),
                    (Some(&100_i64.into()), Some(&16_i64.into()))
                );
                salted += 1;
            }
        }
        assert!(text(&extra, "challenge").contains(r#""authrole":"user""#));
        let signature = client::wampcra("secret2", &extra).unwrap();
        let refusal = refused(pending.authenticate(&signed(&signature)));
        let (_, of_peter) = challenged(client(&["wampcra"], Some("peter")).says_hello(&known));
        let expected = refused(of_peter.authenticate(&signed("AAAA")));
        assert_eq!((refusal.reason, refusal.message), (expected.reason, expected.message));
    }
    assert!(plain > 0 && salted > 0, "{plain} {salted}");
}

#[test]
fn authid_is_quoted_in_the_challenge() {
    let methods = users([(r#"a"b\c"#, user("secret2", None))]);
    let (extra, pending) = challenged(client(&["wampcra"], Some(r#"a"b\c"#)).says_hello(&methods));
    let challenge: serde_json::Value = serde_json::from_str(text(&extra, "challenge")).unwrap();
    assert_eq!(challenge["authid"], r#"a"b\c"#);
    let signature = client::wampcra("secret2", &extra).unwrap();
    welcomed(pending.authenticate(&signed(&signature)));
}

#[test]
fn derivation_that_costs_too_much_is_not_done() {
    // It would take minutes. The secret counts as the derived key, then.
    let costly = Salt { salt: "salt123".into(), iterations: u32::MAX, keylen: 32 };
    let methods = users([("peter", user("key", Some(costly)))]);
    let hello = || challenged(client(&["wampcra"], Some("peter")).says_hello(&methods));
    let (extra, pending) = hello();
    let plain = dict(&[("challenge", text(&extra, "challenge").into())]);
    welcomed(pending.authenticate(&signed(&client::wampcra("key", &plain).unwrap())));
    assert_eq!(reason(hello().1.authenticate(&signed("AAAA"))), DENIED);
    assert_eq!(client::wampcra("key", &extra), Err(ClientError::Cost("iterations")));
}

#[test]
fn no_challenge_is_made_without_randomness() {
    let wampcra =
        Some(WampcraSettings::Static { users: named([("peter", user("x", None))]), default_role: None });
    let methods = Methods::new(Settings { wampcra, ..Settings::default() }, env_with(Exhausted));
    assert_eq!(reason(client(&["wampcra"], Some("peter")).says_hello(&methods)), FAILED);
}

#[test]
fn unknown_authid_shows_the_salt_that_all_have() {
    let methods = users([("a", user("x", Some(salt(100, 16)))), ("b", user("y", Some(salt(100, 16))))]);
    let (extra, _) = challenged(client(&["wampcra"], Some("eve")).says_hello(&methods));
    assert_eq!(text(&extra, "salt"), "salt123");
}
