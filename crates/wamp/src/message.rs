//! The messages of WAMP v2. Layouts, directions and options are those of the specification's basic profile, with the
//! options of the advanced profile that a router must at least recognise.

use std::num::NonZeroU32;

use crate::{Dict, Id, Payload, Text};

/// One WAMP message. Payloads stay unparsed; options are typed, and keys a router has no use for are skipped.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// 1, client to router. Boxed: it is large and rare.
    Hello(Box<Hello>),
    /// 2, router to client.
    Welcome(Welcome),
    /// 3, both ways. Further elements of a received ABORT are dropped.
    Abort(Abort),
    /// 4, router to client.
    Challenge(Challenge),
    /// 5, client to router.
    Authenticate(Authenticate),
    /// 6, both ways.
    Goodbye(Goodbye),
    /// 8, both ways.
    Error(ErrorMessage),
    /// 16, client to router.
    Publish(Publish),
    /// 17, router to client.
    Published(Published),
    /// 32, client to router.
    Subscribe(Subscribe),
    /// 33, router to client.
    Subscribed(Subscribed),
    /// 34, client to router.
    Unsubscribe(Unsubscribe),
    /// 35, router to client.
    Unsubscribed(Unsubscribed),
    /// 35 with request 0, router to client: the router took a subscription away.
    SubscriptionRevoked(Revocation),
    /// 36, router to client.
    Event(Event),
    /// 48, client to router.
    Call(Call),
    /// 49, client to router.
    Cancel(Cancel),
    /// 50, router to client.
    Result(ResultMessage),
    /// 64, client to router.
    Register(Register),
    /// 65, router to client.
    Registered(Registered),
    /// 66, client to router.
    Unregister(Unregister),
    /// 67, router to client.
    Unregistered(Unregistered),
    /// 67 with request 0, router to client: the router took a registration away.
    RegistrationRevoked(Revocation),
    /// 68, router to client.
    Invocation(Invocation),
    /// 69, router to client.
    Interrupt(Interrupt),
    /// 70, client to router.
    Yield(Yield),
    /// 337, client to router: an acknowledgement that some clients know. Accepted and without effect.
    EventReceived(Id),
}

/// `[1, Realm, Details]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hello {
    /// The realm asked for; absent when the element is null.
    pub realm: Option<Text>,
    /// What the client says of itself.
    pub details: HelloDetails,
}

/// Details of HELLO.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HelloDetails {
    /// Roles and features: `{"caller": {"features": {…}}, …}`. At least one, checked.
    pub roles: ClientRoles,
    /// Name and version of the client.
    pub agent: Option<Text>,
    /// Methods offered, the client's favourite first; absent means anonymous.
    pub authmethods: Option<Vec<Text>>,
    /// The identity asked for.
    pub authid: Option<Text>,
    /// The role asked for.
    pub authrole: Option<Text>,
    /// Details for the authentication method.
    pub authextra: Option<Dict>,
}

/// The roles a client announced, each with its features.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClientRoles {
    /// Features as publisher, if it is one.
    pub publisher: Option<Features>,
    /// Features as subscriber, if it is one.
    pub subscriber: Option<Features>,
    /// Features as caller, if it is one.
    pub caller: Option<Features>,
    /// Features as callee, if it is one.
    pub callee: Option<Features>,
}

/// The names of the features that are announced as true. `call_cancelling` is stored as `call_canceling`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Features(pub Vec<Text>);

impl Features {
    /// Whether a feature is announced.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|feature| *feature == *name)
    }
}

/// `[2, Session, Details]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Welcome {
    /// The session's ID.
    pub session: Id,
    /// Roles, agent, realm, authid and the like.
    pub details: Dict,
}

/// `[3, Details, Reason]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Abort {
    /// `Details.message`.
    pub message: Option<Text>,
    /// The reason URI.
    pub reason: Text,
}

/// `[4, AuthMethod, Extra]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Challenge {
    /// The method.
    pub method: Text,
    /// Its details.
    pub extra: Dict,
}

/// `[5, Signature, Extra]`.
#[derive(Clone, PartialEq)]
pub struct Authenticate {
    /// The answer to the challenge; a secret.
    pub signature: Text,
    /// Its details.
    pub extra: Dict,
}

impl std::fmt::Debug for Authenticate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authenticate { .. }")
    }
}

/// `[6, Details, Reason]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Goodbye {
    /// `Details.message`.
    pub message: Option<Text>,
    /// The reason URI.
    pub reason: Text,
}

/// `[8, REQUEST.Type, REQUEST.Request, Details, Error, …]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorMessage {
    /// The type code of the request that failed.
    pub request_type: u16,
    /// The request.
    pub request: Id,
    /// How its payload is to be passed on.
    pub passthru: Passthru,
    /// The error URI.
    pub error: Text,
    /// What the error carries.
    pub payload: Payload,
}

/// The options that describe a payload which only the ends can read (`ppt_scheme`, `ppt_serializer`, `ppt_cipher`,
/// `ppt_keyid`, `enc_algo`, `enc_key`, `enc_serializer`), and `transaction_hash`: passed on as they came. All of them
/// are text.
pub type Passthru = Option<Box<Dict>>;

/// `[16, Request, Options, Topic, …]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// The client's number for the request.
    pub request: Id,
    /// What is asked for.
    pub options: PublishOptions,
    /// The topic; any string, not checked yet.
    pub topic: Text,
    /// What the event carries.
    pub payload: Payload,
}

/// Options of PUBLISH.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PublishOptions {
    /// Whether PUBLISHED or ERROR is wanted; default false.
    pub acknowledge: bool,
    /// Whether the publisher itself gets the event: `Some(false)` = yes; default true.
    pub exclude_me: Option<bool>,
    /// Whether the publisher asks to be named.
    pub disclose_me: bool,
    /// Whether the event is to be kept for later subscribers.
    pub retain: bool,
    /// Who is to receive the event, where that is limited.
    pub receivers: Option<Box<Receivers>>,
    /// How the payload is to be passed on.
    pub passthru: Passthru,
}

/// The six lists that limit who receives an event. An empty `eligible` list means nobody.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Receivers {
    /// Sessions that do not get it.
    pub exclude: Vec<Id>,
    /// Authids that do not get it.
    pub exclude_authid: Vec<Text>,
    /// Roles that do not get it.
    pub exclude_authrole: Vec<Text>,
    /// Only these sessions get it.
    pub eligible: Option<Vec<Id>>,
    /// Only these authids get it.
    pub eligible_authid: Option<Vec<Text>>,
    /// Only these roles get it.
    pub eligible_authrole: Option<Vec<Text>>,
}

/// `[17, PUBLISH.Request, Publication]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published {
    /// The client's number for the request.
    pub request: Id,
    /// The publication.
    pub publication: Id,
}

/// `[32, Request, Options, Topic]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe {
    /// The client's number for the request.
    pub request: Id,
    /// How the topic matches.
    pub matching: Match,
    /// Whether kept events are wanted.
    pub get_retained: bool,
    /// The topic or pattern; any string, not checked yet.
    pub topic: Text,
}

/// How a subscription or registration matches URIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Match {
    /// Equal.
    #[default]
    Exact,
    /// Begins with it, as text.
    Prefix,
    /// Equal component by component; an empty component matches any one.
    Wildcard,
}

/// `[33, SUBSCRIBE.Request, Subscription]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Subscribed {
    /// The client's number for the request.
    pub request: Id,
    /// The subscription.
    pub subscription: Id,
}

/// `[34, Request, Subscription]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unsubscribe {
    /// The client's number for the request.
    pub request: Id,
    /// The subscription.
    pub subscription: Id,
}

/// `[35, UNSUBSCRIBE.Request]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unsubscribed {
    /// The client's number for the request.
    pub request: Id,
}

/// `[35, 0, Details]` and `[67, 0, Details]`: the router ended what the client did not ask to end.
#[derive(Debug, Clone, PartialEq)]
pub struct Revocation {
    /// The subscription or registration.
    pub id: Id,
    /// Why, as a URI or a sentence.
    pub reason: Option<Text>,
}

/// `[36, Subscription, Publication, Details, …]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The subscription.
    pub subscription: Id,
    /// The publication.
    pub publication: Id,
    /// Details of the event.
    pub details: EventDetails,
    /// What it carries.
    pub payload: Payload,
}

/// Details of EVENT.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventDetails {
    /// The publisher, where it is disclosed.
    pub publisher: Option<Box<Identity>>,
    /// The topic, where the subscription is a pattern.
    pub topic: Option<Text>,
    /// Whether the event was kept and is older than the subscription.
    pub retained: bool,
    /// How much the router trusts the publisher.
    pub trustlevel: Option<TrustLevel>,
    /// How the payload was passed on.
    pub passthru: Passthru,
}

/// How much a router trusts a publisher or caller: from 0 to 2^32 - 2, by rules of its own. It takes no more room where
/// there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrustLevel(NonZeroU32);

impl TrustLevel {
    /// A level; the highest for 2^32 - 1.
    pub const fn new(level: u32) -> Self {
        TrustLevel(NonZeroU32::MIN.saturating_add(level))
    }

    /// The level.
    pub const fn get(self) -> u32 {
        self.0.get() - 1
    }
}

/// A session as others may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its ID.
    pub session: Id,
    /// Its authid.
    pub authid: Text,
    /// Its role.
    pub authrole: Text,
}

/// `[48, Request, Options, Procedure, …]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The client's number for the request.
    pub request: Id,
    /// What is asked for.
    pub options: CallOptions,
    /// The procedure; any string, not checked yet.
    pub procedure: Text,
    /// What the call carries.
    pub payload: Payload,
}

/// Options of CALL.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallOptions {
    /// Time-out as the caller wrote it; 0 = none. Its unit depends on the caller.
    pub timeout: u64,
    /// Whether progressive results are wanted.
    pub receive_progress: bool,
    /// Whether more of this call follows.
    pub progress: bool,
    /// Whether the caller asks to be named.
    pub disclose_me: bool,
    /// How the payload is to be passed on.
    pub passthru: Passthru,
}

impl CallOptions {
    /// Whether nothing is asked for but, perhaps, to be named.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.timeout == 0 && !self.receive_progress && !self.progress && self.passthru.is_none()
    }
}

/// `[49, CALL.Request, Options]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cancel {
    /// The call.
    pub request: Id,
    /// How; absent means the default, `killnowait`.
    pub mode: Option<CancelMode>,
}

/// How a call is canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelMode {
    /// The callee is not told.
    Skip,
    /// The callee is told and its answer awaited.
    Kill,
    /// The callee is told and its answer dropped.
    KillNoWait,
}

/// `[50, CALL.Request, Details, …]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultMessage {
    /// The call.
    pub request: Id,
    /// Whether more results follow.
    pub progress: bool,
    /// How the payload was passed on.
    pub passthru: Passthru,
    /// What it carries.
    pub payload: Payload,
}

/// `[64, Request, Options, Procedure]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Register {
    /// The client's number for the request.
    pub request: Id,
    /// What is asked for.
    pub options: RegisterOptions,
    /// The procedure or pattern; any string, not checked yet.
    pub procedure: Text,
}

/// Options of REGISTER.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegisterOptions {
    /// How the procedure matches.
    pub matching: Match,
    /// How calls are spread over several callees.
    pub invoke: Invoke,
    /// At most so many invocations at once.
    pub concurrency: Option<u64>,
    /// Whether callees that are registered already are to give way.
    pub force_reregister: bool,
    /// Whether the callee asks for its callers' names.
    pub disclose_caller: bool,
    /// Whether the callee watches time-outs itself.
    pub forward_timeout: bool,
}

/// How calls are spread over the callees of one registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Invoke {
    /// One callee only.
    #[default]
    Single,
    /// One after the other.
    RoundRobin,
    /// Any.
    Random,
    /// Whoever registered first.
    First,
    /// Whoever registered last.
    Last,
}

/// `[65, REGISTER.Request, Registration]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Registered {
    /// The client's number for the request.
    pub request: Id,
    /// The registration.
    pub registration: Id,
}

/// `[66, Request, Registration]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unregister {
    /// The client's number for the request.
    pub request: Id,
    /// The registration.
    pub registration: Id,
}

/// `[67, UNREGISTER.Request]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unregistered {
    /// The client's number for the request.
    pub request: Id,
}

/// `[68, Request, Registration, Details, …]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The router's number for the request, counted per callee.
    pub request: Id,
    /// The registration.
    pub registration: Id,
    /// Details of the call.
    pub details: InvocationDetails,
    /// What it carries.
    pub payload: Payload,
}

/// Details of INVOCATION.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InvocationDetails {
    /// The caller, where it is disclosed.
    pub caller: Option<Box<Identity>>,
    /// The procedure, where the registration is a pattern.
    pub procedure: Option<Text>,
    /// Time-out in milliseconds for a callee that watches it itself; 0 = none.
    pub timeout: u64,
    /// Whether progressive results are wanted.
    pub receive_progress: bool,
    /// Whether more of this call follows.
    pub progress: bool,
    /// How much the router trusts the caller.
    pub trustlevel: Option<TrustLevel>,
    /// How the payload was passed on.
    pub passthru: Passthru,
}

/// `[69, INVOCATION.Request, Options]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Interrupt {
    /// The invocation.
    pub request: Id,
    /// How the call was canceled.
    pub mode: CancelMode,
    /// Why, as a URI.
    pub reason: Option<Text>,
}

/// `[70, INVOCATION.Request, Options, …]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Yield {
    /// The invocation.
    pub request: Id,
    /// Whether more results follow.
    pub progress: bool,
    /// How the payload is to be passed on.
    pub passthru: Passthru,
    /// What it carries.
    pub payload: Payload,
}

/// The type codes of messages.
pub mod code {
    #![allow(missing_docs)]
    pub const HELLO: u16 = 1;
    pub const WELCOME: u16 = 2;
    pub const ABORT: u16 = 3;
    pub const CHALLENGE: u16 = 4;
    pub const AUTHENTICATE: u16 = 5;
    pub const GOODBYE: u16 = 6;
    pub const ERROR: u16 = 8;
    pub const PUBLISH: u16 = 16;
    pub const PUBLISHED: u16 = 17;
    pub const SUBSCRIBE: u16 = 32;
    pub const SUBSCRIBED: u16 = 33;
    pub const UNSUBSCRIBE: u16 = 34;
    pub const UNSUBSCRIBED: u16 = 35;
    pub const EVENT: u16 = 36;
    pub const CALL: u16 = 48;
    pub const CANCEL: u16 = 49;
    pub const RESULT: u16 = 50;
    pub const REGISTER: u16 = 64;
    pub const REGISTERED: u16 = 65;
    pub const UNREGISTER: u16 = 66;
    pub const UNREGISTERED: u16 = 67;
    pub const INVOCATION: u16 = 68;
    pub const INTERRUPT: u16 = 69;
    pub const YIELD: u16 = 70;
    pub const EVENT_RECEIVED: u16 = 337;
}

impl Message {
    /// The message's type code.
    pub fn code(&self) -> u16 {
        match self {
            Message::Hello(_) => code::HELLO,
            Message::Welcome(_) => code::WELCOME,
            Message::Abort(_) => code::ABORT,
            Message::Challenge(_) => code::CHALLENGE,
            Message::Authenticate(_) => code::AUTHENTICATE,
            Message::Goodbye(_) => code::GOODBYE,
            Message::Error(_) => code::ERROR,
            Message::Publish(_) => code::PUBLISH,
            Message::Published(_) => code::PUBLISHED,
            Message::Subscribe(_) => code::SUBSCRIBE,
            Message::Subscribed(_) => code::SUBSCRIBED,
            Message::Unsubscribe(_) => code::UNSUBSCRIBE,
            Message::Unsubscribed(_) | Message::SubscriptionRevoked(_) => code::UNSUBSCRIBED,
            Message::Event(_) => code::EVENT,
            Message::Call(_) => code::CALL,
            Message::Cancel(_) => code::CANCEL,
            Message::Result(_) => code::RESULT,
            Message::Register(_) => code::REGISTER,
            Message::Registered(_) => code::REGISTERED,
            Message::Unregister(_) => code::UNREGISTER,
            Message::Unregistered(_) | Message::RegistrationRevoked(_) => code::UNREGISTERED,
            Message::Invocation(_) => code::INVOCATION,
            Message::Interrupt(_) => code::INTERRUPT,
            Message::Yield(_) => code::YIELD,
            Message::EventReceived(_) => code::EVENT_RECEIVED,
        }
    }

    /// What the message carries; none for types that never carry anything.
    pub fn payload(&self) -> Option<&Payload> {
        match self {
            Message::Error(message) => Some(&message.payload),
            Message::Publish(message) => Some(&message.payload),
            Message::Event(message) => Some(&message.payload),
            Message::Call(message) => Some(&message.payload),
            Message::Result(message) => Some(&message.payload),
            Message::Invocation(message) => Some(&message.payload),
            Message::Yield(message) => Some(&message.payload),
            _ => None,
        }
    }

    pub(crate) fn payload_mut(&mut self) -> Option<&mut Payload> {
        match self {
            Message::Error(message) => Some(&mut message.payload),
            Message::Publish(message) => Some(&mut message.payload),
            Message::Event(message) => Some(&mut message.payload),
            Message::Call(message) => Some(&mut message.payload),
            Message::Result(message) => Some(&mut message.payload),
            Message::Invocation(message) => Some(&mut message.payload),
            Message::Yield(message) => Some(&mut message.payload),
            _ => None,
        }
    }

    /// The message's name, as the specification writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Message::Hello(_) => "HELLO",
            Message::Welcome(_) => "WELCOME",
            Message::Abort(_) => "ABORT",
            Message::Challenge(_) => "CHALLENGE",
            Message::Authenticate(_) => "AUTHENTICATE",
            Message::Goodbye(_) => "GOODBYE",
            Message::Error(_) => "ERROR",
            Message::Publish(_) => "PUBLISH",
            Message::Published(_) => "PUBLISHED",
            Message::Subscribe(_) => "SUBSCRIBE",
            Message::Subscribed(_) => "SUBSCRIBED",
            Message::Unsubscribe(_) => "UNSUBSCRIBE",
            Message::Unsubscribed(_) | Message::SubscriptionRevoked(_) => "UNSUBSCRIBED",
            Message::Event(_) => "EVENT",
            Message::Call(_) => "CALL",
            Message::Cancel(_) => "CANCEL",
            Message::Result(_) => "RESULT",
            Message::Register(_) => "REGISTER",
            Message::Registered(_) => "REGISTERED",
            Message::Unregister(_) => "UNREGISTER",
            Message::Unregistered(_) | Message::RegistrationRevoked(_) => "UNREGISTERED",
            Message::Invocation(_) => "INVOCATION",
            Message::Interrupt(_) => "INTERRUPT",
            Message::Yield(_) => "YIELD",
            Message::EventReceived(_) => "EVENT_RECEIVED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_levels_are_what_they_are_made_of() {
        for level in [0, 1, 7, u32::MAX - 1] {
            assert_eq!(TrustLevel::new(level).get(), level);
        }
        assert_eq!(TrustLevel::new(u32::MAX).get(), u32::MAX - 1);
    }

    #[test]
    fn message_stays_small_enough_to_be_handed_on_by_value() {
        // What is larger is copied by a call of its own.
        assert!(size_of::<Message>() <= 128, "{}", size_of::<Message>());
    }
}
