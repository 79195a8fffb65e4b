//! A fixed JSON value.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method};
use transom_base::{BoxFuture, ConnInfo};
use transom_http::{Reply, Request, Response, WebService, allowed, full, method_not_allowed, options};

use crate::cors::Cors;

const METHODS: [Method; 2] = [Method::GET, Method::OPTIONS];

/// How a JSON value is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonSettings {
    /// Indent the text. Default false.
    pub prettify: bool,
    /// Let pages of any origin read it. Default true.
    pub allow_cross_origin: bool,
    /// Send headers against caching. Default false.
    pub discourage_caching: bool,
}

impl Default for JsonSettings {
    fn default() -> Self {
        JsonSettings { prettify: false, allow_cross_origin: true, discourage_caching: false }
    }
}

/// Serves a fixed JSON value.
#[derive(Debug)]
pub struct JsonValue {
    text: Bytes,
    settings: JsonSettings,
}

impl JsonValue {
    /// Serves `value`.
    pub fn new(value: &serde_json::Value, settings: JsonSettings) -> Self {
        let text = if settings.prettify { format!("{value:#}\n") } else { value.to_string() };
        JsonValue { text: text.into(), settings }
    }

    fn answer(&self, request: &Request) -> Response {
        let mut response = match *request.method() {
            Method::OPTIONS => options(&METHODS),
            ref method if allowed(method, &METHODS) => {
                let mut response = Response::new(full(self.text.clone()));
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
                if self.settings.discourage_caching {
                    let never = "no-store, no-cache, must-revalidate, max-age=0";
                    headers.insert(CACHE_CONTROL, HeaderValue::from_static(never));
                }
                response
            }
            _ => method_not_allowed(&METHODS),
        };
        if self.settings.allow_cross_origin {
            Cors::of(request.headers()).allow(response.headers_mut());
        }
        response
    }
}

impl WebService for JsonValue {
    fn call(&self, request: Request, _conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        let response = self.answer(&request);
        Box::pin(async move { response.into() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Asked, ask, request};

    #[tokio::test]
    async fn value_is_served_with_the_headers_that_its_settings_say() {
        let value = json!({"z": 1, "a": ["é", null]});
        let plain = JsonValue::new(&value, JsonSettings::default());
        let Asked { status, headers, body } = ask(&plain, request("GET", "/any/thing")).await;
        assert_eq!((status, body.as_str()), (200, r#"{"z":1,"a":["é",null]}"#));
        assert_eq!(headers["content-type"], "application/json; charset=utf-8");
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert!(!headers.contains_key("cache-control"));

        let settings = JsonSettings { prettify: true, allow_cross_origin: false, discourage_caching: true };
        let fancy = JsonValue::new(&value, settings);
        let Asked { headers, body, .. } = ask(&fancy, request("GET", "/")).await;
        assert_eq!(body, "{\n  \"z\": 1,\n  \"a\": [\n    \"é\",\n    null\n  ]\n}\n");
        assert_eq!(headers["cache-control"], "no-store, no-cache, must-revalidate, max-age=0");
        assert!(!headers.contains_key("access-control-allow-origin"));
    }

    #[tokio::test]
    async fn other_methods_get_405_and_preflights_their_answer() {
        let service = JsonValue::new(&json!(1), JsonSettings::default());
        let Asked { status, headers, .. } = ask(&service, request("POST", "/")).await;
        assert_eq!((status, &headers["allow"]), (405, &"GET, HEAD, OPTIONS".parse().unwrap()));
        let mut preflight = request("OPTIONS", "/");
        preflight.headers_mut().insert("origin", "https://a.example".parse().unwrap());
        preflight.headers_mut().insert("access-control-request-headers", "x-y".parse().unwrap());
        let Asked { status, headers, .. } = ask(&service, preflight).await;
        assert_eq!(status, 204);
        assert_eq!(headers["access-control-allow-origin"], "https://a.example");
        assert_eq!(headers["access-control-allow-headers"], "x-y");
        assert_eq!(headers["access-control-allow-methods"], "GET, HEAD, OPTIONS");
    }
}
