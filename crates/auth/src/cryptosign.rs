//! `cryptosign`: the client signs a challenge with its private key (Ed25519), and so may the router. Source: WAMP
//! specification, "Cryptosign-based Authentication".
//!
//! A signature travels together with what was signed: the challenge, or its XOR with the ID of the TLS channel where
//! client and router bind the proof to that.

mod certificates;
mod eip712;
mod root_file;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::SystemTime;

use transom_wamp::{Authenticate, Dict, Text, Value};

use crate::dynamic::{self, Answer, Dynamic, Then};
use crate::login::{Given, Login};
use crate::transport::{self, Bound};
use crate::{Env, PrivateKey, PublicKey, Step, crypto, hex, proxy, step};

pub use certificates::TrustRoot;
pub use eip712::{Address, NoAddress};
pub use root_file::NoRoot;

/// `cryptosign` of a transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CryptosignSettings {
    /// The keys are known.
    Static {
        /// Each principal by its authid.
        principals: HashMap<String, CryptosignPrincipal>,
        /// The role of principals without one (`default-role`). Default: they are refused.
        default_role: Option<Text>,
    },
    /// Whoever shows certificates that lead to a root (`trustroots`). Its authid is the address that the first
    /// certificate names.
    TrustRoots(HashMap<String, TrustRoot>),
    /// An authenticator knows the keys.
    Dynamic(Dynamic),
}

/// A principal of `cryptosign`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CryptosignPrincipal {
    /// Each of these keys proves it (`authorized_keys`).
    pub authorized_keys: Vec<PublicKey>,
    /// Its role.
    pub role: Option<Text>,
    /// Its realm, whichever it asks for. Default: the one it asks for.
    pub realm: Option<Text>,
}

/// `cryptosign` at work.
#[derive(Debug)]
pub(crate) struct Cryptosign {
    kind: Kind,
    /// With what the router proves itself.
    node_key: Option<Arc<PrivateKey>>,
}

#[derive(Debug)]
enum Kind {
    Static {
        principals: HashMap<String, CryptosignPrincipal>,
        /// Whose key it is; nobody's where several have it.
        owners: HashMap<PublicKey, Option<String>>,
        default_role: Option<Text>,
    },
    TrustRoots(HashMap<String, TrustRoot>),
    Dynamic(Dynamic),
}

/// What HELLO said.
#[derive(Debug)]
pub(crate) struct Asking {
    env: Env,
    announced: Option<PublicKey>,
    bound: Option<Bound>,
    /// What the router adds to CHALLENGE to prove itself.
    own_proof: Dict,
}

#[derive(Debug)]
pub(crate) struct Unanswered {
    login: Login,
    message: [u8; 32],
    /// None for principals that there are not: nobody can sign.
    key: Option<PublicKey>,
    given: Given,
    default_role: Option<Text>,
}

impl Cryptosign {
    pub(crate) fn new(settings: CryptosignSettings, node_key: Option<Arc<PrivateKey>>) -> Self {
        let kind = match settings {
            CryptosignSettings::Static { principals, default_role } => {
                let mut owners = HashMap::new();
                for (authid, principal) in &principals {
                    for key in &principal.authorized_keys {
                        match owners.entry(*key) {
                            Entry::Vacant(entry) => drop(entry.insert(Some(authid.clone()))),
                            Entry::Occupied(mut entry) if entry.get().as_ref() != Some(authid) => {
                                entry.insert(None);
                            }
                            Entry::Occupied(_) => {}
                        }
                    }
                }
                Kind::Static { principals, owners, default_role }
            }
            CryptosignSettings::TrustRoots(roots) => Kind::TrustRoots(roots),
            CryptosignSettings::Dynamic(dynamic) => Kind::Dynamic(dynamic),
        };
        Cryptosign { kind, node_key }
    }

    pub(crate) fn start(&self, login: Login, env: &Env) -> Step {
        let asking = match self.asking(&login, env) {
            Ok(asking) => asking,
            Err(step) => return step,
        };
        match &self.kind {
            Kind::Static { principals, owners, default_role } => {
                let authid = match (&login.authid, &asking.announced) {
                    (Some(authid), _) => Some(authid.to_string()),
                    (None, Some(key)) => owners.get(key).cloned().flatten(),
                    (None, None) => {
                        return login
                            .malformed("HELLO names neither an authid nor a public key (authextra.pubkey)");
                    }
                };
                let found = authid.as_ref().and_then(|authid| principals.get(authid));
                let key =
                    found.and_then(|principal| match (&asking.announced, &*principal.authorized_keys) {
                        (Some(announced), keys) => keys.contains(announced).then_some(*announced),
                        (None, [only]) => Some(*only),
                        (None, _) => None,
                    });
                let given = Given {
                    realm: found.and_then(|principal| principal.realm.clone()),
                    authid: authid.map(Text::from),
                    role: found.and_then(|principal| principal.role.clone()),
                    extra: Dict::default(),
                };
                asking.challenge(login, key, given, default_role.clone())
            }
            Kind::TrustRoots(roots) => match certified(roots, &login, &asking) {
                Ok((key, given)) => {
                    asking.challenge(login, Some(key), given, Some(Text::from_static("user")))
                }
                Err(step) => step,
            },
            Kind::Dynamic(dynamic) => {
                let mut details = Dict::default();
                details.push("authid", login.authid.clone().map_or(Value::Null, Value::Text));
                details.push("authrole", Value::Null);
                dynamic::ask(login, dynamic, details, Then::Cryptosign(Box::new(asking)))
            }
        }
    }

    /// Reads HELLO.
    fn asking(&self, login: &Login, env: &Env) -> Result<Asking, Step> {
        let announced = login.extra_text("pubkey")?.map(|text| text.parse::<PublicKey>()).transpose();
        let announced = announced.map_err(|error| {
            login.malformed(format!("authextra.pubkey of HELLO is no public key: {error}"))
        })?;
        let asked = login.extra_text("channel_binding")?;
        let bound = transport::channel_binding(login, asked.as_deref())?;
        let own_proof = match login.extra_text("challenge")? {
            Some(challenge) => self.prove(login, &challenge, bound)?,
            None => Dict::default(),
        };
        Ok(Asking { env: env.clone(), announced, bound, own_proof })
    }

    /// Answers the client's own challenge.
    fn prove(&self, login: &Login, challenge: &str, bound: Option<Bound>) -> Result<Dict, Step> {
        let challenge = hex::decode_array(challenge).map_err(|error| {
            login.malformed(format!("authextra.challenge of HELLO is no challenge: {error}"))
        })?;
        let Some(key) = &self.node_key else {
            return Err(login.malformed("this router has no key to answer authextra.challenge with"));
        };
        let mut proof = Dict::default();
        proof.push("pubkey", key.public().to_string());
        proof.push("signature", sign(key, &to_sign(&challenge, bound)));
        Ok(proof)
    }
}

/// Whom the certificates of HELLO vouch for.
fn certified(
    roots: &HashMap<String, TrustRoot>,
    login: &Login,
    asking: &Asking,
) -> Result<(PublicKey, Given), Step> {
    let Some(root) = login.realm.as_ref().and_then(|realm| roots.get(&**realm)) else {
        return Err(login.malformed("no root is trusted for this realm"));
    };
    let key = asking.announced.ok_or_else(|| login.malformed("authextra.pubkey of HELLO is missing"))?;
    let wished = login.extra_text("trustroot")?.map(|text| text.parse::<Address>()).transpose();
    match wished {
        Ok(None) => {}
        Ok(Some(wished)) if wished == root.address => {}
        Ok(Some(_)) => {
            return Err(login.malformed("authextra.trustroot of HELLO is not trusted for this realm"));
        }
        Err(error) => return Err(login.malformed(format!("authextra.trustroot of HELLO: {error}"))),
    }
    let Some(Value::List(chain)) = login.extra.get("certificates") else {
        return Err(login.malformed("authextra.certificates of HELLO is missing or no list"));
    };
    let now = login.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let delegate = certificates::verify(chain, root.address, &key, now)
        .map_err(|what| login.malformed(format!("authextra.certificates of HELLO: {what}")))?;
    let authid = Some(delegate.to_string().into());
    Ok((key, Given { realm: root.realm.clone(), authid, role: root.role.clone(), extra: Dict::default() }))
}

/// What is signed for a challenge.
pub(crate) fn to_sign(challenge: &[u8; 32], bound: Option<Bound>) -> [u8; 32] {
    bound.map_or(*challenge, |bound| crypto::xor(challenge, &bound.id))
}

/// A signature together with what it signs, in hexadecimal digits.
pub(crate) fn sign(key: &PrivateKey, message: &[u8; 32]) -> String {
    hex::encode(&[&key.sign(message)[..], message].concat())
}

/// Whether a signature, together with what it signs, is the key's for this message.
pub(crate) fn verify(key: &PublicKey, message: &[u8; 32], signature: &str) -> bool {
    let Ok(both) = hex::decode_array::<96>(signature) else { return false };
    let Some((signature, signed)) = both.split_first_chunk::<64>() else { return false };
    crypto::equal(signed, message) && key.verifies(message, signature)
}

impl Asking {
    /// An authenticator has answered.
    pub(crate) fn answered(self, login: Login, answer: Answer, dynamic: &Dynamic) -> Step {
        let key = answer.needed_text("pubkey").and_then(|text| {
            text.parse::<PublicKey>().map_err(|error| format!("'pubkey' is no public key: {error}"))
        });
        let key = match key {
            Ok(key) => Some(key).filter(|key| self.announced.is_none_or(|announced| announced == *key)),
            Err(what) => return dynamic::nonsense(&login, dynamic, &what),
        };
        self.challenge(login, key, answer.given, dynamic.default_role.clone())
    }

    fn challenge(
        self,
        login: Login,
        key: Option<PublicKey>,
        given: Given,
        default_role: Option<Text>,
    ) -> Step {
        let challenge = match self.env.random::<32>() {
            Ok(challenge) => challenge,
            Err(error) => return login.failed(format!("no challenge: {error}")),
        };
        let mut extra = Dict::default();
        extra.push("challenge", hex::encode(&challenge));
        extra.push("channel_binding", self.bound.map_or(Value::Null, |bound| bound.name.into()));
        extra.0.extend(self.own_proof.0);
        let message = to_sign(&challenge, self.bound);
        let pending = Unanswered { login: login.clone(), message, key, given, default_role };
        login.challenge(extra, step::Unanswered::Cryptosign(Box::new(pending)))
    }
}

impl Unanswered {
    pub(crate) fn authenticate(self, answer: &Authenticate) -> Step {
        let Unanswered { login, message, key, given, default_role } = self;
        let Some(key) = key else {
            return login.denied("no such principal, or the key is not one of its keys");
        };
        if !verify(&key, &message, &answer.signature) {
            return login.denied("wrong signature");
        }
        match login.method {
            crate::Method::CryptosignProxy => proxy::vouched(&login),
            _ => login.welcome(given, default_role.as_ref()),
        }
    }
}
