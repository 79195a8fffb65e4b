//! The Tor inside the program, for commands with endpoints that ask for it.

use std::path::PathBuf;

use clap::Args;
use transom_tor::EmbeddedTor;

/// Where the Tor inside the program keeps its state, for endpoints with "embedded".
#[derive(Debug, Args)]
#[command(next_help_heading = "The Tor inside the program, for endpoints with \"embedded\": true")]
pub(super) struct TorArgs {
    /// The folder of its state, which one process at a time can use. [default: transom/tor in XDG_STATE_HOME, else in
    /// ~/.local/state]
    #[arg(long, value_name = "DIR")]
    tor_state: Option<PathBuf>,
    /// A TOML file with settings for a private network.
    #[arg(long, value_name = "FILE")]
    tor_settings: Option<PathBuf>,
}

impl TorArgs {
    /// The Tor that they describe. It starts when something needs it.
    pub(super) fn embedded(&self) -> EmbeddedTor {
        let state = self.tor_state.clone().unwrap_or_else(|| state_home().join("transom/tor"));
        EmbeddedTor::new(state, self.tor_settings.clone())
    }
}

/// Where programs of this user keep their state (XDG Base Directory Specification).
fn state_home() -> PathBuf {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")))
        .unwrap_or_else(std::env::temp_dir)
}
