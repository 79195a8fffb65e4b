//! HAProxy as a proxy in front of what is tested.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// HAProxy in front of these ports: a free TCP port of its own, and Unix sockets, one for each port.
pub struct HaProxy {
    _process: Child,
    front: SocketAddr,
}

impl HaProxy {
    /// `servers` are the options of one server each, behind the front and behind sockets `0`, `1` … in the folder.
    pub async fn start(folder: &Path, servers: &[String]) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let front = listener.local_addr().unwrap();
        let mut config = "global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 20s\n  timeout client 20s\n  timeout server 20s\n".to_owned();
        config += "frontend front\n  bind fd@3\n  default_backend 0\n";
        for (number, server) in servers.iter().enumerate() {
            let socket = folder.join(number.to_string());
            config += &format!("frontend unix{number}\n  bind unix@{}\n", socket.display());
            config += &format!("  default_backend {number}\nbackend {number}\n  server s {server}\n");
        }
        let file = folder.join("haproxy.cfg");
        std::fs::write(&file, config).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let process = Command::new("sh")
            .args(["-c", r#"exec haproxy -db -f "$0" 3<&0 0</dev/null"#])
            .arg(&file)
            .env("PATH", format!("{path}:/usr/sbin"))
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        HaProxy { _process: process, front }
    }

    /// Where the front listens.
    pub fn front(&self) -> SocketAddr {
        self.front
    }
}
