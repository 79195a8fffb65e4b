//! `perf record` beside a measurement, where it is installed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A recording under way; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Recording {
    child: Child,
    file: PathBuf,
}

impl Recording {
    /// Starts recording a process into `perf-CASE.data` in `directory`; the reason why not, if it cannot.
    pub(crate) fn start(pid: u32, case: &str, directory: &Path) -> Result<Self, String> {
        let file = directory.join(format!("perf-{}.data", case.replace('/', "-")));
        let child = Command::new("perf")
            .args(["record", "--quiet", "--freq", "4999", "--call-graph", "fp", "--pid", &pid.to_string()])
            .arg("--output")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("perf cannot be started ({error})"))?;
        Ok(Self { child, file })
    }

    /// Ends the recording; where it is, or why there is none.
    pub(crate) fn finish(mut self) -> Result<PathBuf, String> {
        self.interrupt();
        // perf ends by the signal it was sent, so its status says nothing; the file does.
        match std::fs::metadata(&self.file) {
            Ok(facts) if facts.len() > 0 => Ok(self.file.clone()),
            _ => Err("perf wrote nothing (is kernel.perf_event_paranoid too high?)".into()),
        }
    }

    fn interrupt(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _sent = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT);
        }
        let _ended = self.child.wait();
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.interrupt();
    }
}
