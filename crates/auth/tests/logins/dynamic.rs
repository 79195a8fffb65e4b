//! Authenticators, of every method that has one.

use transom_auth::client::{self, Cryptosign, Scram, scram_store};
use transom_auth::{
    AnonymousSettings, Asked, CallError, CryptosignSettings, Dynamic, Kdf, Method, Methods, PrivateKey,
    ScramSettings, Settings, Step, TicketSettings, TlsSettings, WampcraSettings,
};
use transom_wamp::{Dict, Value};

use crate::support::*;
use crate::tls::showing;

const PROCEDURE: &str = "com.app.authenticate";

fn authenticators(dynamic: &Dynamic) -> Methods {
    let dynamic = || dynamic.clone();
    methods(Settings {
        anonymous: Some(AnonymousSettings::Dynamic(dynamic())),
        ticket: Some(TicketSettings::Dynamic(dynamic())),
        wampcra: Some(WampcraSettings::Dynamic(dynamic())),
        scram: Some(ScramSettings::Dynamic(dynamic())),
        cryptosign: Some(CryptosignSettings::Dynamic(dynamic())),
        tls: Some(TlsSettings::Dynamic(dynamic())),
        ..Settings::default()
    })
}

fn asking(client: Client, dynamic: &Dynamic) -> Asked {
    asked(client.says_hello(&authenticators(dynamic)))
}

fn map(pairs: &[(&str, Value)]) -> Result<Vec<Value>, CallError> {
    Ok(vec![Value::Map(dict(pairs))])
}

/// Realm, authid and details of the call.
fn arguments(asked: &Asked) -> (&Value, &Value, &Dict) {
    match &*asked.call.args {
        [realm, authid, Value::Map(details)] => (realm, authid, details),
        other => panic!("{other:?}"),
    }
}

/// A client that offers `ticket` and has been asked for it.
fn ticket(dynamic: &Dynamic) -> Asked {
    let (_, pending) = challenged(client(&["ticket"], Some("joe")).says_hello(&authenticators(dynamic)));
    asked(pending.authenticate(&signed("secret!!!")))
}

#[test]
fn authenticator_learns_who_wants_in_and_how() {
    let extra = dict(&[("x", 1_i64.into())]);
    let (_, pending) = challenged(
        client(&["ticket"], Some("joe"))
            .extra(extra.clone())
            .says_hello(&authenticators(&Dynamic::new(PROCEDURE))),
    );
    let asked = asked(pending.authenticate(&signed("secret!!!")));
    assert_eq!(
        (&*asked.call.realm, &*asked.call.role, &*asked.call.procedure),
        ("realm1", "trusted", PROCEDURE)
    );
    let (realm, authid, details) = arguments(&asked);
    assert_eq!((realm, authid), (&"realm1".into(), &"joe".into()));
    assert_eq!(details.get("session"), Some(&Value::Int(3_251_278_072_152_162)));
    assert_eq!((text(details, "authmethod"), text(details, "ticket")), ("ticket", "secret!!!"));
    assert_eq!(details.get("authextra"), Some(&Value::Map(extra)));
    let Some(Value::Map(transport)) = details.get("transport") else { panic!("{details:?}") };
    assert_eq!((text(transport, "channel_type"), text(transport, "channel_serializer")), ("memory", "json"));
    assert_eq!(
        (transport.get("peer_cert"), transport.get("client_cert")),
        (Some(&Value::Null), Some(&Value::Null))
    );
    assert!(!format!("{asked:?}").contains("secret!!!"));
}

#[test]
fn authenticator_is_called_where_and_as_whom_the_configuration_says() {
    let mut dynamic = Dynamic::new(PROCEDURE);
    (dynamic.realm, dynamic.role) = (Some("auth".into()), Some("authenticators".into()));
    let asked = asking(client(&["tls"], None).realm(None), &dynamic);
    assert_eq!((&*asked.call.realm, &*asked.call.role), ("auth", "authenticators"));
    assert_eq!(arguments(&asked).0, &Value::Null);
    let nowhere = client(&["tls"], None).realm(None).says_hello(&authenticators(&Dynamic::new(PROCEDURE)));
    assert_eq!(reason(nowhere), "wamp.error.no_such_realm");
}

#[test]
fn answer_gives_realm_authid_role_and_extra() {
    let dynamic = Dynamic { default_role: Some("guest".into()), ..Dynamic::new(PROCEDURE) };
    let extra = dict(&[("team", "red".into())]);
    let all = map(&[
        ("realm", "realm2".into()),
        ("authid", "joe2".into()),
        ("role", "user".into()),
        ("extra", Value::Map(extra.clone())),
    ]);
    let joe = welcomed(ticket(&dynamic).waiting.answered(all));
    assert_eq!((&*joe.realm, &*joe.authid, &*joe.role), ("realm2", "joe2", "user"));
    assert_eq!((&*joe.method, &*joe.provider, joe.extra), ("ticket", "dynamic", extra));
    let role = welcomed(ticket(&dynamic).waiting.answered(Ok(vec!["user".into()])));
    assert_eq!((&*role.realm, &*role.authid, &*role.role), ("realm1", "joe", "user"));
    for nothing in [map(&[]), map(&[("role", Value::Null), ("extra", Value::Null)])] {
        assert_eq!(welcomed(ticket(&dynamic).waiting.answered(nothing)).role, "guest");
    }
    let without = Dynamic::new(PROCEDURE);
    assert_eq!(reason(ticket(&without).waiting.answered(map(&[]))), "wamp.error.no_such_role");
    let unnamed = asking(client(&["tls"], None), &without);
    let unnamed = unnamed.waiting.answered(Ok(vec!["user".into()]));
    assert_eq!(reason(unnamed), "wamp.error.no_such_principal");
}

#[test]
fn answer_that_means_nothing_lets_nobody_in() {
    let nonsense: [Result<Vec<Value>, CallError>; 10] = [
        Ok(vec![]),
        Ok(vec![Value::Null]),
        Ok(vec![true.into()]),
        Ok(vec![5_i64.into()]),
        Ok(vec![Value::List(vec!["user".into()])]),
        map(&[("role", 5_i64.into())]),
        map(&[("role", "user".into()), ("authid", true.into())]),
        map(&[("role", "user".into()), ("realm", Value::List(vec![]))]),
        map(&[("role", "user".into()), ("extra", "x".into())]),
        Err(CallError::Unreadable),
    ];
    for answer in nonsense {
        let printed = format!("{answer:?}");
        let refused = refused(ticket(&Dynamic::new(PROCEDURE)).waiting.answered(answer));
        assert_eq!((&*refused.reason, refused.blames_peer()), (FAILED, false), "{printed}");
        assert!(!refused.message.contains(PROCEDURE) && refused.cause.contains(PROCEDURE), "{refused:?}");
    }
}

#[test]
fn error_that_the_authenticator_chose_is_passed_on_and_no_other() {
    let fail = |uri: &str, message: Option<&str>| {
        let error = CallError::Failed { uri: uri.into(), message: message.map(Into::into) };
        refused(ticket(&Dynamic::new(PROCEDURE)).waiting.answered(Err(error)))
    };
    let refused = fail("com.app.expired", Some("the ticket is too old"));
    assert_eq!((&*refused.reason, &*refused.message), ("com.app.expired", "the ticket is too old"));
    assert!(refused.blames_peer());
    assert_eq!(fail("wamp.error.not_authorized", None).reason, DENIED);
    for fault in ["wamp.error.runtime_error", "wamp.error.no_such_procedure", "wamp.error.canceled"] {
        let refused = fail(fault, Some("KeyError: 'joe'"));
        assert_eq!(refused.reason, FAILED);
        assert!(!refused.message.contains("KeyError") && refused.cause.contains("KeyError"), "{refused:?}");
    }
}

#[test]
fn authenticator_that_cannot_be_called_lets_nobody_in() {
    let elsewhere = Dynamic { realm: Some("auth".into()), ..Dynamic::new(PROCEDURE) };
    for (dynamic, error, expected) in [
        (Dynamic::new(PROCEDURE), CallError::NoSuchRealm, "wamp.error.no_such_realm"),
        (elsewhere.clone(), CallError::NoSuchRealm, FAILED),
        (elsewhere, CallError::NoSuchRole, FAILED),
        (Dynamic::new(PROCEDURE), CallError::TimedOut, FAILED),
    ] {
        assert_eq!(reason(ticket(&dynamic).waiting.answered(Err(error))), expected);
    }
}

#[test]
fn anonymous_gets_its_authid_before_the_authenticator_is_asked() {
    let asked = asking(client(&["anonymous"], Some("joe")), &Dynamic::new(PROCEDURE));
    let Value::Text(authid) = arguments(&asked).1.clone() else { panic!("{:?}", asked.call.args) };
    assert_eq!(authid.len(), 29);
    let principal = welcomed(asked.waiting.answered(Ok(vec!["guest".into()])));
    assert_eq!((principal.authid, &*principal.role, &*principal.provider), (authid, "guest", "dynamic"));
}

#[test]
fn tls_authenticator_sees_the_certificate() {
    let asked = asking(client(&["tls"], None).on(showing("AA:BB", "")), &Dynamic::new(PROCEDURE));
    let Some(Value::Map(transport)) = arguments(&asked).2.get("transport") else { panic!() };
    for key in ["peer_cert", "client_cert"] {
        let Some(Value::Map(certificate)) = transport.get(key) else { panic!("{transport:?}") };
        assert_eq!(text(certificate, "sha1"), "AA:BB");
    }
    assert_eq!(
        (transport.get("is_secure"), text(transport, "channel_framing")),
        (Some(&true.into()), "websocket")
    );
    let answer = map(&[("authid", "device7".into()), ("role", "device".into())]);
    assert_eq!(welcomed(asked.waiting.answered(answer)).authid, "device7");
}

#[test]
fn wampcra_authenticator_knows_the_secret() {
    let derived = client::Salt { salt: "salt123".into(), iterations: 100, keylen: 16 }.derive(b"secret2");
    let salted = |secret: &str| {
        vec![
            ("secret", secret.into()),
            ("salt", "salt123".into()),
            ("iterations", 100_i64.into()),
            ("keylen", 16_i64.into()),
            ("role", "user".into()),
            ("authid", "joe2".into()),
        ]
    };
    let plain = vec![("secret", "secret2".into()), ("role", "user".into()), ("authid", "joe2".into())];
    for answer in [plain, salted("secret2"), salted(derived.as_str())] {
        let asked = asking(client(&["wampcra"], Some("joe")), &Dynamic::new(PROCEDURE));
        let details = arguments(&asked).2;
        assert_eq!((text(details, "authid"), details.get("authrole")), ("joe", Some(&Value::Null)));
        let (extra, pending) = challenged(asked.waiting.answered(map(&answer)));
        let challenge = text(&extra, "challenge");
        assert!(challenge.contains(r#""authid":"joe2","authrole":"user""#), "{challenge}");
        assert!(challenge.contains(r#""authprovider":"dynamic""#), "{challenge}");
        let signature = client::wampcra("secret2", &extra).unwrap();
        let principal = welcomed(pending.authenticate(&signed(&signature)));
        assert_eq!((&*principal.authid, &*principal.provider), ("joe2", "dynamic"));
    }
}

#[test]
fn wampcra_answer_cannot_burn_the_processor_and_nonsense_lets_nobody_in() {
    let answer = |pairs: &[(&str, Value)]| {
        asking(client(&["wampcra"], Some("joe")), &Dynamic::new(PROCEDURE)).waiting.answered(map(pairs))
    };
    let (salt, secret) = (("salt", Value::from("salt123")), ("secret", Value::from("secret2")));
    for pairs in [
        vec![("role", "user".into())],
        vec![("secret", 5_i64.into())],
        vec![secret.clone(), ("salt", true.into())],
        vec![secret.clone(), ("iterations", 100_i64.into())],
        vec![secret.clone(), salt.clone(), ("iterations", 0_i64.into())],
        vec![secret.clone(), salt.clone(), ("iterations", (-5_i64).into())],
        vec![secret.clone(), salt.clone(), ("keylen", 100_000_i64.into())],
    ] {
        assert_eq!(reason(answer(&pairs)), FAILED, "{pairs:?}");
    }
    let role = asking(client(&["wampcra"], Some("joe")), &Dynamic::new(PROCEDURE));
    assert_eq!(reason(role.waiting.answered(Ok(vec!["user".into()]))), FAILED);
    // Deriving would take an hour.
    let (_, pending) = challenged(answer(&[secret, salt, ("iterations", i64::from(u32::MAX).into())]));
    assert_eq!(reason(pending.authenticate(&signed("AAAA"))), DENIED);
}

#[test]
fn scram_authenticator_knows_what_is_stored() {
    let stored = scram_store(Kdf::Argon2id13Text, &"pw".into(), b"0123456789abcdef", (4, 512)).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let answer = |kdf: &str| {
        vec![
            ("kdf", kdf.into()),
            ("iterations", 4_i64.into()),
            ("memory", 512_i64.into()),
            ("salt", hex(&stored.salt).into()),
            ("stored-key", hex(&stored.stored_key).into()),
            ("server-key", hex(&stored.server_key).into()),
            ("role", "user".into()),
            ("extra", Value::Map(dict(&[("team", "red".into())]))),
        ]
    };
    let mut scram = Scram::new(Method::Scram, "joe", "pw".into(), &env()).unwrap();
    let hello =
        || asking(client(&["scram"], Some("joe")).extra(scram.hello()), &Dynamic::new(PROCEDURE)).waiting;
    for missing in ["kdf", "salt", "stored-key", "server-key", "iterations"] {
        let pairs: Vec<_> = answer("argon2id-13").into_iter().filter(|(key, _)| *key != missing).collect();
        assert_eq!(reason(hello().answered(map(&pairs))), FAILED, "{missing}");
    }
    assert_eq!(reason(hello().answered(map(&answer("argon2id13")))), FAILED);
    let (extra, pending) = challenged(hello().answered(map(&answer("argon2id-13"))));
    let principal = welcomed(pending.authenticate(&scram.answer(&extra).unwrap()));
    assert_eq!((&*principal.role, text(&principal.extra, "team")), ("user", "red"));
    assert_eq!(scram.verify(&principal.extra), Ok(()));
}

#[test]
fn cryptosign_authenticator_knows_the_key() {
    let key = PrivateKey::from_hex(&"11".repeat(32)).unwrap();
    let signer = Cryptosign::new(key.clone());
    let hello = |authid: Option<&str>| {
        asking(client(&["cryptosign"], authid).extra(signer.hello()), &Dynamic::new(PROCEDURE))
    };
    let login = |authid, pubkey: String| -> Step {
        let answer = [("pubkey", pubkey.into()), ("role", "user".into()), ("authid", "joe".into())];
        let (extra, pending) = challenged(hello(authid).waiting.answered(map(&answer)));
        pending.authenticate(&signed(&signer.answer(&extra).unwrap()))
    };
    let details = hello(None);
    assert_eq!(arguments(&details).2.get("authid"), Some(&Value::Null));
    for authid in [None, Some("joe")] {
        assert_eq!(welcomed(login(authid, key.public().to_string())).authid, "joe");
        // The authenticator says that the principal has another key than the one that the client shows.
        let other = PrivateKey::from_hex(&"22".repeat(32)).unwrap().public();
        assert_eq!(reason(login(authid, other.to_string())), DENIED);
    }
    for nonsense in [map(&[]), map(&[("pubkey", "12".into())]), Ok(vec!["user".into()])] {
        assert_eq!(reason(hello(None).waiting.answered(nonsense)), FAILED);
    }
}
