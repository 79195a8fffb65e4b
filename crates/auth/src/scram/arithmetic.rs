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

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::*;
    use crate::hex;

    /// RFC 7677, section 3.
    #[test]
    fn proofs_are_those_of_the_rfc() {
        let mut salted = [0; 32];
        let salt = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        pbkdf2::pbkdf2_hmac::<Sha256>(b"pencil", &salt, 4096, &mut salted);
        assert_eq!(hex::encode(&salted), "c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d");
        let (stored_key, server_key) = stored_keys(&salted);
        let expected = "586e5df283e6dceb5c3e791d8b8528ec191e664045ce971792e2e6b5bb13e2a6";
        assert_eq!(hex::encode(&stored_key), expected);
        let expected = "c1f3cbc1c13a9d35a14c0990eed97629ea225863e566a4314ab99f3f00e5d9d5";
        assert_eq!(hex::encode(&server_key), expected);
        let exchange = Exchange {
            authid: "user".into(),
            client_nonce: "rOprNGfwEbeRWgbNEkqO".into(),
            nonce: "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".into(),
            salt: "W22ZaJ0SNY7soEsUEjb6gQ==".into(),
            iterations: 4096,
            binding: "biws".into(),
        };
        let proof = client_proof(&salted, &exchange);
        assert_eq!(BASE64_STANDARD.encode(proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        assert!(proves(&stored_key, &exchange, &proof));
        let signature = server_signature(&server_key, &exchange);
        assert_eq!(BASE64_STANDARD.encode(signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        let other = Exchange { authid: "uses".into(), ..exchange };
        assert!(!proves(&stored_key, &other, &proof));
    }
}
