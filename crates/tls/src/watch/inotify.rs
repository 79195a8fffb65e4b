//! Changes in folders, as Linux tells them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::net::unix::pipe::Receiver;

/// Folders that are watched, not what is below them.
#[derive(Debug)]
pub(super) struct Folders {
    paths: BTreeSet<PathBuf>,
    /// What they were when the watch began: another folder may take the place of one.
    identities: Vec<Option<(u64, u64)>>,
    /// Events are only counted, so that a descriptor to read octets from is all that is needed of inotify.
    events: Receiver,
}

impl Folders {
    /// Watches these folders, or none of them.
    pub(super) fn watch(paths: BTreeSet<PathBuf>) -> io::Result<Self> {
        let identities = identities(&paths);
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        // Contents, names and modes; and the folder itself when it is taken away.
        let events = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        for path in &paths {
            inotify.add_watch(path, events)?;
        }
        let events = Receiver::from_owned_fd_unchecked(OwnedFd::from(inotify))?;
        Ok(Folders { paths, identities, events })
    }

    /// Whether exactly these are watched.
    pub(super) fn are(&self, paths: &BTreeSet<PathBuf>) -> bool {
        self.paths == *paths && self.identities == identities(paths)
    }

    /// Waits for something to happen in one of them.
    pub(super) async fn event(&mut self) -> io::Result<()> {
        self.events.readable().await?;
        // Larger than any event; a smaller read would fail.
        let mut events = [0; 4096];
        loop {
            match self.events.try_read(&mut events) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

fn identities(paths: &BTreeSet<PathBuf>) -> Vec<Option<(u64, u64)>> {
    paths.iter().map(|path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))).collect()
}
