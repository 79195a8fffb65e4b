//! The file of a Unix socket: how it appears, with no moment of wider access than configured and no moment without a
//! listener behind it, how it takes the place of a dead one and of nothing else, and how it goes.

use std::fs::{self, File, Metadata, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use socket2::Socket;
use transom_config::UnixListenConfig;

use super::owner::{gid, uid};
use super::{MAX_PATH, bind_failed, in_use, new_socket, sock_addr, somebody_answers};
use crate::EndpointError;

/// Length of a temporary name, unless the path is too long for it.
const TEMPORARY: usize = 12;

/// Names tried before giving up.
const ATTEMPTS: u32 = 16;

/// A socket file of ours, removed when dropped, if it still is ours.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    id: SocketId,
}

/// What tells one socket file from another of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketId {
    device: u64,
    inode: u64,
}

impl SocketId {
    fn of(file: &Metadata) -> Self {
        SocketId { device: file.dev(), inode: file.ino() }
    }

    /// Whether this is what stands at a path.
    fn is_at(self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| SocketId::of(&found) == self)
    }
}

impl SocketFile {
    pub(super) fn id(&self) -> SocketId {
        self.id
    }

    /// Moves it from its temporary name to its path, where `there` tells whether something was seen: a dead socket, or
    /// one that is `ours`.
    pub(super) fn publish(
        &mut self,
        path: &Path,
        config: &UnixListenConfig,
        there: bool,
        ours: Option<SocketId>,
    ) -> Result<(), EndpointError> {
        take_place(self, path, there, ours, config)?;
        // Found again also when the process has moved to another folder.
        self.path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another process may have put its own in the place of ours.
        if self.id.is_at(&self.path) {
            // Nobody is left to whom a failure could be of use.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Binds and listens under a temporary name in the same folder, gives the file its owner, group and mode there, and
/// moves it to its path in one step.
pub(super) fn bind(path: &Path, config: &UnixListenConfig) -> Result<(Socket, SocketFile), EndpointError> {
    check(path, config)?;
    let owners = Owners::of(config)?;
    // Whoever is in the way is told before anything is made.
    let dead = dead_socket_at(path, config)?;
    let (socket, mut file) = bind_as(owners, path, config)?;
    file.publish(path, config, dead, None)?;
    Ok((socket, file))
}

/// The same, but for the last step.
pub(super) fn bind_beside(
    path: &Path,
    config: &UnixListenConfig,
) -> Result<(Socket, SocketFile), EndpointError> {
    check(path, config)?;
    bind_as(Owners::of(config)?, path, config)
}

/// The numbers of those to whom a file is given.
struct Owners {
    owner: Option<u32>,
    group: Option<u32>,
}

impl Owners {
    fn of(config: &UnixListenConfig) -> Result<Self, EndpointError> {
        let owner = config.owner.as_deref().map(uid).transpose()?;
        let group = config.group.as_deref().map(gid).transpose()?;
        Ok(Owners { owner, group })
    }
}

fn bind_as(
    owners: Owners,
    path: &Path,
    config: &UnixListenConfig,
) -> Result<(Socket, SocketFile), EndpointError> {
    let Owners { owner, group } = owners;
    let (socket, file) = bind_temporary(path, config)?;
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
    Ok((socket, file))
}

fn check(path: &Path, config: &UnixListenConfig) -> Result<(), EndpointError> {
    if path.as_os_str().len() > MAX_PATH {
        return Err(EndpointError::PathTooLong { path: path.display().to_string(), max: MAX_PATH });
    }
    if path.file_name().is_none() {
        let (value, allowed) = (format!("'{}'", path.display()), "the path of a file");
        return Err(EndpointError::OutOfRange { option: "path", value, allowed });
    }
    if config.mode > 0o777 {
        let (value, allowed) = (format!("{:#o}", config.mode), "permission bits from 0 to 0o777");
        return Err(EndpointError::OutOfRange { option: "mode", value, allowed });
    }
    Ok(())
}

/// Looks at what is there already: nothing or a socket that nobody answers on may be replaced. Whether it is the latter.
fn dead_socket_at(path: &Path, config: &UnixListenConfig) -> Result<bool, EndpointError> {
    let failed = |source| bind_failed(&config.address, source);
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    if !found.file_type().is_socket() {
        return Err(EndpointError::NotASocket(path.to_owned()));
    }
    match somebody_answers(&sock_addr(&config.address, path.to_owned())?).map_err(failed)? {
        Some(holder) => Err(in_use(&config.address, holder)),
        None => Ok(true),
    }
}

/// Moves the new file from its temporary name to its path: to where nothing is, or into the place of the one dead
/// socket that was looked at, or of one that is ours. Whatever else has come there in the meantime stays.
#[cfg(target_os = "linux")]
fn take_place(
    file: &SocketFile,
    path: &Path,
    there: bool,
    ours: Option<SocketId>,
    config: &UnixListenConfig,
) -> Result<(), EndpointError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let rename = |flags| renameat_with(CWD, &file.path, CWD, path, flags).map_err(io::Error::from);
    let failed =
        |source| EndpointError::SocketFile { action: "moving into its place", path: path.to_owned(), source };
    let flags = if there { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
    match rename(flags) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(in_use(&config.address, None));
        }
        // It is gone by itself.
        Err(error) if error.kind() == io::ErrorKind::NotFound && there => {
            return take_place(file, path, false, ours, config);
        }
        // A file system that cannot do it.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            return fs::rename(&file.path, path).map_err(failed);
        }
        Err(error) => return Err(failed(error)),
    }
    if !there {
        return Ok(());
    }
    // What was there has the temporary name now, where nobody else will replace it.
    if ours.is_some_and(|ours| ours.is_at(&file.path)) {
        return fs::remove_file(&file.path).map_err(failed);
    }
    match dead_socket_at(&file.path, config) {
        Ok(true) => fs::remove_file(&file.path).map_err(failed),
        Ok(false) => Ok(()),
        Err(error) => {
            rename(RenameFlags::EXCHANGE).map_err(failed)?;
            Err(match error {
                EndpointError::NotASocket(_) => EndpointError::NotASocket(path.to_owned()),
                other => other,
            })
        }
    }
}

/// Moves the new file from its temporary name to its path. Something that came there after it was looked at is
/// replaced: there is no call that would tell.
#[cfg(not(target_os = "linux"))]
fn take_place(
    file: &SocketFile,
    path: &Path,
    _there: bool,
    _ours: Option<SocketId>,
    _config: &UnixListenConfig,
) -> Result<(), EndpointError> {
    fs::rename(&file.path, path).map_err(|source| EndpointError::SocketFile {
        action: "moving into its place",
        path: path.to_owned(),
        source,
    })
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
        return Ok((socket, SocketFile { path: temporary, id: SocketId::of(&made) }));
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

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn place_when_somebody_was_faster_is_left_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.sock");
        let config = UnixListenConfig::new(UnixAddress::Path(path.clone()));
        let dead = || {
            let _ = fs::remove_file(&path);
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            dead_socket_at(&path, &config).unwrap()
        };
        let answers = |path: &Path| std::os::unix::net::UnixStream::connect(path).is_ok();
        let listening = || {
            let made = bind_temporary(&path, &config).unwrap();
            made.0.listen(1).unwrap();
            made
        };

        // Where nothing was, and where a dead socket was, another process has put its own.
        for looked in [false, dead()] {
            let _ = fs::remove_file(&path);
            let theirs = std::os::unix::net::UnixListener::bind(&path).unwrap();
            let (_socket, file) = listening();
            let error = take_place(&file, &path, looked, None, &config).unwrap_err();
            assert!(matches!(error, EndpointError::InUse { .. }), "{error}");
            drop(file);
            assert!(answers(&path));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            drop(theirs);
        }
        // The dead one is still there, or has gone by itself.
        for gone in [false, true] {
            let looked = dead();
            if gone {
                fs::remove_file(&path).unwrap();
            }
            let (_socket, file) = listening();
            take_place(&file, &path, looked, None, &config).unwrap();
            assert!(answers(&path));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
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
