//! What stands in a key file.

use std::fmt::Write as _;
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

use super::{KeyFileError, Origin, SystemTime};
use crate::time::iso8601;
use crate::{PrivateKey, PublicKey};

const PUBLIC_KEY: &str = "public-key-ed25519";
const PRIVATE_KEY: &str = "private-key-ed25519";

/// All tags, in the order of writing. The Ethereum keys are kept where they are and never used.
const TAGS: [&str; 9] = [
    "creator",
    "created-at",
    "machine-id",
    "node-authid",
    "node-cluster-ip",
    PUBLIC_KEY,
    "public-adr-eth",
    PRIVATE_KEY,
    "private-key-eth",
];

/// Those that only the private key's file has.
const SECRET: [&str; 2] = [PRIVATE_KEY, "private-key-eth"];

/// Those that have to be there, beside the keys.
const NEEDED: [&str; 3] = ["creator", "created-at", "machine-id"];

/// The tags of one file. Wiped from memory when dropped.
pub(super) struct Tags(Vec<(&'static str, String)>);

impl Drop for Tags {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

impl Tags {
    pub(super) fn new(key: &PrivateKey, origin: &Origin, now: SystemTime) -> Self {
        // A line of its own for each: no value can bring another tag with it.
        let line = |text: &str| text.replace(char::is_control, " ").trim().to_owned();
        Tags(vec![
            ("creator", line(&origin.creator)),
            ("created-at", iso8601(now)),
            ("machine-id", line(&origin.machine_id)),
            ("node-authid", line(&origin.node_authid)),
            ("node-cluster-ip", line(&origin.node_cluster_ip)),
            (PUBLIC_KEY, key.public().to_string()),
            (PRIVATE_KEY, key.to_hex().to_string()),
        ])
    }

    /// Reads a file: a title, an empty line, and lines of `tag: value`.
    pub(super) fn read(path: &Path, text: &[u8]) -> Result<Self, KeyFileError> {
        let secret_file = path.extension().is_some_and(|extension| extension == "priv");
        let mut tags = Tags(Vec::new());
        let mut in_tags = false;
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let broken = || KeyFileError::Line { path: path.to_owned(), line: number + 1 };
            let line = std::str::from_utf8(line).map_err(|_| broken())?.trim();
            if line.is_empty() {
                in_tags = true;
                continue;
            }
            if !in_tags {
                continue;
            }
            let (tag, value) = line.split_once(':').ok_or_else(broken)?;
            let tag = tag.trim().to_ascii_lowercase();
            let known = || TAGS.into_iter().filter(|known| secret_file || !SECRET.contains(known));
            let Some(tag) = known().find(|known| *known == tag) else {
                let known = known().collect::<Vec<_>>().join(", ");
                return Err(KeyFileError::UnknownTag { path: path.to_owned(), line: number + 1, tag, known });
            };
            if tags.get(tag).is_some() {
                return Err(KeyFileError::TagTwice { path: path.to_owned(), line: number + 1, tag });
            }
            tags.0.push((tag, value.trim().to_owned()));
        }
        for tag in NEEDED {
            tags.needed(path, tag)?;
        }
        Ok(tags)
    }

    fn get(&self, tag: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| *other == tag).map(|(_, value)| value.as_str())
    }

    fn needed(&self, path: &Path, tag: &'static str) -> Result<&str, KeyFileError> {
        self.get(tag).ok_or_else(|| KeyFileError::MissingTag { path: path.to_owned(), tag })
    }

    pub(super) fn public_key(&self, path: &Path) -> Result<PublicKey, KeyFileError> {
        let tag = PUBLIC_KEY;
        let text = self.needed(path, tag)?;
        text.parse().map_err(|source| KeyFileError::NoKey { path: path.to_owned(), tag, source })
    }

    /// The private key, if the public key beside it is its own.
    pub(super) fn private_key(&self, path: &Path) -> Result<PrivateKey, KeyFileError> {
        let tag = PRIVATE_KEY;
        let key = PrivateKey::from_hex(self.needed(path, tag)?).map_err(|source| KeyFileError::NoKey {
            path: path.to_owned(),
            tag,
            source,
        })?;
        if self.public_key(path)? != key.public() {
            return Err(KeyFileError::OwnMismatch(path.to_owned()));
        }
        Ok(key)
    }

    pub(super) fn private_file(&self) -> Zeroizing<String> {
        let title = "Transom node private key - keep this secret, and out of every repository";
        Zeroizing::new(self.file(title, |_| true))
    }

    pub(super) fn public_file(&self) -> String {
        self.file("Transom node public key", |tag| !SECRET.contains(&tag))
    }

    fn file(&self, title: &str, take: impl Fn(&str) -> bool) -> String {
        let mut text = String::with_capacity(1024);
        let _ = writeln!(text, "{title}\n");
        for tag in TAGS.into_iter().filter(|tag| take(tag)) {
            if let Some(value) = self.get(tag) {
                let _ = writeln!(text, "{tag}: {value}");
            }
        }
        text
    }
}
