//! What only a look at the whole shows.

mod addresses;
mod sessions;
mod urls;

use std::collections::HashMap;

use super::finding::{Finding, Severity};
use super::val::Cx;
use crate::{
    AuthConfig, ContainerComponent, CookieConfig, Node, Place, RouterComponent, Transport, TransportProtocol,
    UniversalWebSocket, WebConfig, WebPath, WebServiceConfig, Worker,
};

/// Checks across items. The findings carry no spans yet.
pub(crate) fn check(node: &Node, cx: &Cx<'_>) {
    let mut out = Vec::new();
    unique(node.workers.iter().map(|w| (w.id(), w.place())), "worker ID", "id", &mut out);
    for worker in &node.workers {
        identities(worker, &mut out);
        for transport in worker.transports() {
            urls::check(transport, &mut out);
        }
        sessions::check(worker, &mut out);
    }
    addresses::check(node, &mut out);
    cx.findings.borrow_mut().extend(out);
}

/// Names that may be given only once.
fn identities(worker: &Worker, out: &mut Vec<Finding>) {
    let transports = worker.transports().iter().map(|t| (t.id.as_str(), &t.place));
    unique(transports, "transport ID", "id", out);
    match worker {
        Worker::Router(router) => {
            let realms = &router.realms;
            unique(realms.iter().map(|r| (r.id.as_str(), &r.place)), "realm ID", "id", out);
            unique(realms.iter().map(|r| (r.name.as_str(), &r.place)), "realm name", "name", out);
            for realm in realms {
                unique(realm.roles.iter().map(|r| (r.id.as_str(), &r.place)), "role ID", "id", out);
                unique(realm.roles.iter().map(|r| (r.name.as_str(), &r.place)), "role name", "name", out);
                let links = realm.rlinks.iter().filter_map(|link| Some((link.id.as_deref()?, &link.place)));
                unique(links, "link ID", "id", out);
            }
            let components = router.components.iter().map(|component| match component {
                RouterComponent::Class(class) => (class.id.as_str(), &class.place),
                RouterComponent::Function(function) => (function.id.as_str(), &function.place),
            });
            unique(components, "component ID", "id", out);
        }
        Worker::Container(container) => {
            let components = container.components.iter().map(|component| match component {
                ContainerComponent::Class(class) => (class.id.as_str(), &class.place),
                ContainerComponent::Function(function) => (function.id.as_str(), &function.place),
            });
            unique(components, "component ID", "id", out);
        }
        Worker::Guest(_) | Worker::WebSocketTestee(_) | Worker::Proxy(_) => {}
    }
}

/// Reports every name that came before. Empty ones are already reported.
fn unique<'n>(
    names: impl Iterator<Item = (&'n str, &'n Place)>,
    what: &str,
    key: &str,
    out: &mut Vec<Finding>,
) {
    let mut first: HashMap<&str, &Place> = HashMap::new();
    for (name, place) in names.filter(|(name, _)| !name.is_empty()) {
        if let Some(earlier) = first.get(name) {
            let message = format!("invalid value: {what} {name:?} is already used by {earlier}");
            out.push(Finding::new(Severity::Error, &place.key(key), message));
        } else {
            first.insert(name, place);
        }
    }
}

/// A place where sessions come in.
pub(super) struct Entrance<'n> {
    pub(super) auth: Option<&'n AuthConfig>,
    pub(super) cookie: Option<&'n CookieConfig>,
}

/// Every place of a transport where sessions come in.
pub(super) fn entrances(transport: &Transport) -> Vec<Entrance<'_>> {
    let mut out = Vec::new();
    let raw = |auth| Entrance { auth, cookie: None };
    match &transport.protocol {
        TransportProtocol::WebSocket(config) => out.push(entrance(config)),
        TransportProtocol::RawSocket(config) => out.push(raw(config.auth.as_ref())),
        TransportProtocol::Web(web) => out.extend(web_sockets(&web.web.paths).map(entrance)),
        TransportProtocol::Mqtt(mqtt) => out.push(raw(mqtt.options.auth.as_ref())),
        TransportProtocol::Universal(universal) => {
            out.extend(universal.rawsocket.iter().map(|config| raw(config.auth.as_ref())));
            out.extend(universal.mqtt.iter().map(|config| raw(config.options.auth.as_ref())));
            match &universal.websocket {
                Some(UniversalWebSocket::Everywhere(config)) => out.push(entrance(config)),
                Some(UniversalWebSocket::Paths(paths)) => out.extend(paths.iter().map(|(_, c)| entrance(c))),
                None => {}
            }
            let web: Option<&WebConfig> = universal.web.as_ref();
            out.extend(web.into_iter().flat_map(|web| web_sockets(&web.paths)).map(entrance));
        }
        TransportProtocol::FlashPolicy(_)
        | TransportProtocol::WebSocketTestee(_)
        | TransportProtocol::StreamTestee(_) => {}
    }
    out
}

fn entrance(config: &crate::WebSocketConfig) -> Entrance<'_> {
    Entrance { auth: config.auth.as_ref(), cookie: config.cookie.as_ref() }
}

fn web_sockets(paths: &[WebPath]) -> impl Iterator<Item = &crate::WebSocketConfig> {
    all_paths(paths).into_iter().filter_map(|(path, _)| match &path.service.kind {
        WebServiceConfig::WebSocket(config) => Some(&**config),
        _ => None,
    })
}

/// Every path, those of nested levels too, with the path as a request writes it.
pub(super) fn all_paths(paths: &[WebPath]) -> Vec<(&WebPath, String)> {
    fn add<'n>(paths: &'n [WebPath], above: &str, out: &mut Vec<(&'n WebPath, String)>) {
        for path in paths {
            let written = match path.path.as_str() {
                "/" => above.to_owned(),
                name => format!("{above}/{name}"),
            };
            out.push((path, written.clone()));
            if let WebServiceConfig::Path(nested) = &path.service.kind {
                add(&nested.paths, &written, out);
            }
        }
    }
    let mut out = Vec::new();
    add(paths, "", &mut out);
    out
}

/// The web paths of a transport.
pub(super) fn web_paths(transport: &Transport) -> &[WebPath] {
    match &transport.protocol {
        TransportProtocol::Web(web) => &web.web.paths,
        TransportProtocol::Universal(universal) => {
            universal.web.as_ref().map_or(&[], |web| web.paths.as_slice())
        }
        _ => &[],
    }
}
