//! How to prove to a control port that we may use it (control-spec §3.5, §3.21, §3.24).

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use transom_config::Secret;
use zeroize::Zeroizing;

use super::port::{ControlError, hex};
use super::reply::{Keywords, Reply};

/// A cookie has this length, in bytes. Another file is none, whatever a control port says.
const COOKIE: usize = 32;

const SERVER: &[u8] = b"Tor safe cookie authentication server-to-controller hash";
const CLIENT: &[u8] = b"Tor safe cookie authentication controller-to-server hash";

/// What we have to prove ourselves with, beside the cookie that the port names.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The password, where the operator has set one.
    pub password: Option<Secret>,
}

/// How we prove ourselves.
pub(super) enum Method {
    /// By knowing the cookie, without showing it.
    SafeCookie(Cookie),
    /// By showing the cookie.
    Cookie(Cookie),
    /// By a password.
    Password(Secret),
    /// Not at all.
    Null,
}

/// The content of a cookie file.
pub(super) struct Cookie(Zeroizing<[u8; COOKIE]>);

impl Method {
    /// The best that both sides can. A port that refuses one closes the connection, so there is no second try.
    pub(super) fn choose(info: &Reply, credentials: &Credentials) -> Result<Self, ControlError> {
        let auth = info.line("AUTH").unwrap_or_default();
        let methods = Keywords::text(auth, "METHODS").unwrap_or_default();
        let offered = |name: &str| methods.split(',').any(|method| method == name);
        let mut unreadable = None;
        if offered("SAFECOOKIE") || offered("COOKIE") {
            match Keywords::value(auth, "COOKIEFILE").map(|path| PathBuf::from(OsString::from_vec(path))) {
                Some(path) => match Cookie::read(&path) {
                    Ok(cookie) if offered("SAFECOOKIE") => return Ok(Method::SafeCookie(cookie)),
                    Ok(cookie) => return Ok(Method::Cookie(cookie)),
                    Err(source) => unreadable = Some(ControlError::Cookie { path, source }),
                },
                None => unreadable = Some(ControlError::Unexpected("it names no cookie file")),
            }
        }
        match &credentials.password {
            Some(password) if offered("HASHEDPASSWORD") => return Ok(Method::Password(password.clone())),
            _ => {}
        }
        if offered("NULL") {
            return Ok(Method::Null);
        }
        Err(match unreadable {
            Some(error) => error,
            None if offered("HASHEDPASSWORD") => ControlError::NoPassword,
            None => ControlError::NoMethod(methods),
        })
    }
}

impl Cookie {
    fn read(path: &Path) -> io::Result<Self> {
        // A port may name any file, and a pipe would wait for a writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        fs::File::open(path)?.take(COOKIE as u64 + 1).read_to_end(&mut bytes)?;
        let cookie = bytes.as_slice().try_into();
        let cookie = cookie.map_err(|_| io::Error::other("it does not have the 32 bytes of a cookie"))?;
        Ok(Cookie(Zeroizing::new(cookie)))
    }

    pub(super) fn shown(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(&*self.0))
    }

    /// Whether the port knows the cookie, and the proof that we do.
    pub(super) fn proofs(&self, ours: &[u8; 32], reply: &Reply) -> Result<Zeroizing<String>, ControlError> {
        let challenge = reply.line("AUTHCHALLENGE").unwrap_or_default();
        let value = |name| Keywords::text(challenge, name).and_then(|text| unhex(&text));
        let (Some(theirs), Some(hash)) = (value("SERVERNONCE"), value("SERVERHASH")) else {
            return Err(ControlError::Unexpected("it answers the challenge with something else"));
        };
        if !bool::from(self.proof(SERVER, ours, &theirs).ct_eq(hash.as_slice())) {
            return Err(ControlError::Impostor);
        }
        Ok(Zeroizing::new(hex(&self.proof(CLIENT, ours, &theirs))))
    }

    fn proof(&self, key: &[u8], ours: &[u8], theirs: &[u8]) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
        [&*self.0, ours, theirs].iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().to_vec()
    }
}

/// A nonce or hash, all of which have 32 bytes.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<_>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let bytes: Vec<_> =
        digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | *digit as u8)).collect();
    (text.len() == 64).then(|| bytes.try_into().ok()).flatten()
}
