//! One connection from its first byte to its end or its upgrade.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::BytesMut;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transom_base::{
    BoxFuture, ConnScope, Connection, Deadline, DrainWatch, FLUSH_TIMEOUT, Phase, Rewind, ServeError,
    Serving, Stream,
};

use super::Shared;
use super::calls::Calls;
use super::http2;
use super::limits::{Late, Limits};
use super::watched::{Progress, Step, Watched};

/// How hyper's part of a connection came to its end.
pub(super) enum End {
    Hyper(hyper::Result<()>),
    Late(Late),
    Aborted,
}

/// The answer whose cause is found outside hyper.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What is known once a connection has begun.
enum Opening {
    Http1,
    Http2,
    Late(Late),
    Draining,
}

/// Serves HTTP, and yields what serves the rest of the connection.
pub(super) async fn run(
    shared: Arc<Shared>,
    conn: Connection,
    scope: ConnScope,
) -> Result<Serving, ServeError> {
    let Connection { io, info } = conn;
    let progress = Arc::new(Progress::default());
    let info = Arc::new(info);
    let upgraded = Arc::new(Mutex::new(None));
    let calls = Calls {
        shared: Arc::clone(&shared),
        info: Arc::clone(&info),
        progress: Arc::clone(&progress),
        upgraded: Arc::clone(&upgraded),
    };
    let mut stream = Watched::new(io, Arc::clone(&progress));
    let mut limits = Limits::new(&shared.settings, Arc::clone(&progress));
    let mut phase = phase_after(&scope.drain, Phase::Draining);
    let opening = poll_fn(|cx| {
        if phase.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Opening::Draining);
        }
        match stream.poll_http2(cx) {
            Poll::Ready(Ok(true)) => Poll::Ready(Opening::Http2),
            // An error is told to hyper when it reads.
            Poll::Ready(_) => Poll::Ready(Opening::Http1),
            Poll::Pending => limits.poll(cx).map(Opening::Late),
        }
    });
    let end = match opening.await {
        Opening::Draining => {
            phase = phase_after(&scope.drain, Phase::Draining);
            None
        }
        Opening::Http1 => None,
        Opening::Late(late) => Some(End::Late(late)),
        Opening::Http2 => {
            http2::run(&shared, stream, calls, limits, &scope).await?;
            return Ok(Box::pin(std::future::ready(Ok(()))));
        }
    };
    let mut http = shared.http1.serve_connection(TokioIo::new(stream), calls);
    let mut replaced = scope.replaced.as_ref().map(|replaced| phase_after(replaced, Phase::Draining));
    let mut last = false;
    let serving = poll_fn(|cx| {
        while phase.as_mut().poll(cx).is_ready() {
            if scope.drain.phase() == Phase::Aborting {
                return Poll::Ready(End::Aborted);
            }
            Pin::new(&mut http).graceful_shutdown();
            phase = phase_after(&scope.drain, Phase::Aborting);
        }
        loop {
            if let Poll::Ready(result) = http.poll_without_shutdown(cx) {
                return Poll::Ready(End::Hyper(result));
            }
            if replaced.as_mut().is_some_and(|replaced| replaced.as_mut().poll(cx).is_ready()) {
                replaced = None;
                last = true;
            }
            // What has begun to be asked is answered here; the next request is for whatever serves the port now.
            if !last || progress.step() == Step::Head {
                break;
            }
            last = false;
            Pin::new(&mut http).graceful_shutdown();
        }
        limits.poll(cx).map(End::Late)
    });
    let end = match end {
        Some(end) => end,
        None => serving.await,
    };
    drop((phase, replaced));
    drop(limits);
    let parts = http.into_parts();
    let (leftover, mut io) = parts.io.into_inner().into_parts();
    drop(parts.service);
    let next = upgraded.lock().unwrap_or_else(PoisonError::into_inner).take();
    let result = match end {
        End::Hyper(Ok(())) => {
            if let Some(then) = next {
                if !(parts.read_buf.is_empty() && leftover.is_empty()) {
                    let mut read = BytesMut::from(parts.read_buf);
                    read.unsplit(leftover);
                    io = Box::new(Rewind::new(read.freeze(), io));
                }
                let info = Arc::try_unwrap(info).unwrap_or_else(|shared| (*shared).clone());
                return Ok(then(Connection { io, info }, scope));
            }
            Ok(())
        }
        End::Hyper(Err(error)) => Err(why(error, &progress)),
        End::Late(Late::Idle) => Ok(()),
        End::Late(Late::Answer) => {
            // It would not take a goodbye either.
            return Err(ServeError::Timeout("the peer takes no more of its answer".into()));
        }
        End::Late(Late::Head) => {
            let begun = progress.first().1 > 0;
            if begun {
                say(&mut io, TOO_SLOW).await;
            }
            let what = if begun { "the request's head came too slowly" } else { "no request came" };
            Err(ServeError::Timeout(what.into()))
        }
        End::Aborted => return Err(ServeError::Aborted),
    };
    close(io, &progress).await;
    result.map(|()| -> Serving { Box::pin(std::future::ready(Ok(()))) })
}

pub(super) fn phase_after(watch: &DrainWatch, phase: Phase) -> BoxFuture<'static, ()> {
    let mut watch = watch.clone();
    Box::pin(async move { watch.reached(phase).await })
}

/// Writes a last answer if the peer takes it.
async fn say(io: &mut Box<dyn Stream>, answer: &[u8]) {
    // Whether it arrives makes no difference to what is done next.
    let _ = Deadline::after(FLUSH_TIMEOUT).run(io.write_all(answer)).await;
}

/// Closes our side and waits a moment for the peer's: closing with bytes unread could take the answer back that is
/// still on its way.
async fn close(mut io: Box<dyn Stream>, progress: &Progress) {
    let eof = progress.is_eof();
    let closing = async move {
        if io.shutdown().await.is_err() || eof {
            return;
        }
        let mut scrap = [0; 512];
        while io.read(&mut scrap).await.is_ok_and(|n| n > 0) {}
    };
    let _ = Deadline::after(FLUSH_TIMEOUT).run(closing).await;
}

/// What went wrong, in our words.
pub(super) fn why(error: hyper::Error, progress: &Progress) -> ServeError {
    use std::error::Error;

    if error.is_parse_too_large() {
        return ServeError::Limit("the request's head is too large".into());
    }
    if error.is_parse() {
        return ServeError::Protocol(match progress.first() {
            ([0x16, 0x03, ..], 2..) => "looks like TLS; this port speaks HTTP without TLS".into(),
            ([0x7f, ..], 1..) => "looks like RawSocket; this port speaks HTTP".into(),
            _ => format!("not a request: {error}"),
        });
    }
    if error.is_user() {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        return ServeError::Internal(format!("a response could not be made: {error}: {cause}"));
    }
    let kind = match error.source() {
        None => io::ErrorKind::UnexpectedEof,
        Some(cause) => match cause.downcast_ref::<io::Error>() {
            Some(cause) => cause.kind(),
            // Of HTTP/2, whose frames are judged elsewhere.
            None => return ServeError::Protocol(format!("not HTTP/2 as it should be: {cause}")),
        },
    };
    ServeError::Io(io::Error::new(kind, error))
}
