//! A router on a memory endpoint, and what it says.

use std::sync::Arc;

use transom_base::{Deadline, Drain};
use transom_client::{Carrier, Client, ClientSettings, ConnectError, RawSocketCarrier, Session, Transport};
use transom_endpoint::{Accepting, accept_loop};
use transom_rawsocket::{RawSocket, Settings};
use transom_testkit::{FakeRouter, FakeSession, Heard, MemoryConnector, memory_listener};
use transom_wamp::{
    Dict, ErrorMessage, Event, EventDetails, Goodbye, Hello, Id, Invocation, InvocationDetails, Message,
    Offered, Payload, Registered, ResultMessage, Serializer, Subscribed, Value, Welcome,
};

pub(crate) const NEVER: Deadline = Deadline::NEVER;

/// A router that says only what it is told to.
pub(crate) struct Router {
    pub(crate) fake: FakeRouter,
    connector: MemoryConnector,
    _drain: Drain,
}

impl Router {
    pub(crate) fn new() -> Self {
        let (listener, connector) = memory_listener();
        let (fake, (drain, watch)) = (FakeRouter::new(), Drain::new());
        let handler = RawSocket::new(Settings::default(), Arc::new(fake.clone()));
        tokio::spawn(accept_loop(Box::new(listener), Accepting::new("test", Arc::new(handler), 100, watch)));
        Router { fake, connector, _drain: drain }
    }

    pub(crate) fn client(&self, settings: ClientSettings) -> Client {
        let mut carrier = RawSocketCarrier::new(Serializer::Json);
        // So that a router which does not read is noticed.
        carrier.settings.max_send_queue = 2000;
        let connector = Arc::new(self.connector.clone());
        Client::new(Transport { connector, carrier: Carrier::RawSocket(carrier) }, settings)
    }

    /// The session with this number, after its HELLO.
    pub(crate) async fn greeted(&self, number: usize) -> (FakeSession, Hello) {
        let session = self.fake.session(number).await;
        match session.heard_at_least(1).await.remove(0) {
            Heard::Message(Message::Hello(hello)) => (session, *hello),
            other => panic!("{other:?}"),
        }
    }

    /// Both ends of an open session.
    pub(crate) async fn joined_with(&self, settings: ClientSettings) -> (Session, FakeSession) {
        let number = self.fake.sessions().len();
        let (session, there) = tokio::join!(connect(self.client(settings)), async {
            let (there, _) = self.greeted(number).await;
            say(&there, welcome());
            there
        });
        (session.unwrap(), there)
    }

    pub(crate) async fn joined(&self) -> (Session, FakeSession) {
        self.joined_with(ClientSettings::new("realm1")).await
    }
}

pub(crate) async fn connect(client: Client) -> Result<Session, ConnectError> {
    client.connect().await
}

/// The message with this number from 0, HELLO included.
pub(crate) async fn heard(there: &FakeSession, number: usize) -> Message {
    match there.heard_at_least(number + 1).await.remove(number) {
        Heard::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn say(there: &FakeSession, message: Message) {
    assert_eq!(there.send(&message), Offered::Queued);
}

pub(crate) fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

pub(crate) fn text(text: &str) -> Payload {
    Payload::from_values(Serializer::Json, &[Value::from(text)], &Dict::default())
}

pub(crate) fn nothing() -> Payload {
    Payload::empty(Serializer::Json)
}

pub(crate) fn welcome() -> Message {
    Message::Welcome(Welcome { session: id(77), details: Dict::default() })
}

pub(crate) fn goodbye(reason: &str) -> Message {
    Message::Goodbye(Goodbye { message: None, reason: reason.into() })
}

pub(crate) fn error(request_type: u16, request: u64, error: &str) -> Message {
    let (error, payload) = (error.into(), text("sorry"));
    Message::Error(ErrorMessage { request_type, request: id(request), passthru: None, error, payload })
}

pub(crate) fn result(request: u64, answer: &str) -> Message {
    let payload = text(answer);
    Message::Result(ResultMessage { request: id(request), progress: false, passthru: None, payload })
}

pub(crate) fn subscribed(request: u64, subscription: u64) -> Message {
    Message::Subscribed(Subscribed { request: id(request), subscription: id(subscription) })
}

pub(crate) fn registered(request: u64, registration: u64) -> Message {
    Message::Registered(Registered { request: id(request), registration: id(registration) })
}

pub(crate) fn event(subscription: u64, number: u64) -> Message {
    Message::Event(Event {
        subscription: id(subscription),
        publication: id(number),
        details: EventDetails::default(),
        payload: nothing(),
    })
}

pub(crate) fn invocation(request: u64, registration: u64) -> Message {
    Message::Invocation(Invocation {
        request: id(request),
        registration: id(registration),
        details: InvocationDetails::default(),
        payload: text("question"),
    })
}
