//! Commands with endpoints of Tor, against a SOCKS port that stands for a running one.

use serde_json::{Value, json};
use tokio::net::TcpListener;
use transom_testkit::{FakeSocksPort, SocksScript};
use transom_tests::TestNode;

use crate::support::{Folder, Said, with};

/// The address of an onion service.
const SERVICE: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";

/// A connecting endpoint through this port.
fn through(socks: &FakeSocksPort) -> Value {
    json!({"type": "tor", "host": SERVICE, "port": 80, "tor_socks_port": socks.addr.port()})
}

async fn connect(folder: &Folder, endpoint: &Value) -> Said {
    folder.run(&["endpoint", "connect", &endpoint.to_string(), "--format", "json"]).await
}

#[tokio::test]
async fn tor_endpoint_asks_tor_for_the_name_and_keeps_its_streams_apart() {
    let folder = Folder::new();
    let socks = FakeSocksPort::start(SocksScript::granted(None)).await;
    let elsewhere = json!({"type": "tcp", "host": "127.0.0.1", "port": socks.addr.port()});
    let mut named = through(&socks);
    named.as_object_mut().unwrap().remove("tor_socks_port");
    let named = with(named, json!({"tor_socks_endpoint": elsewhere}));
    for endpoint in [&through(&socks), &named] {
        let report = connect(&folder, endpoint).await.ended(0).json();
        assert_eq!(report["peer"], format!("tor:{SERVICE}:80"), "{report}");
    }
    let asked = socks.requests();
    let name = [&[3, 62][..], SERVICE.as_bytes(), &[0, 80]].concat();
    assert_eq!(asked.iter().map(|request| &request.target).collect::<Vec<_>>(), [&name, &name]);
    assert_eq!(asked[0].login.0, "transom");
    assert_ne!(asked[0].login.1, asked[1].login.1, "each connector has circuits of its own");
}

#[tokio::test]
async fn tor_endpoint_that_tor_cannot_reach_says_why_and_ends_by_that_code() {
    let folder = Folder::new();
    for (code, exit, words) in [
        (0x05, 4, "nobody listens"),
        (0x04, 5, "not published"),
        (0xf0, 5, "cannot be found"),
        (0xf4, 9, "authorized clients"),
        (0xf7, 6, "too long"),
    ] {
        let socks = FakeSocksPort::start(SocksScript::refused(code)).await;
        let report = connect(&folder, &through(&socks)).await.ended(exit).json();
        assert!(report["error"].to_string().contains(words), "{report}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let endpoint = json!({"type": "tor", "host": SERVICE, "port": 80, "tor_socks_port": gone.port()});
    let said = connect(&folder, &endpoint).await.ended(5);
    assert!(said.json()["error"].to_string().contains("SOCKS port cannot be reached"), "{said:?}");
}

#[tokio::test]
async fn timeout_of_a_tor_endpoint_holds_for_all_of_it() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let endpoint = json!({"type": "tor", "host": SERVICE, "port": 80, "tor_socks_port": port, "timeout": 1});
    let said = connect(&folder, &endpoint).await;
    assert!(said.json()["error"].to_string().contains("no answer in time"), "{said:?}");
}

#[tokio::test]
async fn tls_of_a_tor_endpoint_is_spoken_with_the_target() {
    let folder = Folder::new();
    let files = folder.server();
    let tls = json!({"key": files.key, "certificate": files.certificate});
    let endpoint = json!({"type": "tcp", "interface": "127.0.0.1", "port": 1, "tls": tls});
    let node = TestNode::start(json!([{"type": "rawsocket", "endpoint": endpoint}])).await;
    let socks = FakeSocksPort::start(SocksScript::granted(Some(node.tcp(0)))).await;
    let secure =
        with(through(&socks), json!({"tls": {"hostname": "localhost", "ca_certificates": ["ca.pem"]}}));
    let report = connect(&folder, &secure).await.ended(0).json();
    assert_eq!(report["tls"]["version"], "TLSv1.3", "{report}");
    let transport = json!({"type": "rawsocket", "serializer": "cbor", "endpoint": secure}).to_string();
    let said = folder.run(&["call", "--transport", &transport, "wamp.session.count"]).await.ended(0);
    assert_eq!(said.json()["args"], json!([1]));
}

#[tokio::test]
async fn connection_that_leaves_the_network_without_tls_is_warned_of() {
    let folder = Folder::new();
    let socks = FakeSocksPort::start(SocksScript::granted(None)).await;
    let plain = with(through(&socks), json!({"host": "example.com"}));
    let said = connect(&folder, &plain).await.ended(0);
    assert!(said.err.contains("leaves the Tor network without TLS"), "{said:?}");
    let said = connect(&folder, &through(&socks)).await.ended(0);
    assert!(!said.err.contains("without TLS"), "{said:?}");
}

#[tokio::test]
async fn embedded_tor_that_is_not_part_of_this_build_is_said_with_the_way_to_get_it() {
    let folder = Folder::new();
    let endpoint = json!({"type": "tor", "host": SERVICE, "port": 80, "embedded": true});
    let said = folder.run(&["endpoint", "connect", &endpoint.to_string(), "--tor-state", "tor"]).await;
    if !transom_tor::EmbeddedTor::PRESENT {
        assert_ne!(said.code, Some(0));
        assert!(format!("{}{}", said.out, said.err).contains("--features embedded-tor"), "{said:?}");
    }
}

#[tokio::test]
async fn keys_of_onion_services_are_made_and_shown() {
    let folder = Folder::new();
    let made = folder.run(&["keys", "onion", "service.key", "--new"]).await.ended(0);
    let address = made.out.trim().to_owned();
    assert!(address.ends_with(".onion") && address.len() == 62, "{address}");
    assert_eq!(folder.run(&["keys", "onion", "service.key"]).await.ended(0).out.trim(), address);
    let key = std::fs::read_to_string(folder.path("service.key")).unwrap();
    assert_eq!((key.len(), key.starts_with("ED25519-V3:")), (99, true));
    let again = folder.run(&["keys", "onion", "service.key", "--new"]).await.ended(1);
    assert!(again.out.contains("service.key"), "{again:?}");
    assert_eq!(std::fs::read_to_string(folder.path("service.key")).unwrap(), key);
    let none = folder.run(&["keys", "onion", "nothing.key"]).await.ended(1);
    assert!(none.out.contains("nothing.key"), "{none:?}");
}
