//! The proofs of SCRAM. Source: RFC 5802, section 3.

use sha2::{Digest, Sha256};

use crate::crypto::{equal, hmac, xor};

/// What both sides have said, and sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exchange {
    /// Prepared and escaped.
    pub(crate) authid: String,
    pub(crate) client_nonce: String,
    /// The client's and the router's, one after the other.
    pub(crate) nonce: String,
    /// Base64.
    pub(crate) salt: String,
    pub(crate) iterations: u32,
    /// The value of `c=`.
    pub(crate) binding: String,
}

impl Exchange {
    /// AuthMessage.
    fn message(&self) -> String {
        let Exchange { authid, client_nonce, nonce, salt, iterations, binding } = self;
        format!("n={authid},r={client_nonce},r={nonce},s={salt},i={iterations},c={binding},r={nonce}")
    }
}

/// StoredKey and ServerKey of a salted password.
pub(crate) fn stored_keys(salted: &[u8]) -> ([u8; 32], [u8; 32]) {
    let client_key = hmac(salted, &[b"Client Key"]);
    (Sha256::digest(client_key).into(), hmac(salted, &[b"Server Key"]))
}

/// ClientProof.
pub(crate) fn client_proof(salted: &[u8], exchange: &Exchange) -> [u8; 32] {
    let client_key = hmac(salted, &[b"Client Key"]);
    let stored_key: [u8; 32] = Sha256::digest(client_key).into();
    xor(&client_key, &hmac(&stored_key, &[exchange.message().as_bytes()]))
}

/// Whether a client's proof shows that it knows the password.
pub(crate) fn proves(stored_key: &[u8; 32], exchange: &Exchange, proof: &[u8; 32]) -> bool {
    let client_key = xor(proof, &hmac(stored_key, &[exchange.message().as_bytes()]));
    equal(&Sha256::digest(client_key), stored_key)
}

/// ServerSignature.
pub(crate) fn server_signature(server_key: &[u8; 32], exchange: &Exchange) -> [u8; 32] {
    hmac(server_key, &[exchange.message().as_bytes()])
}
