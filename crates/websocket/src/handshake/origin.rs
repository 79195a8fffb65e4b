//! From which websites browsers may connect (RFC 6455 §10.2).

/// The origins that may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    patterns: Vec<String>,
    allow_null: bool,
}

impl Origins {
    /// Patterns in which `*` stands for any run of characters, and whether pages without an origin of their own may
    /// connect: `null` and `file:`.
    pub fn new(patterns: impl IntoIterator<Item = impl Into<String>>, allow_null: bool) -> Self {
        Origins { patterns: patterns.into_iter().map(Into::into).collect(), allow_null }
    }

    /// Whether a page of this origin may connect. Patterns are compared to `scheme://host:port`, the port always
    /// there, and to the form without port where it is the scheme's default.
    pub fn allow(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        if origin == "null" || origin.starts_with("file:") {
            return self.allow_null;
        }
        let Some((scheme, rest)) = origin.split_once("://") else { return false };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = split_port(authority);
        if host.is_empty() {
            return false;
        }
        let default = match scheme {
            "http" | "ws" => Some("80"),
            "https" | "wss" => Some("443"),
            _ => None,
        };
        let short = (port.is_none() || port == default).then(|| format!("{scheme}://{host}"));
        let full = port.or(default).map(|port| format!("{scheme}://{host}:{port}"));
        let forms = || short.iter().chain(full.iter());
        self.patterns.iter().any(|pattern| forms().any(|form| matches(pattern.as_bytes(), form.as_bytes())))
    }
}

/// Host and port of an authority; an empty port is none. IPv6 addresses keep their brackets.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port).filter(|port| !port.is_empty())),
        _ => (authority, None),
    }
}

/// Whether all of `text` matches, in time proportional to the product of the lengths at worst.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Behind the last star, and how much it has swallowed: the only place worth going back to.
    let mut star = None;
    while let Some(octet) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                star = Some((p, t));
            }
            Some(expected) if expected == octet => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((behind, swallowed)) = star else { return false };
                p = behind;
                t = swallowed + 1;
                star = Some((behind, t));
            }
        }
    }
    pattern.iter().skip(p).all(|octet| *octet == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_compared_whole_with_and_without_its_default_port() {
        for (pattern, origin, allowed) in [
            ("*", "https://example.com", true),
            ("*", "http://[::1]:8080", true),
            ("*", "chrome-extension://abcdef", true),
            ("*", "example.com", false),
            ("*", "http://", false),
            ("*", "", false),
            ("https://example.com", "https://example.com", true),
            ("https://example.com:443", "https://example.com", true),
            ("https://example.com", "https://example.com:443", true),
            ("https://example.com", "https://example.com:8443", false),
            ("https://example.com", "http://example.com", false),
            ("https://example.com", "https://example.com.evil.org", false),
            ("https://example.com", "https://evil.org/https://example.com", false),
            ("https://example.com:443", "https://EXAMPLE.com/path?x", true),
            ("https://Example.com", "https://example.com", false),
            ("http://localhost:8080", "http://localhost:8080", true),
            ("http://localhost:8080", "http://localhost", false),
            ("http://*.example.com:*", "http://a.b.example.com:81", true),
            ("http://*.example.com:*", "http://a.b.example.com", true),
            ("http://*.example.com:*", "http://example.com", false),
            ("http://*.example.com", "http://a.example.com:81", false),
            ("*example*", "https://www.example.org", true),
            ("http://[::1]:8080", "http://[::1]:8080", true),
            ("http://[::1]", "http://[::1]", true),
            ("chrome-extension://abcdef", "chrome-extension://abcdef", true),
            ("", "https://example.com", false),
        ] {
            let origins = Origins::new([pattern], true);
            assert_eq!(origins.allow(origin), allowed, "{pattern} {origin}");
        }
        assert!(!Origins::new(Vec::<String>::new(), true).allow("https://example.com"));
        assert!(Origins::new(["http://a", "http://b"], true).allow("http://b"));
    }

    #[test]
    fn null_and_files_are_a_matter_of_their_own() {
        for origin in ["null", "NULL", "file://", "file:///home/x.html"] {
            assert!(Origins::new(Vec::<String>::new(), true).allow(origin), "{origin}");
            assert!(!Origins::new(["*"], false).allow(origin), "{origin}");
        }
    }

    #[test]
    fn stars_match_any_run() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("**", "abc", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("*ab", "aab", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("abc", "ab", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
