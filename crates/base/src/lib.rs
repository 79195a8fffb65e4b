//! What every layer of a Transom node stands on: connections and what is known about them, deadlines, draining,
//! bounded output queues, and the loop that drives one connection. It must not know any protocol.
//!
//! Start reading at [`Connection`] (what a listener yields), then [`ConnectionHandler`] (who serves it), then
//! [`drive`] (how a connection's bytes move).

mod clock;
mod deadline;
mod drain;
mod duplex;
mod error;
mod handler;
mod info;
mod limit;
mod outbox;
mod phases;
mod pool;
mod rewind;
mod scope;
mod stream;
mod testee;
mod timestamp;
pub mod wake;

pub use clock::{Clock, SystemClock};
pub use deadline::{Deadline, Elapsed};
pub use drain::{Drain, DrainWatch, Phase};
pub use duplex::{End, FLUSH_TIMEOUT, Flow, Protocol, drive};
pub use error::{ErrorKind, ServeError};
pub use handler::{BoxFuture, ConnectionHandler};
pub use info::{
    Address, CertificateExtension, ChannelBinding, ConnInfo, PeerCertificate, TlsInfo, UnixCredentials,
};
pub use limit::{Limit, Permit};
pub use outbox::{Offered, Outbox, Queue, Queued};
pub use phases::{Serving, in_phases};
pub use rewind::Rewind;
pub use scope::{ConnId, ConnScope, Counters};
pub use stream::{Connection, Stream};
pub use testee::StreamTestee;
pub use timestamp::Timestamp;
