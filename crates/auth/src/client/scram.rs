//! The client's half of `scram` and `wamp-scram`.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::Sha256;
use transom_wamp::{Authenticate, Dict, Text, Value};
use zeroize::Zeroizing;

use super::{ClientError, number, text};
use crate::scram::{Dialect, Exchange, client_proof, prepare, server_signature, stored_keys};
use crate::transport::{Bound, TLS_EXPORTER};
use crate::{Env, Kdf, Method, NoRandomness, ScramPrincipal, Secret, crypto};

/// What a derivation may cost, and has to.
const PBKDF2_ITERATIONS: std::ops::RangeInclusive<u32> = 4096..=10_000_000;
/// 1 GiB.
const MAX_ARGON2_MEMORY: u32 = 1 << 20;
/// Passes times KiB: the least and the most that is written to memory.
const ARGON2_WORK: std::ops::RangeInclusive<u64> = 1024..=1 << 24;

/// A client that proves that it knows a password, and lets the router prove that it does.
#[derive(Debug)]
pub struct Scram {
    dialect: Dialect,
    authid: String,
    password: Secret,
    nonce: String,
    bound: Option<Bound>,
    /// Known when the challenge was answered.
    expected: Option<[u8; 32]>,
}

impl Scram {
    /// A client of [`Method::Scram`] or [`Method::WampScram`].
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn new(method: Method, authid: &str, password: Secret, env: &Env) -> Result<Self, NoRandomness> {
        let nonce = BASE64_STANDARD.encode(env.random::<16>()?);
        let dialect = Dialect::of(method);
        Ok(Scram { dialect, authid: authid.to_owned(), password, nonce, bound: None, expected: None })
    }

    /// Binds the proof to a TLS channel, by its 32 bytes of `tls-exporter` (RFC 9266). Only `wamp-scram` has that.
    #[must_use]
    pub fn bound_to(mut self, exporter: [u8; 32]) -> Self {
        self.bound = Some(Bound { name: TLS_EXPORTER, id: exporter });
        self
    }

    fn binding(&self) -> Option<Bound> {
        self.bound.filter(|_| self.dialect == Dialect::Wamp)
    }

    /// `authextra` of HELLO.
    pub fn hello(&self) -> Dict {
        let mut extra = Dict::default();
        extra.push("nonce", self.nonce.as_str());
        if self.dialect == Dialect::Wamp {
            extra.push("channel_binding", self.binding().map_or(Value::Null, |bound| bound.name.into()));
        }
        extra
    }

    /// AUTHENTICATE. This is expensive: it derives the salted password.
    ///
    /// # Errors
    /// When CHALLENGE is not what it should be, would prove too little or cost too much.
    pub fn answer(&mut self, extra: &Dict) -> Result<Authenticate, ClientError> {
        let nonce = text(extra, "nonce")?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ClientError::Malformed("nonce"));
        }
        let kdf = Kdf::from_name(text(extra, "kdf")?)
            .filter(|kdf| self.dialect.computes(*kdf))
            .ok_or(ClientError::Malformed("kdf"))?;
        let (iterations, memory) = (number(extra, "iterations", 0)?, number(extra, "memory", 0)?);
        let salt_text = text(extra, "salt")?;
        let salt = BASE64_STANDARD.decode(salt_text).map_err(|_| ClientError::Malformed("salt"))?;
        let salted = salted(kdf, &self.password, &salt, (iterations, memory))?;
        let authid = prepare(&self.authid).ok_or(ClientError::Forbidden)?;
        let exchange = Exchange {
            authid: self.dialect.escape(&authid),
            client_nonce: self.nonce.clone(),
            nonce: nonce.to_owned(),
            salt: salt_text.to_owned(),
            iterations,
            binding: self.dialect.binding(self.binding()),
        };
        let (_, server_key) = stored_keys(&salted);
        self.expected = Some(server_signature(&server_key, &exchange));
        let mut extra = Dict::default();
        if self.dialect == Dialect::Wamp {
            let bound = self.binding();
            extra.push("nonce", nonce);
            extra.push("channel_binding", bound.map_or(Value::Null, |bound| bound.name.into()));
            extra.push(
                "cbind_data",
                bound.map_or(Value::Null, |bound| BASE64_STANDARD.encode(bound.id).into()),
            );
        }
        let signature = Text::from(BASE64_STANDARD.encode(client_proof(&salted, &exchange)));
        Ok(Authenticate { signature, extra })
    }

    /// Whether `authextra` of WELCOME proves that the router knows the password, too.
    ///
    /// # Errors
    /// When it does not, or the challenge was not answered yet.
    pub fn verify(&self, extra: &Dict) -> Result<(), ClientError> {
        let signature = text(extra, "verifier").or_else(|_| text(extra, "scram_server_signature"))?;
        // The specification's example has the attribute's name in front.
        let signature = signature.strip_prefix("v=").unwrap_or(signature);
        let signature = BASE64_STANDARD.decode(signature).map_err(|_| ClientError::RouterNotProven)?;
        match &self.expected {
            Some(expected) if crypto::equal(expected, &signature) => Ok(()),
            _ => Err(ClientError::RouterNotProven),
        }
    }
}

/// What a router is to store of a password, so that it need not know it. `cost` is PBKDF2's iterations, or Argon2's
/// passes and its memory in KiB.
///
/// # Errors
/// When the password holds what SASLprep forbids, or the cost is out of bounds.
pub fn store(
    kdf: Kdf,
    password: &Secret,
    salt: &[u8],
    cost: (u32, u32),
) -> Result<ScramPrincipal, ClientError> {
    let (stored_key, server_key) = stored_keys(&salted(kdf, password, salt, cost)?);
    let (iterations, memory) = cost;
    Ok(ScramPrincipal { kdf, iterations, memory, salt: salt.to_vec(), stored_key, server_key, role: None })
}

/// SaltedPassword.
fn salted(
    kdf: Kdf,
    password: &Secret,
    salt: &[u8],
    (iterations, memory): (u32, u32),
) -> Result<Zeroizing<Vec<u8>>, ClientError> {
    let password = Zeroizing::new(prepare(password.as_str()).ok_or(ClientError::Forbidden)?);
    let mut derived = Zeroizing::new([0; 32]);
    match kdf {
        Kdf::Pbkdf2 => {
            if !PBKDF2_ITERATIONS.contains(&iterations) {
                return Err(ClientError::Cost("iterations"));
            }
            pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, iterations, &mut *derived);
        }
        Kdf::Argon2id13 | Kdf::Argon2id13Text => {
            if memory > MAX_ARGON2_MEMORY {
                return Err(ClientError::Cost("memory"));
            }
            if !ARGON2_WORK.contains(&(u64::from(iterations) * u64::from(memory))) {
                return Err(ClientError::Cost("iterations"));
            }
            let params =
                Params::new(memory, iterations, 1, Some(32)).map_err(|_| ClientError::Cost("memory"))?;
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into(password.as_bytes(), salt, &mut *derived)
                .map_err(|_| ClientError::Malformed("salt"))?;
        }
    }
    Ok(Dialect::salted(kdf, &derived))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    #[test]
    fn derivations_are_those_of_the_vectors() {
        let derive = |kdf, cost| {
            let salted = salted(kdf, &"p4ssw0rd".into(), b"1234567890abcdef", cost);
            salted.map(|salted| hex::encode(&salted))
        };
        let argon2 = "ee4a8acf9d5958354fb79a95ae20692d05e42591ba49fae85eb6700e8b0ed293";
        assert_eq!(derive(Kdf::Argon2id13, (32, 512)).as_deref(), Ok(argon2));
        assert_eq!(derive(Kdf::Pbkdf2, (8, 0)), Err(ClientError::Cost("iterations")));
        let mut pbkdf2 = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(b"p4ssw0rd", b"1234567890abcdef", 8, &mut pbkdf2);
        let expected = "f6991a28c75f43751e0d75499fd7b8649f659118ddc1d61cee5883af547d15f5";
        assert_eq!(hex::encode(&pbkdf2), expected);
    }
}
