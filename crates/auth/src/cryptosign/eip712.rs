//! Ethereum's signatures over typed data: hashes, addresses, and who signed. Sources: EIP-712, EIP-55.

use std::fmt;
use std::str::FromStr;

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest, Keccak256};

use crate::hex;

/// An Ethereum address. Reads itself in either case with `0x` before it, and writes itself with its checksum
/// (EIP-55).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(pub [u8; 20]);

/// A text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an Ethereum address is '0x' and 40 hexadecimal digits")]
pub struct NoAddress;

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let digits = text.strip_prefix("0x").ok_or(NoAddress)?;
        hex::decode_array(digits).map(Address).map_err(|_| NoAddress)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(&self.0);
        let hash = hex::encode(&keccak(&[digits.as_bytes()]));
        let cased = digits.chars().zip(hash.chars()).map(|(digit, hash)| match hash {
            '8'..='f' => digit.to_ascii_uppercase(),
            _ => digit,
        });
        f.write_str("0x")?;
        f.write_str(&cased.collect::<String>())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// A field of a struct, encoded as 32 bytes.
pub(super) enum Field<'a> {
    Number(u64),
    Address(Address),
    Bytes([u8; 32]),
    Text(&'a str),
}

impl Field<'_> {
    fn encode(&self) -> [u8; 32] {
        let mut word = [0; 32];
        match self {
            Field::Number(number) => copy_to_end(&mut word, &number.to_be_bytes()),
            Field::Address(address) => copy_to_end(&mut word, &address.0),
            Field::Bytes(bytes) => word = *bytes,
            Field::Text(text) => word = keccak(&[text.as_bytes()]),
        }
        word
    }
}

fn copy_to_end(word: &mut [u8; 32], bytes: &[u8]) {
    word.iter_mut().rev().zip(bytes.iter().rev()).for_each(|(to, from)| *to = *from);
}

/// What is signed for a struct of the domain `WMP`, version 1.
pub(super) fn digest(kind: &str, fields: &[Field<'_>]) -> [u8; 32] {
    let domain = hash("EIP712Domain(string name,string version)", &[Field::Text("WMP"), Field::Text("1")]);
    keccak(&[b"\x19\x01", &domain, &hash(kind, fields)])
}

fn hash(kind: &str, fields: &[Field<'_>]) -> [u8; 32] {
    let mut all = vec![keccak(&[kind.as_bytes()])];
    all.extend(fields.iter().map(Field::encode));
    keccak(&[all.as_flattened()])
}

/// Who signed a digest: `r`, `s` and `v`, one after the other.
pub(super) fn signer(digest: &[u8; 32], signature: &[u8; 65]) -> Option<Address> {
    let (rs, v) = signature.split_first_chunk::<64>()?;
    let recovery = match v {
        [v @ (0 | 1)] => *v,
        [v @ (27 | 28)] => v - 27,
        _ => return None,
    };
    let signature = Signature::from_slice(rs).ok()?;
    let key =
        VerifyingKey::recover_from_prehash(digest, &signature, RecoveryId::from_byte(recovery)?).ok()?;
    let point = key.to_sec1_point(false);
    keccak(&[point.as_bytes().get(1..)?]).last_chunk().copied().map(Address)
}

fn keccak(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of EIP-55.
    #[test]
    fn addresses_are_written_with_their_checksum() {
        for text in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            assert_eq!(text.to_lowercase().parse::<Address>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "0x",
            "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
        ] {
            assert_eq!(text.parse::<Address>(), Err(NoAddress));
        }
    }
}
