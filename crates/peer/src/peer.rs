//! What a client says and hears, without I/O: it numbers requests and knows which answers are due.

use std::collections::HashMap;

use transom_wamp::{
    Abort, Call, CallOptions, Cancel, CancelMode, Challenge, ErrorMessage, Event, Goodbye, Hello,
    HelloDetails, Id, Interrupt, Invocation, Match, Message, Payload, Publish, PublishOptions, Register,
    RegisterOptions, ResultMessage, Revocation, Subscribe, Subscribed, Text, Unregister, Unsubscribe,
    Welcome, code,
};

/// A client between its HELLO and its end.
#[derive(Debug)]
pub struct Peer {
    state: State,
    last: Id,
    asked: HashMap<Id, Asked>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Joining,
    Open,
    Leaving,
    Over,
}

/// A request that is not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Publish,
    Subscribe,
    Unsubscribe,
    Register,
    Unregister,
    Call,
}

/// What a message of the router means.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Incoming {
    /// The session is open.
    Joined(Welcome),
    /// The router asks for proof: answer with AUTHENTICATE.
    Challenged(Challenge),
    /// The router ended the session, or did not open it.
    Aborted(Abort),
    /// The session ended. Where the router wished it, the answer is to be sent.
    Left {
        /// What the router said.
        goodbye: Goodbye,
        /// What is to be answered.
        answer: Option<Box<Message>>,
    },
    /// PUBLISH was accepted.
    Published {
        /// The request.
        request: Id,
        /// The publication.
        publication: Id,
    },
    /// SUBSCRIBE was accepted.
    Subscribed {
        /// The request.
        request: Id,
        /// The subscription.
        subscription: Id,
    },
    /// UNSUBSCRIBE was accepted.
    Unsubscribed {
        /// The request.
        request: Id,
    },
    /// REGISTER was accepted.
    Registered {
        /// The request.
        request: Id,
        /// The registration.
        registration: Id,
    },
    /// UNREGISTER was accepted.
    Unregistered {
        /// The request.
        request: Id,
    },
    /// A call was answered; more results follow where it says `progress`.
    Result(ResultMessage),
    /// A request failed.
    Failed(ErrorMessage),
    /// An event of a subscription.
    Event(Event),
    /// A call of a registration.
    Invocation(Invocation),
    /// The caller does not want an answer any more.
    Interrupt(Interrupt),
    /// The router ended a subscription.
    SubscriptionRevoked(Revocation),
    /// The router ended a registration.
    RegistrationRevoked(Revocation),
}

/// What a router should not have sent, or a client not have asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The message does not belong to the state of the session.
    #[error("{0} came at a moment when it means nothing")]
    Unexpected(&'static str),
    /// Nothing of this kind was asked under this number.
    #[error("{message} answers the request {request}, which was not made or is answered")]
    NotAsked {
        /// The message's name.
        message: &'static str,
        /// The request's number.
        request: Id,
    },
}

impl Default for Peer {
    fn default() -> Self {
        Peer { state: State::New, last: Id::default(), asked: HashMap::new() }
    }
}

impl Peer {
    /// HELLO.
    pub fn hello(&mut self, realm: Option<Text>, details: HelloDetails) -> Message {
        *self = Peer { state: State::Joining, ..Peer::default() };
        Message::Hello(Box::new(Hello { realm, details }))
    }

    /// GOODBYE.
    pub fn goodbye(&mut self, reason: impl Into<Text>) -> Message {
        self.state = State::Leaving;
        Message::Goodbye(Goodbye { message: None, reason: reason.into() })
    }

    /// PUBLISH. Where it is to be acknowledged, [`Incoming::Published`] or [`Incoming::Failed`] answers it.
    pub fn publish(&mut self, topic: Text, options: PublishOptions, payload: Payload) -> (Id, Message) {
        let request = if options.acknowledge { self.ask(Asked::Publish) } else { self.number() };
        (request, Message::Publish(Publish { request, options, topic, payload }))
    }

    /// SUBSCRIBE to one topic or a pattern; with `get_retained` events that were kept are wanted too.
    pub fn subscribe(&mut self, topic: Text, matching: Match, get_retained: bool) -> (Id, Message) {
        let request = self.ask(Asked::Subscribe);
        (request, Message::Subscribe(Subscribe { request, matching, get_retained, topic }))
    }

    /// UNSUBSCRIBE.
    pub fn unsubscribe(&mut self, subscription: Id) -> (Id, Message) {
        let request = self.ask(Asked::Unsubscribe);
        (request, Message::Unsubscribe(Unsubscribe { request, subscription }))
    }

    /// REGISTER.
    pub fn register(&mut self, procedure: Text, options: RegisterOptions) -> (Id, Message) {
        let request = self.ask(Asked::Register);
        (request, Message::Register(Register { request, options, procedure }))
    }

    /// UNREGISTER.
    pub fn unregister(&mut self, registration: Id) -> (Id, Message) {
        let request = self.ask(Asked::Unregister);
        (request, Message::Unregister(Unregister { request, registration }))
    }

    /// CALL.
    pub fn call(&mut self, procedure: Text, options: CallOptions, payload: Payload) -> (Id, Message) {
        let request = self.ask(Asked::Call);
        (request, Message::Call(Call { request, options, procedure, payload }))
    }

    /// CANCEL, if the call is not answered yet. Its answer still comes.
    pub fn cancel(&self, call: Id, mode: CancelMode) -> Option<Message> {
        let outstanding = self.asked.get(&call) == Some(&Asked::Call);
        outstanding.then_some(Message::Cancel(Cancel { request: call, mode: Some(mode) }))
    }

    /// The last request was not sent after all: its number is used again. Another one than the last is left alone.
    pub fn take_back(&mut self, request: Id) {
        if request == self.last {
            self.asked.remove(&request);
            self.last = Id::new(request.get().saturating_sub(1)).unwrap_or_default();
        }
    }

    /// ABORT: the session is not opened, or cannot go on. Nothing is received any more.
    pub fn abort(&mut self, reason: impl Into<Text>, message: Option<Text>) -> Message {
        self.state = State::Over;
        Message::Abort(Abort { message, reason: reason.into() })
    }

    /// What a message of the router means.
    ///
    /// # Errors
    /// Whatever a router does not send at this moment; the session cannot go on.
    pub fn receive(&mut self, message: Message) -> Result<Incoming, PeerError> {
        match self.state {
            State::Joining => self.receive_joining(message),
            State::Open | State::Leaving => self.receive_open(message),
            State::New | State::Over => Err(PeerError::Unexpected(message.name())),
        }
    }

    fn receive_joining(&mut self, message: Message) -> Result<Incoming, PeerError> {
        match message {
            Message::Welcome(welcome) => {
                self.state = State::Open;
                Ok(Incoming::Joined(welcome))
            }
            Message::Challenge(challenge) => Ok(Incoming::Challenged(challenge)),
            Message::Abort(abort) => {
                self.state = State::Over;
                Ok(Incoming::Aborted(abort))
            }
            other => Err(PeerError::Unexpected(other.name())),
        }
    }

    fn receive_open(&mut self, message: Message) -> Result<Incoming, PeerError> {
        let name = message.name();
        Ok(match message {
            Message::Event(event) => Incoming::Event(event),
            Message::Invocation(invocation) => Incoming::Invocation(invocation),
            Message::Result(result) => {
                if result.progress {
                    self.expect(Asked::Call, name, result.request)?;
                } else {
                    self.answered(Asked::Call, name, result.request)?;
                }
                Incoming::Result(result)
            }
            Message::Error(error) => {
                let asked = match error.request_type {
                    code::PUBLISH => Asked::Publish,
                    code::SUBSCRIBE => Asked::Subscribe,
                    code::UNSUBSCRIBE => Asked::Unsubscribe,
                    code::REGISTER => Asked::Register,
                    code::UNREGISTER => Asked::Unregister,
                    code::CALL => Asked::Call,
                    _ => return Err(PeerError::Unexpected(name)),
                };
                self.answered(asked, name, error.request)?;
                Incoming::Failed(error)
            }
            Message::Published(published) => {
                self.answered(Asked::Publish, name, published.request)?;
                Incoming::Published { request: published.request, publication: published.publication }
            }
            Message::Subscribed(Subscribed { request, subscription }) => {
                self.answered(Asked::Subscribe, name, request)?;
                Incoming::Subscribed { request, subscription }
            }
            Message::Unsubscribed(unsubscribed) => {
                self.answered(Asked::Unsubscribe, name, unsubscribed.request)?;
                Incoming::Unsubscribed { request: unsubscribed.request }
            }
            Message::Registered(registered) => {
                self.answered(Asked::Register, name, registered.request)?;
                Incoming::Registered { request: registered.request, registration: registered.registration }
            }
            Message::Unregistered(unregistered) => {
                self.answered(Asked::Unregister, name, unregistered.request)?;
                Incoming::Unregistered { request: unregistered.request }
            }
            Message::Interrupt(interrupt) => Incoming::Interrupt(interrupt),
            Message::SubscriptionRevoked(revocation) => Incoming::SubscriptionRevoked(revocation),
            Message::RegistrationRevoked(revocation) => Incoming::RegistrationRevoked(revocation),
            Message::Goodbye(goodbye) => {
                let wished = std::mem::replace(&mut self.state, State::Over) == State::Leaving;
                let reason = Text::from_static("wamp.close.goodbye_and_out");
                let answer = (!wished).then(|| Box::new(Message::Goodbye(Goodbye { message: None, reason })));
                Incoming::Left { goodbye, answer }
            }
            Message::Abort(abort) => {
                self.state = State::Over;
                Incoming::Aborted(abort)
            }
            other => return Err(PeerError::Unexpected(other.name())),
        })
    }

    fn number(&mut self) -> Id {
        self.last = self.last.next();
        self.last
    }

    fn ask(&mut self, asked: Asked) -> Id {
        // After 2^53 requests the numbers begin anew, and a very old one may still be waiting.
        loop {
            let request = self.number();
            if let std::collections::hash_map::Entry::Vacant(entry) = self.asked.entry(request) {
                entry.insert(asked);
                return request;
            }
        }
    }

    fn expect(&self, asked: Asked, message: &'static str, request: Id) -> Result<(), PeerError> {
        match self.asked.get(&request) {
            Some(found) if *found == asked => Ok(()),
            _ => Err(PeerError::NotAsked { message, request }),
        }
    }

    fn answered(&mut self, asked: Asked, message: &'static str, request: Id) -> Result<(), PeerError> {
        self.expect(asked, message, request)?;
        self.asked.remove(&request);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
