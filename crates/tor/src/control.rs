//! Tor's control port (control-spec): replies, authentication, and the few commands that an onion service needs.
//!
//! [`Replies`] takes the bytes of a port apart and knows nothing of connections; [`ControlPort`] sends commands and waits
//! for their replies, always with a deadline. What a port says is as little trusted as what any peer says.

mod authenticate;
mod port;
mod reply;

pub use authenticate::Credentials;
pub use port::{ControlError, ControlPort, NewService};
pub(crate) use reply::shown;
pub use reply::{Keywords, Nonsense, Replies, Reply};
