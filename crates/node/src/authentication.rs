//! Who may join: `auth` and `cookie` of a configuration in the terms of the crate that carries them out, and what all
//! transports of a node share for that: its key, how often a peer may fail, and the cookies that were given out.

mod cookies;
mod methods;

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use transom_auth::{
    Admission, Attempts, Cookies, Env, FileCookies, MemoryCookies, Methods, PrivateKey, Settings,
};
use transom_base::Limit;
use transom_config::{AuthConfig, CookieConfig, CookieStoreConfig};

use crate::StartError;
pub(crate) use cookies::Browsers;
use cookies::{Kept, Store};

/// So many logins of one address may fail at once, and then so many per second.
const FAILURES: (u32, f64) = (100, 1.0);

/// Connections that have not joined take no more than half of a transport's places, but so many in any case.
const ALWAYS_ADMITTED: usize = 1024;

/// What the transports of a node share.
pub(crate) struct Authentication {
    node_key: Option<Arc<PrivateKey>>,
    attempts: Arc<Attempts>,
    env: Env,
    cookies: Mutex<Vec<Kept>>,
}

impl Authentication {
    /// Of a node with this key, where it has one.
    pub(crate) fn new(node_key: Option<Arc<PrivateKey>>) -> Self {
        let (burst, per_second) = FAILURES;
        Authentication {
            node_key,
            attempts: Attempts::new(burst, per_second),
            env: Env::default(),
            cookies: Mutex::default(),
        }
    }

    /// How many connections of a transport with so many places may be without a session.
    pub(crate) fn unauthenticated(max_connections: usize) -> Arc<Limit> {
        Limit::new((max_connections / 2).max(ALWAYS_ADMITTED))
    }

    /// The methods that a transport accepts. Without `auth`, everybody may join as `anonymous`.
    pub(crate) fn methods(
        &self,
        auth: Option<&AuthConfig>,
        cookies: Option<Arc<Cookies>>,
        unauthenticated: &Arc<Limit>,
    ) -> Result<Methods, StartError> {
        let settings = match auth {
            Some(auth) => methods::settings(auth)?,
            None => Settings::open(),
        };
        let admission = Admission {
            unauthenticated: Some(unauthenticated.clone()),
            attempts: Some(self.attempts.clone()),
        };
        let node_key = self.node_key.clone();
        Ok(Methods::new(Settings { cookies, node_key, admission, ..settings }, self.env.clone()))
    }

    /// The cookies of a transport. Those that were given out stay known when a transport changes: `name` tells which
    /// it was, where they are in memory.
    pub(crate) fn cookies(&self, config: &CookieConfig, name: String) -> Result<Arc<Cookies>, StartError> {
        let settings = cookies::settings(config);
        let of = match &config.store {
            CookieStoreConfig::File(file) => Store::File(file.filename.clone()),
            CookieStoreConfig::Memory(_) => Store::Memory(name),
            CookieStoreConfig::Database(database) => {
                return Err(StartError::unsupported(&database.place, "cookie store", "database"));
            }
        };
        let mut all = self.cookies.lock();
        all.retain(Kept::is_used);
        let same = all.iter().find(|kept| kept.of == of && kept.settings == settings);
        if let Some(present) = same.and_then(|kept| kept.cookies.upgrade()) {
            return Ok(present);
        }
        let present = all.iter().find(|kept| kept.of == of).and_then(|kept| kept.store.upgrade());
        let store = match (present, &config.store) {
            (Some(store), _) => store,
            (None, CookieStoreConfig::File(file)) => {
                let opened = FileCookies::open(&file.filename, file.purge_on_startup, SystemTime::now());
                let wrong = |error: transom_auth::StoreError| StartError::Wrong {
                    place: file.place.key("filename"),
                    what: error.to_string(),
                };
                Arc::new(opened.map_err(wrong)?)
            }
            (None, _) => Arc::new(MemoryCookies::default()),
        };
        let cookies = Cookies::new(settings.clone(), store.clone(), self.env.clone());
        all.push(Kept { of, store: Arc::downgrade(&store), settings, cookies: Arc::downgrade(&cookies) });
        Ok(cookies)
    }
}

#[cfg(test)]
mod tests;
