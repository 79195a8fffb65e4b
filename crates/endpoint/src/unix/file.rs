//! The file of a Unix socket: how it appears, with no moment of wider access than configured and no moment without a
//! listener behind it, and how it goes.

use std::fs::{self, File, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use socket2::Socket;
use transom_config::UnixListenConfig;

use super::owner::{gid, uid};
use super::{MAX_PATH, bind_failed, new_socket, sock_addr};
use crate::EndpointError;

/// Length of a temporary name, unless the path is too long for it.
const TEMPORARY: usize = 12;

/// Names tried before giving up.
const ATTEMPTS: u32 = 16;

/// A socket file of ours, removed when dropped, if it still is ours.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another process may have put its own in the place of ours.
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode));
        if ours {
            // Nobody is left to whom a failure could be of use.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Binds and listens under a temporary name in the same folder, gives the file its owner, group and mode there, and
/// moves it to its path in one step.
pub(super) fn bind(path: &Path, config: &UnixListenConfig) -> Result<(Socket, SocketFile), EndpointError> {
    if path.as_os_str().len() > MAX_PATH {
        return Err(EndpointError::PathTooLong { path: path.display().to_string(), max: MAX_PATH });
    }
    let owner = config.owner.as_deref().map(uid).transpose()?;
    let group = config.group.as_deref().map(gid).transpose()?;
    make_way(path, config)?;

    let (socket, mut file) = bind_temporary(path, config)?;
    let trouble = |action| {
        let path = path.to_owned();
        move |source| EndpointError::SocketFile { action, path, source }
    };
    if owner.is_some() || group.is_some() {
        chown(&file.path, owner, group).map_err(trouble("setting the owner of"))?;
    }
    fs::set_permissions(&file.path, Permissions::from_mode(config.mode))
        .map_err(trouble("setting the mode of"))?;
    socket.listen(i32::from(config.backlog)).map_err(|source| bind_failed(&config.address, source))?;
    fs::rename(&file.path, path).map_err(trouble("moving into its place"))?;
    file.path = path.to_owned();
    Ok((socket, file))
}

/// Looks at what is there already: nothing or a socket that nobody answers on may be replaced.
fn make_way(path: &Path, config: &UnixListenConfig) -> Result<(), EndpointError> {
    let failed = |source| bind_failed(&config.address, source);
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !found.file_type().is_socket() {
        return Err(EndpointError::NotASocket(path.to_owned()));
    }
    let probe = new_socket().map_err(failed)?;
    match probe.connect(&sock_addr(&config.address, path.to_owned())?) {
        Ok(()) => Err(EndpointError::InUse(path.display().to_string())),
        // Somebody listens and is busy.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(EndpointError::InUse(path.display().to_string()))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

/// A bound socket under a new name in the folder of `path`, which only this user may open.
fn bind_temporary(path: &Path, config: &UnixListenConfig) -> Result<(Socket, SocketFile), EndpointError> {
    let failed = |source| bind_failed(&config.address, source);
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for attempt in 0..ATTEMPTS {
        let name = temporary_name(path, attempt);
        let temporary = folder.join(name);
        let socket = tight(new_socket().map_err(failed)?).map_err(failed)?;
        match socket.bind(&sock_addr(&config.address, temporary.clone())?) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                last = error;
                continue;
            }
            Err(error) => return Err(failed(error)),
        }
        let made = fs::symlink_metadata(&temporary).map_err(failed)?;
        return Ok((socket, SocketFile { path: temporary, device: made.dev(), inode: made.ino() }));
    }
    Err(failed(last))
}

/// On Linux the mode of the socket itself limits the mode of the file that binding makes. Elsewhere the file is as
/// open as the process's mask lets it be until its mode is set; but nobody listens on it by then.
fn tight(socket: Socket) -> io::Result<Socket> {
    if !cfg!(target_os = "linux") {
        return Ok(socket);
    }
    let file = File::from(OwnedFd::from(socket));
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(Socket::from(OwnedFd::from(file)))
}

/// A name that nobody expects, hidden, and no longer than what the folder's path leaves room for.
fn temporary_name(path: &Path, attempt: u32) -> String {
    let room =
        MAX_PATH.saturating_sub(path.as_os_str().len()) + path.file_name().map_or(0, |name| name.len());
    let random = RandomState::new().hash_one(attempt);
    let hidden = if room < 3 { "" } else { "." };
    format!("{hidden}{random:016x}").chars().take(room.clamp(1, TEMPORARY)).collect()
}

#[cfg(test)]
mod tests {
    use transom_config::UnixAddress;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn file_when_it_appears_is_closed_to_others_and_nobody_listens_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.sock");
        let config = UnixListenConfig::new(UnixAddress::Path(path.clone()));
        let (_socket, file) = bind_temporary(&path, &config).unwrap();
        let made = fs::symlink_metadata(&file.path).unwrap();
        assert_eq!(made.permissions().mode() & 0o777 & !0o600, 0);
        let refused = std::os::unix::net::UnixStream::connect(&file.path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(!path.exists());
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn temporary_name_when_the_path_is_long_is_short_enough() {
        for len in 1..=104 {
            let path = PathBuf::from(format!("/{}/s", "d".repeat(len)));
            let name = temporary_name(&path, 0);
            let whole = path.parent().unwrap().join(&name);
            assert!(whole.as_os_str().len() <= MAX_PATH, "{len}: {}", whole.display());
            assert_ne!(name, ".");
        }
        assert_eq!(temporary_name(Path::new("/run/node.sock"), 0).len(), TEMPORARY);
    }
}
