//! Certificates of `cryptosign`. Those in `certificates.json` were made with eth-account 0.13, an implementation of
//! others: a root, two it vouches for one after the other, the key's own, and some that are wrong.

use serde_json::Value as Json;
use transom_auth::client::Cryptosign;
use transom_auth::{Address, CryptosignSettings, Methods, PrivateKey, Settings, TrustRoot};
use transom_wamp::{Dict, Text, Value};

use crate::support::*;

const ROOT: &str = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A";
const OTHER: &str = "0x1563915e194D8CfBA1943570603F7606A3115508";
const DELEGATE: &str = "0x5CbDd86a2FA8Dc4bDdd8a8f69dBa48572EeC07FB";
const KEY: &str = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510";

fn methods(root: &str, role: Option<&str>) -> Methods {
    let root = TrustRoot {
        address: root.parse().unwrap(),
        role: role.map(Text::from),
        realm: Some("realm2".into()),
    };
    let cryptosign = Some(CryptosignSettings::TrustRoots(named([("realm1", root)])));
    crate::support::methods(Settings { cryptosign, ..Settings::default() })
}

fn value(json: &Json) -> Value {
    match json {
        Json::Number(number) => number.as_u64().unwrap().into(),
        Json::String(text) => text.as_str().into(),
        other => panic!("{other}"),
    }
}

/// A certificate of the file, as the specification sends it.
fn certificate(name: &str) -> (Dict, Value) {
    let all: Json = serde_json::from_str(include_str!("certificates.json")).unwrap();
    let message = all[name][0].as_object().unwrap();
    let message = Dict(message.iter().map(|(key, json)| (key.as_str().into(), value(json))).collect());
    let kind = if name == "leaf" { "EIP712DelegateCertificate" } else { "EIP712AuthorityCertificate" };
    (dict(&[("primaryType", kind.into()), ("message", Value::Map(message))]), value(&all[name][1]))
}

fn item(name: &str) -> Value {
    let (object, signature) = certificate(name);
    Value::List(vec![Value::Map(object), signature])
}

fn signer() -> Cryptosign {
    Cryptosign::new(PrivateKey::from_hex(KEY).unwrap())
}

fn showing(chain: Vec<Value>) -> Client {
    let mut extra = signer().hello();
    extra.push("trustroot", ROOT);
    extra.push("certificates", Value::List(chain));
    client(&["cryptosign"], None).extra(extra)
}

#[test]
fn chain_that_leads_to_the_root_lets_its_delegate_in() {
    let chain = || ["leaf", "low", "mid", "root"].map(item).to_vec();
    for (role, expected) in [(None, "user"), (Some("member"), "member")] {
        let (extra, pending) = challenged(showing(chain()).says_hello(&methods(ROOT, role)));
        let principal = welcomed(pending.authenticate(&signed(&signer().answer(&extra).unwrap())));
        assert_eq!((&*principal.authid, &*principal.role, &*principal.realm), (DELEGATE, expected, "realm2"));
    }
    // As Crossbar.io sends it: a hash first, and bytes as such.
    let (object, signature) = certificate("leaf");
    let mut mixed = chain();
    mixed[0] = Value::List(vec!["0xhash".into(), Value::Map(object), signature]);
    let (object, signature) = certificate("low");
    let Value::Text(hex) = signature else { panic!() };
    let bytes: Vec<u8> = (0..65).map(|at| u8::from_str_radix(&hex[2 * at..][..2], 16).unwrap()).collect();
    mixed[1] = Value::List(vec![Value::Map(object), Value::Binary(bytes.into())]);
    let (extra, pending) = challenged(showing(mixed).says_hello(&methods(ROOT, None)));
    // Certificates are public: they are worth nothing without the key.
    let other = Cryptosign::new(PrivateKey::from_hex(&"11".repeat(32)).unwrap());
    assert_eq!(reason(pending.authenticate(&signed(&other.answer(&extra).unwrap()))), DENIED);
}

/// `root.crt` is `[hash, object, [signature]]` with bytes as such, written by cbor2, an implementation of others.
#[test]
fn root_is_known_by_the_file_with_its_certificate() {
    let cbor: &[u8] = include_bytes!("root.crt");
    let all: Json = serde_json::from_str(include_str!("certificates.json")).unwrap();
    let json = |name: &str| {
        let object =
            serde_json::json!({"primaryType": "EIP712AuthorityCertificate", "message": all[name][0]});
        format!(" {}\n", serde_json::json!([object, all[name][1]])).into_bytes()
    };
    let root: Address = ROOT.parse().unwrap();
    assert_eq!((Address::of_root(cbor), Address::of_root(&json("root"))), (Ok(root), Ok(root)));
    let changed =
        String::from_utf8(json("root")).unwrap().replace("\"capabilities\":7", "\"capabilities\":6");
    for (file, text) in [
        (json("mid"), "signed by 0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A and not by itself"),
        (changed.into_bytes(), "it is not signed by 0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"),
        (b"[]".to_vec(), "it is no list of an object and a signature"),
        (b"[], {}".to_vec(), "it is no list of an object and a signature"),
        (b"-----BEGIN CERTIFICATE-----".to_vec(), ""),
        (cbor[..cbor.len() - 1].to_vec(), ""),
        (Vec::new(), ""),
    ] {
        let error = Address::of_root(&file).unwrap_err().to_string();
        assert!(error.starts_with("this is no certificate of a root") && error.contains(text), "{error}");
    }
}

#[test]
fn chain_that_is_broken_lets_nobody_in() {
    let table: [(&[&str], &str); 14] = [
        (&[], "there are 0 certificates"),
        (&["leaf"], "there are 1 certificates"),
        (&["leaf"; 9], "there are 9 certificates"),
        (&["low", "mid", "root"], "certificate 1: 'primaryType'"),
        (&["leaf", "leaf", "root"], "certificate 2: 'primaryType'"),
        (&["leaf", "mid", "root"], "certificate 2: 'subject' is not who vouches below"),
        (&["leaf", "low", "root"], "certificate 3: 'subject' is not who vouches below"),
        (&["leaf", "low", "mid"], "the last certificate is not that of"),
        (&["leaf", "other_chain", "mid", "root"], "certificate 2: 'chainId'"),
        (&["leaf", "late", "mid", "root"], "certificate 2: 'validFrom'"),
        (&["leaf", "other_realm", "mid", "root"], "certificate 3: 'realm'"),
        (&["leaf", "more", "mid", "root"], "certificate 3: 'capabilities' are fewer"),
        (&["leaf", "other_subject", "mid", "root"], "certificate 2: 'subject'"),
        (&["leaf", "forged", "mid", "root"], "certificate 2: it is not signed by 0x1563915e"),
    ];
    for (names, text) in table {
        let chain = names.iter().map(|name| item(name)).collect();
        let refused = refused(showing(chain).says_hello(&methods(ROOT, None)));
        assert!(refused.reason == DENIED && refused.message.contains(text), "{names:?}: {refused:?}");
    }
    let good = || ["leaf", "low", "mid", "root"].map(item).to_vec();
    let refused = refused(showing(good()).says_hello(&methods(OTHER, None)));
    assert!(refused.message.contains("authextra.trustroot of HELLO is not trusted"), "{refused:?}");
}

#[test]
fn certificate_that_was_changed_is_not_believed() {
    let changes: [(&str, Value, &str); 9] = [
        ("meta", "y".into(), "not signed by"),
        ("capabilities", 3_i64.into(), "not signed by"),
        ("capabilities", (-1_i64).into(), "'capabilities' is missing or no number"),
        ("chainId", Value::Null, "'chainId' is missing or no number"),
        ("validFrom", "251".into(), "not signed by"),
        ("issuer", "0x00".into(), "'issuer' is missing or not 20 bytes"),
        ("realm", Value::Binary(vec![0; 19].into()), "'realm' is missing or not 20 bytes"),
        ("meta", 5_i64.into(), "'meta' is missing or no text"),
        ("subject", true.into(), "'subject' is missing or not 20 bytes"),
    ];
    for (key, to, text) in changes {
        let (mut object, signature) = certificate("low");
        let Some((_, Value::Map(message))) = object.0.iter_mut().find(|(key, _)| *key == "message") else {
            panic!("{object:?}")
        };
        message.push(key, to);
        let low = Value::List(vec![Value::Map(object), signature]);
        let refused = refused(
            showing(vec![item("leaf"), low, item("mid"), item("root")]).says_hello(&methods(ROOT, None)),
        );
        assert!(refused.message.contains("certificate 2: ") && refused.message.contains(text), "{refused:?}");
    }
    let (object, signature) = certificate("low");
    let nonsense = [
        Value::Null,
        Value::List(vec![]),
        Value::List(vec![signature.clone(), Value::Map(object.clone())]),
        Value::List(vec![Value::Map(object.clone()), "00".into()]),
        Value::List(vec![Value::Map(object), Value::Binary(vec![0xff; 65].into())]),
        Value::List(vec![Value::Map(Dict::default()), signature]),
    ];
    for low in nonsense {
        let chain = vec![item("leaf"), low, item("mid"), item("root")];
        let refused = refused(showing(chain).says_hello(&methods(ROOT, None)));
        assert!(refused.message.contains("certificate 2: "), "{refused:?}");
    }
}

#[test]
fn hello_without_what_certificates_need_is_told() {
    let methods = methods(ROOT, None);
    let hello = |extra: Dict| client(&["cryptosign"], None).extra(extra);
    let key = || signer().hello();
    let with = |name: &str, value: Value| {
        let mut extra = key();
        extra.push(name, value);
        extra
    };
    let other = {
        let mut extra = Cryptosign::new(PrivateKey::from_hex(&"11".repeat(32)).unwrap()).hello();
        extra.push("certificates", Value::List(["leaf", "low", "mid", "root"].map(item).to_vec()));
        extra
    };
    let table = [
        (hello(dict(&[])), "authextra.pubkey of HELLO is missing"),
        (hello(key()), "authextra.certificates of HELLO is missing"),
        (hello(with("certificates", "x".into())), "authextra.certificates of HELLO is missing"),
        (hello(with("trustroot", "x".into())), "authextra.trustroot of HELLO: an Ethereum address is"),
        (hello(key()).realm(Some("realm9")), "no root is trusted for this realm"),
        (hello(key()).realm(None), "no root is trusted for this realm"),
        (hello(other), "certificate 1: 'csPubKey' is not the client's key"),
    ];
    for (client, text) in table {
        let refused = refused(client.says_hello(&methods));
        assert!(refused.message.contains(text), "{refused:?}");
    }
}
