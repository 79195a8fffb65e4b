//! Endpoints: listening and connecting, on TCP, Unix and inherited sockets, and the loop that accepts connections
//! within limits and behind proxies. It must not know TLS, Tor or any protocol that runs inside.
//!
//! Start reading at [`Listener`], [`Connector`] and [`Upgrade`], the three seams; [`accept_loop`] is what runs a
//! listener, and [`AcceptControl`] what changes it while it runs. Beside them: [`proxy`], the PROXY header; [`ServiceManager`], who is told when all listeners are bound;
//! [`relay()`], from one connection to another.
//!
//! ```
//! use std::sync::Arc;
//! use transom_base::{ConnectionHandler, Drain};
//! use transom_config::TcpListenConfig;
//! use transom_endpoint::{Accepting, EndpointError, Listener, TcpListener, accept_loop};
//!
//! async fn run(handler: Arc<dyn ConnectionHandler>) -> Result<(), EndpointError> {
//!     let listener = TcpListener::bind(&TcpListenConfig::new(8080)).await?;
//!     println!("listening on {}", listener.bound()[0]);
//!     let (drain, watch) = Drain::new();
//!     tokio::spawn(accept_loop(Box::new(listener), Accepting::new("example", handler, 1000, watch)));
//!     // Later: no new connections, and the open ones are asked to finish.
//!     drain.drain();
//!     drain.complete().await;
//!     Ok(())
//! }
//! ```

mod accept;
mod addresses;
mod connection;
mod control;
mod error;
mod holder;
mod inherited;
pub mod proxy;
mod rate;
mod refusals;
mod relay;
mod service_manager;
mod several;
mod tcp;
mod traits;
mod unix;
mod upgraded;

pub use accept::{Accepting, accept_loop, accept_under_control};
pub use connection::Accepted;
pub use control::{AcceptControl, AcceptOrders};
pub use error::{AcceptError, ConnectFailure, EndpointError, accept_error};
pub use inherited::{FdListenSettings, Inherited, InheritedSocket, listen_on};
pub use proxy::{ProxyProtocol, ProxyProtocolSettings};
pub use relay::{RelayEnd, RelaySettings, RelayStats, relay, relay_until};
pub use service_manager::ServiceManager;
pub use several::Several;
pub use tcp::{ConnectStep, ConnectWatch, TcpConnector, TcpListener};
pub use traits::{BoundAddr, Connector, EndpointState, EndpointStatus, Listener, Upgrade};
pub use unix::{SocketId, UnixConnector, UnixListener, UnixReplacement};
pub use upgraded::{Upgraded, UpgradedConnector};
