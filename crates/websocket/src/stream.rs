//! WebSocket messages over any stream, for whoever is not served by [`transom_base::drive`]: tools, tests, and programs
//! that only want the protocol. No task, no timer: deadlines are the caller's.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::deflate::Compressor;
use crate::handshake::{Accepting, ClientHandshake, OpenError, Opened, accept, connect};
use crate::{
    CloseCode, CloseFrame, Control, Data, Decoder, Deflate, Event, FrameError, Framing, Parts, Role,
    WebSocketSettings,
};

/// Octets read at once.
const READ: usize = 8 * 1024;

/// Beyond so many octets of pongs that the peer does not take, nothing more is read from it.
const MAX_ANSWERS: usize = 64 * 1024;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketMessage {
    /// Whether it is text; it is binary otherwise.
    pub text: bool,
    /// Its payload; for text UTF-8.
    pub data: Bytes,
}

impl WebSocketMessage {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        WebSocketMessage { text: true, data: text.into().into() }
    }

    /// A binary message.
    pub fn binary(data: impl Into<Bytes>) -> Self {
        WebSocketMessage { text: false, data: data.into() }
    }
}

/// Why a connection cannot be used any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebSocketError {
    /// Reading or writing failed.
    #[error("the WebSocket connection broke")]
    Io(#[source] std::io::Error),
    /// The peer broke the protocol or a limit, and was told so.
    #[error(transparent)]
    Frame(FrameError),
    /// The stream ended without a close frame.
    #[error("the WebSocket connection ended without a close frame")]
    Eof,
}

/// One side of a WebSocket connection.
#[derive(Debug)]
pub struct WebSocket<S> {
    io: S,
    decoder: Decoder,
    framing: Framing,
    compressor: Option<Compressor>,
    echo_close: bool,
    input: BytesMut,
    output: BytesMut,
    /// Octets of pongs in the output.
    answers: usize,
    state: State,
    /// The peer's close frame, once it came.
    closed: Option<Option<CloseFrame>>,
    _agreed: Option<Deflate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Our close frame is queued or sent.
    Closing,
    /// The peer's came as well, or nothing that comes can be read.
    Closed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Our side of a connection whose handshake is done. Of the settings those count that are about frames and
    /// messages.
    pub fn new(io: S, role: Role, settings: &WebSocketSettings, opened: Opened) -> Self {
        let rules = settings.rules(role);
        let Opened { leftover, deflate, .. } = opened;
        WebSocket {
            io,
            decoder: match &deflate {
                Some(agreed) => Decoder::with_deflate(rules, agreed),
                None => Decoder::new(rules),
            },
            framing: settings.framing(role),
            compressor: deflate.as_ref().map(Compressor::new),
            echo_close: settings.echo_close_codereason,
            input: leftover,
            output: BytesMut::new(),
            answers: 0,
            state: State::Open,
            closed: None,
            _agreed: deflate,
        }
    }

    /// Opens a connection as client, and tells which subprotocol was chosen. Compression is offered where the settings
    /// have it.
    ///
    /// # Errors
    ///
    /// There is no connection.
    pub async fn connect(
        mut io: S,
        handshake: ClientHandshake,
        settings: &WebSocketSettings,
    ) -> Result<(Self, Option<String>), OpenError> {
        let handshake = match settings.compression {
            Some(deflate) => handshake.with_deflate(deflate),
            None => handshake,
        };
        let opened = connect(&mut io, &handshake).await?;
        let subprotocol = opened.subprotocol.clone();
        Ok((WebSocket::new(io, Role::Client, settings, opened), subprotocol))
    }

    /// Takes a connection as server, and tells which subprotocol was chosen.
    ///
    /// # Errors
    ///
    /// There is no connection.
    pub async fn accept(
        mut io: S,
        accepting: &Accepting,
        settings: &WebSocketSettings,
    ) -> Result<(Self, Option<String>), OpenError> {
        let opened = accept(&mut io, accepting).await?;
        let subprotocol = opened.subprotocol.clone();
        Ok((WebSocket::new(io, Role::Server, settings, opened), subprotocol))
    }

    /// The next message; `None` when the peer closed, which is answered first. Pings are answered meanwhile. Dropping
    /// the future loses nothing.
    ///
    /// # Errors
    ///
    /// The connection cannot be used any more.
    pub async fn next(&mut self) -> Result<Option<WebSocketMessage>, WebSocketError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Sends a message, and waits until the stream has taken it. Dropping the future on the way leaves it queued: the
    /// next call sends it first.
    ///
    /// # Errors
    ///
    /// The connection broke. After the closing handshake messages are dropped.
    pub async fn send(&mut self, message: &WebSocketMessage) -> Result<(), WebSocketError> {
        self.feed(message);
        self.flush().await
    }

    /// Queues a message; many of them leave with one [`WebSocket::flush`].
    pub fn feed(&mut self, message: &WebSocketMessage) {
        if self.state != State::Open {
            return;
        }
        let WebSocketMessage { text, data } = message;
        let kind = if *text { Data::Text } else { Data::Binary };
        let compressor = self.compressor.as_mut().filter(|compressor| compressor.wants(data.len()));
        let compressed = compressor.and_then(|compressor| compressor.compress(&data[..]));
        let mut frames = Vec::new();
        let whole = |body| Parts { head: b"", body, tail: b"" };
        match &compressed {
            Some(compressed) => self.framing.compressed(kind, whole(compressed), &mut frames),
            None => self.framing.message(kind, whole(data), &mut frames),
        }
        self.output.extend_from_slice(&frames);
    }

    /// Waits until the stream has taken all that is queued.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub async fn flush(&mut self) -> Result<(), WebSocketError> {
        poll_fn(|cx| self.poll_write(cx)).await?;
        poll_fn(|cx| Pin::new(&mut self.io).poll_flush(cx)).await.map_err(WebSocketError::Io)
    }

    /// Queues a ping.
    pub fn ping(&mut self, payload: &[u8]) {
        if self.state == State::Open {
            self.control(Control::Ping, payload);
        }
    }

    /// Closes: sends a close frame, and waits for the peer's. Messages that come before it are dropped.
    ///
    /// # Errors
    ///
    /// The connection broke, or the peer breaks the protocol on the way.
    pub async fn close(&mut self, frame: Option<&CloseFrame>) -> Result<Option<CloseFrame>, WebSocketError> {
        self.queue_close(frame);
        while self.next().await?.is_some() {}
        Ok(self.closed.clone().flatten())
    }

    /// What the peer's close frame said, once it came: `Some(None)` is one without code.
    pub fn closed(&self) -> Option<Option<&CloseFrame>> {
        self.closed.as_ref().map(Option::as_ref)
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.io
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<WebSocketMessage>, WebSocketError>> {
        loop {
            if self.state != State::Closed {
                match self.decoder.decode(&mut self.input) {
                    Ok(Some(Event::Message { text, data })) => {
                        return Poll::Ready(Ok(Some(WebSocketMessage { text, data })));
                    }
                    Ok(Some(Event::Ping(payload))) => {
                        if self.state == State::Open {
                            self.answers += self.framing.control_len(payload.len());
                            self.control(Control::Pong, &payload);
                        }
                        continue;
                    }
                    Ok(Some(Event::Pong(_))) => continue,
                    Ok(Some(Event::Close(frame))) => {
                        let normal = CloseFrame::new(CloseCode::Normal, "");
                        let answer = if self.echo_close { frame.as_ref() } else { Some(&normal) };
                        self.queue_close(answer);
                        self.state = State::Closed;
                        self.closed = Some(frame);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        self.queue_close(Some(&CloseFrame::new(error.code(), error.to_string())));
                        self.state = State::Closed;
                        // As far as the peer takes it; the error is what matters.
                        let _ = self.poll_write(cx);
                        return Poll::Ready(Err(WebSocketError::Frame(error)));
                    }
                }
            }
            let written = self.poll_write(cx)?;
            if self.state == State::Closed {
                ready!(written);
                // Nothing more follows; a peer that is gone already has not missed it.
                let _ = ready!(Pin::new(&mut self.io).poll_shutdown(cx));
                return Poll::Ready(Ok(None));
            }
            if self.answers >= MAX_ANSWERS {
                return Poll::Pending;
            }
            ready!(self.poll_read(cx))?;
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        let mut octets = [0; READ];
        let mut buffer = ReadBuf::new(&mut octets);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer)).map_err(WebSocketError::Io)?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Err(WebSocketError::Eof));
        }
        self.input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        while self.output.has_remaining() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &self.output)) {
                Ok(0) => return Poll::Ready(Err(WebSocketError::Io(std::io::ErrorKind::WriteZero.into()))),
                Ok(n) => self.output.advance(n),
                Err(error) => return Poll::Ready(Err(WebSocketError::Io(error))),
            }
        }
        self.answers = 0;
        Poll::Ready(Ok(()))
    }

    fn control(&mut self, kind: Control, payload: &[u8]) {
        let mut frame = Vec::new();
        self.framing.control(kind, payload, &mut frame);
        self.output.extend_from_slice(&frame);
    }

    fn queue_close(&mut self, frame: Option<&CloseFrame>) {
        if self.state == State::Open {
            let payload = frame.map(CloseFrame::payload).unwrap_or_default();
            self.control(Control::Close, &payload);
            self.state = State::Closing;
        }
    }
}

#[cfg(test)]
mod tests;
