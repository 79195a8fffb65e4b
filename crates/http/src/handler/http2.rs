//! A connection that speaks HTTP/2 (RFC 9113): requests side by side, each in a task of its own. Nothing is upgraded
//! here: WebSocket over HTTP/2 (RFC 8441) is not spoken.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use transom_base::{ConnScope, Deadline, FLUSH_TIMEOUT, Phase, ServeError};

use super::calls::Calls;
use super::drive::{End, phase_after, why};
use super::limits::{Late, Limits};
use super::watched::Watched;
use super::{HttpSettings, Shared};

/// Requests that a client may have open at once.
const MAX_STREAMS: u32 = 100;

/// Octets of bodies that a client may have on their way: for one request, and for all.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Octets of one answer that wait for a client to take them.
const SEND_BUFFER: usize = 64 * 1024;

pub(super) fn builder(settings: &HttpSettings) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(settings.max_header_bytes).unwrap_or(u32::MAX));
    builder
}

/// Serves it to its end. A client that asks for nothing for too long is told that this was all.
pub(super) async fn run(
    shared: &Shared,
    stream: Watched,
    calls: Calls,
    mut limits: Limits,
    scope: &ConnScope,
) -> Result<(), ServeError> {
    let progress = calls.progress.clone();
    progress.multiplex();
    let mut http = shared.http2.serve_connection(TokioIo::new(stream), calls);
    let mut phase = phase_after(&scope.drain, Phase::Draining);
    let mut replaced = scope.replaced.as_ref().map(|replaced| phase_after(replaced, Phase::Draining));
    let end = poll_fn(|cx| {
        while phase.as_mut().poll(cx).is_ready() {
            if scope.drain.phase() == Phase::Aborting {
                return Poll::Ready(End::Aborted);
            }
            Pin::new(&mut http).graceful_shutdown();
            phase = phase_after(&scope.drain, Phase::Aborting);
        }
        if replaced.as_mut().is_some_and(|replaced| replaced.as_mut().poll(cx).is_ready()) {
            replaced = None;
            Pin::new(&mut http).graceful_shutdown();
        }
        if let Poll::Ready(result) = Pin::new(&mut http).poll(cx) {
            return Poll::Ready(End::Hyper(result));
        }
        limits.poll(cx).map(End::Late)
    })
    .await;
    match end {
        End::Hyper(Ok(())) => Ok(()),
        End::Hyper(Err(error)) => Err(why(error, &progress)),
        End::Aborted => Err(ServeError::Aborted),
        End::Late(Late::Answer) => Err(ServeError::Timeout("the peer takes no more of its answers".into())),
        End::Late(late) => {
            Pin::new(&mut http).graceful_shutdown();
            // A peer that does not answer has been told all the same.
            let _ = Deadline::after(FLUSH_TIMEOUT).run(&mut http).await;
            match late {
                Late::Head => Err(ServeError::Timeout("no request came".into())),
                _ => Ok(()),
            }
        }
    }
}
