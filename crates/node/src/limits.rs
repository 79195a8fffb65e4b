//! Descriptors: how many connections the system lets this process have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files to what the system allows and returns it.
pub(crate) fn raise_open_files() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        return Some(hard);
    }
    Some(soft)
}
