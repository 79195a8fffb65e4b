//! A Tor inside the process, one for all endpoints that ask for it. Only the feature `embedded` puts it there; without it
//! every wish for it is refused.

#[cfg(feature = "embedded")]
mod present;

use std::path::PathBuf;
use std::sync::Arc;

use transom_config::{OnionListenConfig, TorConnectConfig};
use transom_endpoint::{Connector, EndpointError, Listener};

/// The Tor inside this process. It starts when something first needs it, and ends with the last clone and the last
/// endpoint.
#[derive(Clone)]
pub struct EmbeddedTor {
    #[cfg(feature = "embedded")]
    shared: Arc<present::Shared>,
}

impl EmbeddedTor {
    /// Whether it is part of this build.
    pub const PRESENT: bool = cfg!(feature = "embedded");

    /// The sentence about a build without it, and how to get one with it.
    pub const ABSENT: &'static str = "this build has no Tor inside it: build with `--features embedded-tor`, or name a \
        running Tor (\"tor_control_endpoint\" to listen, \"tor_socks_port\" to connect)";

    /// One that keeps its state in this folder. `settings`: a TOML file for private networks.
    #[cfg_attr(not(feature = "embedded"), expect(unused_variables, reason = "there is nothing to configure"))]
    pub fn new(state_dir: PathBuf, settings: Option<PathBuf>) -> Self {
        EmbeddedTor {
            #[cfg(feature = "embedded")]
            shared: Arc::new(present::Shared::new(state_dir, settings)),
        }
    }

    /// An onion service to listen on. Needs a Tokio runtime around it.
    ///
    /// # Errors
    /// Its key, as with [`OnionListener`](crate::OnionListener); or this Tor cannot be started.
    #[cfg(feature = "embedded")]
    pub fn listen(&self, config: &OnionListenConfig) -> Result<Box<dyn Listener>, EndpointError> {
        self.shared.listen(config)
    }

    /// Connects to one target, on circuits of its own.
    ///
    /// # Errors
    /// The host is none that Tor can be asked for. That this Tor cannot be started is told by connecting.
    #[cfg(feature = "embedded")]
    pub fn connector(&self, config: &TorConnectConfig) -> Result<Arc<dyn Connector>, EndpointError> {
        crate::host::check(config)?;
        Ok(Arc::new(present::Through::new(self.shared.clone(), config)))
    }
}

#[cfg(not(feature = "embedded"))]
impl EmbeddedTor {
    /// Refuses.
    ///
    /// # Errors
    /// Always: it is not part of this build.
    pub fn listen(&self, _: &OnionListenConfig) -> Result<Box<dyn Listener>, EndpointError> {
        Err(absent())
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always: it is not part of this build.
    pub fn connector(&self, _: &TorConnectConfig) -> Result<Arc<dyn Connector>, EndpointError> {
        Err(absent())
    }
}

#[cfg(not(feature = "embedded"))]
fn absent() -> EndpointError {
    EndpointError::Other {
        what: "\"embedded\"".to_owned(),
        kind: transom_base::ErrorKind::Config,
        source: EmbeddedTor::ABSENT.into(),
    }
}

/// One that keeps its state in the folder `.tor` where the process runs.
impl Default for EmbeddedTor {
    fn default() -> Self {
        EmbeddedTor::new(PathBuf::from(".tor"), None)
    }
}

impl std::fmt::Debug for EmbeddedTor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedTor").field("present", &Self::PRESENT).finish_non_exhaustive()
    }
}
