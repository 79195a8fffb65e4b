//! How a client proves who it is. The methods themselves are elsewhere; here is what they plug into.

use std::fmt;

use transom_base::ConnInfo;
use transom_wamp::{Authenticate, Challenge, HelloDetails, Welcome};

/// One way to prove to routers who we are. Used for every session of a client, also at the same time.
pub trait Authenticator: Send + Sync {
    /// The method, as HELLO offers it.
    fn method(&self) -> &str;

    /// Begins to log in over this connection.
    ///
    /// # Errors
    /// What is needed for it cannot be had, and the session is not opened.
    fn begin(&self, info: &ConnInfo) -> Result<Box<dyn Login>, AuthError>;
}

/// A client between HELLO and WELCOME. Runs on the connection's task.
pub trait Login: Send {
    /// Adds what the method says in HELLO: `authid`, `authextra`.
    fn hello(&mut self, details: &mut HelloDetails) {
        let _ = details;
    }

    /// Answers a challenge.
    ///
    /// # Errors
    /// There is no answer; the router is told `wamp.error.cannot_authenticate`.
    fn challenge(&mut self, challenge: &Challenge) -> Result<Authenticate, AuthError>;

    /// Looks whether the router proved itself, where the method has that.
    ///
    /// # Errors
    /// It did not, and the session is left at once.
    fn welcome(&mut self, welcome: &Welcome) -> Result<(), AuthError> {
        let _ = welcome;
        Ok(())
    }
}

/// Why a client does not log in. Never holds a secret.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct AuthError(Box<dyn std::error::Error + Send + Sync>);

impl AuthError {
    /// For that reason.
    pub fn new(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        AuthError(why.into())
    }
}

/// Proves nothing: the method `anonymous`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anonymous;

impl Authenticator for Anonymous {
    fn method(&self) -> &str {
        "anonymous"
    }

    fn begin(&self, _info: &ConnInfo) -> Result<Box<dyn Login>, AuthError> {
        Ok(Box::new(Anonymous))
    }
}

impl Login for Anonymous {
    fn challenge(&mut self, challenge: &Challenge) -> Result<Authenticate, AuthError> {
        Err(AuthError::new(format!(
            "the router asks for proof by the method {:?}, and an anonymous client has none",
            challenge.method.as_str()
        )))
    }
}

impl fmt::Debug for dyn Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("method", &self.method()).finish_non_exhaustive()
    }
}
