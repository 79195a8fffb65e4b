//! A stream that counts its writes: batching is what makes a node fast, and a test should see it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Passes everything through and counts the calls that write.
#[derive(Debug)]
pub struct Counting<T> {
    inner: T,
    writes: Arc<Writes>,
}

/// How often a [`Counting`] stream was written to.
#[derive(Debug, Default)]
pub struct Writes {
    plain: AtomicUsize,
    vectored: AtomicUsize,
}

impl Writes {
    /// Successful writes of one slice.
    pub fn plain(&self) -> usize {
        self.plain.load(Ordering::Relaxed)
    }

    /// Successful vectored writes.
    pub fn vectored(&self) -> usize {
        self.vectored.load(Ordering::Relaxed)
    }

    /// All successful writes.
    pub fn all(&self) -> usize {
        self.plain() + self.vectored()
    }
}

impl<T> Counting<T> {
    /// Counts the writes of a stream.
    pub fn new(inner: T) -> (Self, Arc<Writes>) {
        let writes = Arc::<Writes>::default();
        (Counting { inner, writes: writes.clone() }, writes)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Counting<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counting<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        if matches!(result, Poll::Ready(Ok(_))) {
            self.writes.plain.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Writes all slices, also when the stream inside takes but one at a time: a pipe in memory stands for a socket.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut all = 0;
        for buf in bufs.iter().filter(|buf| !buf.is_empty()) {
            match Pin::new(&mut self.inner).poll_write(cx, buf) {
                Poll::Ready(Ok(n)) => {
                    all += n;
                    if n < buf.len() {
                        break;
                    }
                }
                other if all == 0 => return other,
                _ => break,
            }
        }
        self.writes.vectored.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(all))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn writes_when_plain_or_vectored_are_counted_apart() {
        let (near, mut far) = duplex(64);
        let (mut near, writes) = Counting::new(near);
        near.write_all(b"a").await.unwrap();
        let n =
            near.write_vectored(&[IoSlice::new(b"b"), IoSlice::new(b""), IoSlice::new(b"c")]).await.unwrap();
        assert_eq!((n, writes.plain(), writes.vectored(), writes.all()), (2, 1, 1, 2));
        drop(near);
        let mut text = String::new();
        far.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "abc");
    }
}
