//! Where in the configuration a thing was said.

use std::fmt;
use std::sync::Arc;

/// The path of a configured thing inside the configuration, such as
/// `workers[0].transports[1].endpoint`. It names no file, so that it stays meaningful for a
/// configuration that was built by code.
///
/// Layers that find out later that something cannot work (an address in use, say) report it against
/// this path. The empty place is the whole configuration.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Arc<str>);

/// So many characters of a key are part of a path.
const LONGEST_KEY: usize = 64;

impl Place {
    /// The place of the whole configuration.
    pub fn root() -> Self {
        Self(Arc::from(""))
    }

    /// A place from its written path.
    pub fn new(path: &str) -> Self {
        Self(Arc::from(path))
    }

    /// The path as written; empty for the whole configuration.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The place of `key` in the map at this place. A key that is not a plain word is written in
    /// brackets: `paths["/"]`. Of a very long one only the beginning is.
    pub fn key(&self, key: &str) -> Self {
        let short = key.char_indices().nth(LONGEST_KEY).and_then(|(end, _)| key.get(..end));
        let cut = short.map(|beginning| format!("{beginning}…"));
        let key = cut.as_deref().unwrap_or(key);
        let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'));
        let path = match (plain && !key.is_empty(), self.0.is_empty()) {
            (true, true) => key.to_owned(),
            (true, false) => format!("{}.{key}", self.0),
            (false, _) => format!("{}[{key:?}]", self.0),
        };
        Self(path.into())
    }

    /// The place of item `index` (from 0) of the list at this place.
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0).into())
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::root()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("configuration") } else { f.write_str(&self.0) }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_when_built_step_by_step() {
        let place = Place::root().key("workers").index(0).key("transports").index(1).key("paths").key("/");
        assert_eq!(place.as_str(), r#"workers[0].transports[1].paths["/"]"#);
        assert_eq!(
            place.key("allow-by-default").as_str(),
            r#"workers[0].transports[1].paths["/"].allow-by-default"#
        );
        assert_eq!(Place::root().to_string(), "configuration");
        let long = Place::root().key(&"é".repeat(1_000));
        assert_eq!(long.as_str(), format!("[\"{}…\"]", "é".repeat(64)));
    }
}
