//! Between hyper and the [`WebService`](crate::WebService): one call per request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, SERVER, STRICT_TRANSPORT_SECURITY};
use http::{HeaderValue, StatusCode, Version};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::Service;
use transom_base::{BoxFuture, ConnInfo};

use super::watched::{Answering, Progress};
use super::{HttpSettings, Shared};
use crate::body::Limited;
use crate::{Body, BodyError, Reply, Response, Upgraded, empty, page};

/// Calls the service, and keeps who is to have the connection after an upgrade.
pub(super) struct Calls {
    pub(super) shared: Arc<Shared>,
    pub(super) info: Arc<ConnInfo>,
    pub(super) progress: Arc<Progress>,
    pub(super) upgraded: Arc<Mutex<Option<Upgraded>>>,
}

impl Service<http::Request<Incoming>> for Calls {
    type Response = http::Response<Answer>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn call(&self, mut request: http::Request<Incoming>) -> Self::Future {
        let answering = self.progress.answering();
        let shared = Arc::clone(&self.shared);
        let info = Arc::clone(&self.info);
        let upgraded = Arc::clone(&self.upgraded);
        Box::pin(async move {
            let http2 = request.version() == Version::HTTP_2;
            if http2 {
                name_host(&mut request);
            }
            let access = shared.settings.access_log.then(|| Access::new(&request, &info));
            let reply = match refusal(&request, &shared.settings) {
                Some(response) => response.into(),
                None => {
                    let request = request.map(|body| limited(body, &shared));
                    shared.service.call(request, info).await
                }
            };
            let mut response = match reply {
                Reply::Response(response) => response,
                Reply::Upgrade { .. } if http2 => {
                    page(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "Connections are upgraded in HTTP/1.1 only.")
                }
                Reply::Upgrade { head, then } => {
                    *upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(then);
                    head
                }
            };
            if let Some(value) = &shared.settings.server {
                response.headers_mut().entry(SERVER).or_insert_with(|| value.clone());
            }
            if let Some(value) = &shared.hsts {
                response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, value.clone());
            }
            if http2 {
                // RFC 9113 §8.2.2: there is no such field, one stream being no connection.
                response.headers_mut().remove(CONNECTION);
            }
            if let Some(access) = access {
                access.log(response.status());
            }
            Ok(response.map(|body| Answer { body, _answering: answering }))
        })
    }
}

/// Gives a request of HTTP/2 the Host header that its `:authority` stands for (RFC 9113 §8.3.1).
fn name_host<B>(request: &mut http::Request<B>) {
    let authority = request.uri().authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    if let Some(Ok(host)) = authority {
        request.headers_mut().entry(HOST).or_insert(host);
    }
}

fn limited(body: Incoming, shared: &Shared) -> Body {
    if body.is_end_stream() {
        return empty();
    }
    let limited = Limited::new(body, shared.settings.max_body_bytes, shared.settings.idle_timeout);
    Body::new(limited)
}

/// What no service has to judge.
fn refusal(request: &http::Request<Incoming>, settings: &HttpSettings) -> Option<Response> {
    // hyper applies the limit only to a head that comes in several pieces.
    if head_bytes(request) > settings.max_header_bytes {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some(page(status, "The request's head is too large."));
    }
    // RFC 9112 §3.2: exactly one Host in HTTP/1.1.
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Some(page(StatusCode::BAD_REQUEST, "A request has exactly one Host header."));
    }
    if request.body().size_hint().lower() > settings.max_body_bytes {
        return Some(page(StatusCode::PAYLOAD_TOO_LARGE, "The request's body is too long."));
    }
    None
}

/// The size of a request's head as it is usually written.
fn head_bytes(request: &http::Request<Incoming>) -> usize {
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len())
        + uri.authority().map_or(0, |authority| authority.as_str().len());
    let line = request.method().as_str().len() + target + " ".len() + " HTTP/1.1\r\n".len();
    let fields = request.headers().iter();
    let fields: usize = fields.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
    line + fields + "\r\n".len()
}

/// A line of the access log. The query is left out: it may hold secrets.
struct Access {
    client: String,
    method: http::Method,
    path: String,
    begin: Instant,
}

impl Access {
    fn new(request: &http::Request<Incoming>, info: &ConnInfo) -> Self {
        Access {
            client: info.client().to_string(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            begin: Instant::now(),
        }
    }

    fn log(self, status: StatusCode) {
        let Access { client, method, path, begin } = self;
        let ms = begin.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(target: "access", %client, %method, path, status = status.as_u16(), ms, "request");
    }
}

/// A response's body; when it is gone, the answer is, too.
pub(super) struct Answer {
    body: Body,
    _answering: Answering,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
