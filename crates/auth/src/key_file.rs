//! The node's key pair in `key.priv` and `key.pub` of the node directory: found, checked, or made.
//!
//! Each file is a title, an empty line, and lines of `tag: value`. What is there is never written over, only its
//! rights are put right. Nothing is written through a link, and the private key is its owner's alone from the first
//! byte on.

mod format;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use zeroize::Zeroizing;

use crate::{Env, NoRandomness, NotHex, PrivateKey};
use format::Tags;

/// The private key's file.
pub const PRIVATE: &str = "key.priv";

/// The public key's file.
pub const PUBLIC: &str = "key.pub";

/// The longest key file in bytes that is read.
const LONGEST: u64 = 64 * 1024;

/// What new key files say of their making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who made it, as in `joe@host`.
    pub creator: String,
    /// The machine's ID.
    pub machine_id: String,
    /// The node's authid: `CROSSBAR_NODE_ID` or the host's name.
    pub node_authid: String,
    /// The node's address in a cluster: `CROSSBAR_NODE_CLUSTER_IP` or 127.0.0.1.
    pub node_cluster_ip: String,
}

/// The node's key and what had to be done for it.
#[derive(Debug)]
pub struct NodeKey {
    /// The key.
    pub key: Arc<PrivateKey>,
    /// What was done, for the log.
    pub done: Vec<Done>,
}

/// Something that was done to key files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Done {
    /// A new pair was made.
    #[error("made a new node key, {}", .0.display())]
    Made(PathBuf),
    /// The public key's file was missing.
    #[error("wrote {} anew from the private key", .0.display())]
    PublicWritten(PathBuf),
    /// A file had rights that it should not have.
    #[error("changed the mode of {} from {from:o} to {to:o}", .path.display())]
    ModeChanged {
        /// The file.
        path: PathBuf,
        /// Its mode before.
        from: u32,
        /// Its mode now.
        to: u32,
    },
}

/// Why there is no node key. Each names the file and what helps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// A file cannot be read or written.
    #[error("{}: {what}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// It is no file.
    #[error("{} is no regular file; put the key file back, or remove it", .0.display())]
    NoFile(PathBuf),
    /// It is too long for a key file.
    #[error("{} is longer than 64 KiB, so it is no key file; put the key file back, or remove it", .0.display())]
    TooLong(PathBuf),
    /// It is no text, or a line is no `tag: value`.
    #[error("{}, line {line}: this is not 'tag: value'; put the key file back, or remove it", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A tag that key files do not have.
    #[error("{}, line {line}: '{tag}' is no tag of a key file; known are {known}", .path.display())]
    UnknownTag {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The tag.
        tag: String,
        /// Those there are.
        known: String,
    },
    /// A tag that stands twice.
    #[error("{}, line {line}: '{tag}' stands there a second time; remove one of them", .path.display())]
    TagTwice {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The tag.
        tag: &'static str,
    },
    /// A tag that has to be there.
    #[error("{}: '{tag}' is missing; put the key file back, or remove both key files for a new key", .path.display())]
    MissingTag {
        /// The file.
        path: PathBuf,
        /// The tag.
        tag: &'static str,
    },
    /// A key that is none.
    #[error("{}: '{tag}' is no key: {source}; put the key file back, or remove both key files for a new key", .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// The tag.
        tag: &'static str,
        /// What is wrong with it.
        source: NotHex,
    },
    /// Private and public key do not belong together.
    #[error("{}: the public key is not that of {}; put the right file back, or remove {} to have it written anew", .wrong.display(), .private.display(), .wrong.display())]
    Mismatch {
        /// The file with the wrong public key.
        wrong: PathBuf,
        /// The file with the private key.
        private: PathBuf,
    },
    /// A private key whose own file names another public key.
    #[error("{}: 'public-key-ed25519' does not belong to 'private-key-ed25519'; put the key file back, or remove both key files for a new key", .0.display())]
    OwnMismatch(PathBuf),
    /// The public key is there alone.
    #[error("{} is there, but {} is not: restore {}, or remove {} for a new key", .public.display(), .private.display(), .private.display(), .public.display())]
    PublicAlone {
        /// The public key's file.
        public: PathBuf,
        /// The private key's file.
        private: PathBuf,
    },
    /// No new key could be made.
    #[error("making {}: {source}", .path.display())]
    NoRandomness {
        /// The file.
        path: PathBuf,
        /// Why.
        source: NoRandomness,
    },
}

impl NodeKey {
    /// The key of a node directory; a new one where there is none.
    ///
    /// # Errors
    /// When a file cannot be read or written or says what it should not. Nothing is changed then, but for modes.
    pub fn load_or_make(node_dir: &Path, origin: &Origin, env: &Env) -> Result<Self, KeyFileError> {
        let (private, public) = (node_dir.join(PRIVATE), node_dir.join(PUBLIC));
        let mut done = Vec::new();
        let key = match (exists(&private)?, exists(&public)?) {
            (true, public_too) => {
                let tags = read(&private, 0o600, &mut done)?;
                let key = tags.private_key(&private)?;
                if public_too {
                    if read(&public, 0o644, &mut done)?.public_key(&public)? != key.public() {
                        return Err(KeyFileError::Mismatch { wrong: public, private });
                    }
                } else {
                    write(&public, 0o644, &tags.public_file())?;
                    done.push(Done::PublicWritten(public));
                }
                key
            }
            (false, true) => return Err(KeyFileError::PublicAlone { public, private }),
            (false, false) => {
                let key = PrivateKey::generate(&*env.random)
                    .map_err(|source| KeyFileError::NoRandomness { path: private.clone(), source })?;
                let tags = Tags::new(&key, origin, env.clock.wall());
                write(&private, 0o600, &tags.private_file())?;
                write(&public, 0o644, &tags.public_file())?;
                done.push(Done::Made(private));
                key
            }
        };
        Ok(NodeKey { key: Arc::new(key), done })
    }
}

/// Whether something of this name is there, be it a link that leads nowhere.
fn exists(path: &Path) -> Result<bool, KeyFileError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(failed(path, "looking for it")(source)),
    }
}

/// Reads a key file and puts its mode right.
fn read(path: &Path, mode: u32, done: &mut Vec<Done>) -> Result<Tags, KeyFileError> {
    // A pipe would wait for a writer when it is opened.
    if !fs::metadata(path).map_err(failed(path, "looking at it"))?.is_file() {
        return Err(KeyFileError::NoFile(path.to_owned()));
    }
    let file = File::open(path).map_err(failed(path, "opening it"))?;
    let from = file.metadata().map_err(failed(path, "looking at it"))?.permissions().mode() & 0o7777;
    if from != mode {
        file.set_permissions(Permissions::from_mode(mode))
            .map_err(failed(path, "its mode is not what it should be; changing it"))?;
        done.push(Done::ModeChanged { path: path.to_owned(), from, to: mode });
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(LONGEST + 1).read_to_end(&mut text).map_err(failed(path, "reading it"))?;
    if text.len() as u64 > LONGEST {
        return Err(KeyFileError::TooLong(path.to_owned()));
    }
    Tags::read(path, &text)
}

/// Writes a new file. One that cannot be written to its end is not left behind.
fn write(path: &Path, mode: u32, text: &str) -> Result<(), KeyFileError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(failed(path, "creating it"))?;
    // The process's mask may have taken more rights than it should.
    let written = file
        .set_permissions(Permissions::from_mode(mode))
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| file.sync_all());
    written.map_err(|source| {
        let _ = fs::remove_file(path);
        failed(path, "writing it")(source)
    })
}

fn failed(path: &Path, what: &'static str) -> impl Fn(io::Error) -> KeyFileError {
    move |source| KeyFileError::Io { path: path.to_owned(), what, source }
}

#[cfg(test)]
mod tests;
