//! URLs that say something else than the endpoints and paths they are for.

use super::{all_paths, web_paths};
use crate::reader::finding::{Finding, Severity};
use crate::{
    ListenEndpoint, Place, Transport, TransportProtocol, UniversalWebSocket, WebServiceConfig,
    WebSocketConfig,
};

/// A URL is for people, and a proxy in front may change all of it: everything here is a note.
pub(super) fn check(transport: &Transport, out: &mut Vec<Finding>) {
    let endpoint = transport.endpoint.plain();
    match &transport.protocol {
        TransportProtocol::WebSocket(config) => socket(config, endpoint, None, out),
        TransportProtocol::WebSocketTestee(testee) => {
            url(testee.url.as_deref(), &testee.place, endpoint, None, out)
        }
        TransportProtocol::Universal(universal) => match &universal.websocket {
            Some(UniversalWebSocket::Everywhere(config)) => socket(config, endpoint, None, out),
            Some(UniversalWebSocket::Paths(paths)) => {
                for (path, config) in paths {
                    let path = format!("/{}", path.trim_start_matches('/'));
                    socket(config, endpoint, Some(&path), out);
                }
            }
            None => {}
        },
        _ => {}
    }
    for (path, written) in all_paths(web_paths(transport)) {
        if let WebServiceConfig::WebSocket(config) = &path.service.kind {
            socket(config, endpoint, Some(if written.is_empty() { "/" } else { &written }), out);
        }
    }
}

fn socket(config: &WebSocketConfig, endpoint: &ListenEndpoint, path: Option<&str>, out: &mut Vec<Finding>) {
    url(config.url.as_deref(), &config.place, endpoint, path, out);
}

fn url(
    url: Option<&str>,
    place: &Place,
    endpoint: &ListenEndpoint,
    path: Option<&str>,
    out: &mut Vec<Finding>,
) {
    let Some((secure, rest)) = url.and_then(|url| {
        let (scheme, rest) = url.split_once("://")?;
        Some((scheme == "wss", rest))
    }) else {
        return;
    };
    let place = place.key("url");
    let mut note = |message: String| out.push(Finding::new(Severity::Note, &place, message));
    if rest.starts_with("unix:") {
        return;
    }
    let (authority, written) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    if let Some(path) = path
        && written.trim_end_matches('/') != path.trim_end_matches('/')
    {
        note(format!("the URL has the path {written}, but this is served at {path}"));
    }
    let ListenEndpoint::Tcp(tcp) = endpoint else { return };
    if tcp.tls.is_some() != secure {
        let (has, scheme) = if secure { ("no TLS", "wss") } else { ("TLS", "ws") };
        note(format!("the URL begins with {scheme}://, but the endpoint has {has}"));
    }
    let port = match authority
        .get(authority.rfind(']').map_or(0, |end| end + 1)..)
        .and_then(|tail| tail.rsplit_once(':'))
    {
        Some((_, port)) => port.parse().ok(),
        None => Some(if secure { 443 } else { 80 }),
    };
    if let Some(port) = port
        && *tcp.ports.start() > 0
        && !tcp.ports.contains(&port)
    {
        note(format!("the URL has the port {port}, but the endpoint listens on {}", tcp.ports.start()));
    }
}
