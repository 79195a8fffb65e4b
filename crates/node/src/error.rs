//! Why a node cannot start.

use std::io;

use transom_auth::key_file::KeyFileError;
use transom_base::ErrorKind;
use transom_config::Place;
use transom_endpoint::EndpointError;
use transom_web::WebError;

use crate::control::LockError;

/// Why a node cannot start. Nothing of it is left running then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The runtime or the signals could not be had from the system.
    #[error("setting up the process: {0}")]
    Process(#[source] io::Error),
    /// The node directory cannot be taken.
    #[error(transparent)]
    NodeDirectory(LockError),
    /// The node's key cannot be had.
    #[error("the node's key: {0}")]
    NodeKey(#[source] KeyFileError),
    /// An endpoint cannot be had.
    #[error("{place}: {}", source.chain())]
    Endpoint {
        /// Where the endpoint is configured.
        place: Place,
        /// What is wrong.
        #[source]
        source: EndpointError,
    },
    /// This release does not run it. The reader says so before; a node built by code gets here.
    #[error("{place}: {what} is valid, but this release does not run it")]
    Unsupported {
        /// Where it is configured.
        place: Place,
        /// What it is.
        what: String,
    },
    /// A value that cannot be meant.
    #[error("{place}: {what}")]
    Wrong {
        /// Where it is configured.
        place: Place,
        /// What is wrong.
        what: String,
    },
    /// A web service cannot be had.
    #[error("{place}: {source}")]
    Service {
        /// Where the service is configured.
        place: Place,
        /// What is wrong.
        #[source]
        source: WebError,
    },
}

impl StartError {
    /// Something of that type that this release does not run.
    pub(crate) fn unsupported(place: &Place, what: &str, type_name: &str) -> Self {
        StartError::Unsupported { place: place.clone(), what: format!("{what} type {type_name:?}") }
    }

    /// The kind of trouble.
    pub fn kind(&self) -> ErrorKind {
        match self {
            StartError::Process(_) => ErrorKind::Internal,
            StartError::NodeDirectory(_) => ErrorKind::Bind,
            StartError::NodeKey(_) => ErrorKind::Config,
            StartError::Endpoint { source, .. } => source.kind(),
            StartError::Unsupported { .. } | StartError::Wrong { .. } => ErrorKind::Config,
            StartError::Service { source, .. } => source.kind(),
        }
    }

    /// The place in the configuration that it is about.
    pub fn place(&self) -> Option<&Place> {
        match self {
            StartError::Process(_) | StartError::NodeDirectory(_) | StartError::NodeKey(_) => None,
            StartError::Endpoint { place, .. }
            | StartError::Unsupported { place, .. }
            | StartError::Wrong { place, .. }
            | StartError::Service { place, .. } => Some(place),
        }
    }

    /// What is wrong, without the place.
    pub(crate) fn what(&self) -> String {
        match self {
            StartError::Endpoint { source, .. } => source.chain(),
            StartError::Service { source, .. } => source.to_string(),
            StartError::Unsupported { what, .. } => format!("this release does not run {what}"),
            StartError::Wrong { what, .. } => what.clone(),
            other => other.to_string(),
        }
    }

    /// Whether somebody else has the address.
    pub fn is_address_in_use(&self) -> bool {
        match self {
            StartError::Endpoint { source, .. } => source.is_address_in_use(),
            _ => false,
        }
    }
}
