//! Each method against the router's half of it.

use std::collections::HashMap;
use std::path::Path;

use clap::Parser;
use transom_auth::client::scram_store;
use transom_auth::{
    CryptosignPrincipal, CryptosignSettings, Kdf, Methods, ScramPrincipal, ScramSettings, Settings, Step,
    TicketPrincipal, TicketSettings, WampcraSettings, WampcraUser,
};
use transom_base::{Address, ChannelBinding, TlsInfo};
use transom_wamp::{Hello, Id, Serializer, TransportDetails};

use super::*;

const KEY: &str = "4ffddd896a530ce5ee8c86b83b0d31835490a97a9cd718cb2f09c9fd31c4a7d7";

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    login: LoginArgs,
}

fn named<T>(principal: T) -> HashMap<String, T> {
    HashMap::from([("alice".to_owned(), principal)])
}

/// A router that knows `alice` by every method.
fn methods() -> Methods {
    let role = || Some("user".into());
    let stored = |kdf| scram_store(kdf, &"s3cret".into(), b"0123456789abcdef", (4096, 0)).unwrap();
    let scram = ScramPrincipal { role: role(), ..stored(Kdf::Pbkdf2) };
    let key = PrivateKey::from_hex(KEY).unwrap().public();
    let settings = Settings {
        ticket: Some(TicketSettings::Static {
            principals: named(TicketPrincipal { ticket: "s3cret".into(), role: role(), realm: None }),
            default_role: None,
        }),
        wampcra: Some(WampcraSettings::Static {
            users: named(WampcraUser { secret: "s3cret".into(), role: role(), salt: None }),
            default_role: None,
        }),
        scram: Some(ScramSettings::Static { principals: named(scram), default_role: None }),
        cryptosign: Some(CryptosignSettings::Static {
            principals: named(CryptosignPrincipal { authorized_keys: vec![key], role: role(), realm: None }),
            default_role: None,
        }),
        ..Settings::default()
    };
    Methods::new(settings, Env::default())
}

fn info() -> ConnInfo {
    let end = Address::Tcp("127.0.0.1:1".parse().unwrap());
    let mut info = ConnInfo::new(end.clone(), end);
    let mut tls = TlsInfo::default();
    tls.exporter = Some(ChannelBinding([7; 32]));
    info.tls = Some(Arc::new(tls));
    info
}

/// Logs in as the options say; whether the router lets us in and we believe it, or why we do not go on.
fn login(options: &[&str]) -> Result<bool, String> {
    let line = Line::try_parse_from([&["login"], options].concat()).map_err(|error| error.to_string())?;
    let authenticator = line.login.authenticator().map_err(|trouble| trouble.why)?;
    let info = info();
    let mut login = authenticator.begin(&info).map_err(|error| error.to_string())?;
    let mut details =
        HelloDetails { authmethods: Some(vec![authenticator.method().into()]), ..HelloDetails::default() };
    login.hello(&mut details);
    let hello = Hello { realm: Some("realm1".into()), details };
    let transport = Arc::new(TransportDetails::new(Serializer::Json, "rawsocket", Arc::new(info)));
    let session = Id::new(7).unwrap();
    let mut step = methods().start(&hello, session, &transport);
    loop {
        step = match step {
            Step::Challenge(asked) => {
                let challenge = Challenge { method: asked.method.name().into(), extra: asked.extra };
                let answer = login.challenge(&challenge).map_err(|error| error.to_string())?;
                asked.pending.authenticate(&answer)
            }
            Step::Welcome(principal) => {
                let mut details = Dict::default();
                details.push("authextra", principal.extra.clone());
                let believed = login.welcome(&Welcome { session, details });
                return believed.map(|()| true).map_err(|error| error.to_string());
            }
            Step::Abort(_) => return Ok(false),
            Step::Call(_) => panic!("nobody is to be asked"),
        };
    }
}

fn file(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn every_method_when_the_secret_is_right_is_let_in_and_when_it_is_wrong_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (right, wrong) = (file(dir.path(), "right", "s3cret\n"), file(dir.path(), "wrong", "s3cre"));
    let (key, other) = (file(dir.path(), "key", KEY), file(dir.path(), "other", &KEY.replace('4', "5")));
    let tagged = format!("Node private key\n\nprivate-key-ed25519: {KEY}\n");
    let key_file = file(dir.path(), "key.priv", &tagged);
    for (method, secret, let_in) in [
        ("ticket", &right, true),
        ("ticket", &wrong, false),
        ("wampcra", &right, true),
        ("wampcra", &wrong, false),
        ("scram", &right, true),
        ("scram", &wrong, false),
        ("cryptosign", &key, true),
        ("cryptosign", &key_file, true),
        ("cryptosign", &other, false),
    ] {
        let options = ["--authmethod", method, "--authid", "alice", "--secret-file", secret];
        assert_eq!(login(&options), Ok(let_in), "{method} {secret}");
    }
    // The key says who it is.
    assert_eq!(login(&["--authmethod", "cryptosign", "--secret-file", &key]), Ok(true));
    let bound = ["--authmethod", "cryptosign", "--secret-file", &key, "--channel-binding"];
    assert_eq!(login(&bound), Ok(true));
    // Nothing is asked of somebody who offers nothing.
    assert_eq!(login(&[]), Ok(false));
}

#[test]
fn secret_when_it_cannot_be_had_is_said_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let (no_key, empty) = (file(dir.path(), "nokey", "s3cret"), file(dir.path(), "empty", "\n"));
    for (options, words) in [
        (&["--authmethod", "ticket", "--secret-file", &no_key][..], "--authid"),
        (&["--authmethod", "wampcra", "--authid", "a"], "--secret-file or --secret-env"),
        (&["--authmethod", "scram", "--authid", "a", "--secret-file", "/nowhere"], "/nowhere"),
        (&["--authmethod", "scram", "--authid", "a", "--secret-file", &empty], "is empty"),
        (&["--authmethod", "cryptosign", "--secret-file", &no_key], "64 hexadecimal digits"),
        (&["--authmethod", "ticket", "--authid", "a", "--secret-env", "TRANSOM_NOT_SET"], "TRANSOM_NOT_SET"),
        (&["--secret-file", &no_key], "anonymous has no secret"),
        (&["--channel-binding"], "no channel binding"),
    ] {
        let why = login(options).unwrap_err();
        assert!(why.contains(words) && !why.contains("s3cret"), "{options:?}: {why}");
    }
    let line =
        Line::parse_from(["login", "--authmethod", "ticket", "--authid", "a", "--secret-file", &no_key]);
    let shown = format!("{:?}", line.login.authenticator().unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[test]
fn secret_is_shown_to_no_router_that_asks_for_another_proof() {
    let dir = tempfile::tempdir().unwrap();
    let secret = file(dir.path(), "secret", "s3cret");
    for method in ["wampcra", "scram"] {
        let options = ["login", "--authmethod", method, "--authid", "alice", "--secret-file", &secret];
        let authenticator = Line::parse_from(options).login.authenticator().unwrap();
        let mut login = authenticator.begin(&info()).unwrap();
        let challenge = Challenge { method: "ticket".into(), extra: Dict::default() };
        let why = login.challenge(&challenge).unwrap_err().to_string();
        assert!(why.contains("asks for proof by the method \"ticket\""), "{why}");
    }
}
