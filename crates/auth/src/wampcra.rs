//! `wampcra`: the client signs a challenge with a secret that both know. Source: WAMP specification, "Challenge
//! Response Authentication" (WAMP-CRA).
//!
//! Where a salt is given, what is stored as secret may be the password or the key derived from it: both are in use,
//! and both prove the same. A signature counts when either made it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::Sha256;
use transom_wamp::{Authenticate, Dict, Text, Value};
use zeroize::Zeroizing;

use crate::dynamic::{self, Answer, Dynamic, Then};
use crate::login::{Given, Login};
use crate::{Env, Secret, Step, crypto, step, time};

/// The most that the router itself derives for an authenticator's answer, in iterations of PBKDF2 times blocks of 32
/// bytes: some 30 ms of a core for each wrong signature. Above it `secret` counts as the derived key only.
pub const MAX_DERIVATION: u64 = 100_000;

/// The same for configured users, whose keys are derived once.
pub const MAX_STATIC_DERIVATION: u64 = 10_000_000;

/// `wampcra` of a transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WampcraSettings {
    /// The users are known.
    Static {
        /// Each by its authid.
        users: HashMap<String, WampcraUser>,
        /// The role of users without one (`default-role`). Default: they are refused.
        default_role: Option<Text>,
    },
    /// An authenticator knows the secrets.
    Dynamic(Dynamic),
}

/// A user of `wampcra`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WampcraUser {
    /// The shared secret: the password, or with a salt also what is derived from it.
    pub secret: Secret,
    /// Its role.
    pub role: Option<Text>,
    /// How the client is to derive the key from the password. Default: the secret is the key.
    pub salt: Option<Salt>,
}

/// How a key is derived from a password: PBKDF2 with HMAC-SHA256 (RFC 8018), written as Base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salt {
    /// The salt, used as UTF-8 text.
    pub salt: Text,
    /// How often.
    pub iterations: u32,
    /// Length of the key in bytes before Base64.
    pub keylen: u32,
}

impl Salt {
    /// The key of a password.
    pub fn derive(&self, password: &[u8]) -> Secret {
        // Longer keys are nobody's wish, and would be a way to ask for memory.
        let mut key = Zeroizing::new(vec![0; self.keylen.min(MAX_KEY) as usize]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password, self.salt.as_bytes(), self.iterations, &mut key);
        BASE64_STANDARD.encode(&*key).into()
    }

    fn cost(&self) -> u64 {
        u64::from(self.iterations) * u64::from(self.keylen.div_ceil(32).max(1))
    }
}

/// The longest key in bytes.
const MAX_KEY: u32 = 1024;

/// The signature of a challenge, as AUTHENTICATE carries it.
pub(crate) fn sign(key: &[u8], challenge: &str) -> String {
    BASE64_STANDARD.encode(crypto::hmac(key, &[challenge.as_bytes()]))
}

/// `wampcra` at work.
#[derive(Debug)]
pub(crate) struct Wampcra(Kind);

#[derive(Debug)]
enum Kind {
    Static { users: HashMap<String, User>, default_role: Option<Text>, decoys: Decoys },
    Dynamic(Dynamic),
}

#[derive(Debug)]
struct User {
    key: Arc<Key>,
    role: Option<Text>,
}

/// What a signature is checked with.
pub(crate) struct Key {
    secret: Secret,
    salt: Option<Salt>,
    max_cost: u64,
    derived: OnceLock<Secret>,
}

/// Questions for authids that do not exist, so that these do not show.
#[derive(Debug)]
struct Decoys {
    seed: [u8; 32],
    /// Of each user what shows in its challenge.
    models: Vec<(Option<Salt>, Option<Text>)>,
    /// All users have one salt, as in many configurations.
    shared: bool,
}

#[derive(Debug)]
pub(crate) struct Unanswered {
    login: Login,
    challenge: String,
    /// Nobody has the key of a decoy.
    key: Option<Arc<Key>>,
    given: Given,
    default_role: Option<Text>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Wampcra {
    /// `seed` makes the decoys; it should outlive a restart.
    pub(crate) fn new(settings: WampcraSettings, seed: [u8; 32]) -> Self {
        Wampcra(match settings {
            WampcraSettings::Static { users, default_role } => {
                let mut named: Vec<_> = users.iter().collect();
                named.sort_by_key(|(authid, _)| *authid);
                let models = named.iter().map(|(_, user)| (user.salt.clone(), user.role.clone()));
                let decoys = Decoys::new(seed, models.collect());
                let users = users
                    .into_iter()
                    .map(|(authid, WampcraUser { secret, role, salt })| {
                        let key = Arc::new(Key::new(secret, salt, MAX_STATIC_DERIVATION));
                        (authid, User { key, role })
                    })
                    .collect();
                Kind::Static { users, default_role, decoys }
            }
            WampcraSettings::Dynamic(dynamic) => Kind::Dynamic(dynamic),
        })
    }

    pub(crate) fn start(&self, login: Login, env: &Env) -> Step {
        let Some(authid) = login.authid.clone() else { return login.no_authid() };
        match &self.0 {
            Kind::Static { users, default_role, decoys } => {
                let (key, salt, role) = match users.get(&*authid) {
                    Some(User { key, role }) => (Some(key.clone()), key.salt.clone(), role.clone()),
                    None => {
                        let (salt, role) = decoys.of(&authid);
                        (None, salt, role)
                    }
                };
                let given = Given { role, ..Given::default() };
                challenge(login, env, key, salt, given, default_role.clone())
            }
            Kind::Dynamic(dynamic) => {
                let mut details = Dict::default();
                details.push("authid", authid);
                details.push("authrole", Value::Null);
                dynamic::ask(login, dynamic, details, Then::Wampcra(env.clone()))
            }
        }
    }
}

/// An authenticator has answered.
pub(crate) fn answered(login: Login, env: &Env, answer: Answer, dynamic: &Dynamic) -> Step {
    match Key::given(&answer) {
        Ok(key) => {
            let salt = key.salt.clone();
            challenge(login, env, Some(Arc::new(key)), salt, answer.given, dynamic.default_role.clone())
        }
        Err(what) => dynamic::nonsense(&login, dynamic, &what),
    }
}

fn challenge(
    login: Login,
    env: &Env,
    key: Option<Arc<Key>>,
    salt: Option<Salt>,
    given: Given,
    default_role: Option<Text>,
) -> Step {
    // 48 bytes are 64 characters.
    let nonce = match env.random::<48>() {
        Ok(nonce) => base64::prelude::BASE64_URL_SAFE.encode(nonce),
        Err(error) => return login.failed(format!("no nonce: {error}")),
    };
    let authid = given.authid.as_ref().or(login.authid.as_ref()).map(|authid| &**authid);
    let role = given.role.as_ref().or(default_role.as_ref()).map(|role| &**role);
    let challenge = serde_json::json!({
        "authid": authid,
        "authrole": role,
        "authmethod": login.method.name(),
        "authprovider": login.provider,
        "session": login.session.get(),
        "nonce": nonce,
        "timestamp": time::iso8601(env.clock.wall()),
    })
    .to_string();
    let mut extra = Dict::default();
    extra.push("challenge", challenge.as_str());
    if let Some(Salt { salt, iterations, keylen }) = salt {
        extra.push("salt", salt);
        extra.push("iterations", u64::from(iterations));
        extra.push("keylen", u64::from(keylen));
    }
    let pending = Unanswered { login: login.clone(), challenge, key, given, default_role };
    login.challenge(extra, step::Unanswered::Wampcra(Box::new(pending)))
}

impl Unanswered {
    pub(crate) fn authenticate(self, answer: &Authenticate) -> Step {
        let Unanswered { login, challenge, key, given, default_role } = self;
        let Some(key) = key else { return login.denied("no such user") };
        if !key.signed(&challenge, &answer.signature) {
            return login.denied("wrong signature");
        }
        login.welcome(given, default_role.as_ref())
    }
}

impl Key {
    fn new(secret: Secret, salt: Option<Salt>, max_cost: u64) -> Self {
        Key { secret, salt, max_cost, derived: OnceLock::new() }
    }

    /// The key in an authenticator's answer.
    fn given(answer: &Answer) -> Result<Self, String> {
        let secret = Secret::from(&*answer.needed_text("secret")?);
        let parts = (answer.text("salt")?, answer.number("iterations")?, answer.number("keylen")?);
        let salt = match parts {
            (None, None, None) => None,
            (Some(salt), iterations, keylen) => {
                let salt =
                    Salt { salt, iterations: iterations.unwrap_or(1000), keylen: keylen.unwrap_or(32) };
                if salt.iterations == 0 || !(1..=MAX_KEY).contains(&salt.keylen) {
                    return Err("'iterations' or 'keylen' is out of range".to_owned());
                }
                Some(salt)
            }
            (None, ..) => return Err("there are 'iterations' or 'keylen' but no 'salt'".to_owned()),
        };
        Ok(Key::new(secret, salt, MAX_DERIVATION))
    }

    /// Whether the key made the signature.
    fn signed(&self, challenge: &str, signature: &str) -> bool {
        let Ok(signature) = BASE64_STANDARD.decode(signature) else { return false };
        let by = |key: &[u8]| crypto::equal(&crypto::hmac(key, &[challenge.as_bytes()]), &signature);
        by(self.secret.as_bytes()) || self.derived().is_some_and(|derived| by(derived.as_bytes()))
    }

    /// What the client derives where the secret is the password.
    fn derived(&self) -> Option<&Secret> {
        let salt = self.salt.as_ref().filter(|salt| salt.cost() <= self.max_cost)?;
        Some(self.derived.get_or_init(|| salt.derive(self.secret.as_bytes())))
    }
}

impl Decoys {
    fn new(seed: [u8; 32], models: Vec<(Option<Salt>, Option<Text>)>) -> Self {
        let salts = models.iter().map(|(salt, _)| salt.as_ref().map(|salt| &salt.salt));
        let shared = models.len() > 1 && salts.clone().zip(salts.skip(1)).all(|(one, next)| one == next);
        Decoys { seed, models, shared }
    }

    /// What a user of this name would show, always the same.
    fn of(&self, authid: &str) -> (Option<Salt>, Option<Text>) {
        let hash = crypto::hmac(&self.seed, &[b"wampcra", authid.as_bytes()]);
        let (number, text) = hash.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let number = u64::from_be_bytes(*number) as usize;
        let Some((salt, role)) = self.models.get(number % self.models.len().max(1)) else {
            return (None, None);
        };
        let salt = salt.clone().map(|salt| match self.shared {
            true => salt,
            false => {
                let made: String =
                    BASE64_STANDARD.encode(text).chars().cycle().take(salt.salt.chars().count()).collect();
                Salt { salt: made.into(), ..salt }
            }
        });
        (salt, role.clone())
    }
}
