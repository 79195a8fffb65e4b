//! The load's side of TLS, blocking.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::error::{Error, Result};

/// A connection, with TLS or without.
pub(super) enum Link {
    Plain(TcpStream),
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Trust in an authority. Sessions are resumed within one configuration, unless that is switched off.
pub(super) fn config(authority: &Path, resumed: bool) -> Result<Arc<ClientConfig>> {
    let fail = |source: io::Error| Error::File { path: authority.into(), source };
    let certificate =
        CertificateDer::from_pem_file(authority).map_err(|error| fail(io::Error::other(error)))?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).map_err(|error| fail(io::Error::other(error)))?;
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    if !resumed {
        config.resumption = rustls::client::Resumption::disabled();
    }
    Ok(Arc::new(config))
}

/// TLS over a connection, its handshake done.
pub(super) fn secure(io: TcpStream, config: &Arc<ClientConfig>) -> Result<Link> {
    let name = ServerName::try_from("localhost").map_err(|error| fail(io::Error::other(error)))?;
    let tls = ClientConnection::new(config.clone(), name).map_err(|error| fail(io::Error::other(error)))?;
    let mut stream = StreamOwned::new(tls, io);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).map_err(fail)?;
    }
    Ok(Link::Secure(Box::new(stream)))
}

fn fail(source: io::Error) -> Error {
    Error::io("the TLS handshake")(source)
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Link::Plain(io) => io.read(buffer),
            Link::Secure(io) => io.read(buffer),
        }
    }
}

impl Write for Link {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Link::Plain(io) => io.write(buffer),
            Link::Secure(io) => io.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Link::Plain(io) => io.flush(),
            Link::Secure(io) => io.flush(),
        }
    }
}
