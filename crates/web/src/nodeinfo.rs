//! The page a node shows of itself: what it is, how to connect, what is connected, and a console to try it with.
//! It comes from the binary alone: nothing on it is loaded from elsewhere.
//!
//! The live page and its console are for nodes whose configuration says so; any other shows a plain page that tells
//! nothing about the machine.

mod assets;
mod facts;
mod render;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, StatusCode};
use transom_base::{BoxFuture, ConnInfo};
use transom_http::{Reply, Request, Response, Rest, WebService, allowed, full, method_not_allowed, page};

pub use facts::{Facts, NodeFacts, RealmFacts, TransportFacts, UrlFacts};

/// The component below the page at which its parts are found.
const PARTS: &str = "_transom";

/// No script and no style but the page's own files; WebSocket to wherever its user says.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeInfoSettings {
    /// The live page with its console. Default false: a plain page.
    pub console: bool,
    /// Answer below the page with 404. Default false: with the page.
    pub exact: bool,
}

/// Serves the page.
pub struct NodeInfo {
    facts: Arc<dyn NodeFacts>,
    settings: NodeInfoSettings,
}

impl NodeInfo {
    /// The page about the node that `facts` tells of.
    pub fn new(facts: Arc<dyn NodeFacts>, settings: NodeInfoSettings) -> Self {
        NodeInfo { facts, settings }
    }

    fn answer(&self, request: &Request) -> Response {
        if !allowed(request.method(), &[Method::GET]) {
            return method_not_allowed(&[Method::GET]);
        }
        let rest = request.extensions().get::<Rest>().map(|rest| rest.0.as_slice()).unwrap_or_default();
        match rest {
            [first, part] if first == PARTS => self.part(part),
            [] => self.page(request, 0),
            _ if self.settings.exact => not_found(),
            rest => self.page(request, rest.len()),
        }
    }

    fn page(&self, request: &Request, below: usize) -> Response {
        let base = render::base(request.uri().path(), below, PARTS);
        let facts = self.facts.facts();
        let html = match self.settings.console {
            true => render::live(&facts, &base),
            false => render::plain(&facts, &base),
        };
        answer("text/html; charset=utf-8", html.into())
    }

    fn part(&self, name: &str) -> Response {
        if name == "facts.json" && self.settings.console {
            let facts = self.facts.facts().to_json().to_string();
            return answer("application/json; charset=utf-8", facts.into());
        }
        match assets::find(name) {
            Some(asset) if self.settings.console || !asset.live => {
                answer(asset.media_type, Bytes::from_static(asset.bytes.as_bytes()))
            }
            _ => not_found(),
        }
    }
}

impl WebService for NodeInfo {
    fn call(&self, request: Request, _conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        let response = self.answer(&request);
        Box::pin(async move { response.into() })
    }
}

fn answer(media_type: &'static str, body: Bytes) -> Response {
    let mut response = Response::new(full(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    // Another version of the node may answer the next time.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn not_found() -> Response {
    page(StatusCode::NOT_FOUND, "There is nothing at this path.")
}

#[cfg(test)]
mod tests;
