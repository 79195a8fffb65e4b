//! What answers a path.

use std::sync::Arc;

use transom_base::{BoxFuture, ConnInfo, ConnScope, Connection, ServeError};

use crate::Body;

/// A request. Its extensions hold [`Rest`].
pub type Request = http::Request<Body>;

/// A response.
pub type Response = http::Response<Body>;

/// Answers requests below one path.
pub trait WebService: Send + Sync {
    /// Answers one request of a connection about which `conn` tells.
    fn call(&self, request: Request, conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply>;
}

/// The answer to a request.
pub enum Reply {
    /// A response; the connection goes on.
    Response(Response),
    /// Another protocol: after the head is sent, `then` has the connection, in the same task.
    Upgrade {
        /// A response with status 101.
        head: Response,
        /// Serves the rest of the connection.
        then: Upgraded,
    },
}

/// Serves a connection after an upgrade: the raw stream with what was read too far in front of it, and the scope with
/// the connection's permit.
pub type Upgraded =
    Box<dyn FnOnce(Connection, ConnScope) -> BoxFuture<'static, Result<(), ServeError>> + Send>;

/// The path components that are left for the service, percent-decoded, without empty ones at the front. An extension
/// of each [`Request`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rest(pub Vec<String>);

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Reply::Response(response)
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reply::Response(response) => f.debug_tuple("Response").field(&response.status()).finish(),
            Reply::Upgrade { head, .. } => f.debug_tuple("Upgrade").field(&head.status()).finish(),
        }
    }
}
