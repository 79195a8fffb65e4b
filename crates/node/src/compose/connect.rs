//! What speaks over each connecting transport of a configuration: the client's side of the registry of transports.

use std::sync::Arc;

use transom_client::{Carrier, RawSocketCarrier, Transport, WebSocketCarrier};
use transom_config::{ConnectTransport, RawSocketConnect, WebSocketConnect};
use transom_wamp::Serializer;

use super::settings;
use crate::StartError;
use crate::endpoints::connect::{Means, connecting};

/// How a client reaches a router by a connecting transport.
pub(crate) fn transport(transport: &ConnectTransport, means: &Means) -> Result<Transport, StartError> {
    let (endpoint, carrier) = match transport {
        ConnectTransport::WebSocket(config) => (&config.endpoint, Carrier::WebSocket(websocket(config))),
        ConnectTransport::RawSocket(config) => (&config.endpoint, Carrier::RawSocket(rawsocket(config)?)),
    };
    Ok(Transport { connector: connecting(endpoint, means)?.connector(), carrier })
}

fn websocket(config: &WebSocketConnect) -> WebSocketCarrier {
    let (host, path) = requested(&config.url);
    WebSocketCarrier { host, path, settings: Arc::new(settings::websocket_connect(config)) }
}

fn rawsocket(config: &RawSocketConnect) -> Result<RawSocketCarrier, StartError> {
    let name = config.serializer.name();
    let serializer = Serializer::ALL.into_iter().find(|serializer| serializer.name() == name);
    let serializer = serializer.ok_or_else(|| StartError::Wrong {
        place: config.place.key("serializer"),
        what: format!("{name:?} is no serializer of this release"),
    })?;
    Ok(RawSocketCarrier { serializer, settings: settings::rawsocket_connect(config) })
}

/// The `Host` header and the path that a `ws://` or `wss://` URL asks for.
fn requested(url: &str) -> (String, String) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("ws", url));
    if rest.starts_with("unix:") {
        return ("localhost".to_owned(), "/".to_owned());
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let default = if scheme == "wss" { ":443" } else { ":80" };
    let host = authority.strip_suffix(default).unwrap_or(authority);
    let slash = if path.starts_with('/') { "" } else { "/" };
    (host.to_owned(), format!("{slash}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_gives_host_and_path_of_the_request() {
        for (url, host, path) in [
            ("ws://a.example", "a.example", "/"),
            ("ws://a.example:80/ws", "a.example", "/ws"),
            ("wss://a.example:80/ws?x=1", "a.example:80", "/ws?x=1"),
            ("wss://[::1]:443?x", "[::1]", "/?x"),
            ("ws://unix:/run/s", "localhost", "/"),
        ] {
            assert_eq!(requested(url), (host.to_owned(), path.to_owned()), "{url}");
        }
    }
}
