//! What URIs mean to the router. Their syntax is `transom-wamp`'s.

use transom_wamp::Text;
pub(crate) use transom_wamp::uri::UNREGISTERED;
use transom_wamp::uri::{Form, RESERVED_PREFIX, UriCheck};

/// Whether a URI is well formed.
pub(crate) fn is_valid(uri: &Text, check: UriCheck, form: Form) -> bool {
    transom_wamp::uri::is_valid_text(uri, check, form)
}

/// Whether a URI is under `wamp.`, where only the router registers and publishes.
#[inline]
pub(crate) fn is_reserved(uri: &Text) -> bool {
    uri.as_bytes().starts_with(RESERVED_PREFIX.as_bytes())
}

/// Whether a URI is of the router's own business: callers and publishers are always disclosed, and the meta API tells
/// only trusted sessions of it.
#[inline]
pub(crate) fn is_protected(uri: &Text) -> bool {
    is_reserved(uri) || uri.as_bytes().starts_with(b"crossbar.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_wamp_and_a_dot_is_reserved() {
        for (uri, reserved) in
            [("wamp.session.count", true), ("wamp.", true), ("wamp", false), ("wampy.x", false)]
        {
            assert_eq!(is_reserved(&uri.into()), reserved, "{uri}");
            assert_eq!(is_protected(&uri.into()), reserved, "{uri}");
        }
        assert!(is_protected(&"crossbar.x".into()));
        assert!(!is_protected(&"com.x".into()));
    }
}
