//! Servers by which others are measured, each a process of one thread: `transom-bench serve KIND [KEY CERTIFICATE]`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use futures_util::{FutureExt, SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::cli::print;
use crate::error::{Error, Result};

/// What is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Octets come back as they are: the floor.
    Relay,
    /// WebSocket messages come back, by tokio-tungstenite, those that came together in one write.
    Tungstenite,
    /// Connections are accepted and read to their end.
    Accept,
}

/// Serves until it is stopped; prints its port first.
pub(crate) fn serve(kind: Kind, key: Option<PathBuf>, certificate: Option<PathBuf>) -> Result<()> {
    let tls = key.zip(certificate).map(|(key, certificate)| acceptor(key, certificate)).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::io("starting a server"))?.block_on(listen(kind, tls))
}

fn acceptor(key: PathBuf, certificate: PathBuf) -> Result<TlsAcceptor> {
    let wrong = |path: &PathBuf| {
        let path = path.clone();
        move |error: rustls::pki_types::pem::Error| Error::File { path, source: std::io::Error::other(error) }
    };
    let chain: std::result::Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&certificate).map_err(wrong(&certificate))?.collect();
    let chain = chain.map_err(wrong(&certificate))?;
    let key = PrivateKeyDer::from_pem_file(&key).map_err(wrong(&key))?;
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let config = config.map_err(|error| Error::io("loading a certificate")(std::io::Error::other(error)))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn listen(kind: Kind, tls: Option<TlsAcceptor>) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Error::io("listening"))?;
    let addr = listener.local_addr().map_err(Error::io("listening"))?;
    print(&addr.port().to_string())?;
    loop {
        let (io, _) = listener.accept().await.map_err(Error::io("accepting"))?;
        let tls = tls.clone();
        tokio::spawn(async move {
            // A connection that ends early ends a run, which tells of it.
            let _ = connection(kind, io, tls).await;
        });
    }
}

async fn connection(kind: Kind, io: TcpStream, tls: Option<TlsAcceptor>) -> std::io::Result<()> {
    io.set_nodelay(true)?;
    match tls {
        Some(tls) => over(kind, tls.accept(io).await?).await,
        None => over(kind, io).await,
    }
}

async fn over(kind: Kind, mut io: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    match kind {
        Kind::Relay => {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let read = io.read(&mut buffer).await?;
                if read == 0 {
                    return Ok(());
                }
                io.write_all(buffer.get(..read).unwrap_or_default()).await?;
                io.flush().await?;
            }
        }
        Kind::Accept => {
            let mut buffer = [0; 64];
            while io.read(&mut buffer).await? > 0 {}
            Ok(())
        }
        Kind::Tungstenite => {
            let socket = tokio_tungstenite::accept_async(io).await.map_err(std::io::Error::other)?;
            let (mut to, mut from) = socket.split();
            while let Some(message) = from.next().await {
                to.feed(message.map_err(std::io::Error::other)?).await.map_err(std::io::Error::other)?;
                while let Some(Some(message)) = from.next().now_or_never() {
                    let message = message.map_err(std::io::Error::other)?;
                    to.feed(message).await.map_err(std::io::Error::other)?;
                }
                to.flush().await.map_err(std::io::Error::other)?;
            }
            Ok(())
        }
    }
}
