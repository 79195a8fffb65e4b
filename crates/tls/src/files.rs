//! Reading PEM files. An error names the file, what is in it instead, and the remedy.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::FileError;

/// The largest file that is read, in bytes. The certificates of all public authorities together have a quarter of it.
const MAX_FILE: u64 = 1024 * 1024;

/// All certificates of a file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let bytes = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let all = all.map_err(|problem| damaged(path, &problem))?;
    if all.is_empty() { Err(missing(path, &bytes, "certificate", "x509")) } else { Ok(all) }
}

/// The first private key of a file.
pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    let bytes = read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(FileError::Encrypted { path: path.to_owned() });
    }
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Ok(key),
        Err(rustls::pki_types::pem::Error::NoItemsFound) => Err(missing(path, &bytes, "private key", "pkey")),
        Err(problem) => Err(damaged(path, &problem)),
    }
}

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    // Opening a pipe would wait for whoever writes into it.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is no file")));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if read as u64 > MAX_FILE {
        return Err(FileError::TooLarge { path: path.to_owned(), max: MAX_FILE });
    }
    Ok(bytes)
}

/// Whether others than owner and group may read a file.
#[cfg(unix)]
pub(crate) fn is_world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0)
}

/// Where there are no such modes nobody can tell.
#[cfg(not(unix))]
pub(crate) fn is_world_readable(_path: &Path) -> bool {
    false
}

/// Says what stands in the file instead of what is wanted.
pub(crate) fn missing(path: &Path, bytes: &[u8], wanted: &'static str, converter: &'static str) -> FileError {
    // An ASN.1 SEQUENCE, and no text.
    if bytes.starts_with(&[0x30]) && std::str::from_utf8(bytes).is_err() {
        return FileError::Der { path: path.to_owned(), converter };
    }
    let text = String::from_utf8_lossy(bytes);
    let labels =
        text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    let mut found: Vec<String> = labels.take(3).map(|label| format!("'{label}'")).collect();
    found.dedup();
    FileError::Missing { path: path.to_owned(), wanted, found }
}

fn damaged(path: &Path, problem: &rustls::pki_types::pem::Error) -> FileError {
    FileError::Damaged { path: path.to_owned(), problem: problem.to_string() }
}
