//! The usual shapes of nodes, those of which the reader says that they run: they do.

use std::path::Path;

use transom_config::{Context, Format, ListenEndpoint, TcpListenConfig, Worker, parse_str};
use transom_node::{RunningNode, Stopped};

#[tokio::test]
async fn common_shapes_when_nothing_is_refused_start() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates/config/tests/data");
    let mut started = 0;
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        let Some(format) = Format::of(&path) else { continue };
        let folder = tempfile::tempdir().unwrap();
        let node_dir = folder.path().join("node");
        std::fs::create_dir(&node_dir).unwrap();
        let context = Context::new("shape", &node_dir, &|_| Some("8080".to_owned()));
        let loaded = parse_str(&std::fs::read_to_string(&path).unwrap(), format, &context);
        let Some(mut node) = loaded.node.filter(|_| !loaded.findings.refuse_start()) else { continue };
        make_directories(&node.effective());
        for (i, transport) in node.workers.iter_mut().flat_map(Worker::transports_mut).enumerate() {
            match &mut transport.endpoint {
                ListenEndpoint::Tcp(tcp) => {
                    tcp.ports = 0..=0;
                    tcp.interface = Some("127.0.0.1".to_owned());
                    // Its certificates are not here.
                    tcp.tls = None;
                }
                ListenEndpoint::Unix(unix) => {
                    unix.address = transom_config::UnixAddress::Path(node_dir.join(i.to_string()));
                    // Its users and groups are not here.
                    (unix.owner, unix.group) = (None, None);
                }
                // Strings say what is tested elsewhere, and inherited sockets are not here.
                other => *other = ListenEndpoint::Tcp(TcpListenConfig::new(0)),
            }
        }
        let running = RunningNode::start(&node).await.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let transports: usize = node.workers.iter().map(|worker| worker.transports().len()).sum();
        assert_eq!(running.transports().len(), transports, "{}", path.display());
        assert_eq!(running.stop(std::future::pending()).await, Stopped::Drained);
        started += 1;
    }
    assert!(started >= 8, "{started}");
}

/// Makes every directory that a configuration serves files of.
fn make_directories(value: &serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            if let Some(directory) = map.get("directory").and_then(|directory| directory.as_str()) {
                std::fs::create_dir_all(directory).unwrap();
            }
            map.values().for_each(make_directories);
        }
        serde_json::Value::Array(items) => items.iter().for_each(make_directories),
        _ => {}
    }
}
