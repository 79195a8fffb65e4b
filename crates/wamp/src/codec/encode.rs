//! The envelope, from [`Message`] to bytes. What has its default value is left out of options and details.

use super::tree::{self, IN_ELEMENT};
use super::ubjson::{self, BJDATA, DRAFT12};
use super::{Writer, cbor, json, msgpack};
use crate::message::*;
use crate::{Id, Serializer, Shape, Text};

/// Writes everything before the payload, for a payload of a shape, and gives what stands after it.
pub(crate) fn head(
    out: &mut Vec<u8>,
    serializer: Serializer,
    message: &Message,
    shape: Shape,
) -> &'static [u8] {
    match serializer {
        Serializer::Json => write::<json::Writer>(out, message, shape),
        Serializer::MsgPack => write::<msgpack::Writer>(out, message, shape),
        Serializer::Cbor => write::<cbor::Writer>(out, message, shape),
        Serializer::Ubjson => write::<ubjson::Writer<DRAFT12>>(out, message, shape),
        Serializer::BjData => write::<ubjson::Writer<BJDATA>>(out, message, shape),
    }
}

fn write<W: Writer>(out: &mut Vec<u8>, message: &Message, shape: Shape) -> &'static [u8] {
    let payload = shape.elements();
    match message {
        Message::Hello(hello) => {
            let out = begin::<W>(out, message, 3 + payload);
            match &hello.realm {
                Some(realm) => W::text(out, realm.as_bytes()),
                None => W::null(out),
            }
            hello_details::<W>(out, &hello.details);
        }
        Message::Welcome(welcome) => {
            let out = begin::<W>(out, message, 3 + payload);
            id::<W>(out, welcome.session);
            tree::write_dict::<W>(out, &welcome.details, IN_ELEMENT);
        }
        Message::Abort(Abort { message: text, reason })
        | Message::Goodbye(Goodbye { message: text, reason }) => {
            let mut map = Options::<W>::open(begin::<W>(out, message, 3 + payload));
            map.text("message", text.as_ref());
            map.close();
            W::text(out, reason.as_bytes());
        }
        Message::Challenge(Challenge { method: text, extra })
        | Message::Authenticate(Authenticate { signature: text, extra }) => {
            let out = begin::<W>(out, message, 3 + payload);
            W::text(out, text.as_bytes());
            tree::write_dict::<W>(out, extra, IN_ELEMENT);
        }
        Message::Error(error) => {
            let out = begin::<W>(out, message, 5 + payload);
            W::uint(out, error.request_type.into());
            id::<W>(out, error.request);
            let mut map = Options::<W>::open(out);
            map.passthru(&error.passthru);
            map.close();
            W::text(out, error.error.as_bytes());
        }
        Message::Publish(publish) => {
            let out = begin::<W>(out, message, 4 + payload);
            id::<W>(out, publish.request);
            publish_options::<W>(out, &publish.options);
            W::text(out, publish.topic.as_bytes());
        }
        Message::Subscribe(subscribe) => {
            let out = begin::<W>(out, message, 4 + payload);
            id::<W>(out, subscribe.request);
            let mut map = Options::<W>::open(out);
            map.matching(subscribe.matching);
            map.flag("get_retained", subscribe.get_retained);
            map.close();
            W::text(out, subscribe.topic.as_bytes());
        }
        Message::SubscriptionRevoked(revoked) => {
            revocation::<W>(begin::<W>(out, message, 3 + payload), "subscription", revoked)
        }
        Message::RegistrationRevoked(revoked) => {
            revocation::<W>(begin::<W>(out, message, 3 + payload), "registration", revoked)
        }
        Message::Event(event) => {
            let out = begin::<W>(out, message, 4 + payload);
            id::<W>(out, event.subscription);
            id::<W>(out, event.publication);
            event_details::<W>(out, &event.details);
        }
        Message::Call(call) => {
            let out = begin::<W>(out, message, 4 + payload);
            id::<W>(out, call.request);
            let mut map = Options::<W>::open(out);
            map.number("timeout", call.options.timeout);
            map.flag("receive_progress", call.options.receive_progress);
            map.flag("progress", call.options.progress);
            map.flag("disclose_me", call.options.disclose_me);
            map.passthru(&call.options.passthru);
            map.close();
            W::text(out, call.procedure.as_bytes());
        }
        Message::Cancel(cancel) => {
            let out = begin::<W>(out, message, 3 + payload);
            id::<W>(out, cancel.request);
            let mut map = Options::<W>::open(out);
            if let Some(mode) = cancel.mode {
                map.word("mode", cancel_mode(mode));
            }
            map.close();
        }
        Message::Result(ResultMessage { request, progress, passthru, .. })
        | Message::Yield(Yield { request, progress, passthru, .. }) => {
            let out = begin::<W>(out, message, 3 + payload);
            id::<W>(out, *request);
            let mut map = Options::<W>::open(out);
            map.flag("progress", *progress);
            map.passthru(passthru);
            map.close();
        }
        Message::Register(register) => {
            let out = begin::<W>(out, message, 4 + payload);
            id::<W>(out, register.request);
            register_options::<W>(out, &register.options);
            W::text(out, register.procedure.as_bytes());
        }
        Message::Invocation(invocation) => {
            let out = begin::<W>(out, message, 4 + payload);
            id::<W>(out, invocation.request);
            id::<W>(out, invocation.registration);
            invocation_details::<W>(out, &invocation.details);
        }
        Message::Interrupt(interrupt) => {
            let out = begin::<W>(out, message, 3 + payload);
            id::<W>(out, interrupt.request);
            let mut map = Options::<W>::open(out);
            map.word("mode", cancel_mode(interrupt.mode));
            map.text("reason", interrupt.reason.as_ref());
            map.close();
        }
        Message::Published(Published { request: first, publication: second })
        | Message::Subscribed(Subscribed { request: first, subscription: second })
        | Message::Unsubscribe(Unsubscribe { request: first, subscription: second })
        | Message::Registered(Registered { request: first, registration: second })
        | Message::Unregister(Unregister { request: first, registration: second }) => {
            let out = begin::<W>(out, message, 3 + payload);
            id::<W>(out, *first);
            id::<W>(out, *second);
        }
        Message::Unsubscribed(Unsubscribed { request })
        | Message::Unregistered(Unregistered { request })
        | Message::EventReceived(request) => id::<W>(begin::<W>(out, message, 2 + payload), *request),
    }
    if payload > 0 {
        W::before_payload(out);
    }
    W::TAIL
}

#[inline]
fn begin<'o, W: Writer>(out: &'o mut Vec<u8>, message: &Message, len: usize) -> &'o mut Vec<u8> {
    W::list(out, len);
    W::uint(out, message.code().into());
    out
}

#[inline]
fn id<W: Writer>(out: &mut Vec<u8>, id: Id) {
    W::uint(out, id.get());
}

fn hello_details<W: Writer>(out: &mut Vec<u8>, details: &HelloDetails) {
    let mut map = Options::<W>::open(out);
    map.key("roles");
    client_roles::<W>(map.out, &details.roles);
    map.text("agent", details.agent.as_ref());
    if let Some(methods) = &details.authmethods {
        map.texts("authmethods", methods);
    }
    map.text("authid", details.authid.as_ref());
    map.text("authrole", details.authrole.as_ref());
    if let Some(extra) = &details.authextra {
        map.key("authextra");
        tree::write_dict::<W>(map.out, extra, IN_ELEMENT - 1);
    }
    map.close();
}

fn client_roles<W: Writer>(out: &mut Vec<u8>, roles: &ClientRoles) {
    let mut map = Options::<W>::open(out);
    for (name, role) in [
        ("publisher", &roles.publisher),
        ("subscriber", &roles.subscriber),
        ("caller", &roles.caller),
        ("callee", &roles.callee),
    ] {
        let Some(Features(features)) = role else { continue };
        map.key(name);
        let mut role = Options::<W>::open(map.out);
        if !features.is_empty() {
            role.key("features");
            W::map(role.out, features.len());
            for feature in features {
                W::key(role.out, feature.as_bytes());
                W::boolean(role.out, true);
            }
            W::map_end(role.out);
        }
        role.close();
    }
    map.close();
}

fn publish_options<W: Writer>(out: &mut Vec<u8>, options: &PublishOptions) {
    let mut map = Options::<W>::open(out);
    map.flag("acknowledge", options.acknowledge);
    if let Some(exclude_me) = options.exclude_me {
        map.key("exclude_me");
        W::boolean(map.out, exclude_me);
    }
    map.flag("disclose_me", options.disclose_me);
    map.flag("retain", options.retain);
    if let Some(receivers) = options.receivers.as_deref() {
        if !receivers.exclude.is_empty() {
            map.ids("exclude", &receivers.exclude);
        }
        if !receivers.exclude_authid.is_empty() {
            map.texts("exclude_authid", &receivers.exclude_authid);
        }
        if !receivers.exclude_authrole.is_empty() {
            map.texts("exclude_authrole", &receivers.exclude_authrole);
        }
        if let Some(eligible) = &receivers.eligible {
            map.ids("eligible", eligible);
        }
        if let Some(eligible) = &receivers.eligible_authid {
            map.texts("eligible_authid", eligible);
        }
        if let Some(eligible) = &receivers.eligible_authrole {
            map.texts("eligible_authrole", eligible);
        }
    }
    map.passthru(&options.passthru);
    map.close();
}

fn register_options<W: Writer>(out: &mut Vec<u8>, options: &RegisterOptions) {
    let mut map = Options::<W>::open(out);
    map.matching(options.matching);
    let invoke = match options.invoke {
        Invoke::Single => None,
        Invoke::RoundRobin => Some("roundrobin"),
        Invoke::Random => Some("random"),
        Invoke::First => Some("first"),
        Invoke::Last => Some("last"),
    };
    if let Some(invoke) = invoke {
        map.word("invoke", invoke);
    }
    map.number("concurrency", options.concurrency.unwrap_or_default());
    map.flag("force_reregister", options.force_reregister);
    map.flag("disclose_caller", options.disclose_caller);
    map.flag("forward_timeout", options.forward_timeout);
    map.close();
}

fn event_details<W: Writer>(out: &mut Vec<u8>, details: &EventDetails) {
    let mut map = Options::<W>::open(out);
    map.identity(["publisher", "publisher_authid", "publisher_authrole"], details.publisher.as_deref());
    map.text("topic", details.topic.as_ref());
    map.flag("retained", details.retained);
    map.level(details.trustlevel);
    map.passthru(&details.passthru);
    map.close();
}

fn invocation_details<W: Writer>(out: &mut Vec<u8>, details: &InvocationDetails) {
    let mut map = Options::<W>::open(out);
    map.identity(["caller", "caller_authid", "caller_authrole"], details.caller.as_deref());
    map.text("procedure", details.procedure.as_ref());
    map.number("timeout", details.timeout);
    map.flag("receive_progress", details.receive_progress);
    map.flag("progress", details.progress);
    map.level(details.trustlevel);
    map.passthru(&details.passthru);
    map.close();
}

fn revocation<W: Writer>(out: &mut Vec<u8>, of: &'static str, revocation: &Revocation) {
    W::uint(out, 0);
    let mut map = Options::<W>::open(out);
    map.key(of);
    id::<W>(map.out, revocation.id);
    map.text("reason", revocation.reason.as_ref());
    map.close();
}

fn cancel_mode(mode: CancelMode) -> &'static str {
    match mode {
        CancelMode::Skip => "skip",
        CancelMode::Kill => "kill",
        CancelMode::KillNoWait => "killnowait",
    }
}

/// A map that is being written, whose length shows at its end.
struct Options<'o, W> {
    out: &'o mut Vec<u8>,
    at: usize,
    len: usize,
    format: std::marker::PhantomData<W>,
}

impl<'o, W: Writer> Options<'o, W> {
    #[inline]
    fn open(out: &'o mut Vec<u8>) -> Self {
        let at = W::options(out);
        Options { out, at, len: 0, format: std::marker::PhantomData }
    }

    #[inline]
    fn close(self) {
        W::options_end(self.out, self.at, self.len);
    }

    fn key(&mut self, key: &'static str) {
        W::key(self.out, key.as_bytes());
        self.len += 1;
    }

    #[inline]
    fn flag(&mut self, key: &'static str, value: bool) {
        if value {
            self.key(key);
            W::boolean(self.out, true);
        }
    }

    #[inline]
    fn number(&mut self, key: &'static str, value: u64) {
        if value != 0 {
            self.key(key);
            W::uint(self.out, value);
        }
    }

    #[inline]
    fn level(&mut self, level: Option<TrustLevel>) {
        if let Some(level) = level {
            self.key("trustlevel");
            W::uint(self.out, level.get().into());
        }
    }

    fn word(&mut self, key: &'static str, value: &'static str) {
        self.key(key);
        W::text(self.out, value.as_bytes());
    }

    #[inline]
    fn text(&mut self, key: &'static str, value: Option<&Text>) {
        if let Some(value) = value {
            self.key(key);
            W::text(self.out, value.as_bytes());
        }
    }

    fn texts(&mut self, key: &'static str, values: &[Text]) {
        self.key(key);
        W::list(self.out, values.len());
        for value in values {
            W::text(self.out, value.as_bytes());
        }
        W::list_end(self.out);
    }

    fn ids(&mut self, key: &'static str, values: &[Id]) {
        self.key(key);
        W::list(self.out, values.len());
        for value in values {
            id::<W>(self.out, *value);
        }
        W::list_end(self.out);
    }

    fn matching(&mut self, matching: Match) {
        match matching {
            Match::Exact => {}
            Match::Prefix => self.word("match", "prefix"),
            Match::Wildcard => self.word("match", "wildcard"),
        }
    }

    #[inline]
    fn identity(&mut self, keys: [&'static str; 3], identity: Option<&Identity>) {
        let Some(Identity { session, authid, authrole }) = identity else { return };
        let [session_key, authid_key, authrole_key] = keys;
        self.key(session_key);
        id::<W>(self.out, *session);
        self.text(authid_key, Some(authid).filter(|text| !text.as_bytes().is_empty()));
        self.text(authrole_key, Some(authrole).filter(|text| !text.as_bytes().is_empty()));
    }

    #[inline]
    fn passthru(&mut self, passthru: &Passthru) {
        let Some(dict) = passthru else { return };
        for (key, value) in &dict.0 {
            W::key(self.out, key.as_bytes());
            tree::write::<W>(self.out, value, IN_ELEMENT);
            self.len += 1;
        }
    }
}
