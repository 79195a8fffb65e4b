//! A WAMP client over any connector: it connects, speaks WebSocket or RawSocket, joins a realm and calls, publishes,
//! subscribes and registers. It must not know the router, nor which kinds of endpoints there are.
//!
//! Start reading at [`Client::connect`], which gives a [`Session`]; [`Reconnecting`] is a session that comes back.
//! Within, `core.rs` is what callers and the connection share, `port.rs` what the connection's task does with what it
//! hears. A session is one task: callers queue their messages themselves, and answers go to whoever waits.
//!
//! ```
//! use std::sync::Arc;
//! use transom_base::Deadline;
//! use transom_client::{Carrier, Client, ClientSettings, RawSocketCarrier, RequestError, Transport};
//! use transom_endpoint::Connector;
//! use transom_wamp::{CallOptions, Payload, Serializer};
//!
//! async fn sessions(connector: Arc<dyn Connector>) -> Result<(), Box<dyn std::error::Error>> {
//!     let carrier = Carrier::RawSocket(RawSocketCarrier::new(Serializer::Cbor));
//!     let client = Client::new(Transport { connector, carrier }, ClientSettings::new("realm1"));
//!     let session = client.connect().await?;
//!     let nothing = Payload::empty(session.serializer());
//!     let call = session.call("wamp.session.count", CallOptions::default(), nothing, Deadline::NEVER);
//!     match call.await {
//!         Ok(result) => println!("{:?}", result.payload.to_values()?),
//!         Err(RequestError::Failed(error)) => println!("the router says {}", error.error),
//!         Err(other) => return Err(other.into()),
//!     }
//!     session.close().await;
//!     Ok(())
//! }
//! ```

mod authenticator;
mod backoff;
mod client;
mod core;
mod error;
mod port;
mod procedure;
mod reconnecting;
mod session;
mod subscription;
mod transport;

pub use authenticator::{Anonymous, AuthError, Authenticator, Login};
pub use backoff::Backoff;
pub use client::{Client, ClientSettings};
pub use error::{ConnectError, End};
pub use procedure::{ProcedureError, Registration};
pub use reconnecting::{Reconnecting, Status, Why};
pub use session::Session;
pub use subscription::{Overflow, SubscribeOptions, Subscription};
pub use transom_peer::RequestError;
pub use transport::{Carrier, RawSocketCarrier, Transport, WebSocketCarrier};
