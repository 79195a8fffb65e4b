//! A stream of Tor that needs no flushing.
//!
//! Arti's stream keeps what is written until a cell is full, some 500 octets, or it is flushed. Here a write fills as
//! many cells as Tor takes and flushes the last of them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Tor;

/// Flushes after each write.
pub(crate) struct Prompt<S> {
    stream: S,
    /// A flush began and had to wait. It goes on with whatever the stream is polled for next: a user that writes no more
    /// reads.
    unflushed: bool,
    /// Was shut down. Arti takes it for an error to flush or shut down what is.
    shut: bool,
    /// Runs for as long as the stream is there.
    _tor: Option<Tor>,
}

impl<S: AsyncWrite + Unpin> Prompt<S> {
    pub(crate) fn new(stream: S, tor: Option<Tor>) -> Self {
        Prompt { stream, unflushed: false, shut: false, _tor: tor }
    }

    fn stream(&mut self) -> Pin<&mut S> {
        Pin::new(&mut self.stream)
    }

    /// Goes on with a flush that had to wait.
    fn go_on(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.unflushed
            && let Poll::Ready(flushed) = self.stream().poll_flush(cx)
        {
            self.unflushed = false;
            flushed?;
        }
        Ok(())
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prompt<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut written = 0;
        'all: for buf in bufs {
            let mut rest: &[u8] = buf;
            while !rest.is_empty() {
                let count = match this.stream().poll_write(cx, rest) {
                    Poll::Ready(Ok(0)) => break 'all,
                    Poll::Ready(Ok(count)) => count,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending if written == 0 => return Poll::Pending,
                    // A full cell is in the way.
                    Poll::Pending => break 'all,
                };
                written += count;
                rest = rest.get(count..).unwrap_or_default();
            }
        }
        this.unflushed |= written > 0;
        this.go_on(cx)?;
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.shut {
            ready!(this.stream().poll_flush(cx))?;
            this.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.shut {
            ready!(this.stream().poll_shutdown(cx))?;
            (this.unflushed, this.shut) = (false, true);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Prompt<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // A broken stream is told by reading from it, after what still came.
        let _ = this.go_on(cx);
        match ready!(Pin::new(&mut this.stream).poll_read(cx, buf)) {
            // Tor ends both directions at once.
            Err(error) if this.shut && error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            read => Poll::Ready(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Octets in a cell.
    const CELL: usize = 4;

    /// Keeps what is written until a cell is full or flushed, as arti's stream does. Only `room` cells leave at once.
    #[derive(Default)]
    struct Cells {
        kept: Vec<u8>,
        sent: Vec<Vec<u8>>,
        room: usize,
        broken: bool,
        input: VecDeque<u8>,
    }

    impl Cells {
        fn send(&mut self) -> Poll<io::Result<()>> {
            if self.broken {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if self.kept.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if self.room == 0 {
                return Poll::Pending;
            }
            self.room -= 1;
            self.sent.push(std::mem::take(&mut self.kept));
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Cells {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            if this.kept.len() == CELL {
                ready!(this.send())?;
            }
            let count = buf.len().min(CELL - this.kept.len());
            this.kept.extend(&buf[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.get_mut().send()
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            let this = self.get_mut();
            ready!(this.send())?;
            this.broken = true;
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncRead for Cells {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let broken = self.broken;
            match self.get_mut().input.pop_front() {
                Some(octet) => buf.put_slice(&[octet]),
                None if broken => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
                None => return Poll::Pending,
            }
            Poll::Ready(Ok(()))
        }
    }

    fn prompt(room: usize) -> Prompt<Cells> {
        Prompt::new(Cells { room, input: b"in".iter().copied().collect(), ..Cells::default() }, None)
    }

    #[tokio::test]
    async fn write_when_nothing_follows_leaves_by_itself() {
        let mut stream = prompt(9);
        stream.write_all(b"hello world").await.unwrap();
        assert_eq!(stream.stream.sent, [&b"hell"[..], b"o wo", b"rld"]);
        stream.write_all(b"!").await.unwrap();
        assert_eq!(stream.stream.sent.len(), 4);
    }

    #[tokio::test]
    async fn slices_when_written_together_share_cells() {
        let mut stream = prompt(9);
        assert!(stream.is_write_vectored());
        let slices = [&b"ab"[..], b"", b"cd", b"e"].map(IoSlice::new);
        assert_eq!(stream.write_vectored(&slices).await.unwrap(), 5);
        assert_eq!(stream.stream.sent, [&b"abcd"[..], b"e"]);
    }

    #[tokio::test]
    async fn write_when_cells_cannot_leave_goes_on_later_and_with_reads() {
        let mut stream = prompt(1);
        // One cell left, one is kept full.
        assert_eq!(stream.write(b"0123456789").await.unwrap(), 8);
        assert_eq!(stream.stream.sent, [b"0123"]);
        let again = poll_fn(|cx| Poll::Ready(Pin::new(&mut stream).poll_write(cx, b"89"))).await;
        assert!(again.is_pending());
        stream.stream.room = 1;
        assert_eq!(stream.write(b"89").await.unwrap(), 2);
        assert_eq!(stream.stream.sent, [b"0123", b"4567"]);
        stream.stream.room = 1;
        assert_eq!(stream.read_u8().await.unwrap(), b'i');
        assert_eq!(stream.stream.sent, [&b"0123"[..], b"4567", b"89"]);
        assert!(!stream.unflushed);
    }

    #[tokio::test]
    async fn stream_when_broken_says_so_to_writers() {
        let mut stream = prompt(0);
        assert_eq!(stream.write(b"ab").await.unwrap(), 2);
        stream.stream.broken = true;
        assert_eq!(stream.write(b"c").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(stream.read_u8().await.unwrap(), b'i');
    }

    #[tokio::test]
    async fn stream_when_shut_down_has_ended_and_takes_it_again() {
        let mut stream = prompt(1);
        stream.write_all(b"ab").await.unwrap();
        for _ in 0..2 {
            stream.shutdown().await.unwrap();
            stream.flush().await.unwrap();
        }
        assert_eq!(stream.write(b"c").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"in");
    }
}
