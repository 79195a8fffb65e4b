//! TLS 1.2 and 1.3 as steps over any connection: [`TlsServer`] for a listening endpoint, [`TlsClient`] for a connecting
//! one. Certificates are chosen by the name that a client asks for and replaced while connections are open; what is
//! wrong with a file or a peer is said in words. It must not know what runs inside.
//!
//! Start reading at [`TlsServer`]; a handshake is in `server.rs`, what it needs is loaded in `listen.rs`. Cryptography is
//! that of aws-lc-rs, through rustls, and passed to it explicitly: no default of the process matters.
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//! use transom_base::{ConnectionHandler, SystemClock};
//! use transom_endpoint::{Upgrade, Upgraded};
//! use transom_tls::{Refused, TlsListenSettings, TlsServer};
//!
//! fn behind_tls(handler: Arc<dyn ConnectionHandler>) -> Result<Upgraded, Refused> {
//!     let settings = TlsListenSettings::new("/etc/example/key.pem", "/etc/example/fullchain.pem");
//!     let (server, findings) = TlsServer::new(settings)?;
//!     for finding in findings {
//!         println!("{finding}");
//!     }
//!     // Watches the files and warns of certificates that end, for as long as it runs.
//!     tokio::spawn(server.maintain("example".to_owned(), Arc::new(SystemClock)));
//!     let step: Arc<dyn Upgrade> = Arc::new(server);
//!     Ok(Upgraded::new([(step, Some(Duration::from_secs(10)))], handler))
//! }
//! ```

mod certificates;
mod ciphers;
mod client;
mod dhe;
mod error;
mod facts;
mod failure;
mod files;
mod identity;
mod listen;
mod maintain;
mod plain;
mod provider;
mod server;
mod settings;
mod trust;
mod verify;
mod watch;
mod x509;

pub use client::{TlsClient, check_connecting};
pub use error::{Finding, Refused, Severity};
pub use failure::refusal_of_server;
pub use listen::check_listening;
pub use provider::install_for_others;
pub use server::{CertificateStatus, Reloaded, TlsServer};
pub use settings::{ClientAuth, KeyPairSettings, MinVersion, TlsConnectSettings, TlsListenSettings};
pub use verify::{Untrusted, UntrustedReason};
pub use x509::{date, read_certificate};
