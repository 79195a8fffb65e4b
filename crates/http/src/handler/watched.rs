//! What the limits need to know about a connection: which step a request is in, and whether bytes move.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transom_base::Stream;

/// The step a connection is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Reading a request's head.
    Head,
    /// A service answers, or its answer is being written.
    Answer,
    /// Between requests.
    Idle,
}

/// With what a client begins that speaks HTTP/2 (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Octets that may be read until the version is known: usually all of a request's head.
const OPENING: usize = 2048;

/// Noted from inside hyper, read from outside. All of it is in one task, but for the streams of HTTP/2.
#[derive(Debug, Default)]
pub(super) struct Progress {
    step: AtomicU8,
    /// Requests that are being answered: one at most in HTTP/1.
    open: AtomicUsize,
    /// Requests come side by side, so that what is read between two need not be a head.
    multiplexed: AtomicBool,
    /// Changes with every step, and with every byte that moves outside a head.
    beat: AtomicU32,
    /// The peer takes no more bytes for now.
    blocked: AtomicBool,
    eof: AtomicBool,
    /// How many of the first bytes are known, and they.
    first_len: AtomicU8,
    first: AtomicU32,
}

impl Progress {
    pub(super) fn step(&self) -> Step {
        match self.step.load(Ordering::Relaxed) {
            0 => Step::Head,
            1 => Step::Answer,
            _ => Step::Idle,
        }
    }

    /// A request is there; it is answered when the value is dropped.
    pub(super) fn answering(self: &Arc<Self>) -> Answering {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.enter(Step::Answer);
        Answering(Arc::clone(self))
    }

    /// From now on requests come side by side.
    pub(super) fn multiplex(&self) {
        self.multiplexed.store(true, Ordering::Relaxed);
    }

    fn enter(&self, step: Step) {
        let step = match step {
            Step::Head => 0,
            Step::Answer => 1,
            Step::Idle => 2,
        };
        self.step.store(step, Ordering::Relaxed);
        self.beat();
    }

    /// Equal values mean that nothing happened in between.
    pub(super) fn mark(&self) -> (u32, bool) {
        (self.beat.load(Ordering::Relaxed), self.is_blocked())
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// Whether the peer has closed its side.
    pub(super) fn is_eof(&self) -> bool {
        self.eof.load(Ordering::Relaxed)
    }

    /// Up to four bytes with which the connection began.
    pub(super) fn first(&self) -> ([u8; 4], usize) {
        let len = usize::from(self.first_len.load(Ordering::Relaxed));
        (self.first.load(Ordering::Relaxed).to_be_bytes(), len)
    }

    fn beat(&self) {
        self.beat.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.eof.store(true, Ordering::Relaxed);
            return;
        }
        let (mut first, len) = self.first();
        if len < first.len() {
            let more = bytes.len().min(first.len() - len);
            for (to, from) in first.iter_mut().skip(len).zip(bytes) {
                *to = *from;
            }
            self.first.store(u32::from_be_bytes(first), Ordering::Relaxed);
            self.first_len.store((len + more) as u8, Ordering::Relaxed);
        }
        match self.step() {
            Step::Head => {}
            Step::Answer => self.beat(),
            Step::Idle if self.multiplexed.load(Ordering::Relaxed) => {}
            Step::Idle => self.enter(Step::Head),
        }
    }

    fn wrote<T>(&self, result: &Poll<io::Result<T>>) {
        self.blocked.store(result.is_pending(), Ordering::Relaxed);
        if result.is_ready() && self.step() != Step::Head {
            self.beat();
        }
    }
}

/// A request that is being answered.
pub(super) struct Answering(Arc<Progress>);

impl Drop for Answering {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.enter(Step::Idle);
        }
    }
}

/// A stream that notes its progress.
pub(super) struct Watched {
    io: Box<dyn Stream>,
    progress: Arc<Progress>,
    /// Read to know the version, and not given to anybody yet.
    opening: BytesMut,
}

impl Watched {
    pub(super) fn new(io: Box<dyn Stream>, progress: Arc<Progress>) -> Self {
        Watched { io, progress, opening: BytesMut::new() }
    }

    /// What was read and given to nobody, and the stream behind it.
    pub(super) fn into_parts(self) -> (BytesMut, Box<dyn Stream>) {
        (self.opening, self.io)
    }

    /// Reads until it is known whether the peer begins as a client of HTTP/2 does.
    pub(super) fn poll_http2(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if self.opening.starts_with(PREFACE) {
                return Poll::Ready(Ok(true));
            }
            if !PREFACE.starts_with(&self.opening) {
                return Poll::Ready(Ok(false));
            }
            let mut space = [0; OPENING];
            let mut read = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            self.progress.read(read.filled());
            if read.filled().is_empty() {
                return Poll::Ready(Ok(false));
            }
            self.opening.extend_from_slice(read.filled());
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.opening.is_empty() {
            let length = self.opening.len().min(buf.remaining());
            buf.put_slice(&self.opening.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = read {
            self.progress.read(buf.filled().get(before..).unwrap_or_default());
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.progress.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.progress.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
