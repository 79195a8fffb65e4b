//! Who comes in, and whether there is a realm and a role for them.

use std::collections::{HashMap, HashSet};

use super::{all_paths, entrances, web_paths};
use crate::reader::finding::{Finding, Severity};
use crate::{
    AnonymousAuth, AuthConfig, CryptosignAuth, DynamicAuth, ListenEndpoint, Place, ProxyWorker,
    RouterComponent, RouterWorker, ScramAuth, TicketAuth, TlsAuth, Transport, TransportProtocol, WampCraAuth,
    WebServiceConfig, Worker,
};

pub(super) fn check(worker: &Worker, out: &mut Vec<Finding>) {
    for transport in worker.transports() {
        for entrance in entrances(transport) {
            let Some(auth) = entrance.auth else { continue };
            if let (Some(cookie), None) = (&auth.cookie, entrance.cookie) {
                let message =
                    "invalid value: authentication by cookie needs \"cookie\" on the same transport";
                out.push(Finding::new(Severity::Error, &cookie.place, message));
            }
            methods(auth, &transport.endpoint, out);
        }
    }
    match worker {
        Worker::Router(router) => in_router(router, out),
        Worker::Proxy(proxy) => in_proxy(proxy, out),
        Worker::Container(_) | Worker::Guest(_) | Worker::WebSocketTestee(_) => {}
    }
}

/// Methods that need something of the endpoint.
fn methods(auth: &AuthConfig, endpoint: &ListenEndpoint, out: &mut Vec<Finding>) {
    if let Some(tls) = &auth.tls
        && endpoint.tls().is_none_or(|tls| tls.ca_certificates.is_empty())
    {
        let message =
            "no client certificate ever arrives: the endpoint has no \"tls\" with \"ca_certificates\"";
        out.push(Finding::new(Severity::Warning, tls.place(), message));
    }
    if let Some(proxy) = &auth.anonymous_proxy
        && !matches!(endpoint.plain(), ListenEndpoint::Unix(_))
    {
        let message = "whoever can reach this endpoint can be anybody: proxies that prove nothing belong on Unix sockets";
        out.push(Finding::new(Severity::Warning, proxy.place(), message));
    }
}

/// A role that somebody is given, and where it is said.
struct Given<'n> {
    role: &'n str,
    /// If they are given a realm too.
    realm: Option<&'n str>,
    place: &'n Place,
    key: &'static str,
}

/// The roles that the methods give.
fn given(auth: &AuthConfig) -> Vec<Given<'_>> {
    let mut out = Vec::new();
    macro_rules! give {
        ($role:expr, $realm:expr, $place:expr, $key:expr) => {
            if let Some(role) = $role {
                out.push(Given { role, realm: $realm, place: $place, key: $key });
            }
        };
    }
    match &auth.anonymous {
        Some(AnonymousAuth::Static(c)) => give!(Some(&c.role), c.realm.as_deref(), &c.place, "role"),
        Some(AnonymousAuth::Dynamic(c)) => give!(c.default_role.as_ref(), None, &c.place, "default-role"),
        None => {}
    }
    match &auth.ticket {
        Some(TicketAuth::Static(c)) => {
            give!(c.default_role.as_ref(), None, &c.place, "default-role");
            for (_, principal) in &c.principals {
                give!(principal.role.as_ref(), None, &principal.place, "role");
            }
        }
        Some(TicketAuth::Dynamic(c)) => give!(c.default_role.as_ref(), None, &c.place, "default-role"),
        Some(TicketAuth::Function(_)) | None => {}
    }
    match &auth.wampcra {
        Some(WampCraAuth::Static(c)) => {
            give!(c.default_role.as_ref(), None, &c.place, "default-role");
            for (_, user) in &c.users {
                give!(user.role.as_ref(), None, &user.place, "role");
            }
        }
        Some(WampCraAuth::Dynamic(c)) => give!(c.default_role.as_ref(), None, &c.place, "default-role"),
        Some(WampCraAuth::Function(_)) | None => {}
    }
    match &auth.scram {
        Some(ScramAuth::Static(c)) => {
            give!(c.default_role.as_ref(), None, &c.place, "default-role");
            for (_, principal) in &c.principals {
                give!(principal.role.as_ref(), None, &principal.place, "role");
            }
        }
        Some(ScramAuth::Dynamic(c)) => give!(c.default_role.as_ref(), None, &c.place, "default-role"),
        Some(ScramAuth::Function(_)) | None => {}
    }
    match &auth.cryptosign {
        Some(CryptosignAuth::Static(c)) => {
            give!(c.default_role.as_ref(), None, &c.place, "default-role");
            for (_, principal) in c.principals.iter().flatten() {
                give!(principal.role.as_ref(), principal.realm.as_deref(), &principal.place, "role");
            }
        }
        Some(CryptosignAuth::Dynamic(c)) => give!(c.default_role.as_ref(), None, &c.place, "default-role"),
        Some(CryptosignAuth::Function(_)) | None => {}
    }
    match &auth.tls {
        Some(TlsAuth::Static(c)) => {
            give!(c.default_role.as_ref(), None, &c.place, "default-role");
            for (_, principal) in &c.principals {
                give!(Some(&principal.role), None, &principal.place, "role");
            }
        }
        Some(TlsAuth::Dynamic(c)) => give!(c.default_role.as_ref(), None, &c.place, "default-role"),
        None => {}
    }
    out
}

/// The procedures that decide who somebody is.
fn dynamic(auth: &AuthConfig) -> Vec<&DynamicAuth> {
    let mut out = Vec::new();
    if let Some(AnonymousAuth::Dynamic(config)) = &auth.anonymous {
        out.push(config);
    }
    if let Some(TicketAuth::Dynamic(config)) = &auth.ticket {
        out.push(config);
    }
    if let Some(WampCraAuth::Dynamic(config)) = &auth.wampcra {
        out.push(config);
    }
    if let Some(ScramAuth::Dynamic(config)) = &auth.scram {
        out.push(config);
    }
    if let Some(CryptosignAuth::Dynamic(config)) = &auth.cryptosign {
        out.push(config);
    }
    if let Some(TlsAuth::Dynamic(config)) = &auth.tls {
        out.push(config);
    }
    out
}

/// The roles of each realm.
struct Realms<'n> {
    roles: HashMap<&'n str, HashSet<&'n str>>,
    /// Those of all realms.
    all: HashSet<&'n str>,
}

impl<'n> Realms<'n> {
    fn of<R: Iterator<Item = &'n str>>(realms: impl Iterator<Item = (&'n str, R)>) -> Self {
        let roles: HashMap<_, HashSet<_>> = realms.map(|(realm, roles)| (realm, roles.collect())).collect();
        let all = roles.values().flatten().copied().collect();
        Self { roles, all }
    }

    fn has(&self, realm: &str) -> bool {
        self.roles.contains_key(realm)
    }

    /// Whether that realm, or any, has the role.
    fn has_role(&self, realm: Option<&str>, role: &str) -> bool {
        let roles = realm.map_or(Some(&self.all), |realm| self.roles.get(realm));
        roles.is_some_and(|roles| roles.contains(role))
    }
}

/// Realms and roles that this worker does not have.
fn in_router(worker: &RouterWorker, out: &mut Vec<Finding>) {
    let realms = Realms::of(
        worker
            .realms
            .iter()
            .map(|realm| (realm.name.as_str(), realm.roles.iter().map(|role| role.name.as_str()))),
    );
    for auth in worker.transports.iter().flat_map(entrances).filter_map(|entrance| entrance.auth) {
        for given in given(auth) {
            match given.role {
                // Not every list of principals is as open to the public as an anonymous role, which says so itself.
                "trusted" if !matches!(&auth.anonymous, Some(AnonymousAuth::Static(c)) if c.place == *given.place) =>
                {
                    let message = "whoever logs in as this may do anything (role \"trusted\")";
                    out.push(Finding::new(Severity::Warning, &given.place.key(given.key), message));
                }
                "" | "trusted" | "anonymous" => {}
                role if !realms.has_role(given.realm, role) => {
                    let message =
                        format!("no realm of this worker has a role {role:?}; such clients are refused");
                    out.push(Finding::new(Severity::Warning, &given.place.key(given.key), message));
                }
                _ => {}
            }
            if let Some(name) = given.realm
                && !realms.has(name)
            {
                let message = format!("this worker has no realm {name:?}; such clients are refused");
                out.push(Finding::new(Severity::Warning, &given.place.key("realm"), message));
            }
        }
        for dynamic in dynamic(auth) {
            if let Some(name) = &dynamic.authenticator_realm
                && !realms.has(name)
            {
                let message =
                    format!("this worker has no realm {name:?}; the authenticator cannot be called");
                out.push(Finding::new(Severity::Warning, &dynamic.place.key("authenticator-realm"), message));
            }
        }
    }
    for component in &worker.components {
        let (name, place) = match component {
            RouterComponent::Class(class) => (&class.realm, &class.place),
            RouterComponent::Function(function) => (&function.realm, &function.place),
        };
        if !realms.has(name) {
            let message = format!("this worker has no realm {name:?}; the component cannot join");
            out.push(Finding::new(Severity::Warning, &place.key("realm"), message));
        }
    }
    for transport in &worker.transports {
        if let Some((name, place)) = mqtt_realm(transport)
            && !realms.has(name)
        {
            let message = format!("this worker has no realm {name:?}; MQTT clients are refused");
            out.push(Finding::new(Severity::Warning, &place.key("realm"), message));
        }
        for service in services(transport) {
            if !realms.has(service.realm) {
                let message = format!("invalid value: this worker has no realm {:?}", service.realm);
                out.push(Finding::new(Severity::Error, &service.place.key("realm"), message));
            } else if !realms.has_role(Some(service.realm), service.role) && service.role != "trusted" {
                let message =
                    format!("realm {:?} has no role {:?}; nothing is allowed", service.realm, service.role);
                out.push(Finding::new(Severity::Warning, &service.place.key(service.role_key), message));
            }
        }
    }
}

/// Services of a proxy need a route for the session that they have.
fn in_proxy(worker: &ProxyWorker, out: &mut Vec<Finding>) {
    let routed = Realms::of(
        worker
            .routes
            .iter()
            .map(|(realm, roles)| (realm.as_str(), roles.iter().map(|(role, _)| role.as_str()))),
    );
    for service in worker.transports.iter().flat_map(services) {
        if !routed.has_role(Some(service.realm), service.role) {
            let message = format!(
                "invalid value: there is no route for realm {:?} and role {:?}",
                service.realm, service.role
            );
            out.push(Finding::new(Severity::Error, &service.place.key("realm"), message));
        }
    }
}

/// A web service that has a session of its own.
struct Service<'n> {
    realm: &'n str,
    role: &'n str,
    role_key: &'static str,
    place: &'n Place,
}

fn services(transport: &Transport) -> Vec<Service<'_>> {
    let mut out = Vec::new();
    for (path, _) in all_paths(web_paths(transport)) {
        let (realm, role, role_key, place) = match &path.service.kind {
            WebServiceConfig::Publisher(c) | WebServiceConfig::Caller(c) => {
                (&c.realm, &c.role, "role", &c.place)
            }
            WebServiceConfig::WebHook(c) => (&c.realm, &c.role, "role", &c.place),
            WebServiceConfig::Wap(c) => (&c.wamp.realm, &c.wamp.authrole, "authrole", &c.wamp.place),
            _ => continue,
        };
        out.push(Service { realm, role, role_key, place });
    }
    out
}

fn mqtt_realm(transport: &Transport) -> Option<(&str, &Place)> {
    let options = match &transport.protocol {
        TransportProtocol::Mqtt(mqtt) => &mqtt.options,
        TransportProtocol::Universal(universal) => &universal.mqtt.as_ref()?.options,
        _ => return None,
    };
    Some((&options.realm, &options.place))
}
