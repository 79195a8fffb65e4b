//! The task that keeps a service published: connects to the control port, adds the service, listens to what Tor tells,
//! and begins anew when it is lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};
use transom_base::{Address, ConnInfo, Deadline};
use transom_config::OnionTarget;
use transom_endpoint::{Connector, EndpointError, EndpointStatus, Listener};

use super::say;
use crate::OnionKey;
use crate::control::{ControlError, ControlPort, Credentials, Keywords, NewService, shown};
use crate::publication::{Heard, Publication};
use crate::target::{self, TorProcess};

/// How long connecting to the control port may take.
const CONNECT: Duration = Duration::from_secs(30);
/// The pauses between attempts: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often Tor is asked how it is while the service is not published, and afterwards, when it only shows that the
/// connection is alive.
const OFTEN: Duration = Duration::from_secs(5);
const SELDOM: Duration = Duration::from_secs(60);

pub(super) struct Keeper {
    pub(super) control: Arc<dyn Connector>,
    pub(super) credentials: Credentials,
    pub(super) key: OnionKey,
    pub(super) host: Arc<str>,
    pub(super) port: u16,
    pub(super) clients: Vec<String>,
    pub(super) wanted: Option<OnionTarget>,
    pub(super) status: Arc<watch::Sender<EndpointStatus>>,
    pub(super) hand: mpsc::Sender<Box<dyn Listener>>,
    /// How Tor calls the target, once there is one.
    pub(super) target: Option<String>,
}

/// Why the service is not there.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("{}", .0.chain())]
    Target(#[from] EndpointError),
    #[error("Tor gave it an address that is not that of its key")]
    OtherAddress,
}

impl Keeper {
    /// Until it is told to stop, or whoever could tell it is gone.
    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut pause = FIRST_PAUSE;
        let mut told = String::new();
        loop {
            let mut added = false;
            let lost = tokio::select! {
                biased;
                _ = &mut stop => return,
                port = self.add() => match port {
                    Err(lost) => lost,
                    Ok(mut port) => {
                        (added, pause) = (true, FIRST_PAUSE);
                        tokio::select! {
                            biased;
                            _ = &mut stop => {
                                // It goes with the connection too, but then nobody knows when.
                                let _ = port.del_onion(&self.host).await;
                                return;
                            }
                            lost = self.follow(&mut port) => lost,
                        }
                    }
                },
            };
            let lost = lost.to_string();
            say(&self.status, false, format!("waiting for Tor: {lost}"));
            // What is tried again and again is told once.
            if added || told != lost {
                warn!("{}: not published, and tried again: {lost}", self.host);
            } else {
                debug!("{}: not published, and tried again: {lost}", self.host);
            }
            told = lost;
            tokio::select! {
                _ = &mut stop => return,
                () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    /// Connects and adds the service.
    async fn add(&mut self) -> Result<ControlPort, Lost> {
        let conn = self.control.connect(Deadline::after(CONNECT)).await.map_err(ControlError::Connect)?;
        let info = conn.info.clone();
        let mut port = ControlPort::new(conn);
        let version = port.authenticate(&self.credentials).await?;
        debug!("{}: speaking with Tor {}", self.host, version.as_deref().unwrap_or("of unknown version"));
        let target = match &self.target {
            Some(target) => target.clone(),
            None => self.open_target(&mut port, &info).await?,
        };
        // Before the service is there, or its first events would be missed.
        port.set_events("HS_DESC").await?;
        let service = NewService { key: &self.key, port: self.port, target: &target, clients: &self.clients };
        let name = port.add_onion(&service).await?;
        if self.host.strip_suffix(".onion") != Some(name.as_str()) {
            return Err(Lost::OtherAddress);
        }
        say(&self.status, false, "being published".to_owned());
        info!("{}: Tor serves port {} and publishes it now; that can take a minute", self.host, self.port);
        Ok(port)
    }

    async fn open_target(&mut self, port: &mut ControlPort, control: &ConnInfo) -> Result<String, Lost> {
        let tor = match (&control.unix, &control.peer) {
            // What the system tells of the other end is better than what that says of itself.
            (Some(them), _) => {
                TorProcess { uid: Some(them.uid), pid: them.pid.and_then(|pid| pid.try_into().ok()) }
            }
            (None, Address::Tcp(address)) if !address.ip().is_loopback() => {
                warn!(
                    "{}: Tor at {address} hands connections over on its own machine, at 127.0.0.1; they only arrive if \
                     that is this machine",
                    self.host
                );
                TorProcess::default()
            }
            _ => {
                let mut number =
                    async |key| port.info(key).await.map(|text| text.and_then(|text| text.parse().ok()));
                TorProcess { uid: number("process/uid").await?, pid: number("process/pid").await? }
            }
        };
        let target = target::open(self.wanted, tor).await?;
        debug!("{}: Tor hands its connections over at {}", self.host, target.name);
        // Who accepts may have ended; then so do we soon.
        let _ = self.hand.try_send(target.listener);
        self.target = Some(target.name.clone());
        Ok(target.name)
    }

    /// Follows what Tor tells until the connection is lost.
    async fn follow(&self, port: &mut ControlPort) -> Lost {
        match self.events(port).await {
            Ok(never) => match never {},
            Err(lost) => lost.into(),
        }
    }

    async fn events(&self, port: &mut ControlPort) -> Result<std::convert::Infallible, ControlError> {
        let mut publication = Publication::new(self.host.trim_end_matches(".onion"));
        let mut so_far = "being published".to_owned();
        let began = Instant::now();
        let mut asked = began;
        loop {
            let every = if publication.is_published() { SELDOM } else { OFTEN };
            let event = Deadline::at(asked + every).run(port.event()).await;
            let Ok(event) = event else {
                asked = Instant::now();
                let tor = bootstrapping(port).await?;
                if !publication.is_published() {
                    let text = tor.map_or(so_far.clone(), |tor| format!("{so_far}; {tor}"));
                    say(&self.status, false, text);
                }
                continue;
            };
            match publication.hear(&event?) {
                Heard::Published => {
                    info!(
                        "{}: published after {:.1} s: clients find it now",
                        self.host,
                        began.elapsed().as_secs_f64()
                    );
                }
                Heard::Refused(reason) => {
                    so_far = format!("no directory took its descriptor yet: {reason}");
                    warn!("{}: {so_far}", self.host);
                    say(&self.status, false, so_far.clone());
                }
                Heard::Nothing => {}
            }
            if publication.is_published() {
                // It is published anew again and again, and the number only grows.
                let text = match publication.directories() {
                    1 => "published in 1 directory".to_owned(),
                    number if number < 10 => format!("published in {number} directories"),
                    _ => "published".to_owned(),
                };
                say(&self.status, true, text);
            }
        }
    }
}

/// How far Tor itself is, where it is not ready.
async fn bootstrapping(port: &mut ControlPort) -> Result<Option<String>, ControlError> {
    let Some(phase) = port.info("status/bootstrap-phase").await? else { return Ok(None) };
    let value = |name| Keywords::text(&phase, name).map(|text| shown(&text));
    let percent = value("PROGRESS").unwrap_or_default();
    if percent == "100" {
        return Ok(None);
    }
    let at = value("SUMMARY").unwrap_or_default();
    let warning = value("WARNING").map(|warning| format!(" ({warning})")).unwrap_or_default();
    Ok(Some(format!("Tor itself is at {percent} %: {at}{warning}")))
}
