//! Bodies of requests and responses, of whatever kind.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{Response, page};

/// The body of a request or response.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body could not be read or made.
#[derive(Debug, thiserror::Error)]
#[error("the body broke off")]
pub struct BodyError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A request's body is longer than the connection's limit. The cause of a [`BodyError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is longer than {0} bytes")]
pub struct BodyTooLarge(pub u64);

/// No byte of a request's body came for too long. The cause of a [`BodyError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no byte of the body came for {0:?}")]
pub struct BodyTooSlow(pub Duration);

/// A body that is there at once.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body.
pub fn empty() -> Body {
    full(Bytes::new())
}

/// Reads a request's body to its end; its size is bounded by the connection's limit.
///
/// # Errors
///
/// The response to give instead: 413 above the limit, 408 when the peer stalls, 400 when the body breaks off.
pub async fn read_body(body: Body) -> Result<Bytes, Response> {
    let error = match body.collect().await {
        Ok(all) => return Ok(all.to_bytes()),
        Err(error) => error,
    };
    Err(if error.0.is::<BodyTooLarge>() {
        page(StatusCode::PAYLOAD_TOO_LARGE, "The request's body is too long.")
    } else if error.0.is::<BodyTooSlow>() {
        page(StatusCode::REQUEST_TIMEOUT, "The request's body came too slowly.")
    } else {
        page(StatusCode::BAD_REQUEST, "The request's body broke off.")
    })
}

/// A request's body within its limits.
pub(crate) struct Limited {
    inner: Incoming,
    max: u64,
    left: u64,
    patience: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Limited {
    pub(crate) fn new(inner: Incoming, max: u64, patience: Option<Duration>) -> Self {
        Limited { inner, max, left: max, patience, timer: None }
    }

    /// Whether the peer has let the time pass that one piece may take.
    fn stalled(&mut self, cx: &mut Context<'_>) -> Poll<BodyTooSlow> {
        let Some(patience) = self.patience else { return Poll::Pending };
        let Some(until) = Instant::now().checked_add(patience) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        timer.as_mut().poll(cx).map(|()| BodyTooSlow(patience))
    }
}

impl HttpBody for Limited {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let frame = match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let late = ready!(this.stalled(cx));
                return Poll::Ready(Some(Err(BodyError(Box::new(late)))));
            }
        };
        this.timer = None;
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| BodyError(Box::new(error)))?;
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            this.left =
                this.left.checked_sub(length).ok_or_else(|| BodyError(Box::new(BodyTooLarge(this.max))))?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
