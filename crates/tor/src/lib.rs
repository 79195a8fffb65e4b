//! Tor endpoints: onion services to listen on, and connections that go through Tor. It must not know any protocol that
//! runs inside, nor TLS.
//!
//! Start reading at [`OnionListener`], which keeps an onion service published by a running Tor, and at
//! [`SocksConnector`], which connects through one. [`OnionKey`] is what makes a service the same one for ever;
//! [`control`] speaks with Tor's control port. [`EmbeddedTor`] is both with no Tor beside the process, where this crate
//! is built with the feature `embedded`.

mod base32;
pub mod control;
mod embedded;
mod host;
mod key;
mod onion;
mod publication;
mod socks;
mod target;

pub use embedded::EmbeddedTor;
pub use key::{KeyError, OnionKey};
pub use onion::OnionListener;
pub use socks::SocksConnector;
