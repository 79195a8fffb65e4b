//! Certificates of `cryptosign`: a root vouches for others, these for further ones, and the last for a client's key.
//! Source: WAMP specification, "Cryptosign-based Authentication", certificates (EIP-712).

use transom_wamp::{Dict, Text, Value};

use super::eip712::{Address, Field, digest, signer};
use crate::{PublicKey, hex};

/// A root whose certificates count on a realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustRoot {
    /// The root's address (`trustroot`).
    pub address: Address,
    /// The role of whom it vouches for. Default `user`.
    pub role: Option<Text>,
    /// The realm they join. Default: the one they ask for.
    pub realm: Option<Text>,
}

/// The longest chain. Each certificate costs a fraction of a millisecond to check.
const LONGEST: usize = 8;

const DELEGATE: &str = "EIP712DelegateCertificate(uint256 chainId,address verifyingContract,uint256 validFrom,address delegate,bytes32 csPubKey,uint64 bootedAt,string meta)";
const AUTHORITY: &str = "EIP712AuthorityCertificate(uint256 chainId,address verifyingContract,uint256 validFrom,address issuer,address subject,address realm,uint64 capabilities,string meta)";

/// What all certificates of a chain have.
#[derive(Debug, Clone, PartialEq)]
struct Common {
    chain_id: u64,
    contract: Address,
    valid_from: u64,
}

/// The certificate of a key.
#[derive(Debug)]
struct Delegate {
    common: Common,
    delegate: Address,
    key: PublicKey,
}

/// The certificate of whoever may vouch for others.
#[derive(Debug)]
struct Authority {
    common: Common,
    issuer: Address,
    subject: Address,
    realm: Address,
    capabilities: u64,
}

/// Whom a chain, the leaf first, vouches for: the address that becomes the authid.
///
/// # Errors
/// Says which certificate, counted from 1, is wrong and how.
pub(super) fn verify(chain: &[Value], root: Address, key: &PublicKey, now: u64) -> Result<Address, String> {
    let (leaf, authorities) = match chain {
        [leaf, authorities @ ..] if !authorities.is_empty() && chain.len() <= LONGEST => (leaf, authorities),
        _ => return Err(format!("there are {} certificates, not 2 to {LONGEST}", chain.len())),
    };
    let leaf = Delegate::read(leaf).map_err(|what| format!("certificate 1: {what}"))?;
    if leaf.key != *key {
        return Err("certificate 1: 'csPubKey' is not the client's key".to_owned());
    }
    let mut below = (leaf.delegate, leaf.common);
    let mut first: Option<Authority> = None;
    for (number, certificate) in authorities.iter().enumerate() {
        let wrong = |what: &str| format!("certificate {}: {what}", number + 2);
        let authority = Authority::read(certificate).map_err(|what| wrong(&what))?;
        let (subject, under) = below;
        if authority.subject != subject {
            return Err(wrong("'subject' is not who vouches below"));
        }
        let common = &authority.common;
        if (common.chain_id, common.contract) != (under.chain_id, under.contract) {
            return Err(wrong("'chainId' or 'verifyingContract' differs from the one below"));
        }
        if common.valid_from > under.valid_from || under.valid_from > now {
            return Err(wrong("'validFrom' is later than below, or the one below is in the future"));
        }
        if let Some(first) = &first {
            if authority.realm != first.realm {
                return Err(wrong("'realm' differs from the one below"));
            }
            if first.capabilities & !authority.capabilities != 0 {
                return Err(wrong("'capabilities' are fewer than below"));
            }
        }
        below = (authority.issuer, authority.common.clone());
        first = Some(authority);
    }
    match first {
        Some(last) if last.issuer == last.subject && last.issuer == root => Ok(leaf.delegate),
        _ => Err(format!("the last certificate is not that of {root}, signed by itself")),
    }
}

/// The root whose certificate, signed by itself, this is.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn root(certificate: &Value) -> Result<Address, String> {
    let Authority { issuer, subject, .. } = Authority::read(certificate)?;
    if issuer == subject {
        return Ok(issuer);
    }
    Err(format!("it is the one of {subject}, signed by {issuer} and not by itself"))
}

impl Delegate {
    fn read(value: &Value) -> Result<Self, String> {
        let (message, signature) = parts(value, "EIP712DelegateCertificate")?;
        let common = Common::read(message)?;
        let (delegate, key) = (address(message, "delegate")?, bytes::<32>(message, "csPubKey")?);
        let fields = [
            Field::Address(delegate),
            Field::Bytes(key),
            Field::Number(number(message, "bootedAt")?),
            Field::Text(text(message, "meta")?),
        ];
        common.check(DELEGATE, fields, &signature, delegate)?;
        Ok(Delegate { common, delegate, key: PublicKey::from_bytes(key) })
    }
}

impl Authority {
    fn read(value: &Value) -> Result<Self, String> {
        let (message, signature) = parts(value, "EIP712AuthorityCertificate")?;
        let common = Common::read(message)?;
        let (issuer, subject) = (address(message, "issuer")?, address(message, "subject")?);
        let realm = address(message, "realm")?;
        let capabilities = number(message, "capabilities")?;
        let fields = [
            Field::Address(issuer),
            Field::Address(subject),
            Field::Address(realm),
            Field::Number(capabilities),
            Field::Text(text(message, "meta")?),
        ];
        common.check(AUTHORITY, fields, &signature, issuer)?;
        Ok(Authority { common, issuer, subject, realm, capabilities })
    }
}

impl Common {
    fn read(message: &Dict) -> Result<Self, String> {
        Ok(Common {
            chain_id: number(message, "chainId")?,
            contract: address(message, "verifyingContract")?,
            valid_from: number(message, "validFrom")?,
        })
    }

    /// Whether `by` signed the certificate.
    fn check<'a>(
        &self,
        kind: &str,
        rest: impl IntoIterator<Item = Field<'a>>,
        signature: &[u8; 65],
        by: Address,
    ) -> Result<(), String> {
        let mut fields =
            vec![Field::Number(self.chain_id), Field::Address(self.contract), Field::Number(self.valid_from)];
        fields.extend(rest);
        match signer(&digest(kind, &fields), signature) {
            Some(signer) if signer == by => Ok(()),
            _ => Err(format!("it is not signed by {by}")),
        }
    }
}

/// `[object, signature]`, or with a hash before them. In files of others there may be several signatures, the
/// issuer's first.
fn parts<'a>(value: &'a Value, kind: &str) -> Result<(&'a Dict, [u8; 65]), String> {
    let no_list = || "it is no list of an object and a signature".to_owned();
    let Value::List(list) = value else { return Err(no_list()) };
    let (object, signature) = match &list[..] {
        [Value::Map(object), signature] | [_, Value::Map(object), signature] => (object, signature),
        _ => return Err(no_list()),
    };
    match object.get("primaryType") {
        Some(Value::Text(found)) if **found == *kind => {}
        _ => return Err(format!("'primaryType' is not '{kind}'")),
    }
    let Some(Value::Map(message)) = object.get("message") else {
        return Err("'message' is missing or no map".to_owned());
    };
    let signature = match signature {
        Value::List(several) => several.first().unwrap_or(&Value::Null),
        one => one,
    };
    Ok((message, read(signature).ok_or("its signature is not 65 bytes")?))
}

fn number(message: &Dict, key: &str) -> Result<u64, String> {
    let number = match message.get(key) {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        Some(Value::Uint(number)) => Some(*number),
        Some(Value::Text(text)) => text.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| format!("'{key}' is missing or no number of 64 bits"))
}

fn address(message: &Dict, key: &str) -> Result<Address, String> {
    bytes::<20>(message, key).map(Address)
}

fn bytes<const N: usize>(message: &Dict, key: &str) -> Result<[u8; N], String> {
    message.get(key).and_then(read).ok_or_else(|| format!("'{key}' is missing or not {N} bytes"))
}

fn text<'a>(message: &'a Dict, key: &str) -> Result<&'a str, String> {
    match message.get(key) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(format!("'{key}' is missing or no text")),
    }
}

/// Bytes as such, or as hexadecimal digits with or without `0x`.
fn read<const N: usize>(value: &Value) -> Option<[u8; N]> {
    match value {
        Value::Binary(bytes) => <[u8; N]>::try_from(&bytes[..]).ok(),
        Value::Text(text) => hex::decode_array(text.strip_prefix("0x").unwrap_or(text)).ok(),
        _ => None,
    }
}
