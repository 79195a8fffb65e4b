//! What the steps need from outside the workspace, each pinned: Debian packages, the browser's driver, the
//! clients of the suites, cargo-deny.
//!
//! Everything but Debian packages lands below `target/` and is found there the next time. The long installs
//! run beside the steps that do not need them.

use crate::run::{Cmd, Stop, failed, folder, installed};
use crate::workspace::Workspace;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread::JoinHandle;

const CARGO_DENY: &str = "0.20.2";
const CHROMIUM: &str = "/usr/bin/chromium";

/// The installs that run beside other steps.
#[derive(Debug, Default)]
pub(crate) struct Background {
    clients: Mutex<Option<JoinHandle<Result<(), Stop>>>>,
    deny: Mutex<Option<JoinHandle<Result<(), Stop>>>>,
}

impl Background {
    /// Starts them; whoever needs one waits for it with [`finish`](Self::finish).
    pub(crate) fn start(&self, ws: &Workspace, clients: bool, deny: bool) {
        let spawn = |slot: &Mutex<Option<JoinHandle<_>>>, install: fn(PathBuf) -> Result<(), Stop>| {
            let root = ws.root.clone();
            if let Ok(mut slot) = slot.lock() {
                *slot = Some(std::thread::spawn(move || install(root)));
            }
        };
        if clients {
            spawn(&self.clients, |root| suite_clients(&root));
        }
        if deny {
            spawn(&self.deny, |root| cargo_deny(&root));
        }
    }

    /// Waits until the clients of the suites are installed. They are installed by their own script when this was
    /// never started.
    pub(crate) fn clients(&self) -> Result<(), Stop> {
        Self::finish(&self.clients).unwrap_or(Ok(()))
    }

    /// Waits for, or makes, the installation of cargo-deny, and returns its path.
    pub(crate) fn deny(&self, ws: &Workspace) -> Result<PathBuf, Stop> {
        Self::finish(&self.deny).unwrap_or_else(|| cargo_deny(&ws.root))?;
        Ok(deny_path(&ws.root))
    }

    fn finish(slot: &Mutex<Option<JoinHandle<Result<(), Stop>>>>) -> Option<Result<(), Stop>> {
        let thread = slot.lock().ok()?.take()?;
        Some(thread.join().unwrap_or_else(|_| failed("the installation panicked")))
    }
}

/// Installs the Debian packages that are missing (as root only) and the modules of the browser test.
pub(crate) fn system(ws: &Workspace) -> Result<(), Stop> {
    let python = || Cmd::new("python3").args(["-c", "import ensurepip, venv"]).stdout().is_ok();
    let node = || installed("node") && installed("npm");
    let mut packages: Vec<&str> = Vec::new();
    for (there, names) in [
        (Path::new(CHROMIUM).is_file(), &["chromium"] as &[_]),
        (installed("python3") && python(), &["python3-venv"]),
        (node(), &["nodejs", "npm"]),
        // Peers of the endpoints in tests.
        (installed("socat"), &["socat"]),
        (installed("ncat"), &["ncat"]),
        (installed("curl"), &["curl"]),
        (installed("openssl"), &["openssl"]),
        (Path::new("/usr/sbin/haproxy").is_file(), &["haproxy"]),
        (installed("systemd-socket-activate"), &["systemd"]),
        (installed("slowhttptest"), &["slowhttptest"]),
        (tor_there(), &["tor"]),
    ] {
        if !there {
            packages.extend(names);
        }
    }
    if !packages.is_empty() {
        if Cmd::new("id").args(["-u"]).stdout()?.trim() != "0" || !installed("apt-get") {
            return Err(Stop::Skipped(format!("please install {}", packages.join(", "))));
        }
        println!("installing {}", packages.join(", "));
        let log = folder(ws.cache("tools"))?.join("apt.log");
        Cmd::new("apt-get").args(["update", "-q"]).logged(&log)?;
        let install = ["install", "-q", "-y", "--no-install-recommends"];
        let apt = Cmd::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(install).args(&packages);
        let quiet = NoServices::new();
        apt.logged(&log)?;
        drop(quiet);
    }
    browser_modules(ws)
}

/// The private network of the step `tor` needs both.
fn tor_there() -> bool {
    installed("tor-gencert") && (installed("tor") || Path::new("/usr/sbin/tor").is_file())
}

/// As long as it lives Debian starts no service of a package that it installs: a Tor of the system would look for the public
/// network.
struct NoServices(Option<&'static Path>);

impl NoServices {
    fn new() -> Self {
        let policy = Path::new("/usr/sbin/policy-rc.d");
        let text = "#!/bin/sh\nexit 101\n";
        let mut options = std::fs::OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o755).open(policy);
        // What is there already is the machine's own policy.
        let written = made.and_then(|mut file| file.write_all(text.as_bytes()));
        Self(written.is_ok().then_some(policy))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = self.0 {
            let _ = std::fs::remove_file(policy);
        }
    }
}

/// The environment by which the browser test finds Chromium and its driver; empty when they are not installed.
pub(crate) fn browser_env(ws: &Workspace) -> Vec<(&'static str, PathBuf)> {
    let (chromium, modules) = (PathBuf::from(CHROMIUM), ws.cache("browser").join("node_modules"));
    if chromium.is_file() && modules.is_dir() {
        vec![("TRANSOM_CHROMIUM", chromium), ("TRANSOM_BROWSER_MODULES", modules)]
    } else {
        Vec::new()
    }
}

/// Where the clients of the suites are installed.
pub(crate) fn suites_cache(root: &Path) -> PathBuf {
    std::env::var_os("SUITES_CACHE").map_or_else(|| root.join("target/suites-cache"), PathBuf::from)
}

fn browser_modules(ws: &Workspace) -> Result<(), Stop> {
    let there = folder(ws.cache("browser"))?;
    let wanted = ws.root.join("tests/suites/browser");
    let lock = |folder: &Path| std::fs::read(folder.join("package-lock.json")).ok();
    if lock(&there) == lock(&wanted) && there.join("node_modules").is_dir() {
        return Ok(());
    }
    for name in ["package.json", "package-lock.json"] {
        if let Err(error) = std::fs::copy(wanted.join(name), there.join(name)) {
            return failed(format!("{name}: {error}"));
        }
    }
    unavailable(Cmd::new("npm").args(["ci", "--no-audit", "--no-fund"]).dir(&there).status())
}

fn suite_clients(root: &Path) -> Result<(), Stop> {
    let cache = folder(suites_cache(root))?;
    let script =
        Cmd::new(root.join("tests/suites/wamp_clients.sh")).args(["realm1", "ws://127.0.0.1/ws"]).dir(root);
    let install = script.env("INSTALL_ONLY", "1").env("SUITES_CACHE", &cache);
    unavailable(install.logged(&cache.join("install.log")))
}

fn deny_path(root: &Path) -> PathBuf {
    root.join(format!("target/tools/cargo-deny-{CARGO_DENY}/bin/cargo-deny"))
}

fn cargo_deny(root: &Path) -> Result<(), Stop> {
    if deny_path(root).is_file() {
        return Ok(());
    }
    let tools = folder(root.join("target/tools"))?;
    let target = format!("cargo-deny@{CARGO_DENY}");
    let install = Cmd::new("cargo")
        .args(["install", "--locked", "--debug", target.as_str(), "--root"])
        .args([tools.join(format!("cargo-deny-{CARGO_DENY}"))])
        .env("CARGO_TARGET_DIR", tools.join("build"))
        .dir(root);
    unavailable(install.logged(&tools.join("cargo-deny.log")))
}

/// What cannot be fetched does not say anything about the project: the step is skipped.
fn unavailable(result: Result<(), Stop>) -> Result<(), Stop> {
    result.map_err(|stop| Stop::Skipped(format!("not installed: {stop}")))
}
