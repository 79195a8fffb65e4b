//! Handlers and sniffers.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transom_base::{BoxFuture, ConnInfo, ConnScope, Connection, ConnectionHandler, ServeError};
use transom_demux::{Sniff, Verdict};

/// Sends back what it reads until the peer ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo;

impl ConnectionHandler for Echo {
    fn name(&self) -> &str {
        "echo"
    }

    fn serve(&self, mut conn: Connection, scope: ConnScope) -> BoxFuture<'static, Result<(), ServeError>> {
        Box::pin(async move {
            let _scope = scope;
            let mut buf = vec![0; 1024];
            loop {
                match conn.io.read(&mut buf).await.map_err(ServeError::Io)? {
                    0 => break,
                    n => conn.io.write_all(&buf[..n]).await.map_err(ServeError::Io)?,
                }
                conn.io.flush().await.map_err(ServeError::Io)?;
            }
            // An end in order, of TLS too; a peer that is gone needs none.
            let _ = conn.io.shutdown().await;
            Ok(())
        })
    }
}

/// Reads each connection to its end and keeps what it read.
#[derive(Debug, Clone)]
pub struct Collect {
    name: &'static str,
    served: Arc<Mutex<Vec<Served>>>,
}

/// The facts and the bytes of one connection.
type Served = (ConnInfo, Vec<u8>);

impl Collect {
    /// A collector with a name of its own.
    pub fn new(name: &'static str) -> Self {
        Collect { name, served: Arc::default() }
    }

    /// What came on each connection that is over.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        self.served.lock().unwrap().iter().map(|(_, bytes)| bytes.clone()).collect()
    }

    /// The facts of each connection that is over.
    pub fn infos(&self) -> Vec<ConnInfo> {
        self.served.lock().unwrap().iter().map(|(info, _)| info.clone()).collect()
    }
}

impl ConnectionHandler for Collect {
    fn name(&self) -> &str {
        self.name
    }

    fn serve(&self, mut conn: Connection, scope: ConnScope) -> BoxFuture<'static, Result<(), ServeError>> {
        let served = self.served.clone();
        Box::pin(async move {
            let _scope = scope;
            let mut bytes = Vec::new();
            conn.io.read_to_end(&mut bytes).await.map_err(ServeError::Io)?;
            served.lock().unwrap().push((conn.info, bytes));
            Ok(())
        })
    }
}

/// Recognises what starts with these bytes.
#[derive(Debug, Clone, Copy)]
pub struct StartsWith(pub &'static [u8]);

impl Sniff for StartsWith {
    fn sniff(&self, prefix: &[u8]) -> Verdict {
        if prefix.starts_with(self.0) {
            Verdict::Yes
        } else if self.0.starts_with(prefix) {
            Verdict::NeedMore
        } else {
            Verdict::No
        }
    }
}
