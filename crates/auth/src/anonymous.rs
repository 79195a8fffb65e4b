//! `anonymous`: a client that proves nothing. Source: WAMP specification, "Anonymous Authentication".

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use transom_wamp::{Dict, Text};

use crate::dynamic::{self, Dynamic, Then};
use crate::login::{Given, Login};
use crate::serial::serial;
use crate::{Env, Step};

/// `anonymous` of a transport. A client does not choose its authid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnonymousSettings {
    /// Everybody gets the same role.
    Static {
        /// The role. Default `anonymous`.
        role: Text,
        /// The authid. Default: what tells browsers apart where cookies are tracked, else a random serial.
        authid: Option<Text>,
        /// The realm for clients that name none. Default: such clients are refused.
        realm: Option<Text>,
    },
    /// An authenticator decides.
    Dynamic(Dynamic),
}

impl Default for AnonymousSettings {
    fn default() -> Self {
        AnonymousSettings::Static { role: Text::from_static("anonymous"), authid: None, realm: None }
    }
}

impl AnonymousSettings {
    /// `secret_cookies`: a cookie proves an identity on this transport, so that nobody else may know it.
    pub(crate) fn start(&self, mut login: Login, env: &Env, secret_cookies: bool) -> Step {
        let fixed = match self {
            AnonymousSettings::Static { authid, .. } => authid.clone(),
            AnonymousSettings::Dynamic(_) => None,
        };
        let authid = match (fixed, &login.transport.cookie) {
            (Some(authid), _) => authid,
            (None, Some(cookie)) if secret_cookies => pseudonym(cookie),
            (None, Some(cookie)) => cookie.clone(),
            (None, None) => match serial(env) {
                Ok(serial) => serial.into(),
                Err(error) => return login.failed(format!("no random authid: {error}")),
            },
        };
        match self {
            AnonymousSettings::Static { role, realm, .. } => {
                let realm = login.realm.clone().or_else(|| realm.clone());
                let extra = std::mem::take(&mut login.extra);
                login.welcome(Given { realm, authid: Some(authid), role: Some(role.clone()), extra }, None)
            }
            AnonymousSettings::Dynamic(dynamic) => {
                login.authid = Some(authid);
                dynamic::ask(login, dynamic, Dict::default(), Then::Welcome)
            }
        }
    }
}

/// The same for one browser always, and nothing that its cookie could be guessed from.
fn pseudonym(cookie: &Text) -> Text {
    let digest =
        Sha256::new_with_prefix("transom anonymous authid\0").chain_update(cookie.as_bytes()).finalize();
    let half = digest.get(..18).unwrap_or_default();
    BASE64_URL_SAFE_NO_PAD.encode(half).into()
}
