//! What patterns match, and how they lie to each other. Source: WAMP specification, "Pattern-based Subscriptions".

use transom_wamp::Match;

/// Whether a pattern matches a URI.
pub(crate) fn matches(matching: Match, pattern: &[u8], uri: &[u8]) -> bool {
    match matching {
        Match::Exact => pattern == uri,
        Match::Prefix => uri.starts_with(pattern),
        Match::Wildcard => wildcard_matches(pattern, uri),
    }
}

/// Whether a pattern has the components of a URI, an empty one standing for any that is not empty.
pub(crate) fn wildcard_matches(pattern: &[u8], uri: &[u8]) -> bool {
    let mut components = split(uri);
    for wanted in split(pattern) {
        match components.next() {
            Some(component)
                if wanted.is_empty() && !component.is_empty()
                    || wanted == component && !wanted.is_empty() => {}
            _ => return false,
        }
    }
    components.next().is_none()
}

/// Whether every URI that `inner` matches is matched by `outer` too.
pub(crate) fn covers(outer: (Match, &[u8]), inner: (Match, &[u8])) -> bool {
    match (outer, inner) {
        ((matching, pattern), (Match::Exact, uri)) => matches(matching, pattern, uri),
        ((Match::Prefix, outer), (Match::Prefix, inner)) => inner.starts_with(outer),
        ((Match::Prefix, outer), (Match::Wildcard, inner)) => literal_head(inner).starts_with(outer),
        ((Match::Wildcard, outer), (Match::Wildcard, inner)) => {
            same_length(outer, inner)
                && split(outer).zip(split(inner)).all(|(outer, inner)| outer.is_empty() || outer == inner)
        }
        // Without an empty component it is one URI.
        ((Match::Exact, outer), (Match::Wildcard, inner)) => {
            outer == inner && split(inner).all(|component| !component.is_empty())
        }
        // A prefix goes on with any number of components.
        ((Match::Exact | Match::Wildcard, _), (Match::Prefix, _)) => false,
    }
}

/// Whether some URI is matched by both.
pub(crate) fn overlap(one: (Match, &[u8]), other: (Match, &[u8])) -> bool {
    match (one, other) {
        ((Match::Exact, uri), (matching, pattern)) | ((matching, pattern), (Match::Exact, uri)) => {
            matches(matching, pattern, uri)
        }
        ((Match::Prefix, one), (Match::Prefix, other)) => one.starts_with(other) || other.starts_with(one),
        ((Match::Wildcard, one), (Match::Wildcard, other)) => {
            same_length(one, other)
                && split(one)
                    .zip(split(other))
                    .all(|(one, other)| one.is_empty() || other.is_empty() || one == other)
        }
        ((Match::Prefix, prefix), (Match::Wildcard, pattern))
        | ((Match::Wildcard, pattern), (Match::Prefix, prefix)) => prefix_meets_wildcard(prefix, pattern),
    }
}

/// Whether a wildcard pattern matches some URI with this prefix.
fn prefix_meets_wildcard(prefix: &[u8], pattern: &[u8]) -> bool {
    let mut wanted = split(pattern);
    let mut begun = split(prefix).peekable();
    while let Some(component) = begun.next() {
        let Some(wanted) = wanted.next() else { return false };
        let fits = match begun.peek() {
            // The last may go on.
            None => wanted.is_empty() || wanted.starts_with(component),
            Some(_) => !component.is_empty() && (wanted.is_empty() || wanted == component),
        };
        if !fits {
            return false;
        }
    }
    true
}

/// What every URI that a wildcard pattern matches begins with.
pub(crate) fn literal_head(pattern: &[u8]) -> &[u8] {
    let mut len = 0;
    for component in split(pattern) {
        if component.is_empty() {
            return pattern.get(..len).unwrap_or_default();
        }
        len += component.len() + 1;
    }
    pattern
}

/// Whether a pattern matches anything under `wamp.`.
pub(crate) fn meets_reserved(matching: Match, pattern: &[u8]) -> bool {
    match matching {
        Match::Exact => pattern.starts_with(RESERVED),
        Match::Prefix => RESERVED.starts_with(pattern) || pattern.starts_with(RESERVED),
        Match::Wildcard => {
            let mut components = split(pattern);
            let first = components.next().unwrap_or_default();
            (first.is_empty() || RESERVED.strip_suffix(b".") == Some(first)) && components.next().is_some()
        }
    }
}

const RESERVED: &[u8] = transom_wamp::uri::RESERVED_PREFIX.as_bytes();

fn split(uri: &[u8]) -> impl Iterator<Item = &[u8]> {
    uri.split(|byte| *byte == b'.')
}

fn same_length(one: &[u8], other: &[u8]) -> bool {
    let dots = |uri: &[u8]| uri.iter().filter(|byte| **byte == b'.').count();
    dots(one) == dots(other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind() -> impl Strategy<Value = (Match, String)> {
        prop_oneof![
            "(a|b)(\\.(a|b)){0,2}".prop_map(|uri| (Match::Exact, uri)),
            "[ab]{0,2}(\\.[ab]{0,1}){0,2}".prop_filter_map("a prefix has no empty component within", |uri| {
                let inner = uri.split('.').count().saturating_sub(1);
                uri.split('.').take(inner).all(|c| !c.is_empty()).then_some((Match::Prefix, uri))
            }),
            "(a|b|)(\\.(a|b|)){0,2}".prop_map(|uri| (Match::Wildcard, uri)),
        ]
    }

    /// All URIs of up to four components of up to two letters, which tell any two patterns of `kind` apart.
    fn uris() -> Vec<String> {
        let components = ["a", "b", "aa", "ab", "ba", "bb", "c"];
        let mut all: Vec<String> = Vec::new();
        let mut last = vec![String::new()];
        for _ in 0..4 {
            last = last
                .iter()
                .flat_map(|uri| {
                    components.map(|c| if uri.is_empty() { c.into() } else { format!("{uri}.{c}") })
                })
                .collect();
            all.extend_from_slice(&last);
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn covering_and_overlapping_are_what_matching_says(one in kind(), other in kind()) {
            let uris = uris();
            let matched = |(matching, pattern): &(Match, String), uri: &String| {
                matches(*matching, pattern.as_bytes(), uri.as_bytes())
            };
            let pair = |(matching, pattern): &'_ (Match, String)| (*matching, pattern.clone().into_bytes());
            let (a, b) = (pair(&one), pair(&other));
            let both = uris.iter().any(|uri| matched(&one, uri) && matched(&other, uri));
            prop_assert_eq!(overlap((a.0, &a.1), (b.0, &b.1)), both);
            let all = uris.iter().all(|uri| !matched(&other, uri) || matched(&one, uri));
            prop_assert_eq!(covers((a.0, &a.1), (b.0, &b.1)), all);
        }
    }

    #[test]
    fn empty_component_of_a_pattern_stands_for_one_that_is_not_empty() {
        let table = [
            ("com..x", "com.a.x", true),
            ("com..x", "com.a.x.y", false),
            ("com..x", "com.x", false),
            ("com..x", "com..x", false),
            ("", "com", true),
            ("", "com.a", false),
            ("", "", false),
            (".", "com.a", true),
            ("com.", "com.a", true),
            ("com.", "com.", false),
            (".a", "com.a", true),
            ("com", "com", true),
        ];
        for (pattern, uri, matches) in table {
            assert_eq!(wildcard_matches(pattern.as_bytes(), uri.as_bytes()), matches, "{pattern:?} {uri:?}");
        }
    }

    #[test]
    fn patterns_that_reach_into_the_routers_own() {
        for (matching, pattern, reaches) in [
            (Match::Exact, "wamp.session.on_join", true),
            (Match::Exact, "wamp", false),
            (Match::Prefix, "", true),
            (Match::Prefix, "w", true),
            (Match::Prefix, "wamp", true),
            (Match::Prefix, "wamp.session", true),
            (Match::Prefix, "wampx", false),
            (Match::Wildcard, "", false),
            (Match::Wildcard, ".", true),
            (Match::Wildcard, "wamp..", true),
            (Match::Wildcard, "wamp", false),
            (Match::Wildcard, ".session.", true),
            (Match::Wildcard, "com..", false),
        ] {
            assert_eq!(meets_reserved(matching, pattern.as_bytes()), reaches, "{matching:?} {pattern}");
        }
    }
}
