//! Substitutes for every seam of Transom, for its tests. Not published.
//!
//! | seam | substitute |
//! |---|---|
//! | `Stream` | [`ScriptedStream`], [`Counting`] |
//! | `Listener`, `Connector` | [`memory_listener`] |
//! | `Upgrade` | [`PassThrough`], [`Refusing`] |
//! | `ConnectionHandler` | [`Echo`], [`Collect`] |
//! | `Sniff` | [`StartsWith`] |
//! | `WebService` | `Canned`, with the feature `http` |
//! | `RouterPort`, `SessionPort` | [`FakeRouter`] |
//! | `SessionSink` | [`FakeSink`] |
//!
//! [`EndpointCase`] is the suite that every kind of endpoint passes. `TestCa`, with the feature `tls`, issues certificates. With the
//! feature `tor`, `FakeControlPort` and `FakeSocksPort` stand for a running Tor.
//! [`every_split`] and [`every_prefix`] cut golden exchanges in pieces. They are here for tests alone, so wrong use
//! panics.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "tls")]
mod ca;
mod counting;
mod handlers;
mod memory;
mod router;
mod scripted;
mod sink;
mod split;
mod suite;
#[cfg(feature = "tor")]
mod tor;
mod upgrades;
#[cfg(feature = "http")]
mod web;

#[cfg(feature = "tls")]
pub use ca::{Issued, IssuedFiles, KeyKind, TestCa, TestCert};
pub use counting::{Counting, Writes};
pub use handlers::{Collect, Echo, StartsWith};
pub use memory::{MemoryConnector, MemoryListener, memory_connection, memory_listener};
pub use router::{FakeRouter, FakeSession, Heard};
pub use scripted::{ScriptedStream, Step};
pub use sink::{FakeSink, Sent};
pub use split::{every_prefix, every_split};
pub use suite::{EndpointCase, SendFirst, proxy_header};
#[cfg(feature = "tor")]
pub use tor::{Answer, FakeControlPort, FakeSocksPort, SocksRequest, SocksScript};
pub use upgrades::{PassThrough, Refusing};
#[cfg(feature = "http")]
pub use web::Canned;
