//! Browsers that come again: cookies around the upgrade to WebSocket.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use transom_auth::{CookieSettings, CookieStore, Cookies, SameSite};
use transom_config::CookieConfig;
use transom_websocket::{Recognized, Recognizer};

/// Where cookies are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Store {
    File(PathBuf),
    /// In memory, for the transport of this name.
    Memory(String),
}

/// Cookies that some transport uses, or used when they were looked at last.
pub(super) struct Kept {
    pub(super) of: Store,
    pub(super) store: Weak<dyn CookieStore>,
    pub(super) settings: CookieSettings,
    pub(super) cookies: Weak<Cookies>,
}

impl Kept {
    pub(super) fn is_used(&self) -> bool {
        self.store.strong_count() > 0
    }
}

pub(super) fn settings(config: &CookieConfig) -> CookieSettings {
    CookieSettings {
        name: config.name.clone(),
        length: config.length,
        max_age: Duration::from_secs(config.max_age.into()),
        secure: config.secure,
        http_only: config.http_strict,
        same_site: config.same_site.map(|same_site| match same_site {
            transom_config::SameSite::Strict => SameSite::Strict,
            transom_config::SameSite::Lax => SameSite::Lax,
            transom_config::SameSite::None => SameSite::None,
        }),
    }
}

/// The browsers that have a cookie of these.
pub(crate) struct Browsers(pub(crate) Arc<Cookies>);

impl Recognizer for Browsers {
    fn recognize(&self, headers: &HeaderMap) -> Option<Recognized> {
        let shown = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let tracked = self.0.track(shown)?;
        let set_cookie = tracked.set_cookie.and_then(|text| HeaderValue::try_from(text).ok());
        Some(Recognized { cookie: tracked.id, set_cookie })
    }
}
