//! The keys of `auth`: each method as a configuration knows its principals.

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use transom_auth::client::scram_store;
use transom_auth::{Kdf, PrivateKey, Secret};
use transom_base::{Address, ConnInfo, Connection, Deadline};
use transom_endpoint::Upgrade;
use transom_testkit::{Issued, IssuedFiles, TestCa};
use transom_tests::{Carrier, Login, PATIENCE, TestNode};
use transom_tls::{TlsClient, TlsConnectSettings};
use transom_wamp::{Dict, Value, Welcome};

use crate::support::{answer, join_by, next, tcp};

const DENIED: &str = "wamp.error.not_authorized";

/// A node with `realm1` and `realm2`, in which the roles `user` and `guest` may do anything, and this `auth`.
pub(crate) async fn node(auth: Json) -> TestNode {
    let roles = json!([
        {"name": "user", "allow-by-default": true},
        {"name": "guest", "allow-by-default": true},
        {"name": "backend", "allow-by-default": true},
    ]);
    let realms = json!([{"name": "realm1", "roles": roles}, {"name": "realm2", "roles": roles}]);
    TestNode::start_with(realms, json!([{"type": "rawsocket", "endpoint": tcp(0), "auth": auth}])).await
}

pub(crate) fn detail(welcome: &Welcome, key: &str) -> String {
    match welcome.details.get(key) {
        Some(Value::Text(text)) => text.to_string(),
        other => panic!("{key}: {other:?}"),
    }
}

/// Logs in: authid, role and method, or the reason of the refusal.
async fn outcome(node: &TestNode, login: &Login) -> Result<[String; 3], String> {
    match login.at(&node.target(0)).await {
        Ok((_, welcome)) => {
            assert_eq!(detail(&welcome, "authprovider"), "static");
            Ok(["authid", "authrole", "authmethod"].map(|key| detail(&welcome, key)))
        }
        Err(abort) => Err(abort.reason.to_string()),
    }
}

#[track_caller]
fn is(outcome: &Result<[String; 3], String>, expected: [&str; 3]) {
    assert_eq!(outcome.as_ref().map(|all| all.each_ref().map(String::as_str)), Ok(expected));
}

/// Who has a role of its own, who gets the default, and who has none.
async fn roles(auth: impl Fn(Json) -> Json, method: &str, login: impl Fn(&str) -> Login) {
    let node = self::node(auth(json!({"default-role": "guest"}))).await;
    is(&outcome(&node, &login("joe")).await, ["joe", "user", method]);
    is(&outcome(&node, &login("ann")).await, ["ann", "guest", method]);
    let node = self::node(auth(json!({}))).await;
    is(&outcome(&node, &login("joe")).await, ["joe", "user", method]);
    assert_eq!(outcome(&node, &login("ann")).await, Err("wamp.error.no_such_role".to_owned()));
}

fn with(base: Json, more: &Json) -> Json {
    crate::support::with(base, more)
}

#[tokio::test]
async fn ticket_when_it_is_that_of_the_principal_lets_in() {
    let auth = |more| {
        let principals = json!({"joe": {"ticket": "of joe", "role": "user"}, "ann": {"ticket": "of ann"}});
        json!({"ticket": with(json!({"type": "static", "principals": principals}), &more)})
    };
    roles(auth, "ticket", |name| Login::ticket(name, &format!("of {name}"))).await;
    let node = node(auth(json!({}))).await;
    for login in [Login::ticket("joe", "of ann"), Login::ticket("joe", ""), Login::ticket("eve", "of joe")] {
        assert_eq!(outcome(&node, &login).await, Err(DENIED.to_owned()), "{login:?}");
    }
    // A method that is not configured is none.
    let refused = outcome(&node, &Login::wampcra("joe", "of joe")).await;
    assert_eq!(refused, Err("wamp.error.no_auth_method".to_owned()));
}

#[tokio::test]
async fn wampcra_when_the_secret_is_that_of_the_user_lets_in_salted_or_not() {
    let auth = |more| {
        let users = json!({
            "joe": {"secret": "of joe", "role": "user", "salt": "pepper", "iterations": 100, "keylen": 32},
            "ann": {"secret": "of ann"},
        });
        json!({"wampcra": with(json!({"type": "static", "users": users}), &more)})
    };
    roles(auth, "wampcra", |name| Login::wampcra(name, &format!("of {name}"))).await;
    let node = node(auth(json!({}))).await;
    for login in [Login::wampcra("joe", "of ann"), Login::wampcra("ann", ""), Login::wampcra("eve", "of joe")]
    {
        assert_eq!(outcome(&node, &login).await, Err(DENIED.to_owned()), "{login:?}");
    }
}

#[tokio::test]
async fn scram_when_the_password_is_the_one_that_was_derived_lets_in() {
    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
    let stored = |name: &str, kdf: Kdf, cost: (u32, u32)| {
        let password = Secret::from(format!("of {name}"));
        let stored = scram_store(kdf, &password, b"salt of sixteen!", cost).unwrap();
        json!({"kdf": kdf.name(), "iterations": cost.0, "memory": cost.1, "salt": hex(&stored.salt),
               "stored-key": hex(&stored.stored_key), "server-key": hex(&stored.server_key)})
    };
    let joe = with(stored("joe", Kdf::Argon2id13Text, (4, 512)), &json!({"role": "user"}));
    let ann = stored("ann", Kdf::Pbkdf2, (4096, 0));
    let auth = |more| {
        let principals = json!({"joe": joe, "ann": ann});
        json!({"scram": with(json!({"type": "static", "principals": principals}), &more)})
    };
    roles(auth, "scram", |name| Login::scram(name, &format!("of {name}"))).await;
    let node = node(auth(json!({}))).await;
    for login in [Login::scram("joe", "of ann"), Login::scram("ann", "of joe"), Login::scram("eve", "of ann")]
    {
        assert_eq!(outcome(&node, &login).await, Err(DENIED.to_owned()), "{login:?}");
    }
}

const KEYS: [&str; 4] = ["11", "22", "33", "44"];

fn private(number: usize) -> String {
    KEYS[number].repeat(32)
}

fn public(number: usize) -> String {
    PrivateKey::from_hex(&private(number)).unwrap().public().to_string()
}

#[tokio::test]
async fn cryptosign_when_the_key_is_among_the_authorized_ones_lets_in() {
    let auth = |more| {
        let principals = json!({
            "joe": {"authorized_keys": [public(0), public(1)], "role": "user", "realm": "realm2"},
            "ann": {"authorized_keys": [public(2)]},
        });
        json!({"cryptosign": with(json!({"type": "static", "principals": principals}), &more)})
    };
    let key = |name: &str| if name == "joe" { private(1) } else { private(2) };
    roles(auth, "cryptosign", |name| Login::cryptosign(Some(name), &key(name))).await;
    let node = node(auth(json!({}))).await;
    // Whoever does not say who it is has the key of one only.
    is(&outcome(&node, &Login::cryptosign(None, &private(0))).await, ["joe", "user", "cryptosign"]);
    let (_, welcome) = Login::cryptosign(Some("joe"), &private(0)).at(&node.target(0)).await.unwrap();
    assert_eq!(detail(&welcome, "realm"), "realm2", "whichever it asks for");
    for login in [
        Login::cryptosign(Some("joe"), &private(2)),
        Login::cryptosign(Some("ann"), &private(3)),
        Login::cryptosign(Some("eve"), &private(0)),
        Login::cryptosign(None, &private(3)),
    ] {
        assert_eq!(outcome(&node, &login).await, Err(DENIED.to_owned()), "{login:?}");
    }
}

const ROOT: &str = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A";
const OTHER_ROOT: &str = "0x1563915e194D8CfBA1943570603F7606A3115508";
const DELEGATE: &str = "0x5CbDd86a2FA8Dc4bDdd8a8f69dBa48572EeC07FB";

/// A certificate that others made, as the specification sends it.
fn certificate(name: &str) -> Json {
    let all = include_str!("../../../crates/auth/tests/logins/certificates.json");
    let all: Json = serde_json::from_str(all).unwrap();
    let kind = if name == "leaf" { "EIP712DelegateCertificate" } else { "EIP712AuthorityCertificate" };
    json!([{"primaryType": kind, "message": all[name][0]}, all[name][1]])
}

fn value(json: &Json) -> Value {
    match json {
        Json::Number(number) => number.as_u64().unwrap().into(),
        Json::String(text) => text.as_str().into(),
        Json::Array(list) => Value::List(list.iter().map(value).collect()),
        Json::Object(map) => {
            Value::Map(Dict(map.iter().map(|(key, json)| (key.as_str().into(), value(json))).collect()))
        }
        other => panic!("{other}"),
    }
}

/// Whoever has the key of the leaf and shows the certificates above it.
fn certified(root: &str) -> Login {
    let chain = ["leaf", "low", "mid", "root"].map(|name| value(&certificate(name)));
    Login::cryptosign(None, "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510")
        .showing("trustroot", root)
        .showing("certificates", Value::List(chain.to_vec()))
}

fn trusting(root: Json, more: &Json) -> Json {
    json!({"cryptosign": with(json!({"type": "static", "trustroots": {"realm1": root}}), more)})
}

#[tokio::test]
async fn cryptosign_when_certificates_lead_to_the_root_of_the_realm_lets_in() {
    let guests = json!({"default-role": "guest"});
    for (root, more, role) in [
        (json!({"trustroot": ROOT}), json!({}), "user"),
        (json!({"trustroot": ROOT}), guests.clone(), "guest"),
        (json!({"trustroot": ROOT, "role": "backend"}), guests, "backend"),
    ] {
        let node = node(trusting(root, &more)).await;
        is(&outcome(&node, &certified(ROOT)).await, [DELEGATE, role, "cryptosign"]);
    }
    let node = node(trusting(json!({"trustroot": ROOT, "realm": "realm2"}), &json!({}))).await;
    let (_, welcome) = certified(ROOT).at(&node.target(0)).await.unwrap();
    assert_eq!(detail(&welcome, "realm"), "realm2", "whichever it asks for");
    let uncertified = Login::cryptosign(None, &private(0));
    for login in [certified(ROOT).to(Some("realm2")), certified(OTHER_ROOT), uncertified] {
        assert_eq!(outcome(&node, &login).await, Err(DENIED.to_owned()), "{login:?}");
    }
}

#[tokio::test]
async fn cryptosign_when_certificates_lead_to_another_root_lets_nobody_in() {
    let node = node(trusting(json!({"trustroot": OTHER_ROOT}), &json!({}))).await;
    // Whether it says which root it means or claims the trusted one.
    for login in [certified(ROOT), certified(OTHER_ROOT)] {
        assert_eq!(outcome(&node, &login).await, Err(DENIED.to_owned()), "{login:?}");
    }
}

#[tokio::test]
async fn cryptosign_when_the_root_is_known_by_its_certificate_lets_in() {
    let dir = TempDir::new().unwrap();
    let cbor = dir.path().join("root.crt");
    std::fs::write(&cbor, include_bytes!("../../../crates/auth/tests/logins/root.crt")).unwrap();
    let text = dir.path().join("root.json");
    std::fs::write(&text, certificate("root").to_string()).unwrap();
    for root in [json!({"certificate": cbor}), json!({"certificate": text, "trustroot": ROOT})] {
        let node = node(trusting(root, &json!({}))).await;
        is(&outcome(&node, &certified(ROOT)).await, [DELEGATE, "user", "cryptosign"]);
    }
}

fn private_file(files: &IssuedFiles) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A certificate's fingerprint as configurations write it.
fn fingerprint(algorithm: &'static Algorithm, issued: &Issued) -> String {
    let lines = issued.certificate.lines().filter(|line| !line.starts_with("---"));
    let der = BASE64_STANDARD.decode(lines.collect::<String>()).unwrap();
    let bytes: Vec<String> =
        digest(algorithm, &der).as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

/// Logs in over TLS with this certificate, or without.
async fn over_tls(
    node: &TestNode,
    ca: &TempDir,
    certificate: Option<&IssuedFiles>,
) -> Result<[String; 3], String> {
    let mut settings = TlsConnectSettings::new("localhost");
    settings.ca_certificates = vec![ca.path().join("ca.pem")];
    settings.certificate = certificate.map(|files| files.certificate.clone());
    settings.key = certificate.map(|files| files.key.clone());
    let (tls, _) = TlsClient::new(&settings).unwrap();
    let addr = node.tcp(0);
    let io = TcpStream::connect(addr).await.unwrap();
    let info = ConnInfo::new(Address::Tcp(addr), Address::Tcp(io.local_addr().unwrap()));
    let conn = Connection { io: Box::new(io), info };
    let conn = tls.apply(conn, Deadline::after(Some(PATIENCE))).await.unwrap();
    let mut client = transom_tests::Client::over(conn.io, transom_wamp::Serializer::Json).await;
    match Login::by("tls").to(Some("realm1")).with(&mut client).await {
        Ok(welcome) => Ok(["authid", "authrole", "authmethod"].map(|key| detail(&welcome, key))),
        Err(abort) => Err(abort.reason.to_string()),
    }
}

/// An authority in a folder, a listening endpoint with a certificate of it, and those of some clients.
fn authority() -> (TempDir, Json, [(String, String, IssuedFiles); 3]) {
    let dir = TempDir::new().unwrap();
    let ca = TestCa::new("Test Authority");
    ca.write(dir.path(), "ca.pem");
    let server = ca.server(&["localhost"]).write(dir.path(), "server");
    private_file(&server);
    let clients = ["joe", "ann", "eve"].map(|name| {
        let issued = ca.client(name);
        let files = issued.write(dir.path(), name);
        private_file(&files);
        (fingerprint(&SHA1_FOR_LEGACY_USE_ONLY, &issued), fingerprint(&SHA256, &issued), files)
    });
    let tls = json!({"key": server.key, "certificate": server.certificate, "client_auth": "optional",
                     "ca_certificates": [dir.path().join("ca.pem")]});
    (dir, with(tcp(0), &json!({ "tls": tls })), clients)
}

fn realm_of_users() -> Json {
    let roles = ["user", "guest"].map(|name| json!({"name": name, "allow-by-default": true}));
    json!([{"name": "realm1", "roles": roles}])
}

#[tokio::test]
async fn tls_when_the_certificate_is_that_of_a_principal_lets_in() {
    let (dir, endpoint, [joe, ann, eve]) = authority();
    let principals = json!({
        "joe": {"certificate-sha1": joe.0, "role": "user"},
        "ann": {"certificate-sha256": ann.1, "role": "guest"},
    });
    let auth = json!({"tls": {"type": "static", "principals": principals}});
    let transports = json!([{"type": "rawsocket", "endpoint": endpoint, "auth": auth}]);
    let node = TestNode::start_with(realm_of_users(), transports).await;
    is(&over_tls(&node, &dir, Some(&joe.2)).await, ["joe", "user", "tls"]);
    is(&over_tls(&node, &dir, Some(&ann.2)).await, ["ann", "guest", "tls"]);
    assert_eq!(over_tls(&node, &dir, Some(&eve.2)).await, Err(DENIED.to_owned()));
    assert_eq!(over_tls(&node, &dir, None).await, Err(DENIED.to_owned()));
}

#[tokio::test]
async fn tls_when_a_procedure_decides_tells_it_the_certificate() {
    let (dir, endpoint, [joe, ..]) = authority();
    let auth =
        json!({"tls": {"type": "dynamic", "authenticator": "com.app.authenticate", "default-role": "guest"}});
    let backend = json!({"anonymous": {"type": "static", "role": "user"}});
    let transports = json!([
        {"type": "rawsocket", "endpoint": endpoint, "auth": auth},
        {"type": "rawsocket", "endpoint": tcp(1), "auth": backend},
    ]);
    let node = TestNode::start_with(realm_of_users(), transports).await;
    let (mut backend, _) =
        join_by(&node.target(1), Carrier::RawSocket, &crate::support::hello("realm1")).await;
    assert_eq!(answer(&mut backend, &json!([64, 1, {}, "com.app.authenticate"])).await[0], 65);
    for (certificate, told, authid) in
        [(Some(&joe.2), json!(joe.1), json!("joe")), (None, Json::Null, json!("none"))]
    {
        let answering = async {
            let question = next(&mut backend).await;
            let results = json!([{ "authid": authid }]);
            backend.send_frame(json!([70, question[1], {}, results]).to_string().into_bytes()).await;
            question
        };
        let (question, outcome) = tokio::join!(answering, over_tls(&node, &dir, certificate));
        let shown = &question[4][2]["transport"]["peer_cert"];
        assert_eq!(shown.get("sha256").unwrap_or(&Json::Null), &told);
        is(&outcome, [authid.as_str().unwrap(), "guest", "tls"]);
    }
}

#[tokio::test]
async fn methods_when_several_are_offered_the_first_that_is_configured_decides() {
    let auth = json!({
        "ticket": {"type": "static", "principals": {"joe": {"ticket": "right", "role": "user"}}},
        "anonymous": {"type": "static", "role": "guest"},
    });
    let node = node(auth).await;
    let either = Login::ticket("joe", "right").or_rather("scram");
    is(&outcome(&node, &either).await, ["joe", "user", "ticket"]);
    let wrong = Login::ticket("joe", "wrong").or_rather("scram");
    assert_eq!(outcome(&node, &wrong).await, Err(DENIED.to_owned()), "no other is tried");
    let anonymous = Login::by("anonymous").named("joe").at(&node.target(0)).await.unwrap().1;
    assert_eq!(detail(&anonymous, "authrole"), "guest");
    assert_ne!(detail(&anonymous, "authid"), "joe", "whoever proves nothing does not choose");
}
