//! The page that lists a directory.

use std::fmt::Write;
use std::io;
use std::path::Path;

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response as HttpResponse};
use transom_http::{Response, escape, full};

use super::encode;

/// Names on one page; further ones are only counted.
const MAX_NAMES: usize = 10_000;

/// The page for a directory that is reached by `rest`.
pub(super) async fn read(path: &Path, rest: &[String]) -> io::Result<String> {
    let mut names = Vec::new();
    let mut more = 0_usize;
    let mut entries = tokio::fs::read_dir(path).await?;
    while let Some(entry) = entries.next_entry().await? {
        // A name that is no UTF-8 cannot be asked for.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Ok(meta) = tokio::fs::metadata(entry.path()).await else { continue };
        if !meta.is_dir() && !meta.is_file() {
            continue;
        }
        if names.len() < MAX_NAMES {
            names.push((!meta.is_dir(), name));
        } else {
            more += 1;
        }
    }
    // Directories first.
    names.sort();
    let place = escape(&format!("/{}", rest.join("/")));
    let mut html = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
    let _ = write!(html, "<title>{place}</title>\n</head>\n<body>\n<h1>{place}</h1>\n<ul>\n");
    if !rest.is_empty() {
        html.push_str("<li><a href=\"../\">../</a></li>\n");
    }
    for (is_file, name) in &names {
        let slash = if *is_file { "" } else { "/" };
        let _ = writeln!(html, "<li><a href=\"./{}{slash}\">{}{slash}</a></li>", encode(name), escape(name));
    }
    html.push_str("</ul>\n");
    if more > 0 {
        let _ = writeln!(html, "<p>and {more} more</p>");
    }
    html.push_str("</body>\n</html>\n");
    Ok(html)
}

pub(super) fn response(html: String) -> Response {
    let mut response = HttpResponse::new(full(html));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
