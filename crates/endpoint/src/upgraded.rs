//! A handler behind steps such as TLS, and a connector before them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use transom_base::{
    BoxFuture, ConnScope, Connection, ConnectionHandler, Deadline, ErrorKind, ServeError, Serving, in_phases,
};

use crate::{Connector, EndpointError, Upgrade};

/// Takes steps such as a PROXY header and TLS, each within its time limit, and serves what comes out of them. The steps
/// run in the connection's own task, and their memory is gone before the handler begins.
pub struct Upgraded {
    steps: Arc<[Step]>,
    handler: Arc<dyn ConnectionHandler>,
}

struct Step {
    upgrade: Arc<dyn Upgrade>,
    timeout: Option<Duration>,
}

impl Upgraded {
    /// Takes the steps in order, each with its time limit (none = no limit), then hands to `handler`.
    pub fn new(
        steps: impl IntoIterator<Item = (Arc<dyn Upgrade>, Option<Duration>)>,
        handler: Arc<dyn ConnectionHandler>,
    ) -> Self {
        let steps = steps.into_iter().map(|(upgrade, timeout)| Step { upgrade, timeout }).collect();
        Upgraded { steps, handler }
    }
}

impl ConnectionHandler for Upgraded {
    fn name(&self) -> &str {
        self.handler.name()
    }

    fn serve(&self, mut conn: Connection, scope: ConnScope) -> Serving {
        let (steps, handler) = (self.steps.clone(), self.handler.clone());
        in_phases(async move {
            for step in steps.iter() {
                conn = step.upgrade.apply(conn, Deadline::after(step.timeout)).await.map_err(step_failed)?;
            }
            Ok(handler.serve(conn, scope))
        })
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("steps", &self.steps.len()).finish_non_exhaustive()
    }
}

/// Connects, and takes steps such as TLS on what it connected.
pub struct UpgradedConnector {
    connector: Arc<dyn Connector>,
    steps: Vec<Step>,
    timeout: Option<Duration>,
}

impl UpgradedConnector {
    /// Takes the steps in order, each by the deadline of the whole and with its own time limit (none = no further limit).
    pub fn new(
        connector: Arc<dyn Connector>,
        steps: impl IntoIterator<Item = (Arc<dyn Upgrade>, Option<Duration>)>,
    ) -> Self {
        let steps = steps.into_iter().map(|(upgrade, timeout)| Step { upgrade, timeout }).collect();
        UpgradedConnector { connector, steps, timeout: None }
    }

    /// The connection and all steps together by this time limit; none (the default) = no further limit.
    #[must_use]
    pub fn within(self, timeout: Option<Duration>) -> Self {
        UpgradedConnector { timeout, ..self }
    }
}

impl Connector for UpgradedConnector {
    fn connect(&self, deadline: Deadline) -> BoxFuture<'_, Result<Connection, EndpointError>> {
        let deadline = deadline.or_earlier(Deadline::after(self.timeout));
        Box::pin(async move {
            let mut conn = self.connector.connect(deadline).await?;
            for step in &self.steps {
                let deadline = deadline.or_earlier(Deadline::after(step.timeout));
                conn = step.upgrade.apply(conn, deadline).await?;
            }
            Ok(conn)
        })
    }

    fn target(&self) -> String {
        self.connector.target()
    }
}

impl fmt::Debug for UpgradedConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradedConnector")
            .field("target", &self.target())
            .field("steps", &self.steps.len())
            .finish_non_exhaustive()
    }
}

/// The end of a connection whose step was not taken.
pub(crate) fn step_failed(error: EndpointError) -> ServeError {
    let text = error.chain();
    match error.kind() {
        ErrorKind::PeerClosed => ServeError::Io(std::io::Error::other(text)),
        ErrorKind::Timeout => ServeError::Timeout(text),
        ErrorKind::Limit => ServeError::Limit(text),
        ErrorKind::Config | ErrorKind::Bind | ErrorKind::Internal => ServeError::Internal(text),
        _ => ServeError::Protocol(text),
    }
}
