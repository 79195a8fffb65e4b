//! Which host names are served. Keeps a web page of some other site, whose name was made to point here, from being
//! taken for one of ours.

use std::collections::HashSet;
use std::sync::Arc;

use http::StatusCode;
use http::header::HOST;
use transom_base::{BoxFuture, ConnInfo};

use crate::{Reply, Request, WebService, page};

/// Passes requests for allowed host names on; any other gets 421 (RFC 9110 §15.5.20).
pub struct HostFilter {
    allowed: HashSet<String>,
    inner: Arc<dyn WebService>,
}

impl HostFilter {
    /// `allowed` are names or addresses without port, in any case; IPv6 addresses in brackets.
    pub fn new<I: AsRef<str>>(allowed: impl IntoIterator<Item = I>, inner: Arc<dyn WebService>) -> Self {
        let allowed = allowed.into_iter().map(|name| normal(name.as_ref())).collect();
        HostFilter { allowed, inner }
    }

    fn allows(&self, request: &Request) -> bool {
        // The authority of an absolute target replaces the header (RFC 9112 §3.2.2).
        let host = match request.uri().authority() {
            Some(authority) => Some(authority.as_str()),
            None => request.headers().get(HOST).and_then(|host| host.to_str().ok()),
        };
        host.is_some_and(|host| self.allowed.contains(&normal(without_port(host))))
    }
}

/// The host of `host[:port]`.
fn without_port(host: &str) -> &str {
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    if host.starts_with('[') {
        return host.split_inclusive(']').next().unwrap_or(host);
    }
    host.split(':').next().unwrap_or(host)
}

fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl WebService for HostFilter {
    fn call(&self, request: Request, conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        if self.allows(&request) {
            return self.inner.call(request, conn);
        }
        Box::pin(async { page(StatusCode::MISDIRECTED_REQUEST, "This host name is not served here.").into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::empty;
    use crate::path::tests::{Named, ask_with};

    #[tokio::test]
    async fn only_allowed_hosts_are_served() {
        let filter = HostFilter::new(["127.0.0.1", "LocalHost", "[::1]"], Arc::new(Named("in")));
        for (target, host, expected) in [
            ("/", Some("127.0.0.1"), 200),
            ("/", Some("127.0.0.1:8080"), 200),
            ("/", Some("localhost:8080"), 200),
            ("/", Some("LOCALHOST"), 200),
            ("/", Some("localhost."), 200),
            ("/", Some("[::1]"), 200),
            ("/", Some("[::1]:8080"), 200),
            ("/", Some("evil.example"), 421),
            ("/", Some("127.0.0.1.evil.example"), 421),
            ("/", Some("localhost.evil.example:8080"), 421),
            ("/", Some("[::2]"), 421),
            ("/", Some(""), 421),
            ("/", None, 421),
            ("http://localhost/", Some("evil.example"), 200),
            ("http://evil.example/", Some("localhost"), 421),
            ("http://localhost:1@evil.example/", Some("localhost"), 421),
        ] {
            let mut request = http::Request::builder().uri(target);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            let (status, _) = ask_with(&filter, request.body(empty()).unwrap()).await;
            assert_eq!(status, expected, "{target} {host:?}");
        }
    }
}
