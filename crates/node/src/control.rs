//! Control of a running node by other processes of its user: a Unix socket in the node directory, on which
//! `transom reload`, `status` and `stop` ask. The socket is also the lock of the directory: one node alone can have it.
//!
//! The protocol is one line each way, JSON: a [`Request`], and the [`Response`] to it. The connection that asks for the
//! end of the node stays open until the process is gone.

mod client;
mod protocol;
mod server;

pub(crate) use client::{AskError, Control};
pub use protocol::{
    MAX_REQUEST, Outcome, RealmState, Request, Response, RetiredState, Status, Stopping, TransportState,
};
pub use server::LockError;
pub(crate) use server::{About, ControlLock, ControlSocket, Now, Ordered, Orders, seconds};

use std::path::{Path, PathBuf};

/// The name of the socket in the node directory.
const NAME: &str = "transom.sock";

/// The socket of a node directory.
pub(crate) fn socket_of(node_dir: &Path) -> PathBuf {
    node_dir.join(NAME)
}
