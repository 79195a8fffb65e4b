//! The node's key, which its directory keeps in `key.priv` and `key.pub`.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use tracing::{info, warn};
use transom_auth::key_file::{KeyFileError, NodeKey, Origin, PRIVATE, PUBLIC};
use transom_auth::{Env, PrivateKey};

use crate::StartError;

/// The key of a node directory; at the first start a new one. Where the directory cannot be written, the new one lasts as
/// long as the process.
pub(crate) fn load_or_make(node_dir: &Path) -> Result<Arc<PrivateKey>, StartError> {
    let env = Env::default();
    match NodeKey::load_or_make(node_dir, &origin(), &env) {
        Ok(NodeKey { key, done }) => {
            for done in done {
                info!("node key: {done}");
            }
            Ok(key)
        }
        Err(problem) if cannot_write(&problem, node_dir) => {
            warn!("{problem}; the node has a key that lasts until it stops");
            let made = PrivateKey::generate(&*env.random);
            let path = node_dir.join(PRIVATE);
            made.map(Arc::new)
                .map_err(|source| StartError::NodeKey(KeyFileError::NoRandomness { path, source }))
        }
        Err(problem) => Err(StartError::NodeKey(problem)),
    }
}

/// Whether there is no key, and none can be kept in the directory.
fn cannot_write(problem: &KeyFileError, node_dir: &Path) -> bool {
    let KeyFileError::Io { source, .. } = problem else { return false };
    let denied = matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem);
    let absent = |name| node_dir.join(name).symlink_metadata().is_err();
    denied && absent(PRIVATE) && absent(PUBLIC)
}

fn origin() -> Origin {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let host = host.unwrap_or_else(|| "localhost".to_owned());
    let variable = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name);
    let user = user.unwrap_or_else(|| nix::unistd::getuid().to_string());
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let machine = machine.trim();
    Origin {
        creator: format!("{user}@{host}"),
        machine_id: if machine.is_empty() { host.clone() } else { machine.to_owned() },
        node_authid: variable("CROSSBAR_NODE_ID").unwrap_or(host),
        node_cluster_ip: variable("CROSSBAR_NODE_CLUSTER_IP").unwrap_or_else(|| "127.0.0.1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn key_when_there_is_none_is_made_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let first = load_or_make(dir.path()).unwrap();
        let mode = |name: &str| dir.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("key.priv"), mode("key.pub")), (0o600, 0o644));
        assert_eq!(load_or_make(dir.path()).unwrap().public(), first.public());
        let public = std::fs::read_to_string(dir.path().join("key.pub")).unwrap();
        assert!(public.contains(&first.public().to_string()), "{public}");
    }

    #[test]
    fn key_when_its_file_is_damaged_or_only_the_public_one_is_there_is_an_error_that_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        load_or_make(dir.path()).unwrap();
        let private = dir.path().join("key.priv");
        std::fs::write(&private, "nonsense").unwrap();
        let error = load_or_make(dir.path()).unwrap_err().to_string();
        assert!(error.contains("key.priv") && error.contains("put the key file back"), "{error}");
        std::fs::remove_file(&private).unwrap();
        let error = load_or_make(dir.path()).unwrap_err().to_string();
        assert!(error.contains("restore"), "{error}");
    }
}
