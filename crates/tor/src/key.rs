//! The key of an onion service, and the file that keeps it.
//!
//! The file holds what Tor's control port calls a key blob, `ED25519-V3:` and 64 bytes in base64: the expanded secret
//! key, a scalar and a prefix for hashing (control-spec, ADD_ONION). Crossbar.io keeps the same text. The address is made
//! of the public key alone (rend-spec-v3 §6), so whoever has the file has the service.

use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use curve25519_dalek::{EdwardsPoint, Scalar};
use sha2::Sha512;
use sha3::{Digest, Sha3_256};
use zeroize::Zeroizing;

use crate::base32;

/// What the text begins with.
const TYPE: &str = "ED25519-V3";

/// A key file is no longer than this, in bytes.
const LONGEST: u64 = 4096;

/// The version of onion services, the last byte of an address.
const VERSION: u8 = 3;

/// The secret key of an onion service of version 3.
#[derive(Clone)]
pub struct OnionKey(Zeroizing<[u8; 64]>);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The system does not let us.
    #[error("{}: {what}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Others can read it.
    #[error(
        "{}: others than its owner can read it (mode {mode:04o}), and whoever has the key has the service: `chmod 600` it if nobody has looked",
        .path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else, who can give others the key.
    #[error("{}: it belongs to the user {owner}, not to who runs this process", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
    },
    /// It holds no key.
    #[error(
        "{}: {what}; put the key back from a copy, or remove the file for a new key and with it a new address", .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The system has no randomness.
    #[error("making a key: {0}")]
    NoRandomness(String),
}

impl OnionKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|error| KeyError::NoRandomness(error.to_string()))?;
        // RFC 8032 §5.1.5.
        let mut key = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(*seed)));
        key[0] &= 248;
        key[31] = key[31] & 63 | 64;
        Ok(OnionKey(key))
    }

    /// The key in a text as a file holds it; space around it does not matter, nor that the type is not said.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let blob = match text.split_once(':') {
            Some((TYPE, blob)) => blob,
            Some(("RSA1024", _)) => {
                return Err("it is a key of onion services of version 2, which Tor has dropped");
            }
            Some(_) => return Err("it is no key of Tor, which begins with ED25519-V3:"),
            None if text.is_empty() => return Err("it is empty"),
            None => text,
        };
        // Tor leaves the padding away where it can.
        let bytes = Zeroizing::new(
            STANDARD.decode(blob).or_else(|_| STANDARD_NO_PAD.decode(blob)).map_err(|_| "it is no base64")?,
        );
        let key = bytes.as_slice().try_into().map_err(|_| "it is not the 64 bytes of a key")?;
        Ok(OnionKey(Zeroizing::new(key)))
    }

    /// The text of a file, and of a command to Tor.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{TYPE}:{}", STANDARD.encode(*self.0)))
    }

    /// The 64 bytes.
    pub fn bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// The address of the service: 56 characters and `.onion`.
    pub fn address(&self) -> String {
        let scalar: [u8; 32] = self.0.first_chunk().copied().unwrap_or_default();
        let scalar = Zeroizing::new(Scalar::from_bytes_mod_order(scalar));
        address_of(&EdwardsPoint::mul_base(&scalar).compress().to_bytes())
    }

    /// The key in a file.
    ///
    /// # Errors
    /// When it is not there, can be read by others, or holds no key. The file is not touched.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        // A pipe would wait for a writer when it is opened.
        let damaged = |what| KeyError::Damaged { path: path.to_owned(), what };
        if !fs::metadata(path).map_err(failed(path, "looking at it"))?.is_file() {
            return Err(damaged("it is no file"));
        }
        let file = File::open(path).map_err(failed(path, "opening it"))?;
        let facts = file.metadata().map_err(failed(path, "looking at it"))?;
        let mode = facts.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        let user = nix::unistd::geteuid();
        if !user.is_root() && facts.uid() != user.as_raw() && facts.uid() != 0 {
            return Err(KeyError::Foreign { path: path.to_owned(), owner: facts.uid() });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(LONGEST + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => damaged("it is no text"),
            _ => failed(path, "reading it")(error),
        })?;
        if text.len() as u64 > LONGEST {
            return Err(damaged("it is too long for a key"));
        }
        OnionKey::parse(&text).map_err(damaged)
    }

    /// Writes it to a file that is not there yet, which nobody else can read and nobody sees unfinished.
    ///
    /// # Errors
    /// When there is something already, or the file cannot be made. Nothing is left behind then.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut made = tempfile::Builder::new()
            .prefix(".onion-key-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder)
            .map_err(failed(path, "making it"))?;
        // The process's mask may have taken more rights than it should.
        made.as_file()
            .set_permissions(Permissions::from_mode(0o600))
            .and_then(|()| made.write_all(self.text().as_bytes()))
            .and_then(|()| made.as_file().sync_all())
            .map_err(failed(path, "writing it"))?;
        made.persist_noclobber(path).map_err(|kept| failed(path, "putting it in its place")(kept.error))?;
        // Its name is kept too when the power goes.
        let folder = OpenOptions::new().read(true).custom_flags(nix::libc::O_DIRECTORY).open(folder);
        folder.and_then(|folder| folder.sync_all()).map_err(failed(path, "writing its folder"))
    }

    /// The key in a file, which is made where there is none; whether it is new.
    ///
    /// # Errors
    /// As [`load`](Self::load) and [`save`](Self::save).
    pub fn load_or_make(path: &Path) -> Result<(Self, bool), KeyError> {
        match fs::symlink_metadata(path) {
            Ok(_) => Ok((Self::load(path)?, false)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = OnionKey::generate()?;
                key.save(path)?;
                Ok((key, true))
            }
            Err(error) => Err(failed(path, "looking for it")(error)),
        }
    }
}

impl fmt::Debug for OnionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnionKey(of {})", self.address())
    }
}

/// The address of a public key (rend-spec-v3 §6).
pub(crate) fn address_of(public: &[u8; 32]) -> String {
    let mut hash = Sha3_256::new_with_prefix(b".onion checksum");
    hash.update(public);
    hash.update([VERSION]);
    let hash = hash.finalize();
    let checksum = hash.iter().copied().take(2);
    let name: Vec<u8> = public.iter().copied().chain(checksum).chain([VERSION]).collect();
    format!("{}.onion", base32::encode(&name))
}

fn failed(path: &Path, what: &'static str) -> impl Fn(io::Error) -> KeyError {
    move |source| KeyError::Io { path: path.to_owned(), what, source }
}

#[cfg(test)]
mod tests;
