//! The `transom` program in a process of its own, and raw exchanges with whatever listens.

use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;
use transom_base::Stream;

use crate::PATIENCE;

/// The program, running.
pub struct Program {
    child: Child,
    /// Its standard output.
    pub stdout: BufReader<ChildStdout>,
    /// Its standard error.
    pub stderr: BufReader<ChildStderr>,
}

impl Program {
    /// Starts `program` in a folder with an empty environment but for what it is given.
    pub fn start(program: &str, dir: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program)
            .args(args)
            .current_dir(dir)
            .env_clear()
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Program { child, stdout, stderr }
    }

    /// Reads standard output until a line contains `text`.
    pub async fn wait_for(&mut self, text: &str) {
        let mut all = String::new();
        let found = async {
            loop {
                let mut line = String::new();
                if self.stdout.read_line(&mut line).await.unwrap() == 0 {
                    let mut errors = String::new();
                    self.stderr.read_to_string(&mut errors).await.unwrap();
                    panic!("it ended without saying {text:?}:\n{all}\n{errors}");
                }
                all.push_str(&line);
                if line.contains(text) {
                    return;
                }
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("it does not say {text:?}"));
    }

    /// The next line of its standard output.
    pub async fn says(&mut self) -> String {
        next(&mut self.stdout).await
    }

    /// Reads standard error until a line contains `text`; that line.
    pub async fn complains(&mut self, text: &str) -> String {
        loop {
            let line = next(&mut self.stderr).await;
            assert!(!line.is_empty(), "it ended without complaining of {text:?}");
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Its process ID.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Waits for the end: exit code, rest of standard output, standard error.
    pub async fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        let all = async {
            let (a, b) =
                tokio::join!(self.stdout.read_to_string(&mut out), self.stderr.read_to_string(&mut err));
            a.unwrap();
            b.unwrap();
            self.child.wait().await.unwrap()
        };
        let status = timeout(PATIENCE, all).await.expect("it does not end");
        (status.code(), out, err)
    }
}

/// The next line without its end; empty at the end of all.
async fn next(io: &mut (impl AsyncBufRead + Unpin)) -> String {
    let mut line = String::new();
    timeout(PATIENCE, io.read_line(&mut line)).await.expect("no line in time").unwrap();
    line.trim_end().to_owned()
}

/// Sends bytes and returns all that comes back until the node closes.
pub async fn exchange(mut io: Box<dyn Stream>, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let both = async {
        // It may close before it has read all.
        let _ = io.write_all(bytes).await;
        let _ = io.read_to_end(&mut answer).await;
    };
    timeout(PATIENCE, both).await.expect("the node does not close");
    answer
}

/// Reads one line.
pub async fn line(io: &mut (impl AsyncRead + Unpin)) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        line.push(timeout(PATIENCE, io.read_u8()).await.expect("no line in time").unwrap());
    }
    String::from_utf8(line).unwrap()
}
