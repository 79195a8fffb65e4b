//! Pinning: router and load generator on one core, where the figures are steady.
//!
//! Children inherit the affinity of the thread that starts them, so the generator pins itself first.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::error::{Error, Result};

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.cast_signed())
}

/// The cores this thread may use now.
pub(crate) fn current() -> Result<CpuSet> {
    sched_getaffinity(pid(0)).map_err(|errno| Error::System { what: "asking for the affinity", errno })
}

/// The first core of a set alone.
pub(crate) fn first(of: &CpuSet) -> Result<CpuSet> {
    let fail = |errno| Error::System { what: "choosing a core", errno };
    let mut one = CpuSet::new();
    for core in 0..CpuSet::count() {
        if of.is_set(core).map_err(fail)? {
            one.set(core).map_err(fail)?;
            break;
        }
    }
    Ok(one)
}

/// Moves this thread, and the children it starts from now on.
pub(crate) fn move_self(to: &CpuSet) -> Result<()> {
    sched_setaffinity(pid(0), to).map_err(|errno| Error::System { what: "pinning the generator", errno })
}

/// Moves all threads of a running process.
pub(crate) fn move_process(id: u32, to: &CpuSet) -> Result<()> {
    for thread in crate::procfs::threads(id)? {
        match sched_setaffinity(pid(thread), to) {
            // It ended meanwhile.
            Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
            Err(errno) => return Err(Error::System { what: "pinning the router", errno }),
        }
    }
    Ok(())
}
