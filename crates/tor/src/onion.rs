//! A listening onion service, kept published by a running Tor.
//!
//! The service lasts in Tor as long as the connection to its control port. So a keeper task holds that connection, hears
//! from it how far the descriptor is published, and whenever it is lost begins anew: the key, and with it the address,
//! is ours and stays. What connects is accepted all the time from a local listener, the target, of which only Tor knows.

mod keeper;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::info;
use transom_base::{Address, BoxFuture, ConnInfo, Deadline, ErrorKind};
use transom_config::OnionListenConfig;
use transom_endpoint::{
    Accepted, BoundAddr, Connector, EndpointError, EndpointState, EndpointStatus, Listener,
};

use crate::OnionKey;
use crate::control::Credentials;
use keeper::Keeper;

/// How long withdrawing the service may take.
const WITHDRAW: Duration = Duration::from_secs(3);

/// An onion service to listen on. It is served at once; that its clients find it takes Tor seconds, up to a minute.
pub struct OnionListener {
    host: Arc<str>,
    port: u16,
    status: Arc<watch::Sender<EndpointStatus>>,
    /// Where the keeper puts a target once there is one.
    handed: mpsc::Receiver<Box<dyn Listener>>,
    target: Option<Box<dyn Listener>>,
    keeper: JoinHandle<()>,
    /// Ends the keeper, also by being dropped.
    stop: Mutex<Option<oneshot::Sender<()>>>,
}

impl OnionListener {
    /// Makes or reads the key and begins to publish the service through the control port that `control` connects to.
    /// Needs a Tokio runtime around it. That Tor cannot be reached is no error: it is told by
    /// [`status`](Listener::status), and tried again for ever.
    ///
    /// # Errors
    /// The key file: it cannot be read or made, others can read it, or it holds no key.
    pub fn listen(config: &OnionListenConfig, control: Arc<dyn Connector>) -> Result<Self, EndpointError> {
        let (key, host) = load_key(config)?;
        let status = Arc::new(watch::Sender::new(EndpointStatus::default()));
        say(&status, false, "asking Tor to publish it".to_owned());
        let (hand, handed) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel();
        let keeper = Keeper {
            control,
            credentials: Credentials { password: config.control_password.clone() },
            key,
            host: host.clone(),
            port: config.port,
            clients: config.client_auth.clone(),
            wanted: config.target,
            status: status.clone(),
            hand,
            target: None,
        };
        let keeper = tokio::spawn(keeper.run(stopped));
        Ok(OnionListener {
            host,
            port: config.port,
            status,
            handed,
            target: None,
            keeper,
            stop: Mutex::new(Some(stop)),
        })
    }
}

/// The key that an endpoint asks for, and its address.
pub(crate) fn load_key(config: &OnionListenConfig) -> Result<(OnionKey, Arc<str>), EndpointError> {
    let path = &config.private_key_file;
    let (key, new) = OnionKey::load_or_make(path).map_err(|source| EndpointError::Other {
        what: "the key of the onion service".to_owned(),
        kind: ErrorKind::Config,
        source: Box::new(source),
    })?;
    let host: Arc<str> = key.address().into();
    if new {
        info!("{host}: made its key in {}; who has a copy of it has the address", path.display());
    }
    Ok((key, host))
}

/// What is known about a connection to an onion service.
pub(crate) fn conn_info(host: &str, port: u16) -> ConnInfo {
    ConnInfo::new(Address::Tor(Some(format!("{host}:{port}").into())), Address::Tor(None))
}

/// Tells how far the service is.
pub(crate) fn say(status: &watch::Sender<EndpointStatus>, reachable: bool, text: String) {
    status.send_if_modified(|status| {
        let state = Some(EndpointState { reachable, text });
        let new = status.state != state;
        status.state = state;
        new
    });
}

impl Listener for OnionListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Accepted>> {
        Box::pin(async {
            let target = match &mut self.target {
                Some(target) => target,
                none => match self.handed.recv().await {
                    Some(target) => none.insert(target),
                    // The keeper ends before only when it is told to.
                    None => return std::future::pending().await,
                },
            };
            let mut accepted = target.accept().await.inspect_err(|error| {
                self.status.send_modify(|status| status.failed(error));
            })?;
            // Whose connection it is nobody knows: it only looks as if it came from this machine.
            accepted.info = conn_info(&self.host, self.port);
            Ok(accepted)
        })
    }

    fn bound(&self) -> Vec<BoundAddr> {
        vec![BoundAddr::Onion { host: self.host.clone(), port: self.port }]
    }

    fn status(&self) -> watch::Receiver<EndpointStatus> {
        self.status.subscribe()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            drop(self.stop.lock().take());
            let OnionListener { mut keeper, target, .. } = *self;
            if Deadline::after(WITHDRAW).run(&mut keeper).await.is_err() {
                keeper.abort();
            }
            if let Some(target) = target {
                target.close().await;
            }
        })
    }
}

impl std::fmt::Debug for OnionListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnionListener")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
