//! The Tor inside the process as it is when it is there.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use transom_arti::{Isolation, OnionService, ServiceStatus, Settings, Tor};
use transom_base::{Address, BoxFuture, ConnInfo, Connection, Deadline, ErrorKind};
use transom_config::{OnionListenConfig, TorConnectConfig};
use transom_endpoint::{Accepted, BoundAddr, Connector, EndpointError, EndpointStatus, Listener};

use crate::base32;
use crate::onion::{conn_info, load_key, say};

/// What starts it once, for all endpoints.
pub(super) struct Shared {
    settings: Settings,
    started: Mutex<Option<Tor>>,
}

impl Shared {
    pub(super) fn new(state_dir: PathBuf, settings: Option<PathBuf>) -> Self {
        Shared { settings: Settings { state_dir, settings }, started: Mutex::default() }
    }

    fn tor(&self) -> Result<Tor, EndpointError> {
        let mut started = self.started.lock();
        if let Some(tor) = &*started {
            return Ok(tor.clone());
        }
        let tor =
            Tor::start(&self.settings).map_err(|source| failed("the Tor inside the process", source))?;
        Ok(started.insert(tor).clone())
    }

    pub(super) fn listen(&self, config: &OnionListenConfig) -> Result<Box<dyn Listener>, EndpointError> {
        let (key, host) = load_key(config)?;
        let clients: Option<Vec<[u8; 32]>> = config
            .client_auth
            .iter()
            .map(|client| base32::decode(client).and_then(|key| key.as_slice().try_into().ok()))
            .collect();
        let clients = clients.ok_or_else(|| EndpointError::OutOfRange {
            option: "client_auth",
            value: "something else".to_owned(),
            allowed: "a list of x25519 public keys in base32",
        })?;
        let tor = self.tor()?;
        let service = tor
            .serve(key.bytes(), config.port, &clients)
            .map_err(|source| failed("the onion service", source))?;
        let status = Arc::new(watch::Sender::new(EndpointStatus::default()));
        let follow = tokio::spawn(follow(host.clone(), tor.progress(), service.status(), status.clone()));
        Ok(Box::new(Onion { host, port: config.port, service, status, follow }))
    }
}

fn failed(what: &str, source: transom_arti::ArtiError) -> EndpointError {
    EndpointError::Other { what: what.to_owned(), kind: ErrorKind::Config, source: Box::new(source) }
}

/// How far it is, for people.
fn words(progress: &transom_arti::Progress) -> String {
    if progress.ready {
        return "ready".to_owned();
    }
    let problem = progress.problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default();
    format!("at {} %: {}{problem}", progress.percent, progress.text)
}

/// An onion service whose streams come without a socket in between.
struct Onion {
    host: Arc<str>,
    port: u16,
    service: OnionService,
    status: Arc<watch::Sender<EndpointStatus>>,
    follow: JoinHandle<()>,
}

impl Listener for Onion {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Accepted>> {
        Box::pin(async {
            match self.service.accept().await {
                Some(stream) => Ok(Accepted::other(stream, conn_info(&self.host, self.port))),
                None => {
                    let problem = self.service.status().borrow().problem.clone().unwrap_or_default();
                    let why = format!("the Tor inside the process has ended the service: {problem}");
                    Err(io::Error::new(io::ErrorKind::BrokenPipe, why))
                }
            }
        })
    }

    fn bound(&self) -> Vec<BoundAddr> {
        vec![BoundAddr::Onion { host: self.host.clone(), port: self.port }]
    }

    fn status(&self) -> watch::Receiver<EndpointStatus> {
        self.status.subscribe()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        drop(self);
        Box::pin(std::future::ready(()))
    }
}

impl Drop for Onion {
    fn drop(&mut self) {
        self.follow.abort();
    }
}

/// Tells how far the service is, which cannot be further than Tor itself.
async fn follow(
    host: Arc<str>,
    mut tor: watch::Receiver<transom_arti::Progress>,
    mut service: watch::Receiver<ServiceStatus>,
    status: Arc<watch::Sender<EndpointStatus>>,
) {
    let began = tokio::time::Instant::now();
    let mut published = false;
    loop {
        let (progress, state) = (tor.borrow_and_update().clone(), service.borrow_and_update().clone());
        let problem = state.problem.map(|problem| format!(" ({problem})")).unwrap_or_default();
        if state.reachable {
            say(&status, true, format!("{}{problem}", state.text));
        } else if progress.ready {
            say(&status, false, format!("{}{problem}", state.text));
        } else {
            say(&status, false, format!("being published; the Tor inside is {}", words(&progress)));
        }
        if state.reachable && !published {
            published = true;
            let seconds = began.elapsed().as_secs_f64();
            tracing::info!("{host}: published after {seconds:.1} s: clients find it now");
        }
        let changed = tokio::select! {
            changed = tor.changed() => changed,
            changed = service.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Connects to one target. Its connections share circuits among each other, and with nobody else.
pub(super) struct Through {
    shared: Arc<Shared>,
    host: String,
    port: u16,
    isolation: Isolation,
    timeout: Option<Duration>,
}

impl Through {
    pub(super) fn new(shared: Arc<Shared>, config: &TorConnectConfig) -> Self {
        let TorConnectConfig { host, port, timeout, .. } = config.clone();
        Through { shared, host, port, isolation: Isolation::new(), timeout }
    }

    fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    async fn open(&self, deadline: Deadline) -> Result<Connection, EndpointError> {
        let tor = self.shared.tor()?;
        let refused = |source| EndpointError::Connect { target: self.target(), source };
        match deadline.run(tor.connect(&self.host, self.port, &self.isolation)).await {
            Ok(Ok(stream)) => {
                let name = Some(self.name().into());
                Ok(Connection { io: stream, info: ConnInfo::new(Address::Tor(None), Address::Tor(name)) })
            }
            Ok(Err(error)) => Err(refused(io::Error::new(error.kind(), error))),
            Err(_) => {
                let progress = tor.progress().borrow().clone();
                if progress.ready {
                    return Err(EndpointError::ConnectTimeout { target: self.target() });
                }
                let why = format!("no answer in time; the Tor inside is {}", words(&progress));
                Err(refused(io::Error::new(io::ErrorKind::TimedOut, why)))
            }
        }
    }
}

impl Connector for Through {
    fn connect(&self, deadline: Deadline) -> BoxFuture<'_, Result<Connection, EndpointError>> {
        let deadline = deadline.or_earlier(Deadline::after(self.timeout));
        Box::pin(self.open(deadline))
    }

    fn target(&self) -> String {
        format!("tor:{}", self.name())
    }
}
