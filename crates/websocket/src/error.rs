//! What a peer can do wrong below the level of messages.

use crate::CloseCode;

/// A peer broke RFC 6455 or went beyond a limit. The text is fit for a close frame and for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A reserved bit is set though no extension gave it a meaning (RFC 6455 §5.2).
    #[error("received WebSocket frame with reserved bits {0:#05b} and no extension that uses them")]
    ReservedBits(u8),
    /// The opcode has no meaning.
    #[error("received WebSocket frame with the reserved opcode {0:#x}")]
    ReservedOpcode(u8),
    /// A control frame is not final (§5.5).
    #[error("received fragmented WebSocket control frame")]
    FragmentedControl,
    /// A control frame has a payload beyond 125 octets (§5.5).
    #[error("received WebSocket control frame with more than 125 octets")]
    ControlTooLong,
    /// A continuation without a message that it could continue.
    #[error("received WebSocket continuation frame outside a fragmented message")]
    UnexpectedContinuation,
    /// A new message before the fragmented one ended.
    #[error("received WebSocket data frame inside a fragmented message")]
    ExpectedContinuation,
    /// A client must mask (§5.1).
    #[error("received unmasked WebSocket frame from a client")]
    Unmasked,
    /// A server must not mask (§5.1).
    #[error("received masked WebSocket frame from a server")]
    Masked,
    /// The length takes more octets than it needs, or its highest bit is set (§5.2).
    #[error("received WebSocket frame with a wrongly written length")]
    BadLength,
    /// The payload of a close frame is one octet (§5.5.1).
    #[error("received WebSocket close frame with half a code")]
    ShortClose,
    /// A close code that must not be sent (§7.4).
    #[error("received WebSocket close frame with the invalid code {0}")]
    BadCloseCode(u16),
    /// Text that is not UTF-8 (§8.1).
    #[error("received WebSocket text that is not valid UTF-8")]
    NotUtf8,
    /// A compressed message is none (RFC 7692 §7.2.2).
    #[error("received WebSocket message that cannot be decompressed")]
    NotDeflated,
    /// A frame is longer than allowed.
    #[error("received WebSocket frame of {size} octets, which is more than {max}")]
    FrameTooLong {
        /// Octets announced.
        size: u64,
        /// Octets allowed.
        max: usize,
    },
    /// A message is longer than allowed.
    #[error("received WebSocket message of at least {size} octets, which is more than {max}")]
    MessageTooLong {
        /// Octets announced so far, over all fragments.
        size: u64,
        /// Octets allowed.
        max: usize,
    },
    /// A message came in too many fragments.
    #[error("received WebSocket message in more than {0} fragments")]
    TooManyFragments(u32),
}

impl FrameError {
    /// The code of the close frame that answers it (RFC 6455 §7.4.1).
    pub fn code(&self) -> CloseCode {
        match self {
            FrameError::NotUtf8 | FrameError::NotDeflated => CloseCode::Invalid,
            FrameError::FrameTooLong { .. } | FrameError::MessageTooLong { .. } => CloseCode::Size,
            FrameError::TooManyFragments(_) => CloseCode::Policy,
            _ => CloseCode::Protocol,
        }
    }
}
