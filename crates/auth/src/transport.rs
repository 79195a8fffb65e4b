//! What a transport contributes: its TLS channel and certificate, and its description for authenticators.

use std::time::SystemTime;

use transom_base::Address;
use transom_wamp::{Dict, TransportDetails, Value};

use crate::Step;
use crate::certificate;
use crate::login::Login;

/// The TLS channel that a proof is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) name: &'static str,
    pub(crate) id: [u8; 32],
}

/// The only channel binding there is here. Source: RFC 9266.
pub(crate) const TLS_EXPORTER: &str = "tls-exporter";

/// The channel binding that a client asks for.
///
/// # Errors
/// When it asks for one that cannot be had: going on without would look like being bound.
pub(crate) fn channel_binding(login: &Login, asked: Option<&str>) -> Result<Option<Bound>, Step> {
    let exporter =
        login.transport.info.tls.as_ref().and_then(|tls| tls.exporter.as_ref()).map(|binding| binding.0);
    match (asked, exporter) {
        (None, _) => Ok(None),
        (Some(TLS_EXPORTER), Some(id)) => Ok(Some(Bound { name: TLS_EXPORTER, id })),
        (Some(TLS_EXPORTER), None) => Err(login.malformed(
            "channel binding 'tls-exporter' is not available: this connection is not TLS from end to end",
        )),
        (Some("tls-unique"), _) => Err(login.malformed(
            "channel binding 'tls-unique' is not available: TLS 1.3 does not have it; use 'tls-exporter' or none",
        )),
        (Some(_), _) => Err(login.malformed("this channel binding is not known; use 'tls-exporter' or none")),
    }
}

/// `transport` in the details that an authenticator gets.
pub(crate) fn describe(transport: &TransportDetails, now: SystemTime) -> Dict {
    let info = &transport.info;
    let secure = info.is_secure();
    let kind = match &info.peer {
        Address::Memory(_) => "memory",
        _ if secure => "tls",
        _ => "tcp",
    };
    let mut channel = Dict::default();
    if let Some(id) = info.tls.as_ref().and_then(|tls| tls.exporter.as_ref()) {
        channel.push(TLS_EXPORTER, bytes(&id.0));
    }
    let certificate = info
        .tls
        .as_ref()
        .and_then(|tls| tls.peer())
        .map_or(Value::Null, |shown| Value::Map(certificate::describe(shown, now)));
    let protocol = match transport.framing {
        "websocket" => transport.serializer.subprotocol().into(),
        _ => Value::Null,
    };
    let mut all = Dict::default();
    all.push("channel_type", kind);
    all.push("channel_framing", transport.framing);
    all.push("channel_serializer", transport.serializer.name());
    all.push("own", Value::Null);
    all.push("peer", info.client().to_string());
    all.push("is_server", true);
    all.push("own_pid", Value::Null);
    all.push("own_tid", Value::Null);
    all.push("own_fd", Value::Null);
    all.push("is_secure", secure);
    all.push("channel_id", channel);
    // Crossbar.io has it under both names.
    all.push("peer_cert", certificate.clone());
    all.push("client_cert", certificate);
    all.push("websocket_protocol", protocol);
    all.push("websocket_extensions_in_use", Value::Null);
    all.push("http_headers_received", Value::Null);
    all.push("http_headers_sent", Value::Null);
    all.push("http_cbtid", transport.cookie.clone().map_or(Value::Null, Value::Text));
    all
}

fn bytes(bytes: &[u8]) -> Value {
    Value::Binary(bytes.to_vec().into())
}
