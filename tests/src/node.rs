//! A node in this process.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use transom_config::{Context, Format, ListenEndpoint, Node, Worker, parse_str};
use transom_endpoint::BoundAddr;
use transom_node::{RunningNode, Stopped};

use crate::Target;

/// The permissions of a role that may do anything.
pub const ALL_ALLOWED: &str = r#"[{"uri": "", "match": "prefix",
    "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]"#;

/// A node in this process, with a folder of its own.
pub struct TestNode {
    node: RunningNode,
    /// The node directory.
    pub dir: TempDir,
}

impl TestNode {
    /// A node with one realm `realm1`, whose role `anonymous` may do anything, and these transports. TCP endpoints get
    /// a free port, whatever port they name.
    pub async fn start(transports: Value) -> Self {
        let permissions: Value = serde_json::from_str(ALL_ALLOWED).unwrap();
        let realms =
            json!([{"name": "realm1", "roles": [{"name": "anonymous", "permissions": permissions}]}]);
        Self::start_with(realms, transports).await
    }

    /// The same with other realms.
    pub async fn start_with(realms: Value, transports: Value) -> Self {
        Self::start_workers(json!([{"type": "router", "realms": realms, "transports": transports}])).await
    }

    /// A node with these workers.
    pub async fn start_workers(workers: Value) -> Self {
        let dir = TempDir::new().unwrap();
        let text = json!({"version": 2, "workers": workers}).to_string();
        let context = Context::new("test", dir.path(), &|_| None);
        let loaded = parse_str(&text, Format::Json, &context);
        let mut config: Node = loaded.node.unwrap_or_else(|| panic!("{:?}", loaded.findings));
        assert!(!loaded.findings.refuse_start(), "{:?}", loaded.findings);
        for worker in &mut config.workers {
            if let Worker::WebSocketTestee(testee) = worker {
                free_port(&mut testee.transport.endpoint);
            }
            worker.transports_mut().iter_mut().for_each(|transport| free_port(&mut transport.endpoint));
        }
        TestNode { node: RunningNode::start(&config).await.unwrap(), dir }
    }

    /// The node.
    pub fn running(&self) -> &RunningNode {
        &self.node
    }

    /// The node, to wait for its listeners.
    pub fn running_mut(&mut self) -> &mut RunningNode {
        &mut self.node
    }

    /// Where transport number `index` listens.
    pub fn target(&self, index: usize) -> Target {
        match &self.node.transports()[index].bound[0] {
            BoundAddr::Tcp(addr) => Target::Tcp(*addr),
            BoundAddr::Unix(transom_config::UnixAddress::Path(path)) => Target::Unix(path.clone()),
            other => panic!("{other}"),
        }
    }

    /// The TCP address of transport number `index`.
    pub fn tcp(&self, index: usize) -> SocketAddr {
        match self.target(index) {
            Target::Tcp(addr) => addr,
            Target::Unix(path) => panic!("{}", path.display()),
        }
    }

    /// The socket file of transport number `index`.
    pub fn unix(&self, index: usize) -> PathBuf {
        match self.target(index) {
            Target::Unix(path) => path,
            Target::Tcp(addr) => panic!("{addr}"),
        }
    }

    /// Drains the node.
    pub async fn stop(self) -> Stopped {
        self.stop_or(std::future::pending()).await
    }

    /// Drains the node until `cut` completes.
    pub async fn stop_or(self, cut: impl Future<Output = ()>) -> Stopped {
        self.node.stop(cut).await
    }
}

fn free_port(endpoint: &mut ListenEndpoint) {
    if let ListenEndpoint::Tcp(tcp) = endpoint {
        tcp.ports = 0..=0;
    }
}
