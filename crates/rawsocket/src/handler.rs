//! Serves RawSocket connections.

use std::sync::Arc;

use bytes::BytesMut;
use transom_base::{BoxFuture, ConnScope, Connection, ConnectionHandler, ServeError, drive};
use transom_wamp::RouterPort;

use crate::{RawSocketSession, Settings};

/// Serves WAMP over RawSocket.
pub struct RawSocket {
    settings: Arc<Settings>,
    router: Arc<dyn RouterPort>,
}

impl RawSocket {
    /// Sessions are opened with `router`.
    pub fn new(settings: Settings, router: Arc<dyn RouterPort>) -> Self {
        RawSocket { settings: Arc::new(settings), router }
    }
}

impl ConnectionHandler for RawSocket {
    fn name(&self) -> &str {
        "rawsocket"
    }

    fn serve(&self, conn: Connection, scope: ConnScope) -> BoxFuture<'static, Result<(), ServeError>> {
        let session = RawSocketSession::new(self.settings.clone(), self.router.clone(), conn.info);
        drive(conn.io, BytesMut::new(), session, scope)
    }
}

impl std::fmt::Debug for RawSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawSocket").field("settings", &self.settings).finish_non_exhaustive()
    }
}
