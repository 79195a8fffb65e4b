//! How the commands prove who they are: the client's halves of the methods, with secrets from a file or the environment.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use transom_auth::client::{Cryptosign, Scram, wampcra};
use transom_auth::{Env, Method, PrivateKey, Secret};
use transom_base::ConnInfo;
use transom_client::{AuthError, Authenticator, Login};
use transom_wamp::{Authenticate, Challenge, Dict, HelloDetails, Value, Welcome};

use crate::cli::outcome::Trouble;
use crate::cli::part::read_file;

/// As whom to join.
#[derive(Debug, Args)]
pub(super) struct LoginArgs {
    /// How to log in.
    #[arg(long, value_enum, value_name = "METHOD", default_value_t)]
    authmethod: AuthMethod,
    /// The name to log in as.
    #[arg(long, value_name = "NAME")]
    authid: Option<String>,
    /// The role to ask for.
    #[arg(long, value_name = "ROLE")]
    authrole: Option<String>,
    /// A file with the secret: ticket, password or shared secret; for cryptosign the private key as 64 hexadecimal
    /// digits, or a node's key.priv. A line break at its end does not count.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    secret_file: Option<PathBuf>,
    /// The environment variable with the secret. There is no option for the secret itself: others could read it.
    #[arg(long, value_name = "VARIABLE")]
    secret_env: Option<String>,
    /// Bind the proof to the TLS connection, so that nobody in between can use it (cryptosign, wamp-scram; TLS 1.3). The
    /// router must have that.
    #[arg(long)]
    channel_binding: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum AuthMethod {
    /// Nothing is proven.
    #[default]
    Anonymous,
    /// A secret is sent as it is.
    Ticket,
    /// A challenge is signed with a shared secret.
    Wampcra,
    /// A password that both ends prove to know, in the dialect of Crossbar.io and Autobahn.
    Scram,
    /// The same as the WAMP specification writes it.
    WampScram,
    /// A challenge is signed with a private key.
    Cryptosign,
    /// The TLS client certificate.
    Tls,
}

impl AuthMethod {
    fn method(self) -> Method {
        match self {
            AuthMethod::Anonymous => Method::Anonymous,
            AuthMethod::Ticket => Method::Ticket,
            AuthMethod::Wampcra => Method::Wampcra,
            AuthMethod::Scram => Method::Scram,
            AuthMethod::WampScram => Method::WampScram,
            AuthMethod::Cryptosign => Method::Cryptosign,
            AuthMethod::Tls => Method::Tls,
        }
    }
}

impl LoginArgs {
    /// What logs in as the arguments say. Reads the secret.
    pub(super) fn authenticator(&self) -> Result<Arc<dyn Authenticator>, Trouble> {
        let method = self.authmethod.method();
        let proof = match method {
            Method::Anonymous | Method::Tls => self.without_secret(method)?,
            Method::Cryptosign => Proof::Key(self.key()?),
            Method::Scram | Method::WampScram => Proof::Password(self.secret(method)?),
            Method::Wampcra => Proof::Shared(self.secret(method)?),
            _ => Proof::Ticket(self.secret(method)?),
        };
        let named = matches!(proof, Proof::Ticket(_) | Proof::Shared(_) | Proof::Password(_));
        if named && self.authid.is_none() {
            let why = format!("--authmethod {method} needs the name to log in as: --authid");
            return Err(Trouble::wrong(why));
        }
        if self.channel_binding && !matches!(method, Method::Cryptosign | Method::WampScram) {
            return Err(Trouble::wrong(format!("--authmethod {method} has no channel binding")));
        }
        let (authid, authrole) = (self.authid.clone(), self.authrole.clone());
        let channel_binding = self.channel_binding;
        Ok(Arc::new(Proving { method, authid, authrole, proof, channel_binding }))
    }

    fn without_secret(&self, method: Method) -> Result<Proof, Trouble> {
        if self.secret_file.is_some() || self.secret_env.is_some() {
            return Err(Trouble::wrong(format!("--authmethod {method} has no secret")));
        }
        Ok(Proof::Nothing)
    }

    fn secret(&self, method: Method) -> Result<Secret, Trouble> {
        let mut text = match (&self.secret_file, &self.secret_env) {
            (Some(path), _) => read_file(path)
                .map_err(|error| Trouble::wrong(format!("the secret in '{}': {error}", path.display())))?,
            (None, Some(name)) => std::env::var(name).map_err(|_| {
                Trouble::wrong(format!("the environment variable {name} is not set, or is not UTF-8"))
            })?,
            (None, None) => {
                let why = format!("--authmethod {method} needs a secret: --secret-file or --secret-env");
                return Err(Trouble::wrong(why));
            }
        };
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        if text.is_empty() { Err(Trouble::wrong("the secret is empty")) } else { Ok(Secret::from(text)) }
    }

    fn key(&self) -> Result<PrivateKey, Trouble> {
        let secret = self.secret(Method::Cryptosign)?;
        let tagged = secret.as_str().lines().find_map(|line| line.strip_prefix("private-key-ed25519:"));
        PrivateKey::from_hex(tagged.unwrap_or(secret.as_str()).trim()).map_err(|error| {
            let why = "the private key must be 64 hexadecimal digits, or stand so in a node's key.priv";
            Trouble::wrong(format!("{why}: {error}"))
        })
    }
}

/// What is known to whoever logs in.
#[derive(Debug)]
enum Proof {
    Nothing,
    Ticket(Secret),
    Shared(Secret),
    Password(Secret),
    Key(PrivateKey),
}

/// Logs in by one of the methods.
#[derive(Debug)]
struct Proving {
    method: Method,
    authid: Option<String>,
    authrole: Option<String>,
    proof: Proof,
    channel_binding: bool,
}

impl Authenticator for Proving {
    fn method(&self) -> &str {
        self.method.name()
    }

    fn begin(&self, info: &ConnInfo) -> Result<Box<dyn Login>, AuthError> {
        let exporter = match (self.channel_binding, info.tls.as_ref().and_then(|tls| tls.exporter.as_ref())) {
            (false, _) => None,
            (true, None) => return Err(AuthError::new("there is no TLS 1.3 to bind the proof to")),
            (true, Some(binding)) => Some(binding.0),
        };
        let half = match &self.proof {
            Proof::Nothing => Half::Nothing,
            Proof::Ticket(secret) => Half::Ticket(secret.clone()),
            Proof::Shared(secret) => Half::Wampcra(secret.clone()),
            Proof::Password(secret) => {
                let authid = self.authid.as_deref().unwrap_or_default();
                let half = Scram::new(self.method, authid, secret.clone(), &Env::default());
                let half = half.map_err(AuthError::new)?;
                Half::Scram(match exporter {
                    Some(exporter) => half.bound_to(exporter),
                    None => half,
                })
            }
            Proof::Key(key) => {
                let half = Cryptosign::new(key.clone());
                Half::Cryptosign(match exporter {
                    Some(exporter) => half.bound_to(exporter),
                    None => half,
                })
            }
        };
        let (authid, authrole) = (self.authid.clone(), self.authrole.clone());
        Ok(Box::new(LoggingIn { method: self.method, authid, authrole, half }))
    }
}

/// A login under way.
struct LoggingIn {
    method: Method,
    authid: Option<String>,
    authrole: Option<String>,
    half: Half,
}

enum Half {
    Nothing,
    Ticket(Secret),
    Wampcra(Secret),
    Scram(Scram),
    Cryptosign(Cryptosign),
}

impl Login for LoggingIn {
    fn hello(&mut self, details: &mut HelloDetails) {
        details.authid = self.authid.as_deref().map(Into::into);
        details.authrole = self.authrole.as_deref().map(Into::into);
        details.authextra = match &self.half {
            Half::Scram(half) => Some(half.hello()),
            Half::Cryptosign(half) => Some(half.hello()),
            _ => None,
        };
    }

    fn challenge(&mut self, challenge: &Challenge) -> Result<Authenticate, AuthError> {
        let asked = challenge.method.as_str();
        // A secret is shown to nobody who asks for another proof.
        if asked != self.method.name() {
            let why = format!("the router asks for proof by the method {asked:?}, not by {}", self.method);
            return Err(AuthError::new(why));
        }
        let extra = &challenge.extra;
        let signature = match &mut self.half {
            Half::Nothing => {
                return Err(AuthError::new(format!(
                    "the router asks for proof, and {} has none",
                    self.method
                )));
            }
            Half::Ticket(secret) => secret.as_str().into(),
            Half::Wampcra(secret) => wampcra(secret.as_str(), extra).map_err(AuthError::new)?.into(),
            Half::Cryptosign(half) => half.answer(extra).map_err(AuthError::new)?,
            Half::Scram(half) => return half.answer(extra).map_err(AuthError::new),
        };
        Ok(Authenticate { signature, extra: Dict::default() })
    }

    /// With SCRAM the router proves itself, too.
    fn welcome(&mut self, welcome: &Welcome) -> Result<(), AuthError> {
        let Half::Scram(half) = &self.half else { return Ok(()) };
        let nothing = Dict::default();
        let extra = match welcome.details.get("authextra") {
            Some(Value::Map(extra)) => extra,
            _ => &nothing,
        };
        half.verify(extra).map_err(AuthError::new)
    }
}

#[cfg(test)]
mod tests;
