//! The client's halves of the methods: what HELLO says and how a CHALLENGE is answered, as pure functions.
//!
//! A router is not trusted blindly: a question that would cost too much or prove too little is not answered, and
//! where a method lets the router prove itself too, [`Scram::verify`] and [`Cryptosign::verify`] tell whether it did.

mod cryptosign;
mod scram;

use transom_wamp::{Dict, Value};

use crate::wampcra;

pub use crate::wampcra::Salt;
pub use cryptosign::Cryptosign;
pub use scram::{Scram, store as scram_store};

/// Why a client does not answer a challenge, or does not believe the router.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Something in CHALLENGE or WELCOME is missing or of the wrong kind.
    #[error("'{0}' is missing or is not what it should be")]
    Malformed(&'static str),
    /// The derivation would prove too little or cost too much.
    #[error("the router asks for a derivation with '{0}' out of bounds")]
    Cost(&'static str),
    /// A name or password holds characters that SASLprep (RFC 4013) forbids.
    #[error("a name or password holds characters that SASLprep forbids")]
    Forbidden,
    /// The router's proof is wrong or missing.
    #[error("the router did not prove that it knows the client")]
    RouterNotProven,
    /// The channel binding is not the one that was asked for.
    #[error("the router does not bind the authentication to this channel as asked")]
    Binding,
}

/// The signature of a `wampcra` challenge. The secret is the password where CHALLENGE has a salt.
///
/// # Errors
/// When CHALLENGE is not what it should be, or wants more than ten million iterations.
pub fn wampcra(secret: &str, extra: &Dict) -> Result<String, ClientError> {
    let challenge = text(extra, "challenge")?;
    let Some(salt) = salt(extra)? else { return Ok(wampcra::sign(secret.as_bytes(), challenge)) };
    Ok(wampcra::sign(salt.derive(secret.as_bytes()).as_bytes(), challenge))
}

fn salt(extra: &Dict) -> Result<Option<Salt>, ClientError> {
    if matches!(extra.get("salt"), None | Some(Value::Null)) {
        return Ok(None);
    }
    let salt = text(extra, "salt")?.into();
    let iterations = number(extra, "iterations", 1000)?;
    let keylen = number(extra, "keylen", 32)?;
    match (iterations, keylen) {
        (0 | 10_000_001.., _) => Err(ClientError::Cost("iterations")),
        (_, 0 | 1025..) => Err(ClientError::Cost("keylen")),
        _ => Ok(Some(Salt { salt, iterations, keylen })),
    }
}

fn text<'a>(dict: &'a Dict, key: &'static str) -> Result<&'a str, ClientError> {
    match dict.get(key) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(ClientError::Malformed(key)),
    }
}

fn number(dict: &Dict, key: &'static str, absent: u32) -> Result<u32, ClientError> {
    match dict.get(key) {
        None | Some(Value::Null) => Ok(absent),
        Some(Value::Int(number)) => u32::try_from(*number).map_err(|_| ClientError::Malformed(key)),
        _ => Err(ClientError::Malformed(key)),
    }
}
