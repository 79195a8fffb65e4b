//! Tor endpoints: what the feature `embedded-tor` adds to the workspace is looked at, tested and driven on a private Tor
//! network.

use super::judged;
use crate::run::{Cmd, Stop};
use crate::tools::suites_cache;
use crate::workspace::Workspace;

/// What `tests/suites/tor.sh` checks.
const TOR_CHECKS: u64 = 167;

/// All three together, so that everything they share is built with one set of features, once.
const EMBEDDED: &str =
    "-p transom-arti -p transom-tor -p transom-node --features transom-node/embedded-tor --all-targets";

/// Lints, tests and the suite.
pub(crate) fn step(ws: &Workspace) -> Result<(), Stop> {
    cargo(ws, &format!("test {EMBEDDED}")).status()?;
    suite(ws)
}

/// The suite alone, with a node that has a Tor inside. Not built for release: that takes minutes more, and the suite mostly
/// waits for the network.
pub(crate) fn suite(ws: &Workspace) -> Result<(), Stop> {
    cargo(ws, &format!("build {EMBEDDED}")).status()?;
    let suite = Cmd::new(ws.root.join("tests/suites/tor.sh")).args([ws.build.join("debug/transom")]);
    judged(ws, suite.env("SUITES_CACHE", suites_cache(&ws.root)), TOR_CHECKS)
}

/// A build of which Clippy is the compiler of the workspace's own crates. A run of Clippy on its own would have more than
/// four hundred crates from elsewhere checked, only to have them built afterwards.
fn cargo(ws: &Workspace, words: &str) -> Cmd {
    let command = ws.cargo(words).env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver");
    command.env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__")
}
