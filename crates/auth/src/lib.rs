//! Who a peer is: the authentication methods of WAMP as state machines without I/O. It must not know transports, and
//! not which realms and roles exist: it says who a peer is, and the router whether there is such a place for it.
//!
//! Start reading at [`Methods::open`]. A method that decides at once returns a [`Principal`] or a [`Refused`]; one that
//! has a question returns a [`Challenged`], whose [`Pending`] takes the answer.

mod anonymous;
mod method;
mod methods;
mod serial;

pub use method::Method;
pub use methods::{Challenged, Methods, Pending, Principal, Refused, Step};
