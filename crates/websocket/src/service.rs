//! WAMP over WebSocket as a web service: judges the request, and turns its connection into a session.

mod status;

use std::sync::Arc;

use bytes::BytesMut;
use http::header::{CONNECTION, SEC_WEBSOCKET_EXTENSIONS, SERVER, SET_COOKIE, UPGRADE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use transom_base::{BoxFuture, ConnInfo, drive};
use transom_http::{Reply, Request, Response, WebService, empty, page};
use transom_wamp::{RouterPort, Serializer, Subprotocol, Text};

use crate::handshake::{Origins, Refusal, ServerRules};
use crate::{Agreement, DeflateServer, Role, WebSocketSession, WebSocketSettings};

/// Knows browsers by their cookies.
pub trait Recognizer: Send + Sync {
    /// Whose headers these are. It is asked once an upgrade is accepted; who is refused gets no cookie.
    fn recognize(&self, headers: &HeaderMap) -> Option<Recognized>;
}

/// A browser that is known by a cookie from now on.
#[derive(Debug, Clone)]
pub struct Recognized {
    /// What it is known by.
    pub cookie: Text,
    /// The header `Set-Cookie` (RFC 6265 §4.1) for a browser that was not known.
    pub set_cookie: Option<HeaderValue>,
}

/// Starts WAMP sessions on connections that ask for WebSocket, at whatever path it stands.
pub struct WampWebSocket {
    settings: Arc<WebSocketSettings>,
    rules: ServerRules,
    deflate: Option<DeflateServer>,
    router: Arc<dyn RouterPort>,
    recognizer: Option<Arc<dyn Recognizer>>,
}

impl WampWebSocket {
    /// A service whose sessions are opened at `router`.
    pub fn new(settings: WebSocketSettings, router: Arc<dyn RouterPort>) -> Self {
        let spoken = &settings.serializers;
        let mut names = Vec::new();
        for &serializer in spoken {
            for batched in [false, true] {
                let name = Subprotocol { serializer, batched }.name();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        let rules = ServerRules {
            rfc6455: settings.enable_rfc6455,
            hybi10: settings.enable_hybi10,
            external_port: settings.external_port,
            origins: Origins::new(settings.allowed_origins.iter().cloned(), settings.allow_null_origin),
            subprotocols: names,
            // The way out without a subprotocol is JSON: without that there is none.
            require_subprotocol: settings.require_websocket_subprotocol
                || !spoken.contains(&Serializer::Json),
        };
        let deflate = settings.compression.map(DeflateServer::new);
        WampWebSocket { settings: Arc::new(settings), rules, deflate, router, recognizer: None }
    }

    /// The same for browsers that are known again.
    pub fn with_recognizer(mut self, recognizer: Arc<dyn Recognizer>) -> Self {
        self.recognizer = Some(recognizer);
        self
    }

    fn answer(&self, request: &Request, conn: Arc<ConnInfo>) -> Result<Reply, Refusal> {
        let plain = [Method::GET, Method::HEAD].contains(request.method())
            && !request.headers().contains_key(UPGRADE);
        if plain && self.settings.enable_webstatus {
            self.rules.check_request(request)?;
            return Ok(status::page(self.settings.url.as_deref()).into());
        }
        let accepted = self.rules.accept(request)?;
        let subprotocol = match accepted.subprotocol {
            Some(name) => self.subprotocol(name, request),
            None => Subprotocol { serializer: Serializer::Json, batched: false },
        };
        let mut head = Response::new(empty());
        *head.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *head.headers_mut() = accepted.headers;
        let deflate = self.deflate.as_ref().and_then(|server| server.accept(request.headers()));
        let deflate = deflate.map(|(agreed, value)| {
            head.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, value);
            agreed
        });
        let recognized =
            self.recognizer.as_ref().and_then(|recognizer| recognizer.recognize(request.headers()));
        let cookie = recognized.map(|Recognized { cookie, set_cookie }| {
            set_cookie.map(|value| head.headers_mut().append(SET_COOKIE, value));
            cookie
        });
        let agreed = Agreement { subprotocol, deflate, cookie };
        let settings = self.settings.clone();
        let router = self.router.clone();
        let then = Box::new(move |connection: transom_base::Connection, scope| {
            let session = WebSocketSession::new(settings, Role::Server, agreed, conn, &*router);
            drive(connection.io, BytesMut::new(), session, scope)
        });
        Ok(Reply::Upgrade { head, then })
    }

    /// The subprotocol of a name that was agreed on. Where the name has two meanings the client's program tells which.
    fn subprotocol(&self, name: &str, request: &Request) -> Subprotocol {
        let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let draft12 = agent.is_some_and(speaks_draft12);
        let likely = |found: &Subprotocol| match found.serializer {
            Serializer::Ubjson => draft12,
            Serializer::BjData => !draft12,
            _ => true,
        };
        let mut named = Subprotocol::named(name, &self.settings.serializers);
        let first = named.next().unwrap_or(Subprotocol { serializer: Serializer::Json, batched: false });
        std::iter::once(first).chain(named).find(likely).unwrap_or(first)
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

/// Whether a client is an Autobahn|Python from before it changed its UBJSON, which was with 26.
fn speaks_draft12(agent: &str) -> bool {
    let version = agent.strip_prefix("AutobahnPython/").and_then(|version| version.split('.').next());
    version.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major < 26)
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
