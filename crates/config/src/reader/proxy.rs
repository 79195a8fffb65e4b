//! Kinds and checks of proxy workers.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::describe::Shape;
use super::finding::Severity;
use super::kind::{Kind, flag, map};
use super::map::Map;
use super::tree;
use super::val::Val;
use super::writer::Writer;
use crate::{Place, ProxyConnection, ProxyEndpoint, ProxyTarget, ProxyTls, ProxyTransport, ProxyWorker};

/// A number that need not be whole, not negative.
pub(crate) fn number() -> Number {
    Number
}

pub(crate) struct Number;

impl Kind for Number {
    type Value = Json;

    fn read(&self, value: &Val<'_>) -> Option<Json> {
        match &value.node.kind {
            tree::Kind::Number(number) if number.as_f64().is_some_and(|n| n >= 0.0) => {
                Some(number.clone().into())
            }
            tree::Kind::Number(_) => {
                value.invalid_value("must not be negative", None);
                None
            }
            _ => {
                value.invalid_type("int or float", None);
                None
            }
        }
    }

    fn write(&self, value: &Json, _: &Writer) -> Option<Json> {
        Some(value.clone())
    }

    fn shape(&self) -> Shape {
        Shape::Number
    }
}

/// `tls` of a proxy: a map, or `true`.
pub(crate) struct Tls;

impl Kind for Tls {
    type Value = Option<ProxyTls>;

    fn read(&self, value: &Val<'_>) -> Option<Self::Value> {
        if value.is_map() {
            return map::<ProxyTls>().read(value).map(Some);
        }
        value.or("map").bool().map(|on| on.then(ProxyTls::default))
    }

    fn write(&self, value: &Self::Value, out: &Writer) -> Option<Json> {
        map::<ProxyTls>().write(value.as_ref()?, out)
    }

    fn shape(&self) -> Shape {
        Shape::Either(vec![map::<ProxyTls>().shape(), flag().shape()])
    }
}

pub(crate) fn check_target(target: &mut ProxyTarget, map: &Map<'_>) {
    if target.url.is_none() && target.endpoint.is_none() && !map.has("url") && !map.has("endpoint") {
        map.missing("endpoint", Some("or \"url\""));
    }
}

/// A proxy that proves nothing is trusted only where the system tells who it is.
pub(crate) fn check_connection(connection: &mut ProxyConnection, map: &Map<'_>) {
    let target = match &connection.transport {
        ProxyTransport::WebSocket(transport) => &transport.target,
        ProxyTransport::RawSocket(transport) => &transport.target,
    };
    let unix = match (&target.endpoint, &target.url) {
        (Some(endpoint), _) => matches!(endpoint, ProxyEndpoint::Unix(_)),
        // One that is there, but wrong, has been reported.
        (None, _) if transport_has(map, "endpoint") => return,
        (None, Some(url)) => url.split_once("://").is_some_and(|(_, rest)| rest.starts_with("unix:")),
        (None, None) => return,
    };
    let auth = &connection.auth;
    if auth.cryptosign.is_some() && auth.anonymous.is_some() {
        map.conflict("auth", "give either \"cryptosign-proxy\" or \"anonymous-proxy\", not both", None);
    }
    if auth.cryptosign.is_none() && !unix {
        let message =
            "invalid value: without \"cryptosign-proxy\" a proxy may connect over Unix sockets only";
        map.say(Severity::Error, message, Some("\"auth\": {\"cryptosign-proxy\": {\"type\": \"static\"}}"));
    }
}

fn transport_has(connection: &Map<'_>, key: &str) -> bool {
    connection
        .peek("transport")
        .is_some_and(|transport| transport.is_map() && transport.map("").is_some_and(|t| t.has(key)))
}

/// Transports of a proxy are numbered from 0, in each worker for itself.
fn number_transports(worker: &mut ProxyWorker, map: &Map<'_>) {
    let Some(written) = map.peek("transports").filter(Val::is_list).and_then(|list| list.list()) else {
        return;
    };
    let nameless = |place: &Place| {
        let with_id = |value: &Val<'_>| value.is_map() && value.map("").is_some_and(|map| map.has("id"));
        written.iter().any(|value| value.place() == *place && !with_id(value))
    };
    let mut number = 0;
    for transport in worker.transports.iter_mut().filter(|transport| nameless(&transport.place)) {
        transport.id = format!("transport{number:03}");
        number += 1;
    }
    let all = &map.cx.ids.transport;
    all.set(all.get().saturating_sub(number));
}

/// Routes lead to connections that are there.
pub(crate) fn check(worker: &mut ProxyWorker, map: &Map<'_>) {
    number_transports(worker, map);
    let Some(routes) = map.peek("routes").filter(Val::is_map).and_then(|routes| routes.map("proxy routes"))
    else {
        return;
    };
    // Those that are wrong are not among the worker's, so what is written counts.
    let connections =
        map.peek("connections").filter(Val::is_map).and_then(|all| all.map("proxy connections"));
    let known: HashSet<&str> =
        connections.iter().flat_map(|all| all.entries().map(|(name, _, _)| name)).collect();
    for (_, _, roles) in routes.entries() {
        let Some(roles) = roles.is_map().then(|| roles.map("proxy routes of a realm")).flatten() else {
            continue;
        };
        for (_, _, names) in roles.entries() {
            let names = if names.is_list() { names.list().unwrap_or_default() } else { vec![names] };
            for name in names {
                if name.as_str().is_some_and(|name| !known.contains(name)) {
                    name.invalid_value("there is no connection of this name", None);
                }
            }
        }
    }
}
