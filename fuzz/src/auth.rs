//! What a client says before it has proven who it is, what an authenticator answers, and a browser's cookies.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use transom_auth::{
    AnonymousSettings, CookieSettings, Cookies, CryptosignPrincipal, CryptosignSettings, Dynamic, Env,
    MemoryCookies, Methods, NoRandomness, PrivateKey, Random, Salt, ScramPrincipal, ScramSettings, Settings,
    Step, TicketPrincipal, TicketSettings, TlsSettings, TrustRoot, WampcraSettings, WampcraUser,
};
use transom_wamp::{
    Authenticate, Dict, Hello, Id, Message, Payload, Serializer, Shape, Text, TransportDetails, Value, decode,
};

/// Counts, so that a finding can be played again.
struct Counting(AtomicU8);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        bytes.iter_mut().for_each(|byte| *byte = self.0.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }
}

fn env() -> Env {
    Env { random: Arc::new(Counting(AtomicU8::new(0))), ..Env::default() }
}

fn key() -> PrivateKey {
    PrivateKey::generate(&Counting(AtomicU8::new(7))).expect("it counts")
}

fn one<T>(principal: T) -> HashMap<String, T> {
    [("joe".to_owned(), principal)].into()
}

/// Every method that wants a proof. The fuzzer knows none of the secrets.
fn proving() -> Methods {
    let role = || Some(Text::from("user"));
    let ticket = TicketPrincipal { ticket: "a ticket of some length".into(), role: role(), realm: None };
    let salt = Salt { salt: "salt".into(), iterations: 10, keylen: 16 };
    let user = WampcraUser { secret: "a secret of some length".into(), role: role(), salt: Some(salt) };
    let hex = "5f19358ff6f38e267b6ef1ea1d862514ec4e8745a84682259fd3894be09febb5";
    let scram = ScramPrincipal::parse("argon2id-13", (4, 512), hex, (hex, hex)).expect("it is one");
    let cryptosign = CryptosignPrincipal { authorized_keys: vec![key().public()], role: role(), realm: None };
    let root = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A".parse().expect("it is one");
    let roots = [("realm1".to_owned(), TrustRoot { address: root, role: None, realm: None })].into();
    let settings = Settings {
        ticket: Some(TicketSettings::Static { principals: one(ticket), default_role: None }),
        wampcra: Some(WampcraSettings::Static { users: one(user), default_role: None }),
        scram: Some(ScramSettings::Static { principals: one(scram), default_role: role() }),
        cryptosign: Some(CryptosignSettings::Static { principals: one(cryptosign), default_role: None }),
        cryptosign_proxy: Some(CryptosignSettings::TrustRoots(roots)),
        tls: Some(TlsSettings::Static { principals: HashMap::new(), default_role: role() }),
        node_key: Some(Arc::new(key())),
        ..Settings::default()
    };
    Methods::new(settings, env())
}

fn asking() -> Methods {
    let dynamic = || Dynamic { default_role: Some("guest".into()), ..Dynamic::new("com.app.authenticate") };
    let settings = Settings {
        anonymous: Some(AnonymousSettings::Dynamic(dynamic())),
        ticket: Some(TicketSettings::Dynamic(dynamic())),
        wampcra: Some(WampcraSettings::Dynamic(dynamic())),
        scram: Some(ScramSettings::Dynamic(dynamic())),
        cryptosign: Some(CryptosignSettings::Dynamic(dynamic())),
        tls: Some(TlsSettings::Dynamic(dynamic())),
        ..Settings::default()
    };
    Methods::new(settings, env())
}

static TRANSPORT: LazyLock<Arc<TransportDetails>> =
    LazyLock::new(|| Arc::new(TransportDetails::memory(Serializer::Json, 1)));

fn begin(methods: &Methods, hello: &Hello) -> Step {
    methods.start(hello, Id::new(9).expect("it is one"), &TRANSPORT)
}

/// Two lines of JSON: HELLO and AUTHENTICATE.
///
/// Nobody gets in without a secret, whatever he says, and no refusal tells what happened.
pub fn login(data: &[u8]) {
    static METHODS: LazyLock<Methods> = LazyLock::new(proving);
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let mut line = || decode(Serializer::Json, &Bytes::copy_from_slice(lines.next().unwrap_or_default()));
    let Ok(Message::Hello(hello)) = line() else { return };
    let step = match begin(&METHODS, &hello) {
        Step::Challenge(asked) => match line() {
            Ok(Message::Authenticate(answer)) => asked.pending.authenticate(&answer),
            _ => return,
        },
        step => step,
    };
    match step {
        Step::Abort(refused) => assert!(!refused.reason.is_empty() && !refused.message.is_empty()),
        other => panic!("{other:?}"),
    }
}

/// The first byte chooses the method; what follows is the authenticator's answer, a list in JSON.
///
/// Whoever it lets in has a realm, an authid and a role.
pub fn authenticator(data: &[u8]) {
    static METHODS: LazyLock<Methods> = LazyLock::new(asking);
    const NAMES: [&str; 6] = ["anonymous", "ticket", "wampcra", "scram", "cryptosign", "tls"];
    let Some((&choice, text)) = data.split_first() else { return };
    let bytes = Bytes::copy_from_slice(text);
    // Through the decoder, which alone makes payloads.
    let frame = [&b"[50,1,{},"[..], &bytes, b"]"].concat().into();
    let Ok(Message::Result(result)) = decode(Serializer::Json, &frame) else { return };
    if result.payload.shape != Shape::Args {
        return;
    }
    let args = result.payload.to_values().map(|(args, _)| args).expect("it was decoded");
    let mut extra = Dict::default();
    extra.push("nonce", "AAECAwQFBgcICQoLDA0ODw==");
    let details = transom_wamp::HelloDetails {
        authmethods: Some(vec![NAMES[usize::from(choice) % NAMES.len()].into()]),
        authid: Some("joe".into()),
        authextra: Some(extra),
        ..Default::default()
    };
    let hello = Hello { realm: Some("realm1".into()), details };
    let answer = || Authenticate { signature: "AAAA".into(), extra: Dict::default() };
    let mut step = begin(&METHODS, &hello);
    for _ in 0..3 {
        step = match step {
            Step::Call(asked) => {
                let [_, _, Value::Map(_)] = &asked.call.args[..] else { panic!("{asked:?}") };
                let payload = Payload::from_values(Serializer::MsgPack, &asked.call.args, &Dict::default());
                assert!(payload.to_values().is_ok());
                asked.waiting.answered(Ok(args.clone()))
            }
            Step::Challenge(asked) => asked.pending.authenticate(&answer()),
            Step::Welcome(principal) => {
                assert!(choice % 6 != 2 && choice % 6 != 3 && choice % 6 != 4, "{principal:?}");
                return;
            }
            Step::Abort(_) => return,
        };
    }
    panic!("it takes more than a call and a challenge: {step:?}");
}

/// A `Cookie` header.
///
/// A browser is known by a cookie that was given out, and by no other.
pub fn cookie(data: &[u8]) {
    let Ok(header) = std::str::from_utf8(data) else { return };
    let cookies = Cookies::new(CookieSettings::default(), Arc::new(MemoryCookies::default()), env());
    let known = cookies.track([]).expect("it counts");
    let shown = cookies.track([header]).expect("it counts");
    assert_eq!(shown.set_cookie.is_none(), shown.id == known.id);
    assert!(shown.id != known.id || header.contains(&*known.id));
    let with = format!("{header};cbtid={}", known.id);
    assert_eq!(cookies.track([&*with]).expect("it counts").set_cookie, None);
}
