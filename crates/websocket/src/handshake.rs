//! The HTTP part of a connection (RFC 6455 §4), for either side: [`ServerRules`] judge a request, [`ClientHandshake`]
//! makes one and judges the answer, both without I/O. [`accept`] and [`connect`] do the same on a stream, for whoever
//! has no HTTP server or client of his own.

mod client;
pub(crate) mod extensions;
mod open;
mod origin;
mod server;

pub use client::{Answer, ClientError, ClientHandshake};
pub use open::{Accepting, OpenError, Opened, accept, connect};
pub use origin::Origins;
pub use server::{Accepted, Refusal, ServerRules};

use http::{HeaderMap, HeaderName};

/// Whether a comma-separated header names a token, in any case.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
}
