//! Where a running Tor hands the connections of an onion service over: a Unix socket in a folder that only Tor and this
//! process can enter, or, where Tor cannot be shown to reach such a folder, a random port of 127.0.0.1.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, chown, geteuid};
use tempfile::TempDir;
use tokio::sync::watch;
use transom_base::{BoxFuture, ErrorKind};
use transom_config::{OnionTarget, TcpListenConfig, UnixAddress, UnixListenConfig};
use transom_endpoint::{
    Accepted, BoundAddr, EndpointError, EndpointStatus, Listener, TcpListener, UnixListener,
};

/// The process that is to hand connections over, as far as it told.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TorProcess {
    /// Its user.
    pub(crate) uid: Option<u32>,
    /// Its number.
    pub(crate) pid: Option<u32>,
}

/// A listener for what Tor hands over, and how it is called in a command to Tor.
pub(crate) struct Target {
    pub(crate) listener: Box<dyn Listener>,
    pub(crate) name: String,
}

/// Opens one of the kind that is wanted; without a wish, of the most private kind that works.
pub(crate) async fn open(wanted: Option<OnionTarget>, tor: TorProcess) -> Result<Target, EndpointError> {
    match wanted {
        Some(OnionTarget::Tcp) => tcp().await,
        Some(OnionTarget::Unix) => unix(tor),
        None if reaches_our_files(tor) => match unix(tor) {
            Ok(target) => Ok(target),
            Err(_) => tcp().await,
        },
        None => tcp().await,
    }
}

async fn tcp() -> Result<Target, EndpointError> {
    let anywhere = TcpListenConfig { interface: Some("127.0.0.1".to_owned()), ..TcpListenConfig::new(0) };
    let listener = TcpListener::bind(&anywhere).await?;
    Ok(Target { name: listener.local_addr().to_string(), listener: Box::new(listener) })
}

fn unix(tor: TorProcess) -> Result<Target, EndpointError> {
    let ours = geteuid();
    let theirs = tor.uid.map(Uid::from_raw);
    let given = theirs.filter(|theirs| *theirs != ours && !theirs.is_root());
    if let Some(theirs) = given.filter(|_| !ours.is_root()) {
        let why = format!(
            "Tor runs as user {theirs} and cannot enter a folder of user {ours}; let both run as one user, or say \"tcp\""
        );
        return Err(unusable(io::Error::new(io::ErrorKind::PermissionDenied, why)));
    }
    let folder = tempfile::Builder::new()
        .prefix("transom-onion-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in(base())
        .map_err(unusable)?;
    let path = folder.path().join("s");
    // A command to Tor ends its words at blanks, and cannot quote them here.
    let name = path.to_str().filter(|path| !path.contains(|c: char| c.is_whitespace() || c.is_control()));
    let name = name.map(|path| format!("unix:{path}"));
    let name = name.ok_or_else(|| {
        let why = format!("Tor cannot be told of {}, which holds a blank; set TMPDIR", path.display());
        unusable(io::Error::new(io::ErrorKind::InvalidInput, why))
    })?;
    let mut config = UnixListenConfig::new(UnixAddress::Path(path));
    config.mode = 0o600;
    config.owner = given.map(|theirs| theirs.to_string());
    let listener = UnixListener::bind(&config)?;
    if given.is_some() {
        chown(folder.path(), given, None).map_err(|errno| unusable(errno.into()))?;
    }
    Ok(Target { listener: Box::new(InFolder { listener, _folder: folder }), name })
}

/// Where the folder is made: in the user's own place for such things, if there is one.
fn base() -> PathBuf {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|own| own.is_dir());
    own.unwrap_or_else(std::env::temp_dir)
}

/// Whether Tor sees the same files as we do and may enter a folder of ours. Not when it cannot be found out: services of
/// systemd have a `/tmp` of their own, and AppArmor keeps them from sockets.
fn reaches_our_files(tor: TorProcess) -> bool {
    let (Some(uid), Some(pid)) = (tor.uid, tor.pid) else { return false };
    let ours = geteuid();
    if uid != ours.as_raw() && !ours.is_root() {
        return false;
    }
    let process = PathBuf::from(format!("/proc/{pid}"));
    // A number may be one of another namespace, where it means another process.
    let is_theirs = std::fs::metadata(&process).is_ok_and(|facts| facts.uid() == uid)
        && std::fs::read_to_string(process.join("comm")).is_ok_and(|name| name.starts_with("tor"));
    let mounts = |process: &Path| std::fs::read_link(process.join("ns/mnt")).ok();
    let same_files = mounts(&process).is_some_and(|theirs| mounts(Path::new("/proc/self")) == Some(theirs));
    let confined = std::fs::read_to_string(process.join("attr/current"))
        .is_ok_and(|profile| profile.trim_end_matches(['\0', '\n']).ends_with("(enforce)"));
    is_theirs && same_files && !confined
}

fn unusable(source: io::Error) -> EndpointError {
    EndpointError::Other {
        what: "the Unix socket that Tor hands connections over at".to_owned(),
        kind: ErrorKind::Bind,
        source: source.into(),
    }
}

/// A listener whose folder goes after it.
struct InFolder {
    listener: UnixListener,
    _folder: TempDir,
}

impl Listener for InFolder {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Accepted>> {
        self.listener.accept()
    }

    fn bound(&self) -> Vec<BoundAddr> {
        self.listener.bound()
    }

    fn status(&self) -> watch::Receiver<EndpointStatus> {
        self.listener.status()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        drop(self);
        Box::pin(std::future::ready(()))
    }
}
