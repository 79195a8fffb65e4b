//! The HTTP part of a connection (RFC 6455 §4), for either side and without I/O: [`ServerRules`] judge a request,
//! [`ClientHandshake`] makes one and judges the answer.

mod client;
pub(crate) mod extensions;
mod origin;
mod server;

pub use client::{ClientError, ClientHandshake};
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
