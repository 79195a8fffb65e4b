//! Bytes both ways, and bytes with the facts that are known about their source.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::ConnInfo;

/// Bytes both ways. Implemented for everything that fits; wrappers forward `poll_write_vectored` and
/// `is_write_vectored`, since one write per batch is what makes a node fast.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream together with what is known about it.
pub struct Connection {
    /// The bytes.
    pub io: Box<dyn Stream>,
    /// The facts.
    pub info: ConnInfo,
}

impl Connection {
    /// Wraps a stream and its facts.
    pub fn new(io: impl Stream + 'static, info: ConnInfo) -> Self {
        Connection { io: Box::new(io), info }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("info", &self.info).finish_non_exhaustive()
    }
}
