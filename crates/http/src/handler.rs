//! Serves a connection with HTTP/1.1 or HTTP/2: hyper reads and writes, a [`WebService`] answers, and this module keeps the time
//! limits, follows the node's phase and hands the connection on when it is upgraded.

mod calls;
mod drive;
mod http2;
mod limits;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use hyper::server::conn::http1;
use hyper_util::rt::TokioExecutor;
use transom_base::{BoxFuture, ConnScope, Connection, ConnectionHandler, ServeError, in_phases};

use crate::WebService;

/// The smallest buffer that hyper accepts.
const MIN_BUFFER: usize = 8192;

/// Limits and manners of HTTP connections.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HttpSettings {
    /// Time for a request's head: from accepting for the first request, from its first byte for later ones.
    /// Default 10 s; `None` = no limit.
    pub header_timeout: Option<Duration>,
    /// Time that a kept-alive connection may be silent between requests; also how long a peer may neither take any
    /// byte of a response nor send any of a body. Default 60 s; `None` = no limit.
    pub idle_timeout: Option<Duration>,
    /// Size of a request's head, bytes. Default 32768.
    pub max_header_bytes: usize,
    /// Size of a request's body, bytes. Default 1 MiB.
    pub max_body_bytes: u64,
    /// Log every request at level info, target `access`. Default false.
    pub access_log: bool,
    /// `max-age` of `Strict-Transport-Security` on every response, seconds; 0 tells browsers to forget it.
    /// Default `None`: not sent.
    pub hsts: Option<u64>,
    /// `Server` on every response that does not have its own. Default `None`: not sent.
    pub server: Option<HeaderValue>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        HttpSettings {
            header_timeout: Some(Duration::from_secs(10)),
            idle_timeout: Some(Duration::from_secs(60)),
            max_header_bytes: 32 * 1024,
            max_body_bytes: 1024 * 1024,
            access_log: false,
            hsts: None,
            server: None,
        }
    }
}

/// Serves connections with HTTP/1.1, and with HTTP/2 where the client begins with its preface (RFC 9113 §3.3, 3.4): by
/// agreement through ALPN, or because it knows.
pub struct HttpHandler {
    shared: Arc<Shared>,
}

/// What all connections of a handler have in common.
struct Shared {
    service: Arc<dyn WebService>,
    http1: http1::Builder,
    http2: hyper::server::conn::http2::Builder<TokioExecutor>,
    settings: HttpSettings,
    hsts: Option<HeaderValue>,
}

impl HttpHandler {
    /// A handler whose requests `service` answers.
    pub fn new(service: Arc<dyn WebService>, settings: HttpSettings) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            // A client may close its side behind its last request, as simple ones do.
            .half_close(true)
            .max_header_size(settings.max_header_bytes)
            .max_buf_size(settings.max_header_bytes.max(MIN_BUFFER))
            // The limits of this crate know the difference between a slow head and an idle connection.
            .header_read_timeout(None);
        let hsts = settings.hsts.and_then(|age| HeaderValue::from_str(&format!("max-age={age}")).ok());
        HttpHandler {
            shared: Arc::new(Shared { service, http1, http2: http2::builder(&settings), settings, hsts }),
        }
    }
}

impl ConnectionHandler for HttpHandler {
    fn name(&self) -> &str {
        "http"
    }

    fn serve(&self, conn: Connection, scope: ConnScope) -> BoxFuture<'static, Result<(), ServeError>> {
        in_phases(drive::run(Arc::clone(&self.shared), conn, scope))
    }
}

#[cfg(test)]
mod tests;
