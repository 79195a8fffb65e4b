//! How a client reaches a router, up to the moment when messages can be sent.

use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;
use transom_base::{BoxFuture, ConnScope, Connection, Deadline, ServeError, drive};
use transom_endpoint::Connector;
use transom_rawsocket::handshake::Request;
use transom_rawsocket::{RawSocketSession, Settings as RawSocketSettings};
use transom_wamp::{RouterPort, Serializer, Subprotocol};
use transom_websocket::handshake::{ClientHandshake, OpenError, connect};
use transom_websocket::{Agreement, Role, WebSocketSession, WebSocketSettings};

use crate::ConnectError;

/// What we say we are to WebSocket servers.
const USER_AGENT: &str = concat!("Transom/", env!("CARGO_PKG_VERSION"));

/// How a client reaches a router.
#[derive(Clone)]
pub struct Transport {
    /// Where it connects, TLS and the like included.
    pub connector: Arc<dyn Connector>,
    /// What is spoken there.
    pub carrier: Carrier,
}

/// What carries WAMP messages.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Carrier {
    /// WebSocket.
    WebSocket(WebSocketCarrier),
    /// RawSocket.
    RawSocket(RawSocketCarrier),
}

/// WAMP over WebSocket.
#[derive(Debug, Clone)]
pub struct WebSocketCarrier {
    /// The `Host` header: the host, with the port where it is not the default one.
    pub host: String,
    /// What is asked for: a path from its slash on, with the query if there is one.
    pub path: String,
    /// How frames are written and read. `serializers` are those that are offered, the preferred first; they are offered
    /// without batching.
    pub settings: Arc<WebSocketSettings>,
}

/// WAMP over RawSocket.
#[derive(Debug, Clone)]
pub struct RawSocketCarrier {
    /// The serializer that is asked for.
    pub serializer: Serializer,
    /// How frames are written and read. What is about serving clients has no effect.
    pub settings: RawSocketSettings,
}

impl WebSocketCarrier {
    /// Every serializer is offered, and everything else at its default.
    pub fn new(host: impl Into<String>, path: impl Into<String>) -> Self {
        WebSocketCarrier { host: host.into(), path: path.into(), settings: Arc::default() }
    }
}

impl RawSocketCarrier {
    /// With the settings at their defaults.
    pub fn new(serializer: Serializer) -> Self {
        RawSocketCarrier { serializer, settings: RawSocketSettings::default() }
    }
}

/// The connection from here on, to be run as a task.
pub(crate) type Driving = BoxFuture<'static, Result<(), ServeError>>;

impl Transport {
    /// Where it leads, for people.
    pub fn target(&self) -> String {
        self.connector.target()
    }

    /// Connects and does the handshake of what is spoken. The session is opened at `user`, which takes the place that a
    /// router has on the other end.
    pub(crate) async fn open(
        &self,
        deadline: Deadline,
        user: &dyn RouterPort,
    ) -> Result<Driving, ConnectError> {
        let conn = self.connector.connect(deadline).await.map_err(ConnectError::Endpoint)?;
        match &self.carrier {
            Carrier::WebSocket(websocket) => self.websocket(websocket, conn, deadline, user).await,
            Carrier::RawSocket(rawsocket) => self.rawsocket(rawsocket, conn, deadline, user).await,
        }
    }

    async fn websocket(
        &self,
        websocket: &WebSocketCarrier,
        conn: Connection,
        deadline: Deadline,
        user: &dyn RouterPort,
    ) -> Result<Driving, ConnectError> {
        let Connection { mut io, info } = conn;
        let settings = websocket.settings.clone();
        let failed = |source| ConnectError::WebSocket { target: self.target(), source };
        let handshake = request(websocket).map_err(|error| failed(OpenError::Client(error)))?;
        let opened = match deadline.run(connect(&mut io, &handshake)).await {
            Ok(opened) => opened.map_err(failed)?,
            Err(_) => return Err(self.timeout("WebSocket handshake")),
        };
        let spoken = &settings.serializers;
        let subprotocol = match &opened.subprotocol {
            Some(name) => Subprotocol::named(name, spoken).next(),
            // A server that tells none speaks JSON.
            None => spoken
                .contains(&Serializer::Json)
                .then_some(Subprotocol { serializer: Serializer::Json, batched: false }),
        };
        let Some(subprotocol) = subprotocol else {
            return Err(ConnectError::NoSubprotocol { target: self.target() });
        };
        let agreed = Agreement { subprotocol, deflate: opened.deflate, cookie: None };
        let session = WebSocketSession::new(settings, Role::Client, agreed, Arc::new(info), user);
        Ok(drive(io, opened.leftover, session, ConnScope::detached()))
    }

    async fn rawsocket(
        &self,
        rawsocket: &RawSocketCarrier,
        conn: Connection,
        deadline: Deadline,
        user: &dyn RouterPort,
    ) -> Result<Driving, ConnectError> {
        let Connection { mut io, info } = conn;
        let RawSocketCarrier { serializer, settings } = rawsocket;
        let request =
            Request { max_length: settings.max_message_size, serializer: serializer.rawsocket_id() };
        let accepts = match deadline.run(transom_rawsocket::connect(&mut io, request)).await {
            Ok(accepts) => {
                accepts.map_err(|source| ConnectError::RawSocket { target: self.target(), source })?
            }
            Err(_) => return Err(self.timeout("RawSocket handshake")),
        };
        let session = RawSocketSession::client(settings, *serializer, accepts, Arc::new(info), user);
        Ok(drive(io, BytesMut::new(), session, ConnScope::detached()))
    }

    pub(crate) fn timeout(&self, what: &'static str) -> ConnectError {
        ConnectError::Timeout { target: self.target(), what }
    }
}

fn request(
    websocket: &WebSocketCarrier,
) -> Result<ClientHandshake, transom_websocket::handshake::ClientError> {
    let mut names: Vec<_> = Vec::new();
    for serializer in &websocket.settings.serializers {
        // Both forms of UBJSON have one name.
        if !names.contains(&serializer.subprotocol()) {
            names.push(serializer.subprotocol());
        }
    }
    let handshake = ClientHandshake::new(&websocket.host, &websocket.path, &names, None)?
        .with_header("User-Agent", USER_AGENT)?;
    Ok(match websocket.settings.compression {
        Some(deflate) => handshake.with_deflate(deflate),
        None => handshake,
    })
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("target", &self.target())
            .field("carrier", &self.carrier)
            .finish_non_exhaustive()
    }
}
