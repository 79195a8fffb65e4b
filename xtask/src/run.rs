//! Running other programs, and the ways in which a step ends.

use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a step did not pass.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It ran and found something.
    Failed(String),
    /// It cannot run here; with `CI=true` this counts as failed.
    Skipped(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => f.write_str(why),
            Self::Skipped(why) => write!(f, "SKIPPED: {why}"),
        }
    }
}

/// `Err(Stop::Failed)` with whatever can be displayed.
pub(crate) fn failed<T>(why: impl fmt::Display) -> Result<T, Stop> {
    Err(Stop::Failed(why.to_string()))
}

/// On the machine that guards the project nothing may be left out.
pub(crate) fn skip_is_failure() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Whether `program` is found on the search path.
pub(crate) fn installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// A command whose output goes to the terminal unless it is asked for.
#[derive(Debug)]
pub(crate) struct Cmd(Command);

/// On a machine that builds everything once, from nothing, and debugs nothing, neither what only helps the next build nor
/// what only helps a debugger is made.
const BUILT_ONCE: [(&str, &str); 2] = [("CARGO_INCREMENTAL", "0"), ("CARGO_PROFILE_DEV_DEBUG", "false")];

impl Cmd {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        if skip_is_failure() {
            command.envs(BUILT_ONCE);
        }
        Self(command)
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.0.args(args);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(key, value);
        self
    }

    pub(crate) fn dir(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Runs it in view; anything but exit code 0 is a failure.
    pub(crate) fn status(mut self) -> Result<(), Stop> {
        match self.0.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => failed(format!("{}: {status}", self.line())),
            Err(error) => failed(format!("{}: {error}", self.line())),
        }
    }

    /// Runs it and returns what it wrote to standard output; the rest stays in view.
    pub(crate) fn stdout(mut self) -> Result<String, Stop> {
        match self.0.stderr(Stdio::inherit()).output() {
            Ok(out) if out.status.success() => Ok(String::from_utf8_lossy(&out.stdout).into_owned()),
            Ok(out) => failed(format!("{}: {}", self.line(), out.status)),
            Err(error) => failed(format!("{}: {error}", self.line())),
        }
    }

    /// Runs it with its whole output in `log`; a failure shows the end of it.
    pub(crate) fn logged(mut self, log: &Path) -> Result<(), Stop> {
        let status = std::fs::File::create(log)
            .and_then(|file| Ok((file.try_clone()?, file)))
            .and_then(|(out, err)| self.0.stdin(Stdio::null()).stdout(out).stderr(err).status());
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => failed(format!("{}: {status}\n{}", self.line(), tail(log, 20))),
            Err(error) => failed(format!("{}: {error}", self.line())),
        }
    }

    /// Runs it in view and returns whether it ended with exit code 0, and the last line it wrote.
    pub(crate) fn last_line(mut self) -> Result<(bool, String), Stop> {
        let mut run = || {
            let mut child = self.0.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
            let mut last = String::new();
            for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).split(b'\n')) {
                last = String::from_utf8_lossy(&line?).into_owned();
                println!("{last}");
            }
            Ok((child.wait()?.success(), last))
        };
        run().or_else(|error: std::io::Error| failed(format!("{}: {error}", self.line())))
    }

    /// The command itself, for what this small set of verbs does not cover.
    pub(crate) fn inner(&mut self) -> &mut Command {
        &mut self.0
    }

    fn line(&self) -> String {
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args());
        words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }
}

/// The last `lines` lines of a text file, nothing when it cannot be read.
pub(crate) fn tail(file: &Path, lines: usize) -> String {
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Makes a folder with all its parents.
pub(crate) fn folder(path: PathBuf) -> Result<PathBuf, Stop> {
    match std::fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(error) => failed(format!("{}: {error}", path.display())),
    }
}
