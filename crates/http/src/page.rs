//! Small pages for people: what went wrong, in one sentence. No style, no script, nothing from elsewhere.

use std::fmt::Write;

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

use crate::{Response, full};

/// A page with a status, its usual name as the title, and one sentence, which is escaped.
pub fn page(status: StatusCode, sentence: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Answer");
    let mut html = String::with_capacity(320 + sentence.len());
    html.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
    let _ = write!(html, "<title>{} {title}</title>\n</head>\n<body>\n", status.as_u16());
    let _ = write!(html, "<h1>{title}</h1>\n<p>{}</p>\n</body>\n</html>\n", escape(sentence));
    let mut response = Response::new(full(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A text as HTML: in element content and in quoted attribute values it means itself.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn sentence_of_a_page_is_escaped() {
        let response = page(StatusCode::NOT_FOUND, "<script>alert('\"&')</script>");
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()["content-security-policy"], "default-src 'self'");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = std::str::from_utf8(&body).unwrap();
        assert!(body.contains("&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;"), "{body}");
        assert!(!body.contains("<script"));
        assert!(body.contains("<title>404 Not Found</title>"));
    }
}
