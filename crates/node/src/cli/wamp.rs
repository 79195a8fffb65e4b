//! The commands that are a WAMP client: what they have in common.

pub(super) mod call;
pub(super) mod json;
mod lasting;
mod login;
pub(super) mod publish;
pub(super) mod register;
pub(super) mod subscribe;
mod transport;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;
use transom_base::Deadline;
use transom_client::{Client, ClientSettings, RequestError, Session};
use transom_wamp::Payload;

use super::outcome::{Exit, Trouble};
use super::tor::TorArgs;
use crate::{StartError, logging};

/// How to reach a router, and as whom.
#[derive(Debug, Args)]
pub(super) struct SessionArgs {
    /// How to reach the router: a URL (ws://, wss://, rs:// or rss://, with HOST:PORT or unix:PATH), or a connecting
    /// transport as JSON text or in a file, also written as @FILE.
    #[arg(long, value_name = "TRANSPORT", default_value = "ws://127.0.0.1:8080/ws")]
    transport: String,
    /// The realm to join.
    #[arg(long, default_value = "realm1")]
    realm: String,
    /// The serializer, where the transport is a URL: json, msgpack, cbor or ubjson. [default: any for WebSocket, json
    /// for RawSocket]
    #[arg(long, value_name = "NAME")]
    serializer: Option<String>,
    /// A file with authorities to trust, PEM, where the transport is a wss:// or rss:// URL; may be given several times.
    /// [default: those of the system]
    #[arg(long, value_name = "FILE")]
    ca_certificates: Vec<PathBuf>,
    /// The client certificate, PEM, likewise.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The private key of the client certificate, PEM, likewise.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    #[command(flatten)]
    login: login::LoginArgs,
    /// Seconds that joining may take, and then the answer to each request; 0 = no limit.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    timeout: u64,
    #[command(flatten)]
    tor: TorArgs,
}

/// What a request carries.
#[derive(Debug, Args)]
pub(super) struct CarriedArgs {
    /// The arguments, each as JSON. What begins neither as a list, a map nor a string of JSON, and is none of its numbers
    /// or words, is a string.
    #[arg(value_name = "ARGS", allow_negative_numbers = true)]
    args: Vec<String>,
    /// The keyword arguments, a JSON object.
    #[arg(long, value_name = "JSON")]
    kwargs: Option<String>,
}

impl CarriedArgs {
    fn payload(&self) -> Result<Payload, Trouble> {
        let args: Result<Vec<_>, _> = self.args.iter().map(|argument| json::argument(argument)).collect();
        let args = args.map_err(Trouble::wrong)?;
        let kwargs = match &self.kwargs {
            None => None,
            Some(text) => Some(json::object(text).map_err(|why| Trouble::wrong(format!("--kwargs: {why}")))?),
        };
        json::payload(&args, kwargs.as_deref()).map_err(Trouble::wrong)
    }
}

impl SessionArgs {
    fn client(&self) -> Result<Client, Trouble> {
        let mut settings = ClientSettings::new(self.realm.as_str());
        settings.authenticator = self.login.authenticator()?;
        settings.join_timeout = self.timeout();
        settings.request_timeout = self.timeout();
        Ok(Client::new(transport::transport(self)?, settings))
    }

    fn timeout(&self) -> Option<Duration> {
        (self.timeout > 0).then(|| Duration::from_secs(self.timeout))
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout())
    }
}

/// What a client runs in. Its connection goes on when the command itself waits.
fn runtime() -> Result<Runtime, Trouble> {
    logging::install(LevelFilter::WARN, logging::Format::Bare, false);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    Ok(runtime.map_err(StartError::Process)?)
}

/// Joins, does something, and leaves.
fn in_session(
    args: &SessionArgs,
    act: impl AsyncFnOnce(&Session) -> Result<(), RequestError>,
) -> Result<(), Trouble> {
    let client = args.client()?;
    runtime()?.block_on(async {
        let session = client.connect().await.map_err(|error| Trouble::from(&error))?;
        match act(&session).await {
            Ok(()) => {
                session.close().await;
                Ok(())
            }
            Err(RequestError::Ended) => {
                let end = session.ended().await;
                Err(Trouble::new(
                    Exit::Connection,
                    format!("the session ended before there was an answer: {end}"),
                ))
            }
            Err(error) => {
                session.close().await;
                Err(error.into())
            }
        }
    })
}
