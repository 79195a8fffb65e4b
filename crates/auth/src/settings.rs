//! Which methods a transport accepts, and with what.

use std::sync::Arc;

use crate::{
    Admission, AnonymousSettings, Cookies, CryptosignSettings, ErrorUris, PrivateKey, ScramSettings,
    TicketSettings, TlsSettings, WampcraSettings,
};

/// The methods of one transport (`auth`). A method without settings is not accepted.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `anonymous`.
    pub anonymous: Option<AnonymousSettings>,
    /// `ticket`.
    pub ticket: Option<TicketSettings>,
    /// `wampcra`.
    pub wampcra: Option<WampcraSettings>,
    /// `scram`, for both its dialects.
    pub scram: Option<ScramSettings>,
    /// `cryptosign`.
    pub cryptosign: Option<CryptosignSettings>,
    /// `tls`.
    pub tls: Option<TlsSettings>,
    /// `cookie`; without [`Settings::cookies`] it has no effect.
    pub cookie: bool,
    /// `anonymous-proxy`.
    pub anonymous_proxy: bool,
    /// `cryptosign-proxy`: the keys of proxies. Whom they vouch for needs no settings.
    pub cryptosign_proxy: Option<CryptosignSettings>,
    /// The cookies of the transport, where it tracks them.
    pub cookies: Option<Arc<Cookies>>,
    /// The node's key, with which the router proves itself to clients of `cryptosign` that ask for it.
    pub node_key: Option<Arc<PrivateKey>>,
    /// How refusals are called.
    pub error_uris: ErrorUris,
    /// Limits for those who have not joined.
    pub admission: Admission,
}

impl Settings {
    /// Those of a transport without `auth`: everybody who offers `anonymous` gets the role `anonymous`.
    pub fn open() -> Self {
        Settings { anonymous: Some(AnonymousSettings::default()), ..Settings::default() }
    }
}
