//! A web service that says one thing.

use std::sync::Arc;

use transom_base::{BoxFuture, ConnInfo};
use transom_http::{Reply, Request, Response, Rest, WebService, full};

/// Answers every request with 200 and `NAME METHOD /rest/of/the/path`.
#[derive(Debug, Clone, Copy)]
pub struct Canned(pub &'static str);

impl WebService for Canned {
    fn call(&self, request: Request, _conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        let rest = request.extensions().get::<Rest>().cloned().unwrap_or_default();
        let text = format!("{} {} /{}", self.0, request.method(), rest.0.join("/"));
        Box::pin(std::future::ready(Response::new(full(text)).into()))
    }
}
