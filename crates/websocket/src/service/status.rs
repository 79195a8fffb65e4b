//! What a browser sees that comes to a WebSocket address by itself.

use http::HeaderValue;
use http::header::{CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use transom_http::{Response, escape, full};

/// The status page: what this is, its URL where one is configured, and a way on.
pub(super) fn page(url: Option<&str>) -> Response {
    let address = match url {
        Some(url) => format!("<p>Its address is <code>{}</code>.</p>\n", escape(url)),
        None => String::new(),
    };
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>WAMP over WebSocket</title>\n</head>\n<body>\n<h1>WAMP over WebSocket</h1>\n\
         <p>This address is for programs: a WAMP router answers here over WebSocket. It is up.</p>\n\
         {address}<p>A WAMP client library connects to it; a browser finds nothing to show. \
         <a href=\"/\">To the start page</a></p>\n</body>\n</html>\n"
    );
    let mut response = Response::new(full(html));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
