//! `cryptosign`, with the figures of the WAMP specification.

use std::sync::Arc;

use transom_auth::client::{ClientError, Cryptosign};
use transom_auth::{CryptosignPrincipal, CryptosignSettings, Methods, PrivateKey, PublicKey, Settings};
use transom_base::{Address, ChannelBinding, ConnInfo, TlsInfo};
use transom_wamp::{Dict, TransportDetails, Value};

use crate::support::*;

const K1: &str = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510";
const K2: &str = "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd";
const K3: &str = "6e1fde9cf9e2359a87420b65a87dc0c66136e66945196ba2475990d8a0c3a25b";
const P1: &str = "1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d";
const P2: &str = "6ed32739ff04a6074044ff0b0e3bfc7c856bc9d5f1d25efc57363bda0af3a8b0";
const P3: &str = "28e11f427b82b9a625ee7ac89a7d29326b505f2dc11dd88c1245f83b6da79a85";
const C1: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
const C2: &str = "b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d";
const C3: &str = "b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2";
const X: [u8; 32] = [
    0x62, 0xe9, 0x35, 0xae, 0x75, 0x5f, 0x3d, 0x48, 0xf8, 0x0d, 0x4d, 0x59, 0xf6, 0x12, 0x13, 0x58, 0xc4,
    0x35, 0x72, 0x2a, 0x67, 0xe8, 0x59, 0xcc, 0x0c, 0xaa, 0x8b, 0x53, 0x90, 0x27, 0xf2, 0xff,
];

fn key(hex: &str) -> PrivateKey {
    PrivateKey::from_hex(hex).unwrap()
}

fn public(hex: &str) -> PublicKey {
    hex.parse().unwrap()
}

fn principal(keys: &[&str]) -> CryptosignPrincipal {
    let authorized_keys = keys.iter().map(|key| public(key)).collect();
    CryptosignPrincipal { authorized_keys, role: Some("user".into()), realm: None }
}

/// `one` has a key, `two` has two, `shared` has one that `two` has as well.
fn known() -> Methods {
    let mut two = principal(&[P2, P3]);
    two.realm = Some("realm2".into());
    let principals = named([("one", principal(&[P1])), ("two", two), ("shared", principal(&[P3]))]);
    let cryptosign = Some(CryptosignSettings::Static { principals, default_role: None });
    methods(Settings { cryptosign, node_key: Some(Arc::new(key(K2))), ..Settings::default() })
}

/// A connection over TLS with this channel.
fn tls(exporter: Option<[u8; 32]>) -> TransportDetails {
    let mut tls = TlsInfo::default();
    tls.exporter = exporter.map(ChannelBinding);
    let mut info = ConnInfo::new(Address::Memory(1), Address::Memory(1));
    info.tls = Some(Arc::new(tls));
    over(info)
}

#[test]
fn keys_and_signatures_are_those_of_the_vectors() {
    let table = [
        (
            K1,
            P1,
            C1,
            None,
            C1,
            "b32675b221f08593213737bef8240e7c15228b07028e19595294678c90d11c0cae80a357331bfc5cc9fb71081464e6e75013517c2cf067ad566a6b7b728e5d03",
        ),
        (
            K2,
            P2,
            C2,
            None,
            C2,
            "d4209ad10d5aff6bfbc009d7e924795de138a63515efc7afc6b01b7fe5201372190374886a70207b042294af5bd64ce725cd8dceb344e6d11c09d1aaaf4d660f",
        ),
        (
            K3,
            P3,
            C3,
            None,
            C3,
            "7beb282184baadd08f166f16dd683b39cab53816ed81e6955def951cb2ddad1ec184e206746fd82bda075af03711d3d5658fc84a76196b0fa8d1ebc92ef9f30b",
        ),
        (
            K1,
            P1,
            C1,
            Some(X),
            "9d16ca518aa0c2b707f2b2a609edeca73bca8dd59817a633f35574ac6fd80d00",
            "9b6f41540c9b95b4b7b281c3042fa9c54cef43c842d62ea3fd6030fcb66e70b3e80d49d44c29d1635da9348d02ec93f3ed1ef227dfb59a07b580095c2b82f80f",
        ),
        (
            K2,
            P2,
            C2,
            Some(X),
            "d0852a29b460fc92ec943242ac638a053bbacc200512b18b30d15083cbdc9282",
            "305aaa3ac25e98f651427688b3fc43fe7d8a68a7ec1d7d61c61517c519bd4a427c3015599d83ca28b4c652333920223844ef0725eb5dc2febfd6af7677b73f01",
        ),
        (
            K3,
            P3,
            C3,
            Some(X),
            "d2b75e24a189a7f78ca776ba36fc53f6c3e31c32f251f2c524f0a44202f2902d",
            "ee3c7644fd8070532bc1fde3d70d742267da545d8c8f03e63bda63f1ad4214f4d2c4bfdb4eb9526def42deeb7e31602a6ff99eba893e0a4ad4d45892ca75e608",
        ),
    ];
    for (private, public, challenge, channel, message, signature) in table {
        assert_eq!(key(private).public().to_string(), public);
        let mut client = Cryptosign::new(key(private));
        let mut extra = dict(&[("challenge", challenge.into())]);
        if let Some(channel) = channel {
            client = client.bound_to(channel);
            extra.push("channel_binding", "tls-exporter");
        }
        assert_eq!(*client.answer(&extra).unwrap(), *format!("{signature}{message}"));
    }
}

#[test]
fn routers_proof_is_believed_as_the_vectors_say() {
    let challenge: Vec<u8> = (0..32)
        .map(|at| {
            let hex = "bbae60ea44cdd7b20dc7010a618b0f0803fab25a817520b4b7f057299b524deb";
            u8::from_str_radix(&hex[2 * at..][..2], 16).unwrap()
        })
        .collect();
    let client = Cryptosign::new(key(K1)).asking_for_proof(&env_with(Bytes(challenge))).unwrap();
    let router = public("4a3838f6fe75251e613329d53fc69b262d5eac97fb1d73bebbaed4015b53c862");
    let signature = "fd5128d2d207ba58a9d1d6f41b72c747964ad9d1294077b3b1eee6130b05843ab12c53c7f2519f73d4feb82db19d8ca0fc26b62bde6518e79a882f5795bc9f00bbae60ea44cdd7b20dc7010a618b0f0803fab25a817520b4b7f057299b524deb";
    assert_eq!(text(&client.hello(), "challenge"), &signature[128..]);
    assert_eq!(client.verify(&router, &dict(&[("signature", signature.into())])), Ok(()));
    let not = Err(ClientError::RouterNotProven);
    assert_eq!(client.verify(&public(P2), &dict(&[("signature", signature.into())])), not);
    assert_eq!(client.verify(&router, &dict(&[("signature", signature[2..].into())])), not);
    assert_eq!(client.verify(&router, &dict(&[])), Err(ClientError::Malformed("signature")));
    assert_eq!(Cryptosign::new(key(K1)).verify(&router, &dict(&[("signature", signature.into())])), not);
}

#[test]
fn right_signature_gets_in_named_by_authid_or_by_key() {
    let methods = known();
    let (one, two) = (Cryptosign::new(key(K1)), Cryptosign::new(key(K2)));
    let nothing = dict(&[]);
    let shouted = dict(&[("pubkey", P1.to_uppercase().into())]);
    let table = [
        (Some("one"), one.hello(), &one, "one", "realm1"),
        (None, one.hello(), &one, "one", "realm1"),
        (Some("one"), nothing, &one, "one", "realm1"),
        (Some("one"), shouted, &one, "one", "realm1"),
        (Some("two"), two.hello(), &two, "two", "realm2"),
        (None, two.hello(), &two, "two", "realm2"),
    ];
    for (authid, hello, signer, expected, realm) in table {
        let client = client(&["cryptosign"], authid).extra(hello);
        let (extra, pending) = challenged(client.says_hello(&methods));
        assert_eq!(text(&extra, "challenge").len(), 64);
        assert_eq!((extra.get("channel_binding"), extra.0.len()), (Some(&Value::Null), 2));
        let principal = welcomed(pending.authenticate(&signed(&signer.answer(&extra).unwrap())));
        assert_eq!((&*principal.authid, &*principal.role, &*principal.realm), (expected, "user", realm));
        assert_eq!((&*principal.method, &*principal.provider), ("cryptosign", "static"));
    }
}

#[test]
fn wrong_signatures_and_keys_do_not_get_in() {
    let methods = known();
    let (one, two, three) = (Cryptosign::new(key(K1)), Cryptosign::new(key(K2)), Cryptosign::new(key(K3)));
    let table: [(Option<&str>, Dict, &Cryptosign); 6] = [
        (Some("one"), two.hello(), &two),
        (Some("one"), one.hello(), &two),
        (Some("nobody"), one.hello(), &one),
        // A key of two principals names neither, and a principal with two keys has to be told which.
        (None, three.hello(), &three),
        (Some("two"), dict(&[]), &two),
        (Some("nobody"), dict(&[]), &one),
    ];
    let mut texts = Vec::new();
    for (authid, hello, signer) in table {
        let (extra, pending) = challenged(client(&["cryptosign"], authid).extra(hello).says_hello(&methods));
        let refused = refused(pending.authenticate(&signed(&signer.answer(&extra).unwrap())));
        assert_eq!(refused.reason, DENIED);
        texts.push(refused.message);
    }
    let hello = || challenged(client(&["cryptosign"], Some("one")).extra(one.hello()).says_hello(&methods));
    let (extra, pending) = hello();
    let right = one.answer(&extra).unwrap().to_string();
    let another = one.answer(&dict(&[("challenge", C1.into())])).unwrap().to_string();
    let relabeled = format!("{}{}", &another[..128], &right[128..]);
    let flipped = format!("{}{}", if right.starts_with('0') { "1" } else { "0" }, &right[1..]);
    drop(pending);
    for answer in ["", "00", &right, &right[..128], &right[2..], &another, &relabeled, &flipped] {
        // Even the right one is for a challenge that nobody waits for any more.
        let refused = refused(hello().1.authenticate(&signed(answer)));
        assert_eq!(refused.reason, DENIED, "{answer}");
        texts.push(refused.message);
    }
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
}

#[test]
fn proof_is_bound_to_the_channel_where_the_client_asks_for_it() {
    let methods = known();
    let bound = Cryptosign::new(key(K1)).bound_to(X);
    let hello =
        |transport| client(&["cryptosign"], None).extra(bound.hello()).on(transport).says_hello(&methods);
    let (extra, pending) = challenged(hello(tls(Some(X))));
    assert_eq!(text(&extra, "channel_binding"), "tls-exporter");
    welcomed(pending.authenticate(&signed(&bound.answer(&extra).unwrap())));
    // Somebody in the middle has another channel to the router than the client has to him.
    let (extra, pending) = challenged(hello(tls(Some([7; 32]))));
    assert_eq!(reason(pending.authenticate(&signed(&bound.answer(&extra).unwrap()))), DENIED);
    let unbound = Cryptosign::new(key(K1));
    assert_eq!(unbound.answer(&extra), Err(ClientError::Binding));
    assert_eq!(bound.answer(&dict(&[("challenge", C1.into())])), Err(ClientError::Binding));
}

#[test]
fn channel_binding_that_cannot_be_had_is_refused_and_told() {
    let methods = known();
    let table = [
        ("tls-exporter", transport(), "not TLS from end to end"),
        ("tls-exporter", tls(None), "not TLS from end to end"),
        ("tls-unique", tls(Some(X)), "'tls-unique' is not available"),
        ("tls-unique", transport(), "'tls-unique' is not available"),
        ("tls-server-end-point", tls(Some(X)), "is not known"),
    ];
    for (binding, transport, text) in table {
        let extra = dict(&[("pubkey", P1.into()), ("channel_binding", binding.into())]);
        let refused = refused(client(&["cryptosign"], None).extra(extra).on(transport).says_hello(&methods));
        assert!(refused.reason == DENIED && refused.message.contains(text), "{refused:?}");
    }
}

#[test]
fn router_proves_itself_when_asked() {
    for channel in [None, Some(X)] {
        let mut asking = Cryptosign::new(key(K1)).asking_for_proof(&env()).unwrap();
        if let Some(channel) = channel {
            asking = asking.bound_to(channel);
        }
        let hello = client(&["cryptosign"], None).extra(asking.hello()).on(tls(channel));
        let (extra, _) = challenged(hello.says_hello(&known()));
        assert_eq!(text(&extra, "pubkey"), P2);
        assert_eq!(asking.verify(&public(P2), &extra), Ok(()));
        assert_eq!(asking.verify(&public(P1), &extra), Err(ClientError::RouterNotProven));
    }
    let cryptosign = Some(CryptosignSettings::Static { principals: named([]), default_role: None });
    let keyless = methods(Settings { cryptosign, ..Settings::default() });
    let asking = Cryptosign::new(key(K1)).asking_for_proof(&env()).unwrap();
    let refused = refused(client(&["cryptosign"], None).extra(asking.hello()).says_hello(&keyless));
    assert!(refused.message.contains("no key"), "{refused:?}");
}

#[test]
fn hello_that_cannot_be_used_is_refused_and_told() {
    let methods = known();
    let table = [
        (dict(&[]), "neither an authid nor a public key"),
        (dict(&[("pubkey", Value::Null)]), "neither an authid nor a public key"),
        (dict(&[("pubkey", "12".into())]), "it has 2 characters, not 64"),
        (dict(&[("pubkey", "x".repeat(64).into())]), "something else than hexadecimal"),
        (dict(&[("pubkey", true.into())]), "authextra.pubkey of HELLO is no text"),
        (
            dict(&[("pubkey", P1.into()), ("challenge", "12".into())]),
            "authextra.challenge of HELLO is no challenge",
        ),
        (dict(&[("pubkey", P1.into()), ("channel_binding", 1_i64.into())]), "authextra.channel_binding"),
    ];
    for (extra, text) in table {
        let refused = refused(client(&["cryptosign"], None).extra(extra).says_hello(&methods));
        assert!(refused.reason == DENIED && refused.message.contains(text), "{refused:?}");
    }
}

#[test]
fn keys_that_anybody_could_sign_for_verify_nothing() {
    // The neutral point of the curve, for which a signature of zeros fits every message.
    let weak = PublicKey::from_bytes(*b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(!weak.verifies(b"anything", &signature));
    assert!(!PublicKey::from_bytes([0xff; 32]).verifies(b"anything", &signature));
}

#[test]
fn private_key_is_never_printed() {
    let key = key(K1);
    let printed = format!("{key:?} {:?} {:?}", Cryptosign::new(key.clone()), known());
    assert!(!printed.contains(&K1[..16]) && !printed.contains(&K2[..16]), "{printed}");
}
