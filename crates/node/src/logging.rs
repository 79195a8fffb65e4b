//! Where log lines go and how they look. Standard error, text or JSON.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A line of text with the time.
    Text,
    /// A line of text without the time.
    Bare,
    /// A JSON object a line.
    Json,
}

/// Installs the log for the process. `RUST_LOG`, if set, takes the place of `level`.
pub(crate) fn install(level: LevelFilter, format: Format, colors: bool) {
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colors);
    // Fails only when a log is installed already, and then that one is used.
    let _ = match format {
        Format::Text => log.try_init(),
        Format::Bare => log.without_time().try_init(),
        Format::Json => log.json().flatten_event(true).try_init(),
    };
}
