//! The syntax of URIs and realm names.

use crate::Text;

/// How strictly URIs are checked: a setting of a realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UriCheck {
    /// A component is any text without white space and `#`.
    #[default]
    Loose,
    /// A component consists of a to z, 0 to 9 and `_`.
    Strict,
}

/// Where components may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Nowhere: topics, procedures, errors and reasons.
    NonEmpty,
    /// Anywhere: patterns of `match: "wildcard"`.
    Wildcard,
    /// At the end: patterns of `match: "prefix"`.
    Prefix,
}

/// Whether a URI has the form it must have.
pub fn is_valid(uri: &str, check: UriCheck, form: Form) -> bool {
    has_form(uri.as_bytes(), || uri, check, form)
}

/// The same for text that came in a message, whose bytes are at hand.
pub fn is_valid_text(uri: &Text, check: UriCheck, form: Form) -> bool {
    has_form(uri.as_bytes(), || uri.as_str(), check, form)
}

#[inline]
fn has_form<'a>(uri: &[u8], text: impl FnOnce() -> &'a str, check: UriCheck, form: Form) -> bool {
    let mut empty = true;
    let mut ascii = true;
    for byte in uri {
        match byte {
            b'.' if empty && form != Form::Wildcard => return false,
            b'.' => {
                empty = true;
                continue;
            }
            b'a'..=b'z' | b'0'..=b'9' | b'_' => {}
            _ if check == UriCheck::Strict => return false,
            b'#' | b' ' | b'\t'..=b'\r' => return false,
            0x80.. => ascii = false,
            _ => {}
        }
        empty = false;
    }
    (!empty || form != Form::NonEmpty) && (ascii || !text().chars().any(char::is_whitespace))
}

/// Whether a URI is one of WAMP's own, which clients neither register nor publish to.
pub fn is_reserved(uri: &str) -> bool {
    uri.as_bytes().starts_with(super::RESERVED_PREFIX.as_bytes())
}

/// Whether a realm may have this name: 3 to 255 letters, digits, `_`, `-`, `@` and `.`, with a letter first; or an
/// Ethereum address, `0x` and 40 hexadecimal digits.
pub fn is_realm_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    if let Some(digits) = bytes.strip_prefix(b"0x") {
        return digits.len() == 40 && digits.iter().all(u8::is_ascii_hexdigit);
    }
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'@' | b'.');
    (3..=255).contains(&bytes.len())
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(uri: &str, check: UriCheck) -> [bool; 3] {
        [Form::NonEmpty, Form::Prefix, Form::Wildcard].map(|form| {
            let valid = is_valid(uri, check, form);
            assert_eq!(is_valid_text(&uri.into(), check, form), valid);
            valid
        })
    }

    #[test]
    fn uris_when_checked_have_the_form_asked_for() {
        // In the order: no empty component, last may be empty, any may be empty.
        for (uri, loose, strict) in [
            ("com.myapp.topic", [true; 3], [true; 3]),
            ("a", [true; 3], [true; 3]),
            ("com.my_app.2", [true; 3], [true; 3]),
            ("", [false, true, true], [false, true, true]),
            ("com.", [false, true, true], [false, true, true]),
            (".", [false, false, true], [false, false, true]),
            (".com", [false, false, true], [false, false, true]),
            ("com..topic", [false, false, true], [false, false, true]),
            ("com..", [false, false, true], [false, false, true]),
            ("com.MyApp", [true; 3], [false; 3]),
            ("com.my-app", [true; 3], [false; 3]),
            ("com.ä€😀", [true; 3], [false; 3]),
            ("http://example.com/a", [true; 3], [false; 3]),
            ("com.my app", [false; 3], [false; 3]),
            ("com.my\tapp", [false; 3], [false; 3]),
            ("com.\u{b}", [false; 3], [false; 3]),
            ("com.my#app", [false; 3], [false; 3]),
            ("com.\u{a0}", [false; 3], [false; 3]),
            ("com.\u{2003}x", [false; 3], [false; 3]),
            ("com.\u{85}", [false; 3], [false; 3]),
            ("com.\u{200b}", [true; 3], [false; 3]),
        ] {
            assert_eq!(forms(uri, UriCheck::Loose), loose, "{uri:?}");
            assert_eq!(forms(uri, UriCheck::Strict), strict, "{uri:?}");
        }
    }

    #[test]
    fn uris_when_of_wamp_are_reserved() {
        for (uri, reserved) in
            [("wamp.session.count", true), ("wamp.", true), ("wamp", false), ("wampx.a", false), ("", false)]
        {
            assert_eq!(is_reserved(uri), reserved, "{uri:?}");
        }
    }

    #[test]
    fn realms_when_named_follow_the_rule() {
        let long = "a".repeat(255);
        for (name, valid) in [
            ("realm1", true),
            ("com.example-2.realm_x@y", true),
            ("abc", true),
            (&*long, true),
            (&*format!("{long}a"), false),
            ("ab", false),
            ("1realm", false),
            ("realm 1", false),
            ("réalm", false),
            ("", false),
            ("0x0123456789abcdefABCDEF0123456789abcdefAB", true),
            ("0x0123456789abcdefABCDEF0123456789abcdefA", false),
            ("0x0123456789abcdefABCDEF0123456789abcdefAG", false),
        ] {
            assert_eq!(is_realm_name(name), valid, "{name:?}");
        }
    }
}
