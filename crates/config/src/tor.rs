//! Endpoints of Tor.

use std::path::PathBuf;
use std::time::Duration;

use crate::define::{map, words};
use crate::{ConnectEndpoint, Secret, TlsConnectConfig};

map! {
    /// An onion service to listen on.
    pub struct OnionListenConfig = "listening onion endpoint", check = reader::tor::check_onion,
        one_of = &["tor_control_endpoint", "embedded"];
    required {
        /// The port of the onion service.
        port: u16 => port();
        /// The file with the key of the service; made if it is not there.
        private_key_file: PathBuf => path();
    }
    optional {
        /// The control port of a running Tor.
        tor_control_endpoint: Option<Box<ConnectEndpoint>> = None => some(boxed());
        /// Use the Tor inside the node instead.
        embedded: bool = false => flag();
        /// For control ports that want a password; `${NAME}` of an environment variable is replaced.
        control_password: Option<Secret> = None => some(secret(true));
        /// Only clients with these keys (x25519, base32) find the service.
        client_auth: Vec<String> = Vec::new() => list(reader::tor::client_key());
        /// Where a running Tor hands connections over. Left out: by `unix` where Tor can be seen to reach it, else by `tcp`.
        target: Option<OnionTarget> = None => some(word());
        /// The version of onion services.
        version: u8 = 3 => reader::tor::version();
    }
}

words! {
    /// Where Tor hands connections over.
    pub enum OnionTarget;
    /// A socket file in a folder that only Tor and the node can enter.
    "unix" => Unix;
    /// A random port on 127.0.0.1.
    "tcp" => Tcp;
}

map! {
    /// A TCP port that is reached through Tor.
    pub struct TorConnectConfig = "connecting tor endpoint", check = reader::tor::check_tor,
        one_of = &["tor_socks_port", "tor_socks_endpoint", "embedded"];
    required {
        /// Host name or address; looked up by Tor, never here.
        host: String => text();
        /// The port.
        port: u16 => port();
    }
    optional {
        /// The SOCKS port of a running Tor on 127.0.0.1.
        tor_socks_port: Option<u16> = None => some(port());
        /// The SOCKS port of a running Tor elsewhere.
        tor_socks_endpoint: Option<Box<ConnectEndpoint>> = None => some(boxed());
        /// Use the Tor inside the node instead.
        embedded: bool = false => flag();
        /// Time for circuit and connect; 0: no limit.
        timeout: Option<Duration> = Some(Duration::from_secs(60)) => seconds(0..=3_600);
        /// Speak TLS over it.
        tls: Option<TlsConnectConfig> = None => some(map());
    }
}
