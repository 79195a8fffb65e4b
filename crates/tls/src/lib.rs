//! TLS.

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
pub use listen::check_listening;
pub use server::{CertificateStatus, Reloaded, TlsServer};
pub use settings::{ClientAuth, KeyPairSettings, MinVersion, TlsConnectSettings, TlsListenSettings};
pub use x509::read_certificate;
