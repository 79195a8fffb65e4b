//! An endpoint in a process of its own: tells each client who it is and which process answers, then says back what it
//! hears.
//!
//! `transom-greeter [--nofile N] [--from NETWORK]... (tcp PORT | fd NAME-OR-NUMBER)`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::sync::Arc;

use nix::sys::resource::{Resource, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transom_base::{BoxFuture, ConnScope, Connection, ConnectionHandler, DrainWatch, ServeError};
use transom_config::TcpListenConfig;
use transom_endpoint::proxy::ProxySource;
use transom_endpoint::{
    Accepting, FdListenSettings, Inherited, InheritedSocket, Listener, ProxyProtocol, ProxyProtocolSettings,
    ServiceManager, TcpListener, accept_loop,
};

struct Greeter;

impl ConnectionHandler for Greeter {
    fn name(&self) -> &str {
        "greeter"
    }

    fn serve(&self, mut conn: Connection, scope: ConnScope) -> BoxFuture<'static, Result<(), ServeError>> {
        Box::pin(async move {
            let _scope = scope;
            let greeting = format!("{} {}\n", conn.info.client(), std::process::id());
            conn.io.write_all(greeting.as_bytes()).await.map_err(ServeError::Io)?;
            let mut octets = vec![0; 8192];
            loop {
                match conn.io.read(&mut octets).await.map_err(ServeError::Io)? {
                    0 => return Ok(()),
                    len => conn.io.write_all(&octets[..len]).await.map_err(ServeError::Io)?,
                }
            }
        })
    }
}

fn main() {
    // Before anything is opened.
    let inherited = Inherited::take();
    assert!(Inherited::take().left().is_empty(), "taken twice");
    assert!(std::env::var_os("LISTEN_FDS").is_none() || inherited.left().is_empty(), "left for children");
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run(inherited));
}

async fn run(mut inherited: Inherited) {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().unwrap();
    let mut from: Vec<ProxySource> = Vec::new();
    let listener: Box<dyn Listener> = loop {
        match next().as_str() {
            "--nofile" => {
                let limit = next().parse().unwrap();
                setrlimit(Resource::RLIMIT_NOFILE, limit, limit).unwrap();
            }
            "--from" => from.push(next().parse().unwrap()),
            "tcp" => {
                let port = next().parse().unwrap();
                let interface = Some("127.0.0.1".into());
                let config =
                    TcpListenConfig { interface, shared: true, backlog: 1000, ..TcpListenConfig::new(port) };
                break Box::new(TcpListener::bind(&config).await.unwrap());
            }
            "fd" => {
                let which = next();
                let socket = which
                    .parse()
                    .map_or_else(|_| InheritedSocket::Name(which.clone()), InheritedSocket::Number);
                match inherited.listen(&FdListenSettings::new(socket)) {
                    Ok(listener) => break listener,
                    Err(error) => return println!("{}", error.chain()),
                }
            }
            other => panic!("{other}"),
        }
    };
    let bound: Vec<_> = listener.bound().iter().map(ToString::to_string).collect();
    let mut accepting = Accepting::new("greeter", Arc::new(Greeter), 10_000, DrainWatch::never());
    if !from.is_empty() {
        accepting.proxy_protocol = Some(ProxyProtocol::new(ProxyProtocolSettings::new(from)).unwrap());
    }
    ServiceManager::from_env().unwrap().ready(&bound.join(" ")).unwrap();
    println!("ready {}", bound.join(" "));
    accept_loop(listener, accepting).await.unwrap();
}
