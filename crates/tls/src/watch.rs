//! Noticing that files change: also when a link on the way to one is replaced, as certbot and Kubernetes do.
//!
//! Folders are watched, not files: whoever replaces a file puts a new one in its place, and a watch would stay with the
//! old. What is told is only that something may have changed; [`Stamps`] tell whether.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

#[cfg(target_os = "linux")]
mod inotify;

/// How often files are looked at where changes in their folders cannot be watched.
const POLL: Duration = Duration::from_secs(1);

/// How often they are looked at all the same: not every file system tells of changes that others make.
const POLL_WATCHED: Duration = Duration::from_secs(60);

/// A key and its certificate are written one after the other: it must have been quiet for this long …
const QUIET: Duration = Duration::from_millis(200);

/// … but not longer than this is waited for it.
const PATIENCE: Duration = Duration::from_millis(800);

// What is promised: new handshakes see a new certificate within two seconds.
const _: () = assert!(PATIENCE.as_millis() + QUIET.as_millis() + POLL.as_millis() <= 2000);

/// Links that are followed on the way to a file, as many as Linux follows.
const MAX_LINKS: usize = 40;

/// By what is seen that a file is another one, for each of several files; none for one that is not there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stamps(Vec<Option<Stamp>>);

#[cfg(unix)]
type Stamp = (u64, u64, u64, i64, i64, i64, i64);

#[cfg(not(unix))]
type Stamp = (u64, Option<std::time::SystemTime>);

impl Stamps {
    /// Looks at the files, through links.
    pub(crate) fn of(paths: &[PathBuf]) -> Self {
        Stamps(paths.iter().map(|path| fs::metadata(path).ok().map(|meta| stamp(&meta))).collect())
    }
}

#[cfg(unix)]
fn stamp(meta: &fs::Metadata) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    let (modified, changed) = ((meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()));
    (meta.dev(), meta.ino(), meta.size(), modified.0, modified.1, changed.0, changed.1)
}

#[cfg(not(unix))]
fn stamp(meta: &fs::Metadata) -> Stamp {
    (meta.len(), meta.modified().ok())
}

/// Watches the folders of some files.
#[derive(Debug)]
pub(crate) struct Watch {
    paths: Vec<PathBuf>,
    #[cfg(target_os = "linux")]
    folders: Option<inotify::Folders>,
}

impl Watch {
    pub(crate) fn new(paths: Vec<PathBuf>) -> Self {
        Watch {
            #[cfg(target_os = "linux")]
            folders: None,
            paths,
        }
    }

    /// Waits until the files may have changed and have been left alone for a moment. To be called again and again; after
    /// each time the files are to be looked at. The first call returns soon, since it begins the watch.
    pub(crate) async fn changed(&mut self) {
        self.event().await;
        let end = Instant::now() + PATIENCE;
        while Instant::now() + QUIET < end {
            if timeout_at(Instant::now() + QUIET, self.event()).await.is_err() {
                break;
            }
        }
    }

    #[cfg(target_os = "linux")]
    async fn event(&mut self) {
        let wanted = folders(&self.paths);
        if self.folders.as_ref().is_none_or(|folders| !folders.are(&wanted)) {
            self.folders = inotify::Folders::watch(wanted).ok();
            if self.folders.is_some() {
                // Nobody knows what happened before they were watched.
                return;
            }
        }
        match &mut self.folders {
            Some(folders) => {
                if let Ok(Err(_)) = tokio::time::timeout(POLL_WATCHED, folders.event()).await {
                    self.folders = None;
                }
            }
            None => sleep(POLL).await,
        }
    }

    #[cfg(not(target_os = "linux"))]
    async fn event(&mut self) {
        sleep(POLL).await;
    }
}

/// The folders in which a change can make one of the paths lead to another file: those of the files, and those of all
/// links on the way. For what is not there, the next folder above that is.
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "elsewhere files are looked at again and again")
)]
fn folders(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for path in paths {
        walk(path, &mut all);
    }
    all
}

fn walk(path: &Path, all: &mut BTreeSet<PathBuf>) {
    let mut here = PathBuf::new();
    // What is left of the way, the next part last.
    let mut left: Vec<PathBuf> = parts(path);
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part.as_os_str() == ".." {
            // What was walked so far has no links any more.
            here.pop();
            continue;
        }
        let next = here.join(&part);
        match fs::symlink_metadata(&next) {
            Ok(meta) if meta.is_symlink() && links < MAX_LINKS => {
                links += 1;
                all.insert(here.clone());
                let Ok(target) = fs::read_link(&next) else { return };
                left.extend(parts(&target));
                if target.is_absolute() {
                    here = PathBuf::new();
                }
            }
            Ok(meta) if meta.is_dir() => here = next,
            // The file, or where the way ends.
            _ => {
                all.insert(here);
                return;
            }
        }
    }
}

/// The parts of a path, the first last.
fn parts(path: &Path) -> Vec<PathBuf> {
    let part = |component: Component<'_>| PathBuf::from(component.as_os_str());
    path.components().rev().filter(|component| *component != Component::CurDir).map(part).collect()
}

#[cfg(test)]
mod tests;
