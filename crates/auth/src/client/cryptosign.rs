//! The client's half of `cryptosign`.

use transom_wamp::{Dict, Text};

use super::{ClientError, text};
use crate::cryptosign::{sign, to_sign, verify};
use crate::transport::{Bound, TLS_EXPORTER};
use crate::{Env, NoRandomness, PrivateKey, PublicKey, hex};

/// A client that proves itself with its private key.
#[derive(Debug)]
pub struct Cryptosign {
    key: PrivateKey,
    bound: Option<Bound>,
    challenge: Option<[u8; 32]>,
}

impl Cryptosign {
    /// A client with this key.
    pub fn new(key: PrivateKey) -> Self {
        Cryptosign { key, bound: None, challenge: None }
    }

    /// Binds the proof to a TLS channel, by its 32 bytes of `tls-exporter` (RFC 9266).
    #[must_use]
    pub fn bound_to(mut self, exporter: [u8; 32]) -> Self {
        self.bound = Some(Bound { name: TLS_EXPORTER, id: exporter });
        self
    }

    /// Asks the router to prove itself, too.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn asking_for_proof(mut self, env: &Env) -> Result<Self, NoRandomness> {
        self.challenge = Some(env.random()?);
        Ok(self)
    }

    /// `authextra` of HELLO.
    pub fn hello(&self) -> Dict {
        let mut extra = Dict::default();
        extra.push("pubkey", self.key.public().to_string());
        if let Some(bound) = &self.bound {
            extra.push("channel_binding", bound.name);
        }
        if let Some(challenge) = &self.challenge {
            extra.push("challenge", hex::encode(challenge));
        }
        extra
    }

    /// Whether CHALLENGE proves that the router has this key.
    ///
    /// # Errors
    /// When it does not, or was not asked to.
    pub fn verify(&self, router: &PublicKey, extra: &Dict) -> Result<(), ClientError> {
        let challenge = self.challenge.as_ref().ok_or(ClientError::RouterNotProven)?;
        let signature = text(extra, "signature")?;
        let proven = verify(router, &to_sign(challenge, self.bound), signature);
        if proven { Ok(()) } else { Err(ClientError::RouterNotProven) }
    }

    /// The signature for AUTHENTICATE.
    ///
    /// # Errors
    /// When CHALLENGE is not what it should be.
    pub fn answer(&self, extra: &Dict) -> Result<Text, ClientError> {
        let binding = text(extra, "channel_binding").ok();
        if binding != self.bound.map(|bound| bound.name) {
            return Err(ClientError::Binding);
        }
        let challenge =
            hex::decode_array(text(extra, "challenge")?).map_err(|_| ClientError::Malformed("challenge"))?;
        Ok(sign(&self.key, &to_sign(&challenge, self.bound)).into())
    }
}
