//! The keys of `auth` where a procedure says who a client is.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::Instant;
use transom_auth::client::scram_store;
use transom_auth::{Kdf, PrivateKey, Secret};
use transom_tests::{Carrier, Client, Login, TestNode};
use transom_wamp::{Abort, Serializer, Welcome};

use crate::authentication::detail;
use crate::support::{answer, hello, join_by, next, tcp, whole_seconds, with};

const AUTHENTICATE: &str = "com.app.authenticate";
const FAILED: &str = "wamp.error.authentication_failed";

const METHODS: [&str; 6] = ["anonymous", "ticket", "wampcra", "scram", "cryptosign", "tls"];

/// A node whose first transport asks `com.app.authenticate` by all methods, with these keys, and a client on its second
/// that is this procedure on a realm.
async fn node(keys: Json, realm: &str) -> (TestNode, Client) {
    let dynamic = with(json!({"type": "dynamic", "authenticator": AUTHENTICATE}), &keys);
    let auth: serde_json::Map<String, Json> =
        METHODS.iter().map(|method| ((*method).to_owned(), dynamic.clone())).collect();
    let roles = json!([
        {"name": "user", "allow-by-default": true},
        {"name": "guest", "allow-by-default": true},
        {"name": "backend", "allow-by-default": true},
        {"name": "mute"},
    ]);
    let realms = json!([{"name": "realm1", "roles": roles}, {"name": "realm2", "roles": roles}]);
    let backend = json!({"anonymous": {"type": "static", "role": "backend"}});
    let transports = json!([
        {"type": "rawsocket", "endpoint": tcp(0), "auth": auth},
        {"type": "rawsocket", "endpoint": tcp(1), "auth": backend},
    ]);
    let node = TestNode::start_with(realms, transports).await;
    let (mut backend, _) = join_by(&node.target(1), Carrier::RawSocket, &hello(realm)).await;
    assert_eq!(answer(&mut backend, &json!([64, 1, {"disclose_caller": true}, AUTHENTICATE])).await[0], 65);
    (node, backend)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A login by each method, what the authenticator has to know for it, and the same login with a wrong proof.
fn logins() -> Vec<(Login, Json, Option<Login>)> {
    let stored = scram_store(Kdf::Pbkdf2, &Secret::from("right"), b"salt of sixteen!", (4096, 0)).unwrap();
    let scram = json!({"kdf": "pbkdf2", "iterations": 4096, "memory": 0, "salt": hex(&stored.salt),
                       "stored-key": hex(&stored.stored_key), "server-key": hex(&stored.server_key)});
    let (key, other) = ("11".repeat(32), "22".repeat(32));
    let public = PrivateKey::from_hex(&key).unwrap().public().to_string();
    vec![
        (Login::by("anonymous"), json!({}), None),
        (Login::ticket("joe", "right"), json!({}), None),
        (Login::wampcra("joe", "right"), json!({"secret": "right"}), Some(Login::wampcra("joe", "wrong"))),
        (Login::scram("joe", "right"), scram, Some(Login::scram("joe", "wrong"))),
        (
            Login::cryptosign(Some("joe"), &key),
            json!({ "pubkey": public }),
            Some(Login::cryptosign(Some("joe"), &other)),
        ),
    ]
}

/// A login that the authenticator answers with this, or with this error: its question, and what came of it.
async fn asked(
    node: &TestNode,
    backend: &mut Client,
    login: &Login,
    answer: Result<Json, [&str; 2]>,
) -> (Json, Result<Welcome, Abort>) {
    let mut client = Client::connect(&node.target(0), Carrier::RawSocket, Serializer::Json).await;
    tokio::join!(
        async {
            let question = next(backend).await;
            assert_eq!(question[0], 68, "{question}");
            let message = match answer {
                Ok(results) => json!([70, question[1], {}, results]),
                Err([error, text]) => json!([8, 68, question[1], {}, error, [text]]),
            };
            backend.send_frame(message.to_string().into_bytes()).await;
            question
        },
        login.with(&mut client),
    )
}

#[tokio::test]
async fn authenticator_when_written_is_called_with_what_the_client_says_and_its_answer_counts() {
    let (node, mut backend) = node(json!({}), "realm1").await;
    for (login, known, wrong) in logins() {
        let known = with(known, &json!({"role": "user", "authid": "ann", "extra": {"more": 1}}));
        let (question, outcome) = asked(&node, &mut backend, &login, Ok(json!([known]))).await;
        let welcome = outcome.unwrap_or_else(|abort| panic!("{login:?}: {abort:?}"));
        let told = ["authid", "authrole", "authprovider"].map(|key| detail(&welcome, key));
        assert_eq!(told, ["ann", "user", "dynamic"], "{login:?}");
        let details = &question[4][2];
        assert_eq!(question[4][0], "realm1");
        assert_eq!(details["authmethod"], detail(&welcome, "authmethod"));
        assert_eq!(details["session"].as_u64(), Some(welcome.session.get()));
        assert_eq!(details["transport"]["channel_framing"], "rawsocket");
        let ticket = details.get("ticket").and_then(Json::as_str);
        assert_eq!(ticket, (details["authmethod"] == "ticket").then_some("right"));
        if let Some(wrong) = wrong {
            let (_, outcome) = asked(&node, &mut backend, &wrong, Ok(json!([known]))).await;
            assert_eq!(outcome.unwrap_err().reason, "wamp.error.not_authorized", "{wrong:?}");
        }
    }
}

#[tokio::test]
async fn authenticator_realm_when_written_is_where_the_procedure_is_called() {
    let (node, mut backend) = node(json!({"authenticator-realm": "realm2"}), "realm2").await;
    let (question, outcome) = asked(&node, &mut backend, &Login::by("anonymous"), Ok(json!(["user"]))).await;
    assert_eq!(question[4][0], "realm1", "which the client asks for");
    assert_eq!(detail(&outcome.unwrap(), "realm"), "realm1");
    // Without it, it is called where the client wants to be.
    let (node, mut backend) = self::node(json!({}), "realm2").await;
    let (_, outcome) =
        asked(&node, &mut backend, &Login::by("anonymous").to(Some("realm2")), Ok(json!(["user"]))).await;
    assert_eq!(detail(&outcome.unwrap(), "realm"), "realm2");
    let abort = Login::by("anonymous").at(&node.target(0)).await.map(|_| ()).unwrap_err();
    assert_eq!(abort.reason, FAILED, "nobody registered it there");
}

#[tokio::test]
async fn authenticator_role_when_written_is_that_of_the_caller() {
    for (keys, expected) in [(json!({}), "trusted"), (json!({"authenticator-role": "guest"}), "guest")] {
        let (node, mut backend) = node(keys, "realm1").await;
        let (question, outcome) =
            asked(&node, &mut backend, &Login::by("anonymous"), Ok(json!(["user"]))).await;
        assert!(outcome.is_ok());
        assert_eq!(question[3]["caller_authrole"], expected);
    }
    // A role that may not call it cannot ask.
    let (node, _backend) = node(json!({"authenticator-role": "mute"}), "realm1").await;
    let abort = Login::by("anonymous").at(&node.target(0)).await.map(|_| ()).unwrap_err();
    assert_ne!(abort.reason, "wamp.error.no_such_role", "{abort:?}");
}

#[tokio::test]
async fn default_role_when_written_is_for_whom_the_procedure_gives_none() {
    for (keys, expected) in [(json!({}), None), (json!({"default-role": "guest"}), Some("guest"))] {
        let (node, mut backend) = node(keys, "realm1").await;
        for (login, known, _) in logins() {
            let (_, outcome) = asked(&node, &mut backend, &login, Ok(json!([known]))).await;
            match (outcome, expected) {
                (Ok(welcome), Some(role)) => assert_eq!(detail(&welcome, "authrole"), role, "{login:?}"),
                (Err(abort), None) => assert_eq!(abort.reason, "wamp.error.no_such_role", "{login:?}"),
                (outcome, expected) => panic!("{login:?}: {outcome:?}, not {expected:?}"),
            }
        }
    }
}

#[tokio::test]
async fn authenticator_that_fails_refuses_or_answers_nonsense_lets_nobody_in() {
    let (node, mut backend) = node(json!({"default-role": "guest"}), "realm1").await;
    for (login, known, _) in logins() {
        let with_role = |role: Json| Ok(json!([with(known.clone(), &json!({ "role": role }))]));
        for (answer, reason) in [
            (Err(["com.app.go_away", "not you"]), "com.app.go_away"),
            (Err(["wamp.error.runtime_error", "a secret of the inside"]), FAILED),
            (Ok(json!([7])), FAILED),
            (Ok(json!([])), FAILED),
            (with_role(json!(7)), FAILED),
            (with_role(json!("nobody has it")), "wamp.error.no_such_role"),
        ] {
            let (_, outcome) = asked(&node, &mut backend, &login, answer.clone()).await;
            let abort = outcome.unwrap_err();
            assert_eq!(abort.reason, reason, "{login:?} {answer:?}");
            assert!(!abort.message.unwrap_or_default().contains("inside"), "{login:?} {answer:?}");
        }
    }
    // It answers on.
    let (_, outcome) = asked(&node, &mut backend, &Login::by("anonymous"), Ok(json!(["user"]))).await;
    assert!(outcome.is_ok());
}

#[tokio::test(start_paused = true)]
async fn authenticator_that_hangs_is_waited_for_ten_seconds() {
    let (node, mut backend) = node(json!({}), "realm1").await;
    let mut client = Client::connect(&node.target(0), Carrier::RawSocket, Serializer::Json).await;
    let login = Login::by("anonymous");
    login.say_hello(&mut client).await;
    let question = next(&mut backend).await;
    let start = Instant::now();
    assert_eq!(login.finish(&mut client).await.unwrap_err().reason, FAILED);
    assert_eq!(whole_seconds(start), 10);
    client.closed().await;
    // Its late answer is for nobody.
    backend.send_frame(json!([70, question[1], {}, ["user"]]).to_string().into_bytes()).await;
    assert_eq!(answer(&mut backend, &json!([32, 9, {}, "com.app.x"])).await[0], 33);
}

#[tokio::test(start_paused = true)]
async fn client_that_does_not_answer_its_challenge_is_waited_for_ten_seconds() {
    let principals = json!({"joe": {"ticket": "right", "role": "anonymous"}});
    let auth = json!({"ticket": {"type": "static", "principals": principals}});
    let node = TestNode::start(json!([{"type": "rawsocket", "endpoint": tcp(0), "auth": auth}])).await;
    let mut client = Client::connect(&node.target(0), Carrier::RawSocket, Serializer::Json).await;
    Login::ticket("joe", "right").say_hello(&mut client).await;
    assert_eq!(next(&mut client).await[0], 4);
    let start = Instant::now();
    assert_eq!(next(&mut client).await[2], FAILED);
    assert_eq!(whole_seconds(start), 10);
    client.closed().await;
    assert!(Duration::from_secs(11) > start.elapsed());
}
