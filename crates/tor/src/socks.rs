//! Connections through a running Tor: SOCKS 5 (RFC 1928) with the user name and password (RFC 1929) by which Tor keeps
//! streams apart (socks-extensions.txt). Names are resolved by Tor, never here.

mod codec;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transom_base::{Address, BoxFuture, Connection, Deadline, ErrorKind, Stream};
use transom_config::TorConnectConfig;
use transom_endpoint::{Connector, EndpointError};

use crate::host;
use codec::{Refusal, Request};

/// Connects to one target through a SOCKS port. Its connections share circuits among each other, and with nobody else.
pub struct SocksConnector {
    proxy: Arc<dyn Connector>,
    host: String,
    port: u16,
    /// What tells our streams from others.
    isolation: String,
    timeout: Option<Duration>,
}

impl SocksConnector {
    /// To the target that is configured, through the SOCKS port that `proxy` connects to.
    ///
    /// # Errors
    /// The system has no randomness, or the host is none that Tor can be asked for.
    pub fn new(config: &TorConnectConfig, proxy: Arc<dyn Connector>) -> Result<Self, EndpointError> {
        host::check(config)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| EndpointError::Other {
            what: "keeping streams apart".to_owned(),
            kind: ErrorKind::Internal,
            source: error.to_string().into(),
        })?;
        Ok(SocksConnector {
            proxy,
            host: config.host.clone(),
            port: config.port,
            isolation: crate::base32::encode(&random),
            timeout: config.timeout,
        })
    }

    async fn through(&self, deadline: Deadline) -> Result<Connection, EndpointError> {
        let mut conn = self.proxy.connect(deadline).await.map_err(|error| self.no_proxy(&error))?;
        match deadline.run(self.ask(&mut *conn.io)).await {
            Ok(Ok(())) => {}
            Ok(Err(source)) => return Err(EndpointError::Connect { target: self.target(), source }),
            Err(_) => return Err(EndpointError::ConnectTimeout { target: self.target() }),
        }
        conn.info.peer = Address::Tor(Some(format!("{}:{}", self.host, self.port).into()));
        conn.info.unix = None;
        Ok(conn)
    }

    /// That Tor is not there does not mean that its target is not.
    fn no_proxy(&self, error: &EndpointError) -> EndpointError {
        let kind = match error.kind() {
            ErrorKind::Timeout => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::NetworkUnreachable,
        };
        let why = format!("Tor's SOCKS port cannot be reached: {}", error.chain());
        EndpointError::Connect { target: self.target(), source: io::Error::new(kind, why) }
    }

    async fn ask(&self, io: &mut dyn Stream) -> io::Result<()> {
        write(io, &codec::GREETING).await?;
        codec::method(read(io).await?)?;
        write(io, &codec::login("transom", &self.isolation)).await?;
        codec::logged_in(read(io).await?)?;
        write(io, &Request { host: &self.host, port: self.port }.encode()).await?;
        let [version, reply, _, kind] = read::<4>(io).await?;
        codec::reply(version, reply)?;
        // The address that the other end is bound to, which Tor leaves empty.
        let rest = match kind {
            1 => 4 + 2,
            4 => 16 + 2,
            3 => usize::from(read::<1>(io).await?[0]) + 2,
            other => return Err(Refusal::AddressKind(other).into()),
        };
        let mut address = [0; 255 + 2];
        io.read_exact(address.get_mut(..rest).unwrap_or_default()).await.map_err(cut)?;
        Ok(())
    }
}

async fn read<const N: usize>(io: &mut dyn Stream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    io.read_exact(&mut bytes).await.map_err(cut)?;
    Ok(bytes)
}

async fn write(io: &mut dyn Stream, bytes: &[u8]) -> io::Result<()> {
    io.write_all(bytes).await.map_err(cut)?;
    io.flush().await.map_err(cut)
}

fn cut(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            Refusal::Cut.into()
        }
        _ => error,
    }
}

impl Connector for SocksConnector {
    fn connect(&self, deadline: Deadline) -> BoxFuture<'_, Result<Connection, EndpointError>> {
        let deadline = deadline.or_earlier(Deadline::after(self.timeout));
        Box::pin(self.through(deadline))
    }

    fn target(&self) -> String {
        format!("tor:{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for SocksConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksConnector").field("target", &self.target()).finish_non_exhaustive()
    }
}
