//! Ed25519 keys. Source: RFC 8032.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::hex::{self, NotHex};
use crate::{NoRandomness, Random};

/// A public key. Reads and writes itself as 64 hexadecimal digits, of either case when read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

/// A private key: wiped from memory when dropped, never printed.
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

impl PublicKey {
    /// The key of these bytes. Bytes that are no point on the curve verify nothing.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        PublicKey(bytes)
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether the private key signed the message. Keys and signatures that could fit more than one message do not
    /// count.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }
}

impl FromStr for PublicKey {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        hex::decode_array(text).map(PublicKey)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl PrivateKey {
    /// A new key.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn generate(random: &dyn Random) -> Result<Self, NoRandomness> {
        let mut seed = Zeroizing::new([0; 32]);
        random.fill(&mut *seed)?;
        Ok(PrivateKey(SigningKey::from_bytes(&seed)))
    }

    /// The key of 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the text is something else.
    pub fn from_hex(text: &str) -> Result<Self, NotHex> {
        let seed = Zeroizing::new(hex::decode_array::<32>(text)?);
        Ok(PrivateKey(SigningKey::from_bytes(&seed)))
    }

    /// The key as 64 hexadecimal digits.
    pub(crate) fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_bytes()))
    }

    /// What others know of it.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// 32 bytes that only whoever has the key can tell, others for each purpose.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        crate::crypto::hmac(self.0.as_bytes(), &[purpose.as_bytes()])
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(.. of {})", self.public())
    }
}
