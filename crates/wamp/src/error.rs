//! What can be wrong with a received message.

/// Why bytes are no WAMP message. All of these are protocol violations (WAMP specification, "Protocol Violations").
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not in the format of the session's serializer.
    #[error("the message is no valid {serializer}: {why}")]
    Malformed {
        /// The serializer's name.
        serializer: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// Text or a key is not UTF-8.
    #[error("the message contains text that is not valid UTF-8")]
    NotUtf8,
    /// Lists and maps stand in each other deeper than the limit of 128.
    #[error("the message is nested deeper than 128 levels")]
    TooDeep,
    /// A map has a key that is no string.
    #[error("the message contains a map with a key that is no string")]
    KeyNotString,
    /// The message is not a list that begins with an integer.
    #[error("a message is a list that begins with its integer type")]
    NotAMessage,
    /// The type code stands for no message.
    #[error("no message has the type code {0}")]
    UnknownType(u64),
    /// The list has too few or too many elements.
    #[error("{message} has no {len} elements")]
    Length {
        /// The message's name.
        message: &'static str,
        /// Elements found.
        len: usize,
    },
    /// An element has the wrong type.
    #[error("{message}: {element} must be {expected}")]
    Element {
        /// The message's name.
        message: &'static str,
        /// The element's name.
        element: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A known option has the wrong type or an illegal value.
    #[error("{message}: option '{option}' must be {expected}")]
    Option {
        /// The message's name.
        message: &'static str,
        /// The option's name.
        option: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}
