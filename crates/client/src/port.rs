//! The client's end of a connection. Transports hand what they hear to a port; a router is behind it on the one side,
//! and this on the other.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::mpsc::error::{SendError, TrySendError};
use tokio::sync::oneshot;
use tokio::time::Instant;
use transom_base::BoxFuture;
use transom_wamp::{
    Challenge, Class, CloseReason, Dict, ErrorMessage, Event, Flow, Id, Invocation, Message, Offered,
    Payload, Refusal, RouterPort, Serializer, SessionError, SessionPort, SessionSink, Text, TransportDetails,
    Value, Welcome, code, uri,
};

use crate::client::{ClientSettings, hello};
use crate::core::{Core, Heard};
use crate::procedure::{Answering, Registered};
use crate::subscription::{Overflow, Tap};
use crate::{ConnectError, End, Login};

/// How a session came to be, or did not.
pub(crate) type Joined = oneshot::Sender<Result<Welcome, ConnectError>>;

/// Opens one session: the place where a transport expects a router.
pub(crate) struct Joining<'a> {
    settings: &'a ClientSettings,
    state: Mutex<(Option<Joined>, Option<Arc<Core>>)>,
}

impl<'a> Joining<'a> {
    pub(crate) fn new(settings: &'a ClientSettings, joined: Joined) -> Self {
        Joining { settings, state: Mutex::new((Some(joined), None)) }
    }

    /// The session that was opened.
    pub(crate) fn core(&self) -> Option<Arc<Core>> {
        self.state.lock().1.clone()
    }
}

impl RouterPort for Joining<'_> {
    fn open(&self, details: TransportDetails, sink: Arc<dyn SessionSink>) -> Box<dyn SessionPort> {
        let core = Core::new(sink, details.info, self.settings.request_timeout);
        let mut state = self.state.lock();
        state.1 = Some(core.clone());
        let mut port = Port { core, login: None, joined: state.0.take(), kept: None, over: false };
        drop(state);
        match self.settings.authenticator.begin(&port.core.info) {
            Ok(mut login) => {
                let mut details = hello(self.settings);
                login.hello(&mut details);
                port.core.hello(self.settings.realm.clone(), details);
                port.login = Some(login);
            }
            Err(error) => {
                port.fail(ConnectError::Login(error));
                port.core.cut();
            }
        }
        Box::new(port)
    }
}

/// The connection's half of a session.
struct Port {
    core: Arc<Core>,
    /// Until the session is open.
    login: Option<Box<dyn Login>>,
    joined: Option<Joined>,
    /// What found no room. While there is something nothing is heard.
    kept: Option<Kept>,
    over: bool,
}

enum Kept {
    /// An event that a subscriber has no room for, and those who are still to get it after that one.
    Event { event: Event, taps: Arc<[Arc<Tap>]>, next: usize, room: Room },
    /// Something to be said.
    Message(Box<Message>),
}

/// Waits for room in the queue of a subscriber.
type Room = BoxFuture<'static, Result<OwnedPermit<Event>, SendError<()>>>;

impl Port {
    /// There is no session.
    fn fail(&mut self, error: ConnectError) {
        if let Some(joined) = self.joined.take() {
            // Whoever does not wait any more has given up before.
            let _ = joined.send(Err(error));
        }
    }

    fn act(&mut self, heard: Heard) -> Flow {
        match heard {
            Heard::Nothing => {}
            // Whoever does not wait any more needs no answer.
            Heard::Answered(answer, outcome) => drop(answer.send(outcome)),
            Heard::Event(taps, event) => return self.deliver(event, taps, 0),
            Heard::Invocation(registered, invocation) => return self.invoke(registered, invocation),
            Heard::Interrupted(interrupt) => drop(interrupt.send(())),
            Heard::Unwanted(subscription, tap) => {
                let core = self.core.clone();
                tokio::spawn(async move { core.unsubscribe(subscription, &tap).await });
            }
            Heard::Unserved(registration) => {
                let core = self.core.clone();
                tokio::spawn(async move { core.unregister(registration).await });
            }
            Heard::Revoked(taps) => taps.iter().for_each(|tap| tap.revoke()),
            Heard::Joined(welcome) => self.welcome(welcome),
            Heard::Challenged(challenge) => return self.challenge(&challenge),
            Heard::Refused(abort) => {
                self.fail(ConnectError::Refused(abort));
                return Flow::Close(CloseReason::Normal);
            }
            Heard::Ended(answer) => {
                if let Some(answer) = answer {
                    self.core.say(Class::Farewell, &answer);
                }
                return Flow::Close(CloseReason::Normal);
            }
        }
        Flow::Continue
    }

    fn welcome(&mut self, welcome: Welcome) {
        let believed = self.login.take().map_or(Ok(()), |mut login| login.welcome(&welcome));
        self.core.joined();
        match believed {
            Ok(()) => {
                // Whoever does not wait any more has left the session already.
                if let Some(joined) = self.joined.take() {
                    let _ = joined.send(Ok(welcome));
                }
            }
            Err(error) => {
                self.fail(ConnectError::Login(error));
                self.core.leave();
            }
        }
    }

    fn challenge(&mut self, challenge: &Challenge) -> Flow {
        let Some(login) = &mut self.login else { return Flow::Continue };
        match login.challenge(challenge) {
            Ok(authenticate) => {
                self.core.say(Class::Normal, &Message::Authenticate(authenticate));
                Flow::Continue
            }
            Err(error) => {
                self.core.abort(uri::CANNOT_AUTHENTICATE, &error.to_string());
                self.fail(ConnectError::Login(error));
                Flow::Close(CloseReason::Normal)
            }
        }
    }

    /// Hands an event to those from `next` on.
    fn deliver(&mut self, event: Event, taps: Arc<[Arc<Tap>]>, mut next: usize) -> Flow {
        while let Some(tap) = taps.get(next) {
            next += 1;
            match tap.sender.try_send(event.clone()) {
                // One that is gone is about to be taken away.
                Ok(()) | Err(TrySendError::Closed(_)) => {}
                Err(TrySendError::Full(_)) if tap.overflow == Overflow::Drop => tap.dropped(),
                Err(TrySendError::Full(_)) => {
                    let room = Box::pin(tap.sender.clone().reserve_owned());
                    self.kept = Some(Kept::Event { event, taps, next, room });
                    return Flow::Pause;
                }
            }
        }
        Flow::Continue
    }

    fn invoke(&mut self, registered: Option<Arc<Registered>>, invocation: Invocation) -> Flow {
        let request = invocation.request;
        let (error, why) = match registered.map(|registered| (registered.place(), registered)) {
            Some((Some(place), registered)) => {
                let interrupted = self.core.running(request);
                registered.start(invocation, Answering::new(self.core.clone(), request, place, interrupted));
                return Flow::Continue;
            }
            Some((None, _)) => (uri::UNAVAILABLE, "as many calls are being answered as may be at once"),
            None => (uri::NO_SUCH_PROCEDURE, "the procedure was unregistered"),
        };
        self.say(failed(request, error, why))
    }

    /// Says it now, or before anything else is heard.
    fn say(&mut self, message: Message) -> Flow {
        if self.core.say(Class::Normal, &message) == Offered::Full {
            self.kept = Some(Kept::Message(Box::new(message)));
            return Flow::Pause;
        }
        Flow::Continue
    }
}

impl SessionPort for Port {
    fn receive(&mut self, message: Message) -> Result<Flow, SessionError> {
        match self.core.hear(message) {
            Ok(heard) => Ok(self.act(heard)),
            Err(error) => {
                self.core.note(End::Violation(error.to_string()));
                Err(SessionError::Violation(Refusal::violation(error.to_string())))
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        while let Some(kept) = &mut self.kept {
            if self.core.is_leaving() {
                // Nobody takes events any more, and the goodbye is waited for.
                self.kept = None;
                break;
            }
            match kept {
                Kept::Event { event, room, .. } => {
                    if let Ok(permit) = ready!(room.as_mut().poll(cx)) {
                        permit.send(event.clone());
                    }
                }
                Kept::Message(_) => ready!(self.core.sink().poll_room(cx)),
            }
            match self.kept.take() {
                Some(Kept::Event { event, taps, next, .. }) => drop(self.deliver(event, taps, next)),
                Some(Kept::Message(message)) => drop(self.say(*message)),
                None => {}
            }
        }
        Poll::Ready(Flow::Continue)
    }

    fn deadline(&self) -> Option<Instant> {
        // Whoever waits for the session to open or to end keeps the time.
        None
    }

    fn expired(&mut self, _now: Instant) -> Flow {
        Flow::Continue
    }

    fn drain(&mut self) -> Flow {
        self.core.leave();
        Flow::Continue
    }

    fn closed(&mut self, _why: CloseReason) {
        if !std::mem::replace(&mut self.over, true) {
            // Whoever waits for the session to open learns why from the end of the connection.
            self.joined = None;
            self.kept = None;
            self.core.closed();
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.closed(CloseReason::TransportLost);
    }
}

/// ERROR to an invocation, with a sentence for people.
pub(crate) fn failed(request: Id, error: &'static str, why: &'static str) -> Message {
    let why = [Value::Text(Text::from_static(why))];
    let payload = Payload::from_values(Serializer::MsgPack, &why, &Dict::default());
    Message::Error(ErrorMessage {
        request_type: code::INVOCATION,
        request,
        passthru: None,
        error: Text::from_static(error),
        payload,
    })
}
