//! A session as those see it who use it.

use std::fmt;
use std::sync::Arc;

use transom_base::{ConnInfo, Deadline};
use transom_peer::{Incoming, RequestError};
use transom_wamp::{
    CallOptions, Id, Invocation, Payload, PublishOptions, RegisterOptions, ResultMessage, Serializer, Text,
    Welcome,
};

use crate::core::{Core, Then};
use crate::procedure::{Kept, Registered};
use crate::subscription::Tap;
use crate::{End, ProcedureError, Registration, SubscribeOptions, Subscription};

/// A session with a router. Clones are the same session; it is left when the last one is dropped.
///
/// Payloads may be written by any serializer; they are brought into that of the session.
#[derive(Clone)]
pub struct Session {
    leaving: Arc<Leaving>,
    welcome: Arc<Welcome>,
}

/// Leaves when it goes.
pub(crate) struct Leaving(pub(crate) Arc<Core>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Session {
    pub(crate) fn new(leaving: Leaving, welcome: Welcome) -> Self {
        Session { leaving: Arc::new(leaving), welcome: Arc::new(welcome) }
    }

    pub(crate) fn core(&self) -> &Core {
        &self.leaving.0
    }

    /// What the router said of the session.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// How its messages are written. Payloads written in the same way are passed on as they are.
    pub fn serializer(&self) -> Serializer {
        self.core().serializer()
    }

    /// Facts about its connection.
    pub fn info(&self) -> &ConnInfo {
        &self.core().info
    }

    /// Calls a procedure and waits for its result. At the deadline, or when the returned future is dropped, the call is
    /// canceled. Progressive results are not asked for.
    ///
    /// # Errors
    /// ERROR of the callee or of the router, the deadline, or the end of the session.
    pub async fn call(
        &self,
        procedure: impl Into<Text>,
        options: CallOptions,
        payload: Payload,
        deadline: Deadline,
    ) -> Result<ResultMessage, RequestError> {
        let procedure = procedure.into();
        let call = self.core().ask(deadline, Then::Nothing, |peer| {
            peer.call(procedure.clone(), options.clone(), payload.clone())
        });
        match call.await? {
            Incoming::Result(result) => Ok(result),
            _ => Err(RequestError::Ended),
        }
    }

    /// Publishes an event. Where `options` ask for an acknowledgement it waits for that and returns the publication;
    /// else it returns as soon as the event is queued.
    ///
    /// # Errors
    /// When the router refuses it, which it tells only where an acknowledgement was asked for, or does not answer, or the
    /// session has ended.
    pub async fn publish(
        &self,
        topic: impl Into<Text>,
        options: PublishOptions,
        payload: Payload,
    ) -> Result<Option<Id>, RequestError> {
        let topic = topic.into();
        let acknowledge = options.acknowledge;
        let publish =
            |peer: &mut transom_peer::Peer| peer.publish(topic.clone(), options.clone(), payload.clone());
        let deadline = self.deadline();
        if !acknowledge {
            return self.core().tell(deadline, publish).await.map(|()| None);
        }
        match self.core().ask(deadline, Then::Nothing, publish).await? {
            Incoming::Published { publication, .. } => Ok(Some(publication)),
            _ => Err(RequestError::Ended),
        }
    }

    /// Subscribes to a topic, or to all that match a pattern.
    ///
    /// # Errors
    /// When the router refuses it or does not answer, or the session has ended.
    pub async fn subscribe(
        &self,
        topic: impl Into<Text>,
        options: SubscribeOptions,
    ) -> Result<Subscription, RequestError> {
        let (tap, taken) = Tap::new(&options);
        let weak = Arc::downgrade(&tap);
        let id = self.subscribe_tap(topic.into(), options, tap).await?;
        Ok(Subscription::new(taken, Kept::subscription(self.clone(), id, weak)))
    }

    pub(crate) async fn subscribe_tap(
        &self,
        topic: Text,
        options: SubscribeOptions,
        tap: Arc<Tap>,
    ) -> Result<Id, RequestError> {
        let SubscribeOptions { matching, get_retained, .. } = options;
        let listen = Then::Listen { topic: topic.clone(), matching, tap };
        let subscribe = self
            .core()
            .ask(self.deadline(), listen, |peer| peer.subscribe(topic.clone(), matching, get_retained));
        match subscribe.await? {
            Incoming::Subscribed { subscription, .. } => Ok(subscription),
            _ => Err(RequestError::Ended),
        }
    }

    /// Registers a procedure. Every call runs in a task of its own, at most `concurrency` of `options` at once (1024 where
    /// it says nothing); what is more is refused with `wamp.error.unavailable`. A call that is canceled is dropped.
    ///
    /// # Errors
    /// When the router refuses it or does not answer, or the session has ended.
    pub async fn register<F, Fut>(
        &self,
        procedure: impl Into<Text>,
        options: RegisterOptions,
        handler: F,
    ) -> Result<Registration, RequestError>
    where
        F: Fn(Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Payload, ProcedureError>> + Send + 'static,
    {
        let registered = Registered::new(handler, options.concurrency);
        let id = self.register_as(procedure.into(), options, registered.clone()).await?;
        Ok(Registration::new(Kept::registration(self.clone(), id), registered))
    }

    pub(crate) async fn register_as(
        &self,
        procedure: Text,
        options: RegisterOptions,
        registered: Arc<Registered>,
    ) -> Result<Id, RequestError> {
        let register = self.core().ask(self.deadline(), Then::Serve(registered), |peer| {
            peer.register(procedure.clone(), options.clone())
        });
        match register.await? {
            Incoming::Registered { registration, .. } => Ok(registration),
            _ => Err(RequestError::Ended),
        }
    }

    /// Leaves the realm, for all clones, and waits until the connection is closed.
    pub async fn close(self) -> End {
        self.core().leave();
        self.core().ended().await
    }

    /// Waits for the end of the session and its connection, and says why it ended.
    pub async fn ended(&self) -> End {
        self.core().ended().await
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.core().request_timeout)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("welcome", &self.welcome).finish_non_exhaustive()
    }
}
