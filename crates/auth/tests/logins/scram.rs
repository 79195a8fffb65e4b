//! `scram` and `wamp-scram`, with the figures of both dialects.

use transom_auth::client::{ClientError, Scram, scram_store};
use transom_auth::{Env, Kdf, Method, Methods, ScramError, ScramPrincipal, ScramSettings, Settings};
use transom_wamp::{Authenticate, Dict, Value};

use crate::support::*;

const AUTHID: &str = "foobar@example.com";
const SALT: &str = "ae1f0d2f422757809077785e660b62c6";
/// Passes and memory of the vectors: expensive, as it should be.
const COST: (u32, u32) = (4096, 512);

/// What both dialects store and say of one user and one pair of nonces.
struct Vector {
    method: Method,
    kdf: &'static str,
    stored_key: &'static str,
    server_key: &'static str,
    proof: &'static str,
    signature: &'static str,
}

const VECTORS: [Vector; 2] = [
    Vector {
        method: Method::Scram,
        kdf: "argon2id-13",
        stored_key: "5f19358ff6f38e267b6ef1ea1d862514ec4e8745a84682259fd3894be09febb5",
        server_key: "0d8e7e9222a7c0e54c9e979aa342115699ff5696c45dc379b5ee241338a5861d",
        proof: "YStBUKr8CGo/b1NgpcpU0DwCBB0HQOr3JRvQ/CUXaD4=",
        signature: "3iGeGOIK14BR7nIGfru/RS8T5qVDbvx9TX5HN5DTh8A=",
    },
    Vector {
        method: Method::WampScram,
        kdf: "argon2id13",
        stored_key: "861dbf13e4632543b1186309fc1cd30f9f2886e9001d1e6c5ef69a3c99de6240",
        server_key: "e7589021971a3de96e85b336f2b2664baefca40628632a9952d6ad7d0890dceb",
        proof: "CYwKqQ9XeCbcgSM/XmXpzrl3+mBPcbusAGGwP+U1eq0=",
        signature: "QrEQX5LmTjHzhdie24jFJUYMJYAmFjpsUUUONtxIMHc=",
    },
];

impl Vector {
    fn principal(&self) -> ScramPrincipal {
        let keys = (self.stored_key, self.server_key);
        let principal = ScramPrincipal::parse(self.kdf, COST, SALT, keys).unwrap();
        ScramPrincipal { role: Some("user".into()), ..principal }
    }

    /// The same password, stored so that it costs little.
    fn cheap(&self) -> ScramPrincipal {
        let kdf = Kdf::from_name(self.kdf).unwrap();
        let stored = scram_store(kdf, &"secret123".into(), b"0123456789abcdef", (4, 512)).unwrap();
        ScramPrincipal { role: Some("user".into()), ..stored }
    }

    fn methods(&self, principal: ScramPrincipal, env: Env) -> Methods {
        let principals = named([(AUTHID, principal)]);
        let scram = Some(ScramSettings::Static { principals, default_role: None });
        Methods::new(Settings { scram, ..Settings::default() }, env)
    }

    fn client(&self, password: &str, env: &Env) -> Scram {
        Scram::new(self.method, AUTHID, password.into(), env).unwrap()
    }

    fn hello(&self, scram: &Scram) -> Client {
        client(&[self.method.name()], Some(AUTHID)).extra(scram.hello())
    }
}

/// The nonces of the vectors: 0, 1, … 15 and 16, 17, … 31.
fn nonces() -> (Env, Env) {
    (env_with(Bytes((0..16).collect())), env_with(Bytes((16..32).collect())))
}

#[test]
fn both_dialects_say_what_the_vectors_say() {
    let (of_client, of_router) = nonces();
    for vector in VECTORS {
        let mut scram = vector.client("secret123", &of_client);
        let methods = vector.methods(vector.principal(), of_router.clone());
        let (extra, pending) = challenged(vector.hello(&scram).says_hello(&methods));
        let keys: Vec<&str> = extra.0.iter().map(|(key, _)| &**key).collect();
        assert_eq!(keys, ["nonce", "kdf", "salt", "iterations", "memory"]);
        assert_eq!(text(&extra, "nonce"), "AAECAwQFBgcICQoLDA0ODw==EBESExQVFhcYGRobHB0eHw==");
        assert_eq!((text(&extra, "kdf"), text(&extra, "salt")), (vector.kdf, "rh8NL0InV4CQd3heZgtixg=="));
        assert_eq!(
            (extra.get("iterations"), extra.get("memory")),
            (Some(&Value::Int(4096)), Some(&Value::Int(512)))
        );
        let answer = scram.answer(&extra).unwrap();
        assert_eq!(answer.signature, vector.proof);
        assert_eq!(answer.extra.is_empty(), vector.method == Method::Scram);
        let principal = welcomed(pending.authenticate(&answer));
        assert_eq!((&*principal.authid, &*principal.role), (AUTHID, "user"));
        assert_eq!(principal.method, vector.method.name());
        for key in ["scram_server_signature", "verifier"] {
            assert_eq!(text(&principal.extra, key), vector.signature);
        }
        assert_eq!(scram.verify(&principal.extra), Ok(()));
    }
}

#[test]
fn passwords_are_stored_as_the_vectors_say() {
    let salt: Vec<u8> = (0..16).map(|at| u8::from_str_radix(&SALT[2 * at..][..2], 16).unwrap()).collect();
    for vector in VECTORS {
        let stored = scram_store(Kdf::from_name(vector.kdf).unwrap(), &"secret123".into(), &salt, COST);
        assert_eq!(ScramPrincipal { role: Some("user".into()), ..stored.unwrap() }, vector.principal());
    }
    let salt = b"\x3b\xc3\xca\x01\xdd\x1d\x50\x1c\xa1\xc2\x2e\x1c\x5d\x7d\x16\xfe";
    let stored = scram_store(Kdf::Argon2id13Text, &"secret123".into(), salt, COST).unwrap();
    let keys = (
        "e796c2f0a51770303ee4616bc630a66774d51a55003154aff2a54ec7c4ac0e38",
        "8de7864c316f3c2356fd76cfdab696db55bc70e680fe5180e2f731e2345acca2",
    );
    let salt = "3bc3ca01dd1d501ca1c22e1c5d7d16fe";
    assert_eq!(stored, ScramPrincipal::parse("argon2id-13", COST, salt, keys).unwrap());
}

#[test]
fn pbkdf2_works_in_both_dialects() {
    let stored = scram_store(Kdf::Pbkdf2, &"pencil".into(), b"0123456789abcdef", (4096, 0)).unwrap();
    let principals = named([(AUTHID, stored)]);
    let scram = Some(ScramSettings::Static { principals, default_role: Some("user".into()) });
    let methods = methods(Settings { scram, ..Settings::default() });
    for vector in VECTORS {
        let mut scram = vector.client("pencil", &env());
        let (extra, pending) = challenged(vector.hello(&scram).says_hello(&methods));
        let null = vector.method == Method::WampScram;
        assert_eq!(extra.get("memory"), Some(&if null { Value::Null } else { Value::Int(0) }));
        let answer = scram.answer(&extra).unwrap();
        let principal = welcomed(pending.authenticate(&answer));
        assert_eq!((scram.verify(&principal.extra), &*principal.role), (Ok(()), "user"));
    }
}

#[test]
fn wrong_proofs_do_not_get_in() {
    for vector in VECTORS {
        let methods = vector.methods(vector.cheap(), env());
        let login = |answer: &dyn Fn(&Dict, &mut Scram) -> Authenticate| {
            let mut scram = vector.client("secret123", &env());
            let (extra, pending) = challenged(vector.hello(&scram).says_hello(&methods));
            pending.authenticate(&answer(&extra, &mut scram))
        };
        welcomed(login(&|extra, scram| scram.answer(extra).unwrap()));
        type Answer<'a> = &'a dyn Fn(&Dict, &mut Scram) -> Authenticate;
        let wrong: [Answer<'_>; 7] = [
            &|_, _| signed(""),
            &|_, _| signed("no base64"),
            &|_, _| signed("AAAA"),
            &|_, _| signed(vector.proof),
            &|extra, _| vector.client("secret124", &env()).answer(extra).unwrap(),
            &|extra, scram| {
                let mut answer = scram.answer(extra).unwrap();
                answer.extra = dict(&[("nonce", "another".into())]);
                answer
            },
            &|extra, scram| {
                let mut answer = scram.answer(extra).unwrap();
                answer.extra = dict(&[("channel_binding", "tls-exporter".into())]);
                answer
            },
        ];
        for (number, answer) in wrong.iter().enumerate() {
            assert_eq!(reason(login(*answer)), DENIED, "{number}");
        }
    }
}

#[test]
fn unknown_authid_and_other_dialect_are_asked_like_a_known_one() {
    for (vector, other) in [(&VECTORS[0], &VECTORS[1]), (&VECTORS[1], &VECTORS[0])] {
        let methods = vector.methods(vector.cheap(), env());
        let scram = vector.client("secret123", &env());
        let hello = |authid| client(&[vector.method.name()], Some(authid)).extra(scram.hello());
        let (known, _) = challenged(hello(AUTHID).says_hello(&methods));
        let (eve, pending) = challenged(hello("eve").says_hello(&methods));
        let (again, _) = challenged(hello("eve").says_hello(&methods));
        assert_eq!(eve.get("salt"), again.get("salt"));
        assert_ne!(eve.get("salt"), known.get("salt"));
        assert_eq!(text(&eve, "salt").len(), text(&known, "salt").len());
        for key in ["kdf", "iterations", "memory"] {
            assert_eq!(eve.get(key), known.get(key), "{key}");
        }
        assert_eq!(reason(pending.authenticate(&signed(vector.proof))), DENIED);
        // What is stored for one dialect proves nothing in the other, and the client does not learn that.
        let wrong = other.client("secret123", &env());
        let (extra, pending) = challenged(other.hello(&wrong).says_hello(&methods));
        assert_eq!(text(&extra, "kdf"), other.kdf);
        assert_eq!(reason(pending.authenticate(&signed(other.proof))), DENIED);
    }
}

#[test]
fn hello_that_cannot_be_used_is_refused_at_once() {
    let vector = &VECTORS[1];
    let methods = vector.methods(vector.cheap(), env());
    let hello = |extra| client(&["wamp-scram"], Some(AUTHID)).extra(extra).says_hello(&methods);
    let table = [
        (dict(&[]), "authextra.nonce of HELLO is missing"),
        (dict(&[("nonce", Value::Null)]), "authextra.nonce of HELLO is missing"),
        (dict(&[("nonce", 5_i64.into())]), "authextra.nonce of HELLO is no text"),
        (dict(&[("nonce", "short".into())]), "is not the Base64"),
        (dict(&[("nonce", "with,comma,in,it".into())]), "is not the Base64"),
        (dict(&[("nonce", "a".repeat(257).into())]), "is not the Base64"),
        (
            dict(&[("nonce", "AAAAAAAA".into()), ("channel_binding", "tls-unique".into())]),
            "'tls-unique' is not available",
        ),
        (
            dict(&[("nonce", "AAAAAAAA".into()), ("channel_binding", "tls-exporter".into())]),
            "not TLS from end to end",
        ),
        (dict(&[("nonce", "AAAAAAAA".into()), ("channel_binding", "x".into())]), "is not known"),
    ];
    for (extra, text) in table {
        let refused = refused(hello(extra));
        assert!(refused.message.contains(text), "{refused:?}");
    }
    let forbidden = client(&["scram"], Some("a\u{7}b")).extra(dict(&[("nonce", "AAAAAAAA".into())]));
    assert!(refused(forbidden.says_hello(&methods)).message.contains("SASLprep"));
    assert_eq!(reason(client(&["scram"], None).says_hello(&methods)), "wamp.error.no_such_principal");
}

#[test]
fn names_and_passwords_are_prepared_and_names_escaped() {
    let (authid, password) = ("a,b=\u{aa}", "p\u{ad}w");
    let stored = scram_store(Kdf::Pbkdf2, &"pw".into(), b"0123456789abcdef", (4096, 0)).unwrap();
    let principals = named([(authid, ScramPrincipal { role: Some("user".into()), ..stored })]);
    let scram = Some(ScramSettings::Static { principals, default_role: None });
    let methods = methods(Settings { scram, ..Settings::default() });
    for method in [Method::Scram, Method::WampScram] {
        let mut scram = Scram::new(method, authid, password.into(), &env()).unwrap();
        let hello = client(&[method.name()], Some(authid)).extra(scram.hello());
        let (extra, pending) = challenged(hello.says_hello(&methods));
        let principal = welcomed(pending.authenticate(&scram.answer(&extra).unwrap()));
        assert_eq!(principal.authid, authid);
    }
}

#[test]
fn client_does_not_answer_what_is_no_fair_question() {
    let vector = &VECTORS[0];
    let scram = || vector.client("secret123", &env_with(Bytes((0..16).collect())));
    let fair = dict(&[
        ("nonce", "AAECAwQFBgcICQoLDA0ODw==EBESExQVFhcYGRobHB0eHw==".into()),
        ("kdf", "argon2id-13".into()),
        ("salt", "rh8NL0InV4CQd3heZgtixg==".into()),
        ("iterations", 4_i64.into()),
        ("memory", 512_i64.into()),
    ]);
    assert!(scram().answer(&fair).is_ok());
    let table: [(&str, Value, ClientError); 11] = [
        ("nonce", "AAECAwQFBgcICQoLDA0ODw==".into(), ClientError::Malformed("nonce")),
        ("nonce", "another".into(), ClientError::Malformed("nonce")),
        ("kdf", "argon2id13".into(), ClientError::Malformed("kdf")),
        ("kdf", "md5".into(), ClientError::Malformed("kdf")),
        ("salt", "?".into(), ClientError::Malformed("salt")),
        ("salt", "AAAA".into(), ClientError::Malformed("salt")),
        ("iterations", 1_i64.into(), ClientError::Cost("iterations")),
        ("iterations", 4_000_000_000_i64.into(), ClientError::Cost("iterations")),
        ("iterations", (-1_i64).into(), ClientError::Malformed("iterations")),
        ("memory", 0_i64.into(), ClientError::Cost("iterations")),
        ("memory", (2_i64 << 20).into(), ClientError::Cost("memory")),
    ];
    for (key, value, expected) in table {
        let mut extra = fair.clone();
        extra.push(key, value.clone());
        assert_eq!(scram().answer(&extra), Err(expected), "{key} {value:?}");
    }
}

#[test]
fn router_that_does_not_know_the_password_is_found_out() {
    let mut scram = VECTORS[0].client("secret123", &env_with(Bytes((0..16).collect())));
    let methods = VECTORS[0].methods(VECTORS[0].cheap(), env_with(Bytes((16..32).collect())));
    let (extra, pending) = challenged(VECTORS[0].hello(&scram).says_hello(&methods));
    let answer = scram.answer(&extra).unwrap();
    let right = welcomed(pending.authenticate(&answer)).extra;
    assert_eq!(scram.verify(&right), Ok(()));
    let fresh = VECTORS[0].client("secret123", &env());
    assert_eq!(fresh.verify(&right), Err(ClientError::RouterNotProven));
    let prefixed = dict(&[("verifier", format!("v={}", text(&right, "verifier")).into())]);
    assert_eq!(scram.verify(&prefixed), Ok(()));
    for wrong in [dict(&[]), dict(&[("verifier", "AAAA".into())]), dict(&[("verifier", "?".into())])] {
        assert!(scram.verify(&wrong).is_err());
    }
}

#[test]
fn stored_principal_that_nobody_can_be_is_told() {
    let (good, keys) = ("00ff", ("00".repeat(32), "11".repeat(32)));
    let parse = |kdf, cost, salt, stored: &str| ScramPrincipal::parse(kdf, cost, salt, (stored, &keys.1));
    assert!(parse("pbkdf2", (4096, 0), good, &keys.0).is_ok());
    let table = [
        (parse("scrypt", (4096, 0), good, &keys.0), "'kdf' is 'scrypt'"),
        (parse("pbkdf2", (0, 0), good, &keys.0), "'iterations' is out of range"),
        (parse("argon2id-13", (4, 7), good, &keys.0), "'memory' is out of range"),
        (parse("pbkdf2", (4096, 0), "0", &keys.0), "'salt': it has an odd number"),
        (parse("pbkdf2", (4096, 0), good, "00"), "'stored-key': it has 2 characters, not 64"),
    ];
    for (outcome, text) in table {
        let error: ScramError = outcome.unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}
