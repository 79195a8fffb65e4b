//! The syntax of URIs. Source: WAMP specification, "URIs".

use transom_config::UriCheck;
use transom_wamp::Text;

/// Whether a URI is well formed: components between dots, none of them empty.
pub(crate) fn is_valid(uri: &Text, check: UriCheck) -> bool {
    let bytes = uri.as_bytes();
    let mut previous = b'.';
    let mut ascii = true;
    for &byte in bytes {
        let allowed = match check {
            UriCheck::Strict => matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'.'),
            // The control characters that Unicode counts as white space, and the separators of ASCII.
            UriCheck::Loose => !matches!(byte, b'#' | b' ' | b'\t'..=b'\r' | 0x1c..=0x1f),
        };
        if !allowed || byte == b'.' && previous == b'.' {
            return false;
        }
        ascii &= byte.is_ascii();
        previous = byte;
    }
    previous != b'.' && (ascii || !uri.as_str().chars().any(char::is_whitespace))
}

/// Whether a URI is under `wamp.`, where only the router registers and publishes.
pub(crate) fn is_reserved(uri: &Text) -> bool {
    uri.as_bytes().starts_with(b"wamp.")
}

/// Whether a URI is of the router's own business, where callers and publishers are always disclosed.
pub(crate) fn discloses(uri: &Text) -> bool {
    is_reserved(uri) || uri.as_bytes().starts_with(b"crossbar.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_checked_loosely_or_strictly() {
        let table = [
            ("com.app.add", true, true),
            ("com", true, true),
            ("com.app_2.x9", true, true),
            ("com.App", true, false),
            ("com.app-2", true, false),
            ("com.größe", true, false),
            ("日本.x", true, false),
            ("", false, false),
            (".", false, false),
            (".com", false, false),
            ("com.", false, false),
            ("com..app", false, false),
            ("com.a b", false, false),
            ("com.a\tb", false, false),
            ("com.a\nb", false, false),
            ("com.a#b", false, false),
            ("com.a\u{a0}b", false, false),
            ("com.a\u{3000}b", false, false),
            ("com.a\u{85}b", false, false),
        ];
        for (uri, loose, strict) in table {
            assert_eq!(is_valid(&uri.into(), UriCheck::Loose), loose, "loose {uri:?}");
            assert_eq!(is_valid(&uri.into(), UriCheck::Strict), strict, "strict {uri:?}");
        }
    }

    #[test]
    fn what_begins_with_wamp_and_a_dot_is_reserved() {
        for (uri, reserved) in
            [("wamp.session.count", true), ("wamp.", true), ("wamp", false), ("wampy.x", false)]
        {
            assert_eq!(is_reserved(&uri.into()), reserved, "{uri}");
        }
        assert!(discloses(&"crossbar.x".into()));
        assert!(!discloses(&"com.x".into()));
    }
}
