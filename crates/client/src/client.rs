//! From a transport to an open session.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use transom_base::{Deadline, ServeError};
use transom_wamp::{ClientRoles, Features, HelloDetails, Text};

use crate::core::Core;
use crate::port::Joining;
use crate::session::Leaving;
use crate::{Anonymous, Authenticator, ConnectError, Session, Transport};

/// How a client joins.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientSettings {
    /// The realm.
    pub realm: Text,
    /// What it says it is. Default: this library and its version.
    pub agent: Option<Text>,
    /// How it proves who it is. Default: not at all.
    pub authenticator: Arc<dyn Authenticator>,
    /// From connecting to WELCOME; none = no limit. Default 20 s.
    pub join_timeout: Option<Duration>,
    /// How long the answers to publications, subscriptions, registrations and to ending them may take; none = no limit.
    /// Default 20 s. Calls have a deadline each.
    pub request_timeout: Option<Duration>,
    /// How long the router's answer to our goodbye may take; none = no limit. Default 5 s.
    pub close_timeout: Option<Duration>,
}

impl ClientSettings {
    /// The defaults for a realm.
    pub fn new(realm: impl Into<Text>) -> Self {
        ClientSettings {
            realm: realm.into(),
            agent: Some(Text::from_static(concat!("Transom-", env!("CARGO_PKG_VERSION")))),
            authenticator: Arc::new(Anonymous),
            join_timeout: Some(Duration::from_secs(20)),
            request_timeout: Some(Duration::from_secs(20)),
            close_timeout: Some(Duration::from_secs(5)),
        }
    }
}

/// Opens sessions of one realm over one transport.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    settings: ClientSettings,
}

impl Client {
    /// A client that has not connected yet.
    pub fn new(transport: Transport, settings: ClientSettings) -> Self {
        Client { transport, settings }
    }

    /// How it reaches the router.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// How it joins.
    pub fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    /// Connects and joins. The session's connection is a task of the runtime that this runs in. Dropping the future
    /// gives the attempt up.
    ///
    /// # Errors
    /// There is no connection, or the router does not open the session.
    pub async fn connect(&self) -> Result<Session, ConnectError> {
        let deadline = Deadline::after(self.settings.join_timeout);
        let (joined, wait) = oneshot::channel();
        let joining = Joining::new(&self.settings, joined);
        let driving = self.transport.open(deadline, &joining).await?;
        let Some(core) = joining.core() else { return Err(self.transport.timeout("session")) };
        // Whatever happens until there is a session, nothing is left behind.
        let leaving = Leaving(core.clone());
        let over = Over(core.clone());
        let close_timeout = self.settings.close_timeout;
        tokio::spawn(async move {
            let mut driving = driving;
            let result = tokio::select! {
                result = &mut driving => result,
                () = over.0.left_for(close_timeout) => {
                    over.0.cut();
                    driving.await
                }
            };
            over.0.over(result);
        });
        match deadline.run(wait).await {
            Ok(Ok(Ok(welcome))) => Ok(Session::new(leaving, welcome)),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => Err(ConnectError::Ended(core.ended().await)),
            Err(_) => Err(self.transport.timeout("WELCOME")),
        }
    }
}

/// Tells those who wait for the end of a session that it is over, also when its task ends by a panic.
struct Over(Arc<Core>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.over(Err(ServeError::Internal("the connection's task ended by a fault of ours".to_owned())));
    }
}

/// What HELLO says.
pub(crate) fn hello(settings: &ClientSettings) -> HelloDetails {
    let features =
        |names: &[&'static str]| Some(Features(names.iter().map(|name| Text::from_static(name)).collect()));
    HelloDetails {
        roles: ClientRoles {
            publisher: features(&[
                "publisher_exclusion",
                "publisher_identification",
                "subscriber_blackwhite_listing",
                "payload_passthru_mode",
            ]),
            subscriber: features(&[
                "pattern_based_subscription",
                "publisher_identification",
                "subscription_revocation",
                "payload_passthru_mode",
            ]),
            caller: features(&[
                "call_canceling",
                "call_timeout",
                "caller_identification",
                "payload_passthru_mode",
            ]),
            callee: features(&[
                "call_canceling",
                "caller_identification",
                "pattern_based_registration",
                "registration_revocation",
                "shared_registration",
                "payload_passthru_mode",
            ]),
        },
        agent: settings.agent.clone(),
        authmethods: Some(vec![settings.authenticator.method().into()]),
        ..HelloDetails::default()
    }
}
