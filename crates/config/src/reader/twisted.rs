//! Endpoint strings of Twisted: what they say, and the endpoints that they stand for.

mod string;

use std::ops::RangeInclusive;

use serde_json::Value as Json;

use super::describe::Shape;
use super::kind::Kind;
use super::val::Val;
use super::writer::Writer;
use crate::{
    ConnectEndpoint, EndpointString, ListenEndpoint, TcpConnectConfig, TcpListenConfig, TlsConnectConfig,
    TlsListenConfig, UnixAddress, UnixConnectConfig, UnixListenConfig,
};
use string::{Client, Server, TcpServer, TwistedError};

/// Twisted's name for the file with key and certificate when a string names none.
const SERVER_PEM: &str = "server.pem";

/// `server_string`
pub(crate) fn server_string() -> Twisted<ListenEndpoint> {
    Twisted { read: listening, forms: "`tcp:`, `tcp6:`, `unix:` or `ssl:` with its fields" }
}

/// `client_string`
pub(crate) fn client_string() -> Twisted<ConnectEndpoint> {
    Twisted { read: connecting, forms: "`tcp:`, `unix:` or `tls:` with its fields" }
}

pub(crate) struct Twisted<E> {
    read: fn(&str, &Val<'_>) -> Result<E, TwistedError>,
    forms: &'static str,
}

impl<E> Kind for Twisted<E> {
    type Value = EndpointString<E>;

    fn read(&self, value: &Val<'_>) -> Option<EndpointString<E>> {
        let text = value.non_empty()?;
        let endpoint = match (self.read)(text, value) {
            Ok(endpoint) => Some(Box::new(endpoint)),
            Err(problem) => {
                value.unsupported(
                    &format!("unsupported endpoint string {}: {problem}; it", value.shown()),
                    None,
                );
                None
            }
        };
        Some(EndpointString { text: text.to_owned(), endpoint })
    }

    fn write(&self, value: &EndpointString<E>, _: &Writer) -> Option<Json> {
        Some(value.text.as_str().into())
    }

    fn shape(&self) -> Shape {
        Shape::Text { rule: self.forms, pattern: Some(r"\S") }
    }
}

fn listening(text: &str, value: &Val<'_>) -> Result<ListenEndpoint, TwistedError> {
    let tcp = |tcp: TcpServer| {
        let ports: RangeInclusive<u16> = tcp.port..=tcp.port;
        let defaults = TcpListenConfig::default();
        TcpListenConfig {
            place: value.place(),
            ports,
            interface: tcp.interface,
            version: tcp.v6.then_some(crate::IpVersion::V6),
            backlog: tcp.backlog.unwrap_or(defaults.backlog),
            ..defaults
        }
    };
    Ok(match string::server(text)? {
        Server::Tcp(server) => ListenEndpoint::Tcp(tcp(server)),
        Server::Unix { path, mode, backlog } => {
            let defaults = UnixListenConfig::new(UnixAddress::Path(value.cx.path(&path)));
            ListenEndpoint::Unix(UnixListenConfig {
                place: value.place(),
                mode: mode.unwrap_or(defaults.mode),
                backlog: backlog.unwrap_or(defaults.backlog),
                ..defaults
            })
        }
        Server::Ssl { tcp: server, private_key, cert_key, extra_cert_chain } => {
            let key = private_key.unwrap_or_else(|| SERVER_PEM.to_owned());
            let certificate = cert_key.unwrap_or_else(|| key.clone());
            let tls = TlsListenConfig {
                place: value.place(),
                chain_certificates: extra_cert_chain.iter().map(|file| value.cx.path(file)).collect(),
                ..TlsListenConfig::new(value.cx.path(&key), value.cx.path(&certificate))
            };
            ListenEndpoint::Tcp(TcpListenConfig { tls: Some(tls), ..tcp(server) })
        }
    })
}

fn connecting(text: &str, value: &Val<'_>) -> Result<ConnectEndpoint, TwistedError> {
    let place = value.place();
    Ok(match string::client(text)? {
        Client::Tcp { host, port, timeout } => {
            let defaults = TcpConnectConfig::new(host, port);
            // A time of 0 is none.
            let timeout = match timeout {
                Some(time) => Some(time).filter(|time| !time.is_zero()),
                None => defaults.timeout,
            };
            ConnectEndpoint::Tcp(TcpConnectConfig { place, timeout, ..defaults })
        }
        Client::Unix { path } => {
            let address = UnixAddress::Path(value.cx.path(&path));
            ConnectEndpoint::Unix(UnixConnectConfig { place, ..UnixConnectConfig::new(address) })
        }
        Client::Tls { host, port } => {
            let tls = TlsConnectConfig { place: place.clone(), ..TlsConnectConfig::new(host.clone()) };
            ConnectEndpoint::Tcp(TcpConnectConfig {
                place,
                tls: Some(tls),
                ..TcpConnectConfig::new(host, port)
            })
        }
    })
}
