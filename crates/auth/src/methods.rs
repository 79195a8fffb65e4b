//! Which method runs.

use std::sync::Arc;

use transom_wamp::{Hello, Id, SessionSink, Text, TransportDetails};

use crate::anonymous::AnonymousSettings;
use crate::cookies::Attached;
use crate::cryptosign::Cryptosign;
use crate::login::Login;
use crate::scram::Scram;
use crate::ticket::{self, TicketSettings};
use crate::tls::Tls;
use crate::wampcra::Wampcra;
use crate::{Admission, Cookies, Env, ErrorUris, Method, Principal, Refused, Settings, Step, proxy};

/// The methods that one transport accepts.
#[derive(Debug)]
pub struct Methods {
    env: Env,
    anonymous: Option<AnonymousSettings>,
    ticket: Option<Arc<TicketSettings>>,
    wampcra: Option<Wampcra>,
    scram: Option<Scram>,
    cryptosign: Option<Cryptosign>,
    tls: Option<Tls>,
    cookie: bool,
    anonymous_proxy: bool,
    cryptosign_proxy: Option<Cryptosign>,
    cookies: Option<Arc<Cookies>>,
    error_uris: ErrorUris,
    admission: Admission,
}

impl Methods {
    /// The methods of a transport.
    pub fn new(settings: Settings, env: Env) -> Self {
        let node_key = settings.node_key;
        let seed = match &node_key {
            Some(key) => key.derive("transom decoys"),
            // Without randomness nobody gets a challenge either.
            None => env.random().unwrap_or_default(),
        };
        let cryptosign = |settings| Cryptosign::new(settings, node_key.clone());
        Methods {
            wampcra: settings.wampcra.map(|settings| Wampcra::new(settings, seed)),
            scram: settings.scram.map(|settings| Scram::new(settings, seed)),
            cryptosign: settings.cryptosign.map(cryptosign),
            cryptosign_proxy: settings.cryptosign_proxy.map(cryptosign),
            ticket: settings.ticket.map(Arc::new),
            anonymous: settings.anonymous,
            tls: settings.tls.map(Tls::from),
            cookie: settings.cookie,
            anonymous_proxy: settings.anonymous_proxy,
            cookies: settings.cookies,
            error_uris: settings.error_uris,
            admission: settings.admission,
            env,
        }
    }

    /// The limits for those who have not joined.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Begins with a HELLO. `session` is the ID that the session will have.
    ///
    /// A browser whose cookie proves it gets in when it offers `cookie`; when it does not, its cookie proves nothing
    /// from now on. Else the client's methods are tried in its own order, none given meaning `anonymous`; names that
    /// are unknown or not configured are passed over; the first that is left decides alone.
    pub fn start(&self, hello: &Hello, session: Id, transport: &Arc<TransportDetails>) -> Step {
        let offered = match hello.details.authmethods.as_deref() {
            None | Some([]) => &[Text::from_static("anonymous")][..],
            Some(offered) => offered,
        };
        if let Some(principal) = self.known(offered, transport) {
            return Step::Welcome(Box::new(principal));
        }
        let login = |method| {
            let outside = (self.error_uris, self.env.clock.wall());
            Login::new(method, hello, session, transport, outside)
        };
        offered
            .iter()
            .filter_map(|name| Method::from_name(name))
            .find_map(|method| self.run(method, || login(method)))
            .unwrap_or_else(|| Step::Abort(self.no_method()))
    }

    /// Runs one method, if it is configured.
    fn run(&self, method: Method, login: impl FnOnce() -> Login) -> Option<Step> {
        let env = &self.env;
        Some(match method {
            Method::Anonymous => self.anonymous.as_ref()?.start(login(), env, self.secret_cookies()),
            Method::Ticket => ticket::start(self.ticket.as_ref()?, login()),
            Method::Wampcra => self.wampcra.as_ref()?.start(login(), env),
            Method::Scram | Method::WampScram => self.scram.as_ref()?.start(login(), env),
            Method::Cryptosign => self.cryptosign.as_ref()?.start(login(), env),
            Method::Tls => self.tls.as_ref()?.start(login()),
            // Whom a cookie proves has been let in before it comes to this.
            Method::Cookie => return None,
            Method::AnonymousProxy => self.anonymous_proxy.then(|| proxy::anonymous(&login()))?,
            Method::CryptosignProxy => self.cryptosign_proxy.as_ref()?.start(login(), env),
        })
    }

    /// The cookies, where they prove identities.
    fn proving_cookies(&self) -> Option<&Arc<Cookies>> {
        self.cookies.as_ref().filter(|_| self.cookie)
    }

    fn secret_cookies(&self) -> bool {
        self.proving_cookies().is_some()
    }

    /// Whom the cookie proves, if the client wants that.
    fn known(&self, offered: &[Text], transport: &TransportDetails) -> Option<Principal> {
        let (cookies, id) = (self.proving_cookies()?, transport.cookie.as_ref()?);
        let identity = cookies.identity(id)?;
        if !offered.iter().any(|name| *name == Method::Cookie.name()) {
            cookies.forget(id);
            return None;
        }
        Some(Principal {
            realm: identity.realm,
            authid: identity.authid,
            role: identity.role,
            method: identity.method,
            provider: Text::from_static("cookie"),
            extra: identity.extra,
        })
    }

    /// A session has been opened: its cookie, if any, proves the principal from now on.
    pub fn joined(&self, transport: &TransportDetails, principal: &Principal) {
        if let (Some(cookies), Some(id)) = (self.proving_cookies(), &transport.cookie) {
            cookies.remember(id, principal);
        }
    }

    /// Notes that a connection uses its cookie, so that it ends when the user logs out elsewhere.
    pub fn attach(&self, transport: &TransportDetails, sink: Arc<dyn SessionSink>) -> Option<Attached> {
        Some(self.proving_cookies()?.attach(transport.cookie.as_ref()?, sink))
    }

    fn no_method(&self) -> Refused {
        let message = Text::from_static("none of the authentication methods offered is accepted here");
        Refused { reason: self.error_uris.no_method(), cause: message.clone(), message }
    }
}
