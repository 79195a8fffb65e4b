//! `auth` of a WebSocket or RawSocket configuration: which methods a transport accepts.

use crate::Place;

/// The authentication methods of one transport.
///
/// A method that is not configured here is not accepted; with nothing configured, nobody can join.
/// (A transport whose `auth` is absent or an empty map has no `AuthConfig` at all: then everybody who
/// offers `anonymous` joins as in [`AnonymousConfig::default`].)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthConfig {
    /// Where it stands.
    pub place: Place,
    /// `anonymous` of type `static`.
    pub anonymous: Option<AnonymousConfig>,
}

/// `auth.anonymous`, type `static`: who a client becomes that proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnonymousConfig {
    /// Where it stands.
    pub place: Place,
    /// The role given. Default `anonymous`.
    pub role: String,
    /// The authid given. Default: a random serial for each session.
    pub authid: Option<String>,
    /// The realm for clients that name none. Default: such clients are refused.
    pub realm: Option<String>,
}

impl Default for AnonymousConfig {
    fn default() -> Self {
        Self { place: Place::root(), role: "anonymous".to_owned(), authid: None, realm: None }
    }
}
