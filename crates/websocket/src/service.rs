//! WAMP over WebSocket as a web service: judges the request, and turns its connection into a session.

mod status;

use std::sync::Arc;

use bytes::BytesMut;
use http::header::{CONNECTION, SERVER, UPGRADE};
use http::{HeaderValue, Method, StatusCode};
use transom_base::{BoxFuture, ConnInfo, drive};
use transom_http::{Reply, Request, Response, WebService, empty, page};
use transom_wamp::{RouterPort, Serializer};

use crate::handshake::{Origins, Refusal, ServerRules};
use crate::{WebSocketSession, WebSocketSettings};

/// Starts WAMP sessions on connections that ask for WebSocket, at whatever path it stands.
pub struct WampWebSocket {
    settings: Arc<WebSocketSettings>,
    rules: ServerRules,
    router: Arc<dyn RouterPort>,
}

impl WampWebSocket {
    /// A service whose sessions are opened at `router`.
    pub fn new(settings: WebSocketSettings, router: Arc<dyn RouterPort>) -> Self {
        let spoken = &settings.serializers;
        let rules = ServerRules {
            rfc6455: settings.enable_rfc6455,
            hybi10: settings.enable_hybi10,
            external_port: settings.external_port,
            origins: Origins::new(settings.allowed_origins.iter().cloned(), settings.allow_null_origin),
            subprotocols: spoken.iter().map(|serializer| serializer.subprotocol()).collect(),
            // The way out without a subprotocol is JSON: without that there is none.
            require_subprotocol: settings.require_websocket_subprotocol
                || !spoken.contains(&Serializer::Json),
        };
        WampWebSocket { settings: Arc::new(settings), rules, router }
    }

    fn answer(&self, request: &Request, conn: Arc<ConnInfo>) -> Result<Reply, Refusal> {
        let plain = [Method::GET, Method::HEAD].contains(request.method())
            && !request.headers().contains_key(UPGRADE);
        if plain && self.settings.enable_webstatus {
            self.rules.check_request(request)?;
            return Ok(status::page(self.settings.url.as_deref()).into());
        }
        let accepted = self.rules.accept(request)?;
        let serializer = self
            .settings
            .serializers
            .iter()
            .copied()
            .find(|serializer| Some(serializer.subprotocol()) == accepted.subprotocol)
            .unwrap_or(Serializer::Json);
        let mut head = Response::new(empty());
        *head.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *head.headers_mut() = accepted.headers;
        let settings = self.settings.clone();
        let router = self.router.clone();
        let then = Box::new(move |connection: transom_base::Connection, scope| {
            let session = WebSocketSession::new(settings, serializer, conn, &*router);
            drive(connection.io, BytesMut::new(), session, scope)
        });
        Ok(Reply::Upgrade { head, then })
    }

    fn refused(refusal: Refusal) -> Response {
        let mut response = page(refusal.status, &refusal.message);
        response.headers_mut().extend(refusal.header);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    fn server(&self) -> HeaderValue {
        HeaderValue::from_static(if self.settings.show_server_version {
            concat!("Transom/", env!("CARGO_PKG_VERSION"))
        } else {
            "Transom"
        })
    }
}

impl WebService for WampWebSocket {
    fn call(&self, request: Request, conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        let mut reply = self.answer(&request, conn).unwrap_or_else(|refusal| Self::refused(refusal).into());
        let (Reply::Response(head) | Reply::Upgrade { head, .. }) = &mut reply;
        head.headers_mut().insert(SERVER, self.server());
        Box::pin(std::future::ready(reply))
    }
}

impl std::fmt::Debug for WampWebSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WampWebSocket").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
