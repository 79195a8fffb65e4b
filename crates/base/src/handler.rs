//! Who serves a connection.

use std::future::Future;
use std::pin::Pin;

use crate::{ConnScope, Connection, ServeError};

/// A boxed future, one per connection or phase; never one per message.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Serves connections of one protocol, or finds out which protocol it is and hands on.
pub trait ConnectionHandler: Send + Sync {
    /// A short name for logs, such as `websocket`.
    fn name(&self) -> &str;

    /// Serves one connection to its end, in the task that polls the future.
    fn serve(&self, conn: Connection, scope: ConnScope) -> BoxFuture<'static, Result<(), ServeError>>;
}
