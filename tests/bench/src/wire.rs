//! The few bytes of WAMP that a load generator needs: how messages are written, framed, split and recognised.
//!
//! Written by hand and apart from the router's own codec, so that the two check each other and the generator
//! stays lean. It must not know sockets or routers.

pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod template;
pub(crate) mod value;

use value::Value;

/// The message codes the generator meets (WAMP specification, message codes).
pub(crate) mod code {
    /// C→R, opens a session.
    pub(crate) const HELLO: u64 = 1;
    /// R→C, the session is open.
    pub(crate) const WELCOME: u64 = 2;
    /// Ends a session in order.
    pub(crate) const GOODBYE: u64 = 6;
    /// Publication of one event.
    pub(crate) const PUBLISH: u64 = 16;
    /// Request for a subscription.
    pub(crate) const SUBSCRIBE: u64 = 32;
    /// Answer to SUBSCRIBE.
    pub(crate) const SUBSCRIBED: u64 = 33;
    /// One event at a subscriber.
    pub(crate) const EVENT: u64 = 36;
    /// A call.
    pub(crate) const CALL: u64 = 48;
    /// Its answer.
    pub(crate) const RESULT: u64 = 50;
    /// Request for a registration.
    pub(crate) const REGISTER: u64 = 64;
    /// Answer to REGISTER.
    pub(crate) const REGISTERED: u64 = 65;
    /// A call as the callee gets it.
    pub(crate) const INVOCATION: u64 = 68;
    /// The callee's answer.
    pub(crate) const YIELD: u64 = 70;
}

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// WAMP RawSocket: a length before each message.
    RawSocket,
    /// RFC 6455.
    WebSocket,
}

/// How a message becomes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// MessagePack, version 5.
    MessagePack,
    /// JSON without spaces.
    Json,
}

/// A carrier with an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) carrier: Carrier,
    pub(crate) encoding: Encoding,
}

impl Wire {
    /// MessagePack over RawSocket: the leanest pair.
    pub(crate) const RS_MSGPACK: Self = Self { carrier: Carrier::RawSocket, encoding: Encoding::MessagePack };
    /// JSON over WebSocket: the most used pair.
    pub(crate) const WS_JSON: Self = Self { carrier: Carrier::WebSocket, encoding: Encoding::Json };

    /// As it stands in a case's name.
    pub(crate) fn label(self) -> &'static str {
        match (self.carrier, self.encoding) {
            (Carrier::RawSocket, Encoding::MessagePack) => "rs-msgpack",
            (Carrier::RawSocket, Encoding::Json) => "rs-json",
            (Carrier::WebSocket, Encoding::MessagePack) => "ws-msgpack",
            (Carrier::WebSocket, Encoding::Json) => "ws-json",
        }
    }

    /// Appends one framed message that is sent once (HELLO, SUBSCRIBE …).
    pub(crate) fn append(self, out: &mut Vec<u8>, message: &Value<'_>) {
        let mut body = Vec::new();
        message.encode(self.encoding, &mut body);
        framing::append_header(self, framing::Side::Client, out, body.len());
        out.extend_from_slice(&body);
    }
}

/// HELLO with all four roles and no authentication.
pub(crate) fn hello(realm: &str) -> Value<'_> {
    let roles = ["publisher", "subscriber", "caller", "callee"].map(|role| (role, Value::Map(Vec::new())));
    Value::List(vec![
        Value::Int(code::HELLO),
        Value::Str(realm),
        Value::Map(vec![("agent", Value::Str("transom-bench")), ("roles", Value::Map(roles.to_vec()))]),
    ])
}

/// SUBSCRIBE or REGISTER, exact, without options.
pub(crate) fn attach(code: u64, uri: &str) -> Value<'_> {
    Value::List(vec![Value::Int(code), Value::Int(1), Value::Map(Vec::new()), Value::Str(uri)])
}

/// GOODBYE as a client sends it when it leaves.
pub(crate) fn goodbye() -> Value<'static> {
    Value::List(vec![Value::Int(code::GOODBYE), Value::Map(Vec::new()), Value::Str("wamp.close.close_realm")])
}
