//! The Transom node: reads a node directory, composes endpoints, transports, web services and routers from it, and
//! runs them until a signal comes. The only crate that names concrete types of several layers.
//!
//! Start reading at [`RunningNode::start`]; `compose` maps each piece of configuration to what serves it;
//! [`RunningNode::reload`] takes over another configuration; `life` waits for what happens to a node, and [`control`]
//! lets other processes ask for it; `cli` is the command line.

mod authentication;
pub mod cli;
mod compose;
pub mod control;
mod endpoints;
mod error;
mod facts;
mod life;
mod limits;
mod loading;
mod logging;
mod manager;
mod node_key;
mod pipe;
mod reload;
mod running;
mod signals;
mod summary;

pub use error::StartError;
pub use reload::{Applied, ReloadError};
pub use running::{RunningNode, RunningTransport, Stopped};
pub use summary::Summary;

/// Name of the program, as peers and people see it.
pub const PRODUCT: &str = "Transom";

/// Its version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
