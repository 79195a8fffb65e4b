//! Asks a service as a connection would.

use std::sync::Arc;

use http::HeaderMap;
use http_body_util::BodyExt;
use transom_base::{Address, ConnInfo};
use transom_http::{Reply, Request, Rest, WebService, components, empty};

pub(crate) struct Asked {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A request for a service at the root.
pub(crate) fn request(method: &str, target: &str) -> Request {
    let mut request = http::Request::builder().method(method).uri(target).body(empty()).unwrap();
    let rest = components(request.uri().path()).unwrap();
    request.extensions_mut().insert(Rest(rest));
    request
}

pub(crate) async fn ask(service: &dyn WebService, request: Request) -> Asked {
    let conn = Arc::new(ConnInfo::new(Address::Memory(1), Address::Memory(2)));
    let Reply::Response(response) = service.call(request, conn).await else { panic!("no upgrade") };
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Asked {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}
