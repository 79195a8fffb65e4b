//! Browsers that come again: cookies around the upgrade to WebSocket.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use http::header::{COOKIE, HeaderValue, SET_COOKIE};
use transom_auth::{CookieSettings, CookieStore, Cookies, SameSite};
use transom_base::{BoxFuture, ConnInfo};
use transom_config::CookieConfig;
use transom_http::{Reply, Request, WebService};
use transom_wamp::{RouterPort, SessionPort, SessionSink, Text, TransportDetails};
use transom_websocket::{WampWebSocket, WebSocketSettings};

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

/// A WebSocket service whose clients are known again by a cookie.
pub(crate) struct Recognising {
    settings: WebSocketSettings,
    router: Arc<dyn RouterPort>,
    cookies: Arc<Cookies>,
}

impl Recognising {
    pub(crate) fn new(
        settings: WebSocketSettings,
        router: Arc<dyn RouterPort>,
        cookies: Arc<Cookies>,
    ) -> Self {
        Recognising { settings, router, cookies }
    }
}

impl WebService for Recognising {
    fn call(&self, request: Request, conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let shown: Vec<HeaderValue> = request.headers().get_all(COOKIE).iter().cloned().collect();
            let cookie = Arc::new(OnceLock::new());
            let router = Arc::new(OfBrowser { router: self.router.clone(), cookie: cookie.clone() });
            let service = WampWebSocket::new(self.settings.clone(), router);
            let mut reply = service.call(request, conn).await;
            // Only who is let in gets a cookie.
            if let Reply::Upgrade { head, .. } = &mut reply
                && let Some(tracked) =
                    self.cookies.track(shown.iter().filter_map(|value| value.to_str().ok()))
            {
                let set = tracked.set_cookie.and_then(|text| HeaderValue::try_from(text).ok());
                set.map(|value| head.headers_mut().append(SET_COOKIE, value));
                let _ = cookie.set(tracked.id);
            }
            reply
        })
    }
}

/// Opens the session of one upgrade.
struct OfBrowser {
    router: Arc<dyn RouterPort>,
    /// Known when the upgrade was accepted, which is before the session is opened.
    cookie: Arc<OnceLock<Text>>,
}

impl RouterPort for OfBrowser {
    fn open(&self, mut details: TransportDetails, sink: Arc<dyn SessionSink>) -> Box<dyn SessionPort> {
        details.cookie = self.cookie.get().cloned();
        self.router.open(details, sink)
    }
}
