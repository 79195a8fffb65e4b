//! The names of the methods.

use std::fmt;

/// An authentication method that this crate has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Nothing is proven.
    Anonymous,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 1] = [Method::Anonymous];

    /// The name in HELLO, CHALLENGE and WELCOME.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Anonymous => "anonymous",
        }
    }

    /// The method of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Method::ALL.into_iter().find(|method| method.name() == name)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
