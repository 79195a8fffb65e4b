//! Why a web service could not be made.

use std::io;
use std::path::PathBuf;

use transom_base::ErrorKind;

/// A web service could not be made from its settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// The directory to serve cannot be read.
    #[error("serving the directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A place to redirect to is not printable ASCII.
    #[error("{0:?} cannot stand in a Location header: it must be printable ASCII")]
    Location(String),
    /// A media type cannot stand in a header.
    #[error("{media_type:?}, given for files ending in {extension:?}, is no media type")]
    MediaType {
        /// The extension.
        extension: String,
        /// What was given for it.
        media_type: String,
    },
}

impl WebError {
    /// The kind of trouble: always the operator's to mend.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Config
    }
}
