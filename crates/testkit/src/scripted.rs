//! A stream that does what a script says.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One step of a script.
#[derive(Debug)]
pub enum Step {
    /// Reading yields these bytes, in one read when the reader has room for them.
    Read(Vec<u8>),
    /// Reading is not ready once; the reader is woken at once to try again.
    Pending,
    /// Reading fails.
    Fail(io::ErrorKind),
}

/// Plays a script to whoever reads, then ends; keeps what is written.
#[derive(Debug, Default)]
pub struct ScriptedStream {
    script: VecDeque<Step>,
    stay_open: bool,
    written: Arc<Mutex<Vec<u8>>>,
}

impl ScriptedStream {
    /// Plays these steps, then end of file.
    pub fn new(script: impl IntoIterator<Item = Step>) -> Self {
        ScriptedStream { script: script.into_iter().collect(), ..Self::default() }
    }

    /// Yields each piece in a read of its own, then end of file.
    pub fn pieces(pieces: &[&[u8]]) -> Self {
        ScriptedStream::new(
            pieces.iter().filter(|piece| !piece.is_empty()).map(|piece| Step::Read(piece.to_vec())),
        )
    }

    /// Stays silent after the script instead of ending.
    #[must_use]
    pub fn stay_open(mut self) -> Self {
        self.stay_open = true;
        self
    }

    /// Where what is written can be looked at, also after the stream is gone.
    pub fn written(&self) -> Arc<Mutex<Vec<u8>>> {
        self.written.clone()
    }
}

impl AsyncRead for ScriptedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.script.pop_front() {
            Some(Step::Read(mut bytes)) => {
                let rest = bytes.split_off(bytes.len().min(buf.remaining()));
                buf.put_slice(&bytes);
                if !rest.is_empty() {
                    self.script.push_front(Step::Read(rest));
                }
                Poll::Ready(Ok(()))
            }
            Some(Step::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Fail(kind)) => Poll::Ready(Err(kind.into())),
            None if self.stay_open => Poll::Pending,
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for ScriptedStream {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.written.lock().unwrap().extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn script_when_played_gives_its_pieces_pauses_and_failure() {
        let mut stream = ScriptedStream::new([
            Step::Read(b"one".to_vec()),
            Step::Pending,
            Step::Read(b"two".to_vec()),
            Step::Fail(io::ErrorKind::ConnectionReset),
        ]);
        let written = stream.written();
        let mut buf = [0; 16];
        assert_eq!(stream.read(&mut buf[..2]).await.unwrap(), 2);
        assert_eq!(stream.read(&mut buf).await.unwrap(), 1);
        assert_eq!(stream.read(&mut buf).await.unwrap(), 3);
        assert_eq!(stream.read(&mut buf).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(stream.read(&mut buf).await.unwrap(), 0);
        stream.write_all(b"answer").await.unwrap();
        assert_eq!(&*written.lock().unwrap(), b"answer");
    }
}
