//! The client half of WAMP: [`Peer`], a state machine without I/O, and [`LocalSession`], a session of a router in this
//! process. It must not know transports, and of routers nothing but the port.
//!
//! Start reading at [`Peer::receive`]; [`LocalSession::join`] is the way in for whoever wants to use a router.

mod local;
mod peer;

pub use local::{
    Event, IncomingCall, JoinError, LocalDriver, LocalOptions, LocalSession, RegistrationHandle,
    RequestError, SubscriptionHandle,
};
pub use peer::{Incoming, Peer, PeerError};
