//! What the meta API and authorizers are told of sessions, subscriptions and registrations.

use transom_base::{Address, Timestamp, TlsInfo};
use transom_wamp::{
    CallOptions, Dict, Invoke, Match, Passthru, PublishOptions, Receivers, RegisterOptions, Serializer, Value,
};

use crate::broker::Topic;
use crate::realm::Realm;
use crate::registration::Registration;
use crate::session::{Facts, Session};

/// Everything that may be told of a session.
pub(crate) fn session(realm: &Realm, session: &Session) -> Dict {
    let mut details = identity(realm, session);
    details.push("authmethod", session.facts.method.clone());
    details.push("authprovider", session.facts.provider.clone());
    details.push("authextra", session.facts.extra.clone());
    details.push("serializer", session.serializer.name());
    details.push("transport", transport(&session.facts, session.serializer));
    details.push("resumed", Value::Null);
    details.push("resumable", Value::Null);
    details.push("resume_token", Value::Null);
    details
}

/// Who a session is.
pub(crate) fn identity(realm: &Realm, session: &Session) -> Dict {
    let mut details = Dict::default();
    details.push("session", session.id);
    details.push("realm", realm.name.clone());
    details.push("authid", session.authid.clone());
    details.push("authrole", session.role.name.clone());
    details
}

/// A transport as Crossbar.io describes it. Numbers of processes and threads of this machine are left at what means
/// none, and headers are not told.
fn transport(facts: &Facts, used: Serializer) -> Dict {
    let tls = facts.transport.info.tls.as_deref();
    let channel_type = match (&facts.transport.info.peer, tls) {
        (Address::Memory(_), _) => "memory",
        (_, Some(_)) => "tls",
        (_, None) => "tcp",
    };
    let websocket = facts.transport.framing == "websocket";
    let framing = if facts.transport.framing == "memory" { "native" } else { facts.transport.framing };
    let mut details = Dict::default();
    details.push("channel_type", channel_type);
    details.push("channel_framing", framing);
    details.push("channel_serializer", used.name());
    details.push("own", Value::Null);
    details.push("peer", peer(facts));
    details.push("is_server", true);
    details.push("own_pid", 0_u64);
    details.push("own_tid", 0_u64);
    details.push("own_fd", -1_i64);
    details.push("is_secure", tls.is_some());
    details.push("channel_id", Dict::default());
    details.push("peer_cert", tls.and_then(certificate));
    details.push("websocket_protocol", websocket.then(|| used.subprotocol()));
    for key in ["websocket_extensions_in_use", "http_headers_received", "http_headers_sent", "http_cbtid"] {
        details.push(key, Value::Null);
    }
    details
}

fn peer(facts: &Facts) -> String {
    match facts.transport.info.client() {
        Address::Unix(_) => "unix".to_owned(),
        other => other.to_string(),
    }
}

/// What is told of a client's certificate: that there is one, and how long it is.
fn certificate(tls: &TlsInfo) -> Option<Dict> {
    let own = tls.peer()?;
    let mut details = Dict::default();
    details.push("octets", own.der.len() as u64);
    Some(details)
}

/// A subscription.
pub(crate) fn topic(topic: &Topic) -> Dict {
    let mut details = Dict::default();
    details.push("id", topic.id);
    details.push("created", created(topic.created));
    details.push("uri", topic.uri.clone());
    details.push("match", matching(topic.matching));
    details
}

/// A registration.
pub(crate) fn registration(registration: &Registration) -> Dict {
    let mut details = Dict::default();
    details.push("id", registration.id);
    details.push("created", created(registration.created));
    details.push("uri", registration.uri.clone());
    details.push("match", matching(registration.matching));
    details.push("invoke", invoke(registration.invoke));
    details
}

fn created(moment: Timestamp) -> String {
    moment.to_millis()
}

pub(crate) fn matching(matching: Match) -> &'static str {
    match matching {
        Match::Exact => "exact",
        Match::Prefix => "prefix",
        Match::Wildcard => "wildcard",
    }
}

pub(crate) fn invoke(invoke: Invoke) -> &'static str {
    match invoke {
        Invoke::Single => "single",
        Invoke::RoundRobin => "roundrobin",
        Invoke::Random => "random",
        Invoke::First => "first",
        Invoke::Last => "last",
    }
}

/// Options of a PUBLISH, as they were written.
pub(crate) fn publish_options(options: &PublishOptions) -> Dict {
    let mut map = Dict::default();
    flag(&mut map, "acknowledge", options.acknowledge);
    if let Some(exclude_me) = options.exclude_me {
        map.push("exclude_me", exclude_me);
    }
    flag(&mut map, "disclose_me", options.disclose_me);
    flag(&mut map, "retain", options.retain);
    if let Some(receivers) = &options.receivers {
        let Receivers {
            exclude,
            exclude_authid,
            exclude_authrole,
            eligible,
            eligible_authid,
            eligible_authrole,
        } = &**receivers;
        if !exclude.is_empty() {
            map.push("exclude", list(exclude));
        }
        if !exclude_authid.is_empty() {
            map.push("exclude_authid", list(exclude_authid));
        }
        if !exclude_authrole.is_empty() {
            map.push("exclude_authrole", list(exclude_authrole));
        }
        if let Some(eligible) = eligible {
            map.push("eligible", list(eligible));
        }
        if let Some(eligible) = eligible_authid {
            map.push("eligible_authid", list(eligible));
        }
        if let Some(eligible) = eligible_authrole {
            map.push("eligible_authrole", list(eligible));
        }
    }
    passthru(&mut map, &options.passthru);
    map
}

/// Options of a SUBSCRIBE.
pub(crate) fn subscribe_options(how: Match, get_retained: bool) -> Dict {
    let mut map = Dict::default();
    map.push("match", matching(how));
    flag(&mut map, "get_retained", get_retained);
    map
}

/// Options of a CALL.
pub(crate) fn call_options(options: &CallOptions) -> Dict {
    let mut map = Dict::default();
    if options.timeout > 0 {
        map.push("timeout", options.timeout);
    }
    flag(&mut map, "receive_progress", options.receive_progress);
    flag(&mut map, "progress", options.progress);
    flag(&mut map, "disclose_me", options.disclose_me);
    passthru(&mut map, &options.passthru);
    map
}

/// Options of a REGISTER.
pub(crate) fn register_options(options: &RegisterOptions) -> Dict {
    let mut map = Dict::default();
    map.push("match", matching(options.matching));
    map.push("invoke", invoke(options.invoke));
    if let Some(concurrency) = options.concurrency {
        map.push("concurrency", concurrency);
    }
    flag(&mut map, "force_reregister", options.force_reregister);
    flag(&mut map, "disclose_caller", options.disclose_caller);
    flag(&mut map, "forward_timeout", options.forward_timeout);
    map
}

fn flag(map: &mut Dict, key: &'static str, value: bool) {
    if value {
        map.push(key, true);
    }
}

fn list<T: Clone + Into<Value>>(items: &[T]) -> Vec<Value> {
    items.iter().cloned().map(Into::into).collect()
}

fn passthru(map: &mut Dict, passthru: &Passthru) {
    map.0.extend(passthru.iter().flat_map(|dict| dict.0.iter().cloned()));
}
