//! Onion services: started with a key of the operator's, and the streams that clients open to them.

use std::sync::Arc;
use std::time::Duration;

use arti_client::HasKind;
use arti_client::config::onion_service::{OnionServiceConfig, OnionServiceConfigBuilder};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use safelog::DisplayRedacted;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tor_cell::relaycell::msg::{Connected, End, EndReason};
use tor_hscrypto::pk::{HsClientDescEncKey, HsId, HsIdKey, HsIdKeypair};
use tor_hsservice::config::restricted_discovery::MAX_RESTRICTED_DISCOVERY_CLIENTS;
use tor_hsservice::{RendRequest, RunningOnionService, StreamRequest};
use tor_llcrypto::pk::{curve25519, ed25519};
use tor_proto::stream::IncomingStreamRequest;
use tracing::{debug, warn};
use transom_base::Stream;
use zeroize::Zeroizing;

use crate::error::words;
use crate::status::{self, ServiceStatus};
use crate::stream::Prompt;
use crate::{ArtiError, Tor};

/// Streams that wait for [`OnionService::accept`].
const QUEUE: usize = 16;

/// Circuits of clients at a time.
const MAX_CIRCUITS: usize = 8 * 1024;

/// Streams of one circuit at a time; a client that opens more loses the circuit.
const MAX_STREAMS: u32 = 1024;

/// How long the way to a client's meeting point may take.
const RENDEZVOUS: Duration = Duration::from_secs(60);

/// How long a circuit may be there without a stream before its first.
const FIRST_STREAM: Duration = Duration::from_secs(60);

/// How long a stream waits for a place in the queue, and how long the answer to it may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Between attempts to start while another service with the same key has not ended.
const RETRY: Duration = Duration::from_millis(100);

/// After this time without success something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a service is at then.
const OCCUPIED: &str = "waiting for another service with the same key to end";

/// The address of the onion service with this key, ending in `.onion`. The key is an expanded one: the clamped scalar,
/// then the prefix for hashes, as after `ED25519-V3:` in key files of Tor.
pub fn onion_address(key: &[u8; 64]) -> String {
    keypair(key).map(|pair| address(&pair)).unwrap_or_default()
}

fn keypair(key: &[u8; 64]) -> Option<HsIdKeypair> {
    ed25519::ExpandedKeypair::from_secret_key_bytes(*key).map(HsIdKeypair::from)
}

fn address(pair: &HsIdKeypair) -> String {
    HsIdKey::from(pair).id().display_unredacted().to_string()
}

/// A running onion service. Dropping it withdraws it; streams that were accepted stay open.
pub struct OnionService {
    address: String,
    streams: mpsc::Receiver<Box<dyn Stream>>,
    status: watch::Receiver<ServiceStatus>,
    /// Ends with it. Keeps the Tor running.
    _service: JoinSet<()>,
}

impl Tor {
    /// Serves a port of the onion service with this key (see [`onion_address`]). `clients` are x25519 public keys: only
    /// who has one of the private keys finds the service; without any, everybody does. A client that is left out later
    /// may still find it for a while.
    ///
    /// A service with the same key that was dropped before may need a moment to end, and this one starts after it.
    ///
    /// # Errors
    /// If there are too many clients, or the key is none. What fails later, [`OnionService::status`] tells.
    pub fn serve(&self, key: &[u8; 64], port: u16, clients: &[[u8; 32]]) -> Result<OnionService, ArtiError> {
        let start = Start::new(self.clone(), key, clients)?;
        let (sender, streams) = mpsc::channel(QUEUE);
        let waiting =
            ServiceStatus { text: "waiting for the Tor network".to_owned(), ..ServiceStatus::default() };
        let (status_sender, status) = watch::channel(waiting);
        let address = start.address.clone();
        let mut tasks = JoinSet::new();
        let task = async move {
            let (service, requests) = match start.run(&status_sender).await {
                Ok(started) => started,
                Err(error) => return fail(&error, &status_sender),
            };
            tokio::select! {
                () = status::changes(&start.address, &service, &status_sender) => {}
                () = circuits(requests, port, &start.tor, &sender) => {}
            }
            fail(&start.failed("it has ended by itself"), &status_sender);
        };
        tasks.spawn_on(task, self.handle());
        Ok(OnionService { address, streams, status, _service: tasks })
    }
}

impl OnionService {
    /// Its address, ending in `.onion`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The next stream that a client opens. `None` if the service has ended by itself; [`status`](Self::status) then
    /// tells why. Can be dropped without losing a stream. What is written to a stream leaves without being flushed.
    pub async fn accept(&mut self) -> Option<Box<dyn Stream>> {
        self.streams.recv().await
    }

    /// How it is doing. Changes are told as they come.
    pub fn status(&self) -> watch::Receiver<ServiceStatus> {
        self.status.clone()
    }
}

impl std::fmt::Debug for OnionService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnionService").field("status", &*self.status.borrow()).finish_non_exhaustive()
    }
}

fn fail(error: &ArtiError, status: &watch::Sender<ServiceStatus>) {
    warn!("{error}");
    let problem = Some(error.to_string());
    status.send_replace(ServiceStatus { reachable: false, text: "ended".to_owned(), problem });
}

type Started = (Arc<RunningOnionService>, BoxStream<'static, RendRequest>);

/// What a service is started with.
struct Start {
    tor: Tor,
    key: Zeroizing<[u8; 64]>,
    address: String,
    config: OnionServiceConfig,
}

impl Start {
    fn new(tor: Tor, key: &[u8; 64], clients: &[[u8; 32]]) -> Result<Self, ArtiError> {
        let failed =
            |address: &str, problem: String| ArtiError::Service { address: address.to_owned(), problem };
        let address = onion_address(key);
        if clients.len() > MAX_RESTRICTED_DISCOVERY_CLIENTS {
            let problem =
                format!("it can have {MAX_RESTRICTED_DISCOVERY_CLIENTS} clients, not {}", clients.len());
            return Err(failed(&address, problem));
        }
        let config = config(&address, clients).map_err(|problem| failed(&address, problem))?;
        Ok(Start { tor, key: Zeroizing::new(*key), address, config })
    }

    fn failed(&self, problem: &str) -> ArtiError {
        ArtiError::Service { address: self.address.clone(), problem: problem.to_owned() }
    }

    /// Starts it, unless one with the same key still runs.
    fn attempt(&self) -> Result<Option<Started>, ArtiError> {
        let client = self.tor.client();
        let key = keypair(&self.key).ok_or_else(|| self.failed("this is no key"))?;
        // Arti keeps keys in its state directory, and calls it a wrong use to bring one that is there already.
        let started = match client.launch_onion_service_with_hsid(self.config.clone(), key) {
            Ok(started) => Ok(started.map(|(service, requests)| (service, requests.boxed()))),
            Err(error) if error.kind() == arti_client::ErrorKind::BadApiUsage => {
                let started = client.launch_onion_service(self.config.clone());
                started.map(|started| started.map(|(service, requests)| (service, requests.boxed())))
            }
            Err(error) => Err(error),
        };
        match started {
            Ok(Some(started)) => {
                let id = started.0.onion_address();
                match id.is_some_and(|id: HsId| id.display_unredacted().to_string() == self.address) {
                    true => Ok(Some(started)),
                    false => Err(self.failed("Tor keeps another key for it in its state directory")),
                }
            }
            Ok(None) => Err(self.failed("it is disabled")),
            Err(error) if error.kind() == arti_client::ErrorKind::LocalResourceAlreadyInUse => Ok(None),
            Err(error) => Err(self.failed(&words(&error))),
        }
    }

    /// Starts it, once Tor is ready and another service with the same key has ended.
    async fn run(&self, status: &watch::Sender<ServiceStatus>) -> Result<Started, ArtiError> {
        // A service that is started before would not end until then either.
        let _ = self.tor.progress().wait_for(|progress| progress.ready).await;
        let begin = Instant::now();
        let mut told = false;
        loop {
            if let Some(started) = self.attempt()? {
                return Ok(started);
            }
            status.send_if_modified(|status| {
                let changed = status.text != OCCUPIED;
                OCCUPIED.clone_into(&mut status.text);
                changed
            });
            if !told && begin.elapsed() > PATIENCE {
                told = true;
                let problem = "another service with the same key is running";
                warn!("{}", self.failed(problem));
                status.send_modify(|status| status.problem = Some(problem.to_owned()));
            }
            sleep(RETRY).await;
        }
    }
}

/// The name of a service is made of its address, so that another key never meets the state of this one.
fn config(address: &str, clients: &[[u8; 32]]) -> Result<OnionServiceConfig, String> {
    let name = format!("hs{}", address.get(..16).unwrap_or_default());
    let mut config = OnionServiceConfigBuilder::default();
    config.nickname(name.parse().map_err(|error| words(&error))?);
    config.max_concurrent_streams_per_circuit(MAX_STREAMS);
    if !clients.is_empty() {
        let restricted = config.restricted_discovery();
        restricted.enabled(true);
        for (number, key) in clients.iter().enumerate() {
            let name = format!("client{number}").parse().map_err(|error| words(&error))?;
            let key = HsClientDescEncKey::from(curve25519::PublicKey::from(*key));
            restricted.static_keys().access().push((name, key));
        }
    }
    config.build().map_err(|error| words(&error))
}

/// Serves all circuits until Tor brings no more.
async fn circuits(
    mut requests: BoxStream<'static, RendRequest>,
    port: u16,
    tor: &Tor,
    accepted: &mpsc::Sender<Box<dyn Stream>>,
) {
    let mut circuits = JoinSet::new();
    loop {
        tokio::select! {
            request = requests.next() => match request {
                None => return,
                Some(request) if circuits.len() < MAX_CIRCUITS => {
                    circuits.spawn(circuit(request, port, tor.clone(), accepted.clone()));
                }
                Some(_) => debug!("a client of the onion service was turned away: {MAX_CIRCUITS} circuits"),
            },
            Some(_) = circuits.join_next() => {}
        }
    }
}

/// Meets a client and serves the streams of its circuit.
async fn circuit(request: RendRequest, port: u16, tor: Tor, accepted: mpsc::Sender<Box<dyn Stream>>) {
    let mut streams = match timeout(RENDEZVOUS, request.accept()).await {
        Ok(Ok(streams)) => streams,
        Ok(Err(error)) => return debug!("a client of the onion service was not met: {}", words(&error)),
        Err(_) => return debug!("a client of the onion service was not met in time"),
    };
    let mut next = timeout(FIRST_STREAM, streams.next()).await.ok().flatten();
    while let Some(request) = next {
        answer(request, port, &tor, &accepted).await;
        next = streams.next().await;
    }
}

/// Accepts a stream to the port for which there is a place; refuses any other.
async fn answer(request: StreamRequest, port: u16, tor: &Tor, accepted: &mpsc::Sender<Box<dyn Stream>>) {
    let wanted = matches!(request.request(), IncomingStreamRequest::Begin(begin) if begin.port() == port);
    let place = match wanted {
        true => timeout(ANSWER, accepted.reserve()).await.ok().and_then(Result::ok),
        false => None,
    };
    let Some(place) = place else {
        // Any other reason would tell this program from others.
        let refused = request.reject(End::new_with_reason(EndReason::DONE));
        let _ = timeout(ANSWER, refused).await;
        return;
    };
    match timeout(ANSWER, request.accept(Connected::new_empty())).await {
        Ok(Ok(stream)) => place.send(Box::new(Prompt::new(stream, Some(tor.clone())))),
        Ok(Err(error)) => debug!("a stream of the onion service was not accepted: {}", words(&error)),
        Err(_) => debug!("a stream of the onion service was not accepted in time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(hex: &str) -> [u8; 64] {
        let octet = |at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        std::array::from_fn(octet)
    }

    /// Keys expanded with SHA-512 from the seed of RFC 8032 section 7.1 test 1 and from one of OpenSSL's, their addresses
    /// computed from the public keys with SHA3-256 as Tor's rend-spec-v3 says.
    #[test]
    fn keys_have_the_addresses_of_the_specification() {
        for (key, address) in [
            (
                "307c83864f2833cb427a2ef1c00a013cfdff2768d980c0a3a520f006904de94f\
                 9b4f0afe280b746a778684e75442502057b7473a03f08f96f5a38e9287e01f8f",
                "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.onion",
            ),
            (
                "f85aba43be0bdbc2d2d101ff42ac6e3d44e0ead7bedc31541f04fd0953d40c52\
                 38cc5d944b0eaa563eee25fb80e39403695e69a269db993507abb07a4a47bc4f",
                "qwllwgvkdzfqwa5nnkkpu7lixr5kl6ig4rleqarabj6pkeyqzweeznqd.onion",
            ),
        ] {
            assert_eq!(onion_address(&octets(key)), address);
        }
    }

    #[test]
    fn services_are_named_by_their_address_and_closed_to_others_with_clients() {
        let name = |config: &OnionServiceConfig| config.nickname().to_string();
        let open = config("25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid.onion", &[]).unwrap();
        assert_eq!(name(&open), "hs25njqamcweflpvkl");
        let closed = config("25njqamcweflpvkl73j4.onion", &[[1; 32], [2; 32]]).unwrap();
        assert_eq!(name(&closed), name(&open));
        let clients = |config: &OnionServiceConfig| {
            let restricted = config.restricted_discovery();
            (*restricted.enabled(), restricted.static_keys().as_ref().len())
        };
        assert_eq!((clients(&open), clients(&closed)), ((false, 0), (true, 2)));
    }
}
