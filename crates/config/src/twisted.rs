//! Endpoint strings of Twisted, as configurations hold them. `reader/twisted.rs` understands them.

/// An endpoint string and the endpoint that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointString<E> {
    /// The string.
    pub text: String,
    /// The endpoint; nothing if this release does not understand the string.
    pub endpoint: Option<Box<E>>,
}
