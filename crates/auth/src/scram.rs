//! `scram` and `wamp-scram`: client and router prove to each other that they know a password, which the router does
//! not store. Source: WAMP specification, "Salted Challenge Response Authentication Mechanism"; RFC 5802 and 7677.
//!
//! Two dialects are in use, told apart by the method's name; [`Dialect`] holds all in which they differ. Deriving the
//! salted password, which is meant to be expensive, is the client's work alone.

mod arithmetic;
mod dialect;

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use transom_wamp::{Authenticate, Dict, Text, Value};

use crate::dynamic::{self, Answer, Dynamic, Then};
use crate::hex::{self, NotHex};
use crate::login::{Given, Login};
use crate::{Env, Step, crypto, step, transport};

pub(crate) use arithmetic::{Exchange, client_proof, server_signature, stored_keys};
pub(crate) use dialect::{Dialect, prepare};

/// `scram` of a transport, in both dialects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScramSettings {
    /// The principals are known.
    Static {
        /// Each by its authid.
        principals: HashMap<String, ScramPrincipal>,
        /// The role of principals without one (`default-role`). Default: they are refused.
        default_role: Option<Text>,
    },
    /// An authenticator knows what is stored of the passwords.
    Dynamic(Dynamic),
}

/// What is stored of a principal of `scram`.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramPrincipal {
    /// How the password was salted.
    pub kdf: Kdf,
    /// PBKDF2's iterations or Argon2's passes.
    pub iterations: u32,
    /// Argon2's memory in KiB; nothing for PBKDF2.
    pub memory: u32,
    /// The salt.
    pub salt: Vec<u8>,
    /// What a client's proof is checked with (`stored-key`).
    pub stored_key: [u8; 32],
    /// What the router proves itself with (`server-key`).
    pub server_key: [u8; 32],
    /// Its role.
    pub role: Option<Text>,
}

impl std::fmt::Debug for ScramPrincipal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ScramPrincipal {{ {:?}, role: {:?}, .. }}", self.kdf, self.role)
    }
}

/// How a password is salted. 32 bytes come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kdf {
    /// `argon2id-13`: Argon2id v1.3, of which the text of its unpadded Base64 is used. Only clients of the dialect
    /// `scram` compute it.
    Argon2id13Text,
    /// `argon2id13`: Argon2id v1.3, used as it is. Only clients of the dialect `wamp-scram` compute it.
    Argon2id13,
    /// `pbkdf2`: PBKDF2 with HMAC-SHA256.
    Pbkdf2,
}

impl Kdf {
    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "argon2id-13" => Some(Kdf::Argon2id13Text),
            "argon2id13" => Some(Kdf::Argon2id13),
            "pbkdf2" => Some(Kdf::Pbkdf2),
            _ => None,
        }
    }

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Kdf::Argon2id13Text => "argon2id-13",
            Kdf::Argon2id13 => "argon2id13",
            Kdf::Pbkdf2 => "pbkdf2",
        }
    }
}

/// Why what is stored of a principal cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// No such kind.
    #[error("'kdf' is '{0}'; known are 'argon2id-13', 'argon2id13' and 'pbkdf2'")]
    Kdf(String),
    /// A number that no client could use.
    #[error("'{0}' is out of range")]
    Range(&'static str),
    /// Something else than hexadecimal digits.
    #[error("'{0}': {1}")]
    Hex(&'static str, NotHex),
}

impl ScramPrincipal {
    /// What is stored, from the texts of a configuration or an authenticator; `salt` and the keys are hexadecimal.
    ///
    /// # Errors
    /// Names the key and what is wrong with it.
    pub fn parse(
        kdf: &str,
        (iterations, memory): (u32, u32),
        salt: &str,
        (stored_key, server_key): (&str, &str),
    ) -> Result<Self, ScramError> {
        let kdf = Kdf::from_name(kdf).ok_or_else(|| ScramError::Kdf(kdf.to_owned()))?;
        if iterations == 0 {
            return Err(ScramError::Range("iterations"));
        }
        // Argon2 needs 8 KiB.
        if kdf != Kdf::Pbkdf2 && memory < 8 {
            return Err(ScramError::Range("memory"));
        }
        let salt = hex::decode(salt).map_err(|error| ScramError::Hex("salt", error))?;
        let key = |name, text| hex::decode_array(text).map_err(|error| ScramError::Hex(name, error));
        let (stored_key, server_key) = (key("stored-key", stored_key)?, key("server-key", server_key)?);
        Ok(ScramPrincipal { kdf, iterations, memory, salt, stored_key, server_key, role: None })
    }

    fn from_answer(answer: &Answer) -> Result<Self, String> {
        let number = |key| answer.number(key).map(|number| number.unwrap_or(0));
        let text = |key| answer.needed_text(key);
        let costs = (number("iterations")?, number("memory")?);
        let keys = (text("stored-key")?, text("server-key")?);
        ScramPrincipal::parse(&text("kdf")?, costs, &text("salt")?, (&keys.0, &keys.1))
            .map_err(|error| error.to_string())
    }
}

/// `scram` at work.
#[derive(Debug)]
pub(crate) struct Scram {
    settings: ScramSettings,
    decoys: Decoys,
}

/// Questions for authids that do not exist, so that these do not show.
#[derive(Debug)]
struct Decoys {
    seed: [u8; 32],
    /// What shows of the principals: KDF, iterations, memory, and the salt's length.
    models: Vec<(Kdf, u32, u32, usize)>,
}

/// What HELLO said.
#[derive(Debug)]
pub(crate) struct Asking {
    env: Env,
    dialect: Dialect,
    /// As it goes into the proof.
    authid: String,
    nonce: Text,
    /// `c=` of the client's last message.
    binding: String,
    channel_binding: Option<Text>,
}

#[derive(Debug)]
pub(crate) struct Unanswered {
    login: Login,
    exchange: Exchange,
    channel_binding: Option<Text>,
    principal: ScramPrincipal,
    /// It is no principal: nobody can have the password.
    decoy: bool,
    given: Given,
    default_role: Option<Text>,
}

impl Scram {
    /// `seed` makes the decoys; it should outlive a restart.
    pub(crate) fn new(settings: ScramSettings, seed: [u8; 32]) -> Self {
        let mut models: Vec<_> = match &settings {
            ScramSettings::Static { principals, .. } => principals
                .values()
                .map(|principal| {
                    (principal.kdf, principal.iterations, principal.memory, principal.salt.len())
                })
                .collect(),
            ScramSettings::Dynamic(_) => Vec::new(),
        };
        models.sort_unstable();
        Scram { settings, decoys: Decoys { seed, models } }
    }

    pub(crate) fn start(&self, login: Login, env: &Env) -> Step {
        let Some(authid) = login.authid.clone() else { return login.no_authid() };
        let dialect = Dialect::of(login.method);
        let asking = match asking(&login, env, dialect, &authid) {
            Ok(asking) => asking,
            Err(step) => return step,
        };
        match &self.settings {
            ScramSettings::Static { principals, default_role } => {
                let known =
                    principals.get(&*authid).filter(|principal| dialect.computes(principal.kdf)).cloned();
                let decoy = known.is_none();
                let principal = known.unwrap_or_else(|| self.decoys.of(dialect, &authid));
                let given = Given { role: principal.role.clone(), ..Given::default() };
                asking.challenge(login, principal, decoy, given, default_role.clone())
            }
            ScramSettings::Dynamic(dynamic) => {
                dynamic::ask(login, dynamic, Dict::default(), Then::Scram(Box::new(asking)))
            }
        }
    }
}

impl Decoys {
    /// What a principal of this name would show, always the same.
    fn of(&self, dialect: Dialect, authid: &str) -> ScramPrincipal {
        let hash = crypto::hmac(&self.seed, &[b"scram", authid.as_bytes()]);
        let (number, salt) = hash.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let chosen = u64::from_be_bytes(*number) as usize % self.models.len().max(1);
        // One that the dialect has, from the chosen one on; or what most would have.
        let (before, after) = self.models.split_at_checked(chosen).unwrap_or_default();
        let model = after.iter().chain(before).find(|(kdf, ..)| dialect.computes(*kdf)).copied();
        let (kdf, iterations, memory, length) = model.unwrap_or((dialect.favourite(), 4096, 512, 16));
        ScramPrincipal {
            kdf,
            iterations,
            memory,
            salt: salt.iter().copied().cycle().take(length).collect(),
            stored_key: [0; 32],
            server_key: [0; 32],
            role: None,
        }
    }
}

/// Reads HELLO.
fn asking(login: &Login, env: &Env, dialect: Dialect, authid: &str) -> Result<Asking, Step> {
    let Some(authid) = prepare(authid) else {
        return Err(login.malformed("the authid of HELLO holds characters that SASLprep forbids"));
    };
    let Some(nonce) = login.extra_text("nonce")? else {
        return Err(login.malformed("authextra.nonce of HELLO is missing, which SCRAM needs"));
    };
    let printable = |byte: u8| byte.is_ascii_graphic() && byte != b',';
    if !(8..=256).contains(&nonce.len()) || !nonce.bytes().all(printable) {
        return Err(login.malformed("authextra.nonce of HELLO is not the Base64 of 6 to 192 random bytes"));
    }
    let channel_binding = match dialect {
        Dialect::Crossbar => None,
        Dialect::Wamp => login.extra_text("channel_binding")?,
    };
    let bound = transport::channel_binding(login, channel_binding.as_deref())?;
    Ok(Asking { env: env.clone(), dialect, authid, nonce, binding: dialect.binding(bound), channel_binding })
}

impl Asking {
    /// An authenticator has answered.
    pub(crate) fn answered(self, login: Login, answer: Answer, dynamic: &Dynamic) -> Step {
        let principal = match ScramPrincipal::from_answer(&answer) {
            Ok(principal) if self.dialect.computes(principal.kdf) => principal,
            Ok(principal) => {
                let what =
                    format!("'kdf' is '{}', which '{}' does not have", principal.kdf.name(), login.method);
                return dynamic::nonsense(&login, dynamic, &what);
            }
            Err(what) => return dynamic::nonsense(&login, dynamic, &what),
        };
        self.challenge(login, principal, false, answer.given, dynamic.default_role.clone())
    }

    fn challenge(
        self,
        login: Login,
        principal: ScramPrincipal,
        decoy: bool,
        given: Given,
        default_role: Option<Text>,
    ) -> Step {
        let own = match self.env.random::<16>() {
            Ok(own) => BASE64_STANDARD.encode(own),
            Err(error) => return login.failed(format!("no nonce: {error}")),
        };
        let exchange = Exchange {
            authid: self.dialect.escape(&self.authid),
            client_nonce: self.nonce.to_string(),
            nonce: format!("{}{own}", self.nonce),
            salt: BASE64_STANDARD.encode(&principal.salt),
            iterations: principal.iterations,
            binding: self.binding,
        };
        let mut extra = Dict::default();
        extra.push("nonce", exchange.nonce.as_str());
        extra.push("kdf", principal.kdf.name());
        extra.push("salt", exchange.salt.as_str());
        extra.push("iterations", u64::from(principal.iterations));
        let memory = match (self.dialect, principal.kdf) {
            (Dialect::Wamp, Kdf::Pbkdf2) => Value::Null,
            _ => u64::from(principal.memory).into(),
        };
        extra.push("memory", memory);
        let channel_binding = self.channel_binding;
        let pending = Unanswered {
            login: login.clone(),
            exchange,
            channel_binding,
            principal,
            decoy,
            given,
            default_role,
        };
        login.challenge(extra, step::Unanswered::Scram(Box::new(pending)))
    }
}

impl Unanswered {
    pub(crate) fn authenticate(self, answer: &Authenticate) -> Step {
        let Unanswered { login, exchange, channel_binding, principal, decoy, mut given, default_role } = self;
        let other = |key: &str, expected: Option<&str>| match answer.extra.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Text(text)) => Some(&**text) != expected,
            Some(_) => true,
        };
        if other("nonce", Some(&exchange.nonce)) || other("channel_binding", channel_binding.as_deref()) {
            return login.denied("AUTHENTICATE names another nonce or channel binding than was agreed");
        }
        let Ok(proof) = BASE64_STANDARD.decode(&*answer.signature) else {
            return login.denied("the proof is no Base64");
        };
        let Ok(proof) = <[u8; 32]>::try_from(proof) else {
            return login.denied("the proof has another length than 32 bytes");
        };
        if !arithmetic::proves(&principal.stored_key, &exchange, &proof) || decoy {
            return login.denied(if decoy { "no such principal for this dialect" } else { "wrong proof" });
        }
        let signature = BASE64_STANDARD.encode(server_signature(&principal.server_key, &exchange));
        // Each dialect looks for its own.
        given.extra.push("scram_server_signature", signature.as_str());
        given.extra.push("verifier", signature);
        login.welcome(given, default_role.as_ref())
    }
}
