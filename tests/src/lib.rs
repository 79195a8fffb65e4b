//! Tests of a whole node: every endpoint under every protocol, bad input, the command line, the end of a node.
//!
//! This library is what they share: a node in this process on ports of its own, and a client that speaks WAMP over
//! any transport, one message at a time. Its WebSocket is tokio-tungstenite's, independent of ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod client;
mod haproxy;
mod log;
mod login;
mod node;
mod program;
mod tools;

pub use client::{Carrier, Client, Target};
pub use haproxy::HaProxy;
pub use log::Log;
pub use login::Login;
pub use node::{ALL_ALLOWED, TestNode};
pub use program::{Program, exchange, line};
pub use tools::has_tool;

/// Long enough for anything on a busy machine; a test that needs it has failed.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
