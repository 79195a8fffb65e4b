//! The keys of Tor endpoints, against ports that stand for a running Tor.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::time::timeout;
use transom_config::{Context, Format, Node, parse_str};
use transom_endpoint::BoundAddr;
use transom_node::RunningNode;
use transom_testkit::{Answer, FakeControlPort};
use transom_tests::{ALL_ALLOWED, Client, PATIENCE};
use transom_tor::OnionKey;
use transom_wamp::Serializer;

use crate::support::with;

/// A key of an onion service in a folder of its own.
struct Service {
    dir: TempDir,
    address: String,
}

impl Service {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let key = OnionKey::generate().unwrap();
        key.save(&dir.path().join("onion.key")).unwrap();
        Service { dir, address: key.address() }
    }

    fn key_file(&self) -> PathBuf {
        self.dir.path().join("onion.key")
    }

    /// The configuration of a node with it.
    fn node(&self, endpoint: &Json) -> Result<Node, String> {
        let permissions: Json = serde_json::from_str(ALL_ALLOWED).unwrap();
        let endpoint = with(json!({"type": "onion", "port": 80, "private_key_file": "onion.key"}), endpoint);
        let text = json!({"version": 2, "workers": [{"type": "router",
            "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": permissions}]}],
            "transports": [{"type": "rawsocket", "endpoint": endpoint}]}]});
        let env = |name: &str| (name == "TOR_PASSWORD").then(|| "of the environment".to_owned());
        let context = Context::new("test", self.dir.path(), &env);
        let loaded = parse_str(&text.to_string(), Format::Json, &context);
        loaded.node.filter(|_| !loaded.findings.has_errors()).ok_or_else(|| loaded.findings.to_string())
    }

    async fn start(&self, control: &FakeControlPort, more: &Json) -> RunningNode {
        let control = json!({"type": "tcp", "host": "127.0.0.1", "port": control.addr.port()});
        let endpoint = with(json!({"tor_control_endpoint": control}), more);
        RunningNode::start(&self.node(&endpoint).unwrap()).await.unwrap()
    }
}

async fn usual(service: &Service) -> FakeControlPort {
    FakeControlPort::start(&service.address, |_| Answer::Usual).await
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("in time")
}

#[tokio::test]
async fn onion_when_configured_is_added_with_its_key_and_port_and_serves_what_tor_hands_over() {
    let service = Service::new();
    let control = usual(&service).await;
    let node = service.start(&control, &json!({"port": 4711})).await;
    let bound = BoundAddr::Onion { host: service.address.as_str().into(), port: 4711 };
    assert_eq!(node.transports()[0].bound, [bound]);
    let summary = node.summary().to_string();
    assert!(summary.contains(&format!("rs://{}:4711", service.address)), "{summary}");
    let add = in_time(control.command(1, "ADD_ONION")).await;
    let key = std::fs::read_to_string(service.key_file()).unwrap();
    assert!(add.starts_with(&format!("ADD_ONION {key} Port=4711,")), "{add}");
    let commands = control.commands();
    let before = |a: &str, b: &str| {
        let at = |begin: &str| commands.iter().position(|command| command.starts_with(begin)).unwrap();
        at(a) < at(b)
    };
    assert!(before("PROTOCOLINFO", "AUTHENTICATE") && before("SETEVENTS HS_DESC", "ADD_ONION"));
    let mut client = Client::over(control.client().await, Serializer::Json).await;
    assert!(matches!(client.hello("realm1").await, transom_wamp::Message::Welcome(_)));
    drop(client);
    node.stop(std::future::ready(())).await;
    let name = service.address.trim_end_matches(".onion");
    in_time(control.command(1, &format!("DEL_ONION {name}"))).await;
}

#[tokio::test]
async fn private_key_file_when_absent_is_made_and_when_unusable_refused_with_its_place() {
    let service = Service::new();
    std::fs::remove_file(service.key_file()).unwrap();
    let control = usual(&service).await;
    let node = service.start(&control, &json!({})).await;
    let made = OnionKey::load(&service.key_file()).unwrap();
    let bound = BoundAddr::Onion { host: made.address().into(), port: 80 };
    assert_eq!(node.transports()[0].bound, [bound]);
    assert_eq!(service.key_file().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    drop(node);
    std::fs::write(service.key_file(), "").unwrap();
    let endpoint = json!({"tor_control_endpoint": {"type": "tcp", "host": "127.0.0.1", "port": 1}});
    let refused =
        RunningNode::start(&service.node(&endpoint).unwrap()).await.map(drop).unwrap_err().to_string();
    assert!(
        refused.contains("workers[0].transports[0].endpoint") && refused.contains("it is empty"),
        "{refused}"
    );
    assert_eq!(std::fs::read(service.key_file()).unwrap(), b"");
}

#[tokio::test]
async fn control_password_when_written_is_shown_to_a_port_that_wants_one() {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (written, shown) in
        [("of \"the\" file", "of \"the\" file"), ("${TOR_PASSWORD}", "of the environment")]
    {
        let service = Service::new();
        let control = FakeControlPort::start(&service.address, |command| match command {
            "PROTOCOLINFO 1" => Answer::Say(vec!["250-AUTH METHODS=HASHEDPASSWORD".into(), "250 OK".into()]),
            _ => Answer::Usual,
        })
        .await;
        let _node = service.start(&control, &json!({"control_password": written})).await;
        assert_eq!(in_time(control.command(1, "AUTHENTICATE")).await, format!("AUTHENTICATE {}", hex(shown)));
        in_time(control.command(1, "ADD_ONION")).await;
    }
}

#[tokio::test]
async fn client_auth_when_written_names_the_clients_to_tor() {
    let service = Service::new();
    let control = usual(&service).await;
    let (one, two) = ("a".repeat(52), "B".repeat(52));
    let _node = service.start(&control, &json!({"client_auth": [one, two]})).await;
    let add = in_time(control.command(1, "ADD_ONION")).await;
    assert!(
        add.contains(" Flags=V3Auth ") && add.ends_with(&format!(" ClientAuthV3={one} ClientAuthV3={two}")),
        "{add}"
    );
}

#[tokio::test]
async fn target_when_written_is_how_tor_hands_connections_over() {
    let user = nix::unistd::geteuid().to_string();
    let process = std::process::id().to_string();
    let own = move |command: &str| match command {
        "GETINFO process/uid" => Answer::Say(vec![format!("250-process/uid={user}"), "250 OK".into()]),
        "GETINFO process/pid" => Answer::Say(vec![format!("250-process/pid={process}"), "250 OK".into()]),
        _ => Answer::Usual,
    };
    for (more, unix) in [
        (json!({"target": "unix"}), true),
        (json!({"target": "tcp"}), false),
        // This process is no Tor, so nobody knows which files that sees.
        (json!({}), false),
    ] {
        let service = Service::new();
        let control = FakeControlPort::start(&service.address, own.clone()).await;
        let node = service.start(&control, &more).await;
        let add = in_time(control.command(1, "ADD_ONION")).await;
        let target = add.split(' ').find_map(|word| word.strip_prefix("Port=80,")).unwrap();
        if !unix {
            assert!(target.starts_with("127.0.0.1:"), "{target}");
            continue;
        }
        let socket = PathBuf::from(target.strip_prefix("unix:").unwrap());
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o600, 0o700));
        assert!(matches!(
            Client::over(control.client().await, Serializer::Json).await.hello("realm1").await,
            transom_wamp::Message::Welcome(_)
        ));
        node.stop(std::future::ready(())).await;
        assert!(!socket.parent().unwrap().exists());
    }
}

#[test]
fn version_two_and_two_ways_at_once_are_refused_and_what_has_no_effect_is_said() {
    let service = Service::new();
    let control = json!({"type": "tcp", "host": "127.0.0.1", "port": 1});
    for (endpoint, why) in [
        (json!({"tor_control_endpoint": control, "version": 2}), "Tor has dropped version 2"),
        (json!({"tor_control_endpoint": control, "embedded": true}), "not both"),
        (json!({}), "tor_control_endpoint"),
    ] {
        let refused = service.node(&endpoint).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    assert!(service.node(&json!({"tor_control_endpoint": control, "version": 3})).is_ok());
}

#[tokio::test]
async fn embedded_when_it_is_not_part_of_this_build_is_refused_with_the_way_to_get_it() {
    let service = Service::new();
    let node = service.node(&json!({"embedded": true})).unwrap();
    if !transom_tor::EmbeddedTor::PRESENT {
        let refused = RunningNode::start(&node).await.map(drop).unwrap_err().to_string();
        for words in ["workers[0].transports[0].endpoint", "--features embedded-tor", "tor_control_endpoint"]
        {
            assert!(refused.contains(words), "{refused}");
        }
    }
}

#[tokio::test]
async fn onion_when_reloaded_stays_published_unless_it_is_asked_for_otherwise() {
    let service = Service::new();
    let control = usual(&service).await;
    let port =
        json!({"tor_control_endpoint": {"type": "tcp", "host": "127.0.0.1", "port": control.addr.port()}});
    let mut node = service.start(&control, &json!({})).await;
    in_time(control.command(1, "ADD_ONION")).await;
    let mut client = Client::over(control.client().await, Serializer::Json).await;
    assert!(matches!(client.hello("realm1").await, transom_wamp::Message::Welcome(_)));
    let same = node.reload(&service.node(&port).unwrap()).await.unwrap();
    assert_eq!(same.changes, Vec::<String>::new());
    let authorized = with(port.clone(), &json!({"client_auth": ["a".repeat(52)]}));
    let other = node.reload(&service.node(&authorized).unwrap()).await.unwrap();
    assert_eq!(other.changes.len(), 1, "{other:?}");
    in_time(control.command(1, "DEL_ONION")).await;
    assert!(in_time(control.command(2, "ADD_ONION")).await.contains("ClientAuthV3="));
    assert!(client.try_subscribe("com.example.topic").await.is_some(), "open sessions go on");
    // Another key is another service, beside which the first one goes.
    let second = with(port, &json!({"private_key_file": "second.key"}));
    let moved = node.reload(&service.node(&second).unwrap()).await.unwrap();
    assert!(moved.changes[0].contains(&service.address), "{moved:?}");
    in_time(control.command(2, "DEL_ONION")).await;
    let address = OnionKey::load(&service.dir.path().join("second.key")).unwrap().address();
    assert_eq!(node.transports()[0].bound, [BoundAddr::Onion { host: address.into(), port: 80 }]);
}
