//! A WAMP router as a synchronous core: realms with their broker and dealer, roles with their permissions, and the
//! state machine of a session. It must not know sockets, framing or how messages are serialized.
//!
//! Start reading at [`Router`], which hands out the ports that transports open sessions at; then `port`, the state
//! machine of one session; then `fanout` and `dealer`, the two hot paths.
//!
//! # Locks and order
//! A message is routed on the task of the session that sent it. What sessions share is behind short locks, taken in
//! the order table → topic or registration → a session's calls → its sink, and nothing is encoded, logged, dropped
//! or awaited under them. SUBSCRIBED, UNSUBSCRIBED and REGISTERED are queued under the lock that changes the set, an
//! EVENT under the read lock of its topic, an INVOCATION under that of its registration, an answer under the lock of
//! its caller's calls. So no EVENT precedes SUBSCRIBED or follows UNSUBSCRIBED, and nothing follows GOODBYE.
//!
//! # Changes of realms and roles
//! [`Router::update`] changes them under the sessions. A role stays the same object and gets other terms, a realm other
//! options; each session keeps those that it saw last, with what it remembers of their decisions, and looks with every
//! message whether its realm counts another version. A session that has to go, because its realm or role is gone or
//! because the meta API ends it, is left a sign, and its own task, woken, says GOODBYE. Which sessions there are is
//! known to the realm's members, a lock that is taken when one joins or leaves and around no other but those of the
//! session's terms and calls.
//!
//! # What a session may hold
//! Its role bounds its subscriptions, its registrations, and its calls that wait for an answer, those it made and those
//! it took each. What it subscribed to and registered is counted where it is noted, in the session, and so are its
//! calls. The ERROR for what would be more is made after the lock is released, and nothing is left behind.

mod announced;
mod authorizer;
mod broker;
mod calls;
mod dealer;
mod decision;
mod describe;
mod directory;
mod ending;
mod fanout;
mod filter;
mod history;
mod inbox;
mod index;
mod meta;
mod pattern;
mod port;
mod queue;
mod realm;
mod registration;
mod reply;
mod reroute;
mod retained;
mod role;
mod router;
mod scratch;
mod session;
mod settings;
mod stats;
mod status;
mod sync;
mod table;
mod uri;
mod window;

pub use router::Router;
pub use settings::{
    CallTimeoutUnit, DiscloseMe, MetaCompat, RealmSettings, StatsSettings, StoreRule, StoreSettings,
    TrustLevel,
};
pub use status::{RealmStatus, RouterStatus};
