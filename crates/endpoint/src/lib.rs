//! Endpoints: listening and connecting, on TCP and Unix sockets, and the loop that accepts connections within limits.
//! It must not know TLS, Tor or any protocol.
//!
//! Start reading at [`Listener`], [`Connector`] and [`Upgrade`], the three seams; [`accept_loop`] is what runs a
//! listener.

mod accept;
mod connection;
mod error;
mod rate;
mod refusals;
mod tcp;
mod traits;
mod unix;
mod upgraded;

pub use accept::{Accepting, accept_loop};
pub use connection::Accepted;
pub use error::{AcceptError, EndpointError, accept_error};
pub use tcp::{TcpConnector, TcpListener};
pub use traits::{BoundAddr, Connector, EndpointStatus, Listener, Upgrade};
pub use unix::{UnixConnector, UnixListener};
pub use upgraded::Upgraded;
