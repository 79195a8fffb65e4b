//! Answers that many services give.

use http::header::{ALLOW, CONNECTION, LOCATION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::{Response, empty, page};

/// Whether a request's method is among those; `HEAD` is wherever `GET` is.
pub fn allowed(method: &Method, methods: &[Method]) -> bool {
    methods.contains(method) || (method == Method::HEAD && methods.contains(&Method::GET))
}

/// 405 with the `Allow` header that RFC 9110 §15.5.6 asks for.
pub fn method_not_allowed(methods: &[Method]) -> Response {
    let mut response =
        page(StatusCode::METHOD_NOT_ALLOWED, "This path does not answer requests with that method.");
    response.headers_mut().insert(ALLOW, allow(methods));
    response
}

/// 204 with the `Allow` header: the answer to `OPTIONS`.
pub fn options(methods: &[Method]) -> Response {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, allow(methods));
    response
}

fn allow(methods: &[Method]) -> HeaderValue {
    let mut names: Vec<&str> = Vec::with_capacity(methods.len() + 1);
    for method in methods {
        names.push(method.as_str());
        if method == Method::GET && !methods.contains(&Method::HEAD) {
            names.push("HEAD");
        }
    }
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("GET"))
}

/// 302 to a place.
pub fn redirect(location: HeaderValue) -> Response {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, location);
    response
}

/// Whether a request asks for an upgrade to WebSocket (RFC 6455 §4.2.1, items 3 and 4). The rest of the handshake is
/// for the service that speaks WebSocket to judge.
pub fn wants_websocket(headers: &HeaderMap) -> bool {
    has_token(headers, UPGRADE, "websocket") && has_token(headers, CONNECTION, "upgrade")
}

fn has_token(headers: &HeaderMap, name: http::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allow_names_head_beside_get() {
        assert_eq!(allow(&[Method::GET, Method::OPTIONS]), "GET, HEAD, OPTIONS");
        assert_eq!(allow(&[Method::POST]), "POST");
        assert!(allowed(&Method::HEAD, &[Method::GET]));
        assert!(!allowed(&Method::POST, &[Method::GET]));
    }

    #[test]
    fn websocket_is_wanted_when_both_headers_say_so() {
        for (upgrade, connection, wanted) in [
            (Some("websocket"), Some("Upgrade"), true),
            (Some("WebSocket"), Some("keep-alive, upgrade"), true),
            (Some("h2c, websocket"), Some("Upgrade"), true),
            (Some("websocket"), Some("close"), false),
            (Some("websocket"), None, false),
            (Some("h2c"), Some("Upgrade"), false),
            (None, Some("Upgrade"), false),
            (Some("websockets"), Some("Upgrade"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = upgrade {
                headers.insert(UPGRADE, HeaderValue::from_static(value));
            }
            if let Some(value) = connection {
                headers.insert(CONNECTION, HeaderValue::from_static(value));
            }
            assert_eq!(wants_websocket(&headers), wanted, "{upgrade:?} {connection:?}");
        }
    }
}
