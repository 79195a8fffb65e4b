//! What Linux tells of a process and of the machine: CPU time, memory, facts for the report.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|source| Error::File { path: path.into(), source })
}

fn process(pid: u32, file: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{file}"))
}

/// The threads of a process.
pub(crate) fn threads(pid: u32) -> Result<Vec<u32>> {
    let path = process(pid, "task");
    let entries = fs::read_dir(&path).map_err(|source| Error::File { path: path.clone(), source })?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// CPU time of all threads of a process, user and system: in nanoseconds where the kernel keeps scheduler
/// statistics, else in clock ticks of 10 ms.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for thread in threads(pid)? {
        let path = process(pid, &format!("task/{thread}/schedstat"));
        // A thread may end between listing and reading.
        match fs::read_to_string(&path) {
            Ok(text) => match text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()) {
                Some(nanos) => total += Duration::from_nanos(nanos),
                None => return Err(Error::Proc { path }),
            },
            Err(_) if process(pid, &format!("task/{thread}")).exists() => return cpu_ticks(pid),
            Err(_) => {}
        }
    }
    Ok(total)
}

/// CPU time of the children of a process that have ended, in clock ticks of 10 ms.
pub(crate) fn children_cpu_time(pid: u32) -> Result<Duration> {
    stat_ticks(pid, 13)
}

fn cpu_ticks(pid: u32) -> Result<Duration> {
    stat_ticks(pid, 11)
}

fn stat_ticks(pid: u32, field: usize) -> Result<Duration> {
    let path = process(pid, "stat");
    let text = read(&path)?;
    ticks(&text, field).ok_or(Error::Proc { path })
}

/// User and system time in a line of `/proc/PID/stat`, `skip` fields behind the name, which may hold spaces (proc(5): fields
/// 14 and 15, and for children 16 and 17).
fn ticks(stat: &str, skip: usize) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(skip);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 10))
}

/// Memory of a process, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Resident, with what is shared with other processes.
    pub(crate) resident: u64,
    /// Its own alone.
    pub(crate) private: u64,
}

/// Memory as the kernel counts it now.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let path = process(pid, "smaps_rollup");
    let text = read(&path)?;
    rollup(&text).ok_or(Error::Proc { path })
}

fn rollup(text: &str) -> Option<Memory> {
    let field = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Some(Memory { resident: field("Rss:")?, private: field("Private_Clean:")? + field("Private_Dirty:")? })
}

/// What the figures depend on.
pub(crate) fn machine() -> serde_json::Value {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let word = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_string()).ok();
    serde_json::json!({
        "cpu": model.map(|(_, model)| model),
        "cores": std::thread::available_parallelism().map(usize::from).ok(),
        "kernel": word("/proc/sys/kernel/osrelease"),
        "memory_kib": word("/proc/meminfo").and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok()),
        "load_average": load_average(),
    })
}

/// The load of the last minute: above the number of cores, figures of this run are worth little.
pub(crate) fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_of_this_process_when_it_works_grows() {
        let before = cpu_time(std::process::id()).unwrap();
        let mut sum = 0u64;
        while cpu_time(std::process::id()).unwrap() == before {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        assert!(cpu_ticks(std::process::id()).is_ok());
    }

    #[test]
    fn stat_line_when_the_name_has_spaces_and_brackets_is_read() {
        let line = "7 (a b) c) S 1 7 7 0 -1 4194304 100 0 0 0 12 30 0 0 20 0 1 0 100 0 0";
        assert_eq!(ticks(line, 11), Some(Duration::from_millis(420)));
        assert_eq!(ticks("7 (a", 11), None);
    }

    #[test]
    fn rollup_when_read_gives_octets() {
        let text =
            "55-7f ---p 0 00:00 0 [rollup]\nRss:     100 kB\nPrivate_Clean: 3 kB\nPrivate_Dirty: 40 kB\n";
        assert_eq!(rollup(text), Some(Memory { resident: 102_400, private: 44_032 }));
        assert_eq!(rollup("Rss: 1 kB\n"), None);
    }

    #[test]
    fn memory_of_a_process_that_does_not_exist_is_an_error() {
        assert!(memory(u32::MAX).is_err());
        assert!(memory(std::process::id()).unwrap().resident > 0);
    }
}
