//! Cookies: browsers are told apart, and known again when they have joined before. Source: Crossbar.io's cookie
//! tracking and the authentication method `cookie`.
//!
//! Start reading at [`Cookies::track`], which an upgrade to WebSocket calls. A cookie that has an identity proves it,
//! so its value is a secret and goes to nobody but the browser and, as `http_cbtid`, to authenticators.

mod file;
mod jar;

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use transom_wamp::{CloseReason, Dict, SessionSink, Text};

use crate::{Env, Principal};

pub use file::FileCookies;
pub use jar::MemoryCookies;

/// How cookies are given out (`cookie` of a WebSocket transport).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieSettings {
    /// The cookie's name; default `cbtid`.
    pub name: String,
    /// Characters of its value, 6 bits each; default 24.
    pub length: usize,
    /// How long it lives; default a week.
    pub max_age: Duration,
    /// Only over HTTPS; default false.
    pub secure: bool,
    /// Not for scripts (`http_strict`); default false.
    pub http_only: bool,
    /// Which requests of other sites carry it. Default: as the browser likes.
    pub same_site: Option<SameSite>,
}

/// `SameSite` of a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// None.
    Strict,
    /// Only when the user goes there.
    Lax,
    /// All.
    None,
}

impl Default for CookieSettings {
    fn default() -> Self {
        CookieSettings {
            name: "cbtid".to_owned(),
            length: 24,
            max_age: Duration::from_secs(604_800),
            secure: false,
            http_only: false,
            same_site: None,
        }
    }
}

/// What a session leaves with its cookie for later ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The realm.
    pub realm: Text,
    /// Who it is.
    pub authid: Text,
    /// The role.
    pub role: Text,
    /// The method that proved it.
    pub method: Text,
    /// `authextra` of WELCOME.
    pub extra: Dict,
}

/// Where cookies are kept. All of them live as long as they were given out for, and no longer.
pub trait CookieStore: Send + Sync {
    /// Whether the cookie was given out and lives.
    fn knows(&self, id: &str, now: SystemTime) -> bool;

    /// Whom it proves.
    fn identity(&self, id: &str, now: SystemTime) -> Option<Identity>;

    /// Notes that it was given out.
    ///
    /// # Errors
    /// When it will not survive the process. So far it is kept all the same; so for the others.
    fn add(&self, id: &str, max_age: Duration, now: SystemTime) -> Result<(), StoreError>;

    /// Changes whom it proves. Of a cookie that is not known nothing is kept.
    ///
    /// # Errors
    /// As for [`CookieStore::add`].
    fn set_identity(&self, id: &str, identity: Option<Identity>, now: SystemTime) -> Result<(), StoreError>;

    /// Forgets it.
    ///
    /// # Errors
    /// As for [`CookieStore::add`].
    fn remove(&self, id: &str, now: SystemTime) -> Result<(), StoreError>;
}

/// A cookie store's file does not do what it should.
#[derive(Debug, thiserror::Error)]
#[error("cookie store {}: {what}: {source}", .path.display())]
pub struct StoreError {
    /// The file.
    pub path: PathBuf,
    /// What was tried.
    pub what: &'static str,
    /// Why it failed.
    pub source: std::io::Error,
}

/// The cookies of one transport.
pub struct Cookies {
    settings: CookieSettings,
    store: Arc<dyn CookieStore>,
    env: Env,
    connected: Mutex<Connected>,
}

/// Which connections use which cookie.
#[derive(Default)]
struct Connected {
    next: u64,
    by_cookie: HashMap<Text, Vec<Connection>>,
}

/// A connection and its number.
type Connection = (u64, Arc<dyn SessionSink>);

/// The browser of one upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    /// The cookie's value, for [`TransportDetails::cookie`](transom_wamp::TransportDetails).
    pub id: Text,
    /// The value of `Set-Cookie`, where the browser is to store it.
    pub set_cookie: Option<String>,
}

/// A connection that uses a cookie, until it is dropped.
pub struct Attached {
    cookies: Arc<Cookies>,
    id: Text,
    number: u64,
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cookies {{ {} .. }}", self.settings.name)
    }
}

impl Cookies {
    /// Cookies that are kept in a store.
    pub fn new(settings: CookieSettings, store: Arc<dyn CookieStore>, env: Env) -> Arc<Self> {
        Arc::new(Cookies { settings, store, env, connected: Mutex::default() })
    }

    /// The browser of an upgrade, by the request's `Cookie` headers (RFC 6265, section 4.2). One that shows no cookie
    /// of ours gets a new one; none when there is no randomness to be had.
    pub fn track<'a>(&self, headers: impl IntoIterator<Item = &'a str>) -> Option<Tracked> {
        let now = self.env.clock.wall();
        let ours = |pair: &'a str| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.settings.name && value.len() == self.settings.length).then_some(value)
        };
        let mut shown = headers.into_iter().flat_map(|header| header.split(';')).filter_map(ours);
        if let Some(id) = shown.find(|id| self.store.knows(id, now)) {
            return Some(Tracked { id: id.into(), set_cookie: None });
        }
        let mut random = vec![0; self.settings.length.div_ceil(4) * 3];
        if let Err(error) = self.env.random.fill(&mut random) {
            tracing::error!(%error, "no new cookie");
            return None;
        }
        let mut id = BASE64_URL_SAFE_NO_PAD.encode(&random);
        id.truncate(self.settings.length);
        kept(self.store.add(&id, self.settings.max_age, now));
        let set_cookie = Some(self.set_cookie(&id));
        Some(Tracked { id: id.into(), set_cookie })
    }

    fn set_cookie(&self, id: &str) -> String {
        let CookieSettings { name, max_age, secure, http_only, same_site, .. } = &self.settings;
        let mut text = format!("{name}={id};max-age={}", max_age.as_secs());
        for (set, attribute) in [(secure, ";Secure"), (http_only, ";HttpOnly")] {
            text.push_str(if *set { attribute } else { "" });
        }
        if let Some(same_site) = same_site {
            let _ = write!(text, ";SameSite={same_site:?}");
        }
        text
    }

    /// Notes that a connection uses a cookie.
    pub fn attach(self: &Arc<Self>, id: &Text, sink: Arc<dyn SessionSink>) -> Attached {
        let mut connected = self.connected.lock();
        connected.next += 1;
        let number = connected.next;
        connected.by_cookie.entry(id.detached()).or_default().push((number, sink));
        Attached { cookies: self.clone(), id: id.detached(), number }
    }

    pub(crate) fn identity(&self, id: &str) -> Option<Identity> {
        self.store.identity(id, self.env.clock.wall())
    }

    /// Later sessions of the browser are this principal.
    pub(crate) fn remember(&self, id: &str, principal: &Principal) {
        let identity = Identity {
            realm: principal.realm.detached(),
            authid: principal.authid.detached(),
            role: principal.role.detached(),
            method: principal.method.detached(),
            extra: principal.extra.clone(),
        };
        if self.identity(id).as_ref() != Some(&identity) {
            kept(self.store.set_identity(id, Some(identity), self.env.clock.wall()));
        }
    }

    /// Later sessions of the browser are nobody.
    pub(crate) fn forget(&self, id: &str) {
        kept(self.store.set_identity(id, None, self.env.clock.wall()));
    }
}

impl Attached {
    /// The user of this connection logs out: the cookie is worth nothing any more, and its other connections end.
    pub fn log_out(&self) {
        kept(self.cookies.store.remove(&self.id, self.cookies.env.clock.wall()));
        let others: Vec<Connection> = match self.cookies.connected.lock().by_cookie.get_mut(&self.id) {
            Some(all) => all.extract_if(.., |(number, _)| *number != self.number).collect(),
            None => Vec::new(),
        };
        others.iter().for_each(|(_, sink)| sink.close(CloseReason::Normal));
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let mut connected = self.cookies.connected.lock();
        let mut gone = Vec::new();
        if let Some(all) = connected.by_cookie.get_mut(&self.id) {
            gone.extend(all.extract_if(.., |(number, _)| *number == self.number));
            if all.is_empty() {
                connected.by_cookie.remove(&self.id);
            }
        }
        // A sink may go with it, which is not to happen under the lock.
        drop(connected);
        drop(gone);
    }
}

/// A store that does not last is told to the operator; the session goes on.
fn kept(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "a cookie will not survive a restart");
    }
}
