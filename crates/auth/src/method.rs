//! The names of the methods.

use std::fmt;

/// An authentication method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Nothing is proven.
    Anonymous,
    /// A secret is sent as it is.
    Ticket,
    /// A challenge is signed with a shared secret (HMAC-SHA256).
    Wampcra,
    /// SCRAM in the dialect of Crossbar.io and Autobahn.
    Scram,
    /// SCRAM as the WAMP specification writes it.
    WampScram,
    /// A challenge is signed with a private key (Ed25519).
    Cryptosign,
    /// The TLS client certificate.
    Tls,
    /// A cookie of a browser that has joined before.
    Cookie,
    /// A proxy on the same machine names its client.
    AnonymousProxy,
    /// A proxy that proves who it is names its client.
    CryptosignProxy,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 10] = [
        Method::Anonymous,
        Method::Ticket,
        Method::Wampcra,
        Method::Scram,
        Method::WampScram,
        Method::Cryptosign,
        Method::Tls,
        Method::Cookie,
        Method::AnonymousProxy,
        Method::CryptosignProxy,
    ];

    /// The name in HELLO, CHALLENGE and WELCOME.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Anonymous => "anonymous",
            Method::Ticket => "ticket",
            Method::Wampcra => "wampcra",
            Method::Scram => "scram",
            Method::WampScram => "wamp-scram",
            Method::Cryptosign => "cryptosign",
            Method::Tls => "tls",
            Method::Cookie => "cookie",
            Method::AnonymousProxy => "anonymous-proxy",
            Method::CryptosignProxy => "cryptosign-proxy",
        }
    }

    /// The method of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Method::ALL.into_iter().find(|method| method.name() == name)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
