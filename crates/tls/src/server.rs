//! The step of a listening endpoint: from raw bytes to those inside TLS.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use bytes::Bytes;
use rustls::server::Acceptor;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio_rustls::LazyConfigAcceptor;
use transom_base::{BoxFuture, Connection, Deadline, ErrorKind, Rewind, Stream};
use transom_endpoint::{EndpointError, Upgrade};

use crate::error::{Finding, Refused, outcome};
use crate::facts::facts;
use crate::failure::{Side, failed};
use crate::listen::Material;
use crate::plain::{Plain, linger};
use crate::settings::TlsListenSettings;
use crate::verify::{Told, explained};
use crate::x509::unix;

/// What the step is called in errors.
const STEP: &str = "TLS handshake";

/// Bytes that are read at first, to see whether they are TLS. Most clients' first message fits.
const FIRST_READ: usize = 2048;

/// TLS on a listening endpoint. Clones are the same one.
#[derive(Debug, Clone)]
pub struct TlsServer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: TlsListenSettings,
    pub(crate) material: ArcSwap<Material>,
    /// How often the material was replaced.
    pub(crate) replaced: watch::Sender<u64>,
    /// What was found out at first, and so was said already.
    pub(crate) found: Vec<Finding>,
    /// One at a time, or what was read first could be what stays.
    reloading: Mutex<()>,
}

/// What came of reading the files again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// Whether new handshakes see something new.
    pub changed: bool,
    /// What was found out; an error means that what was good before stays in use.
    pub findings: Vec<Finding>,
}

/// A certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateStatus {
    /// Its file.
    pub path: std::path::PathBuf,
    /// Whose it is, as in `'CN=example.com'`.
    pub subject: String,
    /// The host names that it is for.
    pub names: Vec<String>,
    /// Until when it is valid, in seconds since 1970.
    pub not_after: u64,
}

impl TlsServer {
    /// Loads the files; an error lists all that is wrong. The findings are what works but not as somebody may expect,
    /// for the log. Files are read where this is called.
    pub fn new(settings: TlsListenSettings) -> Result<(TlsServer, Vec<Finding>), Refused> {
        let (material, findings) = Material::load(&settings, SystemTime::now());
        let (material, findings) = outcome(material, findings)?;
        let shared = Shared {
            settings,
            material: ArcSwap::from_pointee(material),
            replaced: watch::Sender::new(0),
            reloading: Mutex::default(),
            found: findings.clone(),
        };
        Ok((TlsServer { shared: Arc::new(shared) }, findings))
    }

    /// Reads the files again, as for SIGHUP. New handshakes see what is new at once; open connections are left alone. A
    /// pair or a file that is bad now stays as it was. Files are read where this is called.
    pub fn reload(&self) -> Reloaded {
        self.shared.reload()
    }

    /// How often something was replaced so far; for whoever shows certificates, and for tests.
    pub fn replaced(&self) -> watch::Receiver<u64> {
        self.shared.replaced.subscribe()
    }

    /// The certificates in use, the default first.
    pub fn certificates(&self) -> Vec<CertificateStatus> {
        let material = self.shared.material.load();
        let status = |identity: &Arc<crate::identity::Identity>| CertificateStatus {
            path: identity.path.clone(),
            subject: identity.subject.clone(),
            names: identity.dns_names.clone(),
            not_after: identity.not_after,
        };
        material.identities().iter().map(status).collect()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Shared {
    pub(crate) fn reload(&self) -> Reloaded {
        let _alone = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let (material, findings) = self.material.load().again(&self.settings, SystemTime::now());
        let changed = material.is_some();
        if let Some(material) = material {
            self.material.store(Arc::new(material));
            self.replaced.send_modify(|times| *times += 1);
        }
        Reloaded { changed, findings }
    }

    async fn handshake(&self, conn: Connection) -> Result<Connection, EndpointError> {
        let Connection { mut io, mut info } = conn;
        let first = self.first(&mut *io).await?;
        let acceptor = LazyConfigAcceptor::new(Acceptor::default(), Rewind::new(first, io));
        let mut acceptor = std::pin::pin!(acceptor);
        let start = match acceptor.as_mut().await {
            Ok(start) => start,
            Err(error) => {
                if let Some(mut io) = acceptor.take_io() {
                    linger(&mut io).await;
                }
                return Err(failed(STEP.to_owned(), Side::Server, error, Told::default()));
            }
        };
        let config = self.material.load().config(start.client_hello().alpn());
        let (result, told) = explained(start.into_stream(config).into_fallible()).await;
        let stream = match result {
            Ok(stream) => stream,
            Err((error, mut io)) => {
                linger(&mut io).await;
                return Err(failed(STEP.to_owned(), Side::Server, error, told));
            }
        };
        let (_, state) = stream.get_ref();
        let facts = facts(state, state.server_name(), |output, label| {
            state.export_keying_material(output, label, None)
        });
        // A ticket proves that the certificate was good when it was issued, which may be a day ago.
        if let Some(peer) = facts.peer().filter(|peer| facts.resumed && peer.expired(unix(SystemTime::now())))
        {
            let subject = peer.common_name().unwrap_or_default();
            let text = format!(
                "the client resumes a session, but its certificate '{subject}' has expired meanwhile"
            );
            return Err(upgrade_error(ErrorKind::Tls, text));
        }
        info.tls = Some(Arc::new(facts));
        Ok(Connection::new(stream, info))
    }

    /// What the client sends first, if it can be TLS.
    async fn first(&self, io: &mut dyn Stream) -> Result<Bytes, EndpointError> {
        let mut buf = [0; FIRST_READ];
        let read = io.read(&mut buf).await;
        let read = read.map_err(|error| failed(STEP.to_owned(), Side::Server, error, Told::default()))?;
        if read == 0 {
            return Err(upgrade_error(
                ErrorKind::PeerClosed,
                "the client closed the connection without a word",
            ));
        }
        let first = buf.get(..read).unwrap_or_default();
        if let Some(plain) = Plain::from(first) {
            plain.answer(io).await;
            return Err(upgrade_error(ErrorKind::PeerProtocol, plain.sentence()));
        }
        Ok(Bytes::copy_from_slice(first))
    }
}

impl Upgrade for TlsServer {
    fn apply(
        &self,
        conn: Connection,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Connection, EndpointError>> {
        let shared = self.shared.clone();
        Box::pin(async move {
            let done = deadline.run(shared.handshake(conn)).await;
            done.unwrap_or_else(|_| Err(EndpointError::UpgradeTimeout { step: STEP.to_owned() }))
        })
    }
}

fn upgrade_error(kind: ErrorKind, text: impl Into<String>) -> EndpointError {
    EndpointError::Upgrade { step: STEP.to_owned(), kind, source: text.into().into() }
}
