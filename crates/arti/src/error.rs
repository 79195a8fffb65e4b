//! What can go wrong at the start of a Tor and of an onion service, in words for the operator.

use std::error::Error;
use std::path::PathBuf;

/// Why a Tor or an onion service could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtiError {
    /// The process has no default `rustls::crypto::CryptoProvider`.
    #[error("the Tor inside needs a TLS provider, and this process has installed none")]
    NoTlsProvider,
    /// The settings file cannot be read, or something in it is wrong.
    #[error("{}: {problem}", file.display())]
    Settings {
        /// The file.
        file: PathBuf,
        /// What is wrong, with the line or the key.
        problem: String,
    },
    /// The state directory cannot be used.
    #[error("state directory {}: {problem}", dir.display())]
    StateDir {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        problem: String,
    },
    /// Another Tor, of this process or of another, uses the state directory.
    #[error("state directory {}: another Tor uses it; each needs a directory of its own", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// Tor could not be started.
    #[error("the Tor inside cannot start: {0}")]
    Start(String),
    /// The onion service cannot be started with this key, port or these clients.
    #[error("onion service {address}: {problem}")]
    Service {
        /// Its address, ending in `.onion`.
        address: String,
        /// Why not.
        problem: String,
    },
}

/// An error and what caused it, in one line.
pub(crate) fn words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text += ": ";
            text += &more;
        }
        source = error.source();
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    fn layer(text: &'static str, source: Option<Layer>) -> Layer {
        Layer { text, source: source.map(Box::new) }
    }

    #[test]
    fn words_when_causes_repeat_say_each_once_in_one_line() {
        let error =
            layer("no circuit", Some(layer("circuit", Some(layer("two tries\n  first: late", None)))));
        assert_eq!(words(&error), "no circuit: two tries; first: late");
    }
}
