//! Where log lines go and how they look. Standard error, text or JSON.

use std::backtrace::{Backtrace, BacktraceStatus};

use tracing::error;
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
    let filter = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|filter| !filter.trim().is_empty());
    let filter = EnvFilter::builder().parse_lossy(filter.unwrap_or_else(|| usual(level)));
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colors);
    // Fails only when a log is installed already, and then that one is used.
    let _ = match format {
        Format::Text => log.try_init(),
        Format::Bare => log.without_time().try_init(),
        Format::Json => log.json().flatten_event(true).try_init(),
    };
}

/// What is logged at a level. The crates of arti, whose names begin so, warn of much that nobody can change; how far the
/// Tor inside is, and what keeps it, is told by what embeds it.
fn usual(level: LevelFilter) -> String {
    match level {
        LevelFilter::INFO | LevelFilter::WARN => format!("{level},tor_=error,arti_=error"),
        other => other.to_string(),
    }
}

/// Sends panics to the log instead of writing them to standard error. A panic is a mistake in this program; it ends the
/// connection whose task it happens in, and no other.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let (thread, backtrace) = (thread.name().unwrap_or("unnamed"), Backtrace::capture());
        match backtrace.status() {
            BacktraceStatus::Captured => error!(thread, "internal error: {panic}\n{backtrace}"),
            _ => error!(thread, "internal error: {panic} (RUST_BACKTRACE=1 tells more)"),
        }
    }));
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn filter_of_a_level_is_one_that_lets_our_own_lines_through() {
        for (level, ours, theirs) in [
            (LevelFilter::OFF, None, None),
            (LevelFilter::ERROR, Some(LevelFilter::ERROR), Some(LevelFilter::ERROR)),
            (LevelFilter::INFO, Some(LevelFilter::INFO), Some(LevelFilter::ERROR)),
            (LevelFilter::DEBUG, Some(LevelFilter::DEBUG), Some(LevelFilter::DEBUG)),
        ] {
            let written = Written::default();
            let log = written.clone();
            let filter = EnvFilter::builder().parse(usual(level)).unwrap();
            let subscriber =
                tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || log.clone()).finish();
            tracing::subscriber::with_default(subscriber, || {
                error!(target: "transom_tor::onion", "ours");
                error!(target: "tor_netdir::x", "theirs");
                tracing::info!(target: "transom_tor::onion", "ours");
                tracing::warn!(target: "tor_netdir::x", "theirs");
                tracing::debug!(target: "transom_tor::onion", "ours");
                tracing::debug!(target: "tor_netdir::x", "theirs");
            });
            let log = String::from_utf8(written.0.lock().clone()).unwrap();
            let lines = |word: &str| log.lines().filter(|line| line.ends_with(word)).count();
            let expected = |level: Option<LevelFilter>, middle| match level {
                None => 0,
                Some(level) => 1 + usize::from(level >= middle) + usize::from(level >= LevelFilter::DEBUG),
            };
            assert_eq!(lines("ours"), expected(ours, LevelFilter::INFO), "{level}\n{log}");
            assert_eq!(lines("theirs"), expected(theirs, LevelFilter::WARN), "{level}\n{log}");
        }
    }

    #[test]
    fn panic_when_logged_is_an_error_with_its_place_and_words() {
        let written = Written::default();
        let log = written.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || log.clone()).with_ansi(false).finish();
        let before = std::panic::take_hook();
        log_panics();
        tracing::subscriber::with_default(subscriber, || {
            std::panic::catch_unwind(|| panic!("out of cheese")).unwrap_err();
        });
        std::panic::set_hook(before);
        let log = String::from_utf8(written.0.lock().clone()).unwrap();
        assert!(log.contains("ERROR"), "{log}");
        assert!(log.contains("out of cheese"), "{log}");
        assert!(log.contains(file!()), "{log}");
    }
}
