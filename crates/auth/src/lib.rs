//! Who a peer is: the authentication methods of WAMP as state machines without I/O. It must not know transports, and
//! not which realms and roles exist: it says who a peer is, and the router whether there is such a place for it.
//!
//! Start reading at [`Methods::start`]. A HELLO leads to a [`Step`]: the peer is known or refused, or has to answer a
//! question ([`Pending::authenticate`]), or a procedure has to be called ([`Waiting::answered`]), which leads to the
//! next step. Each method is a module; [`client`] has the client's halves.
//!
//! Time and randomness come through [`Env`]. Files are touched in two places only: [`FileCookies`] and [`key_file`].

mod admission;
mod anonymous;
mod certificate;
pub mod client;
mod cookies;
mod crypto;
mod cryptosign;
mod dynamic;
mod env;
mod hex;
pub mod key_file;
mod keys;
mod login;
mod method;
mod methods;
mod proxy;
mod scram;
mod secret;
mod serial;
mod settings;
mod step;
mod ticket;
mod time;
mod tls;
mod transport;
mod wampcra;

pub use admission::{Admission, Attempts};
pub use anonymous::AnonymousSettings;
pub use cookies::{
    Attached, CookieSettings, CookieStore, Cookies, FileCookies, Identity, MemoryCookies, SameSite,
    StoreError, Tracked,
};
pub use cryptosign::{Address, CryptosignPrincipal, CryptosignSettings, NoAddress, NoRoot, TrustRoot};
pub use dynamic::Dynamic;
pub use env::{Env, NoRandomness, Random, SystemRandom};
pub use hex::NotHex;
pub use keys::{PrivateKey, PublicKey};
pub use method::Method;
pub use methods::Methods;
pub use scram::{Kdf, ScramError, ScramPrincipal, ScramSettings};
pub use secret::Secret;
pub use settings::Settings;
pub use step::{Asked, Call, CallError, Challenged, ErrorUris, Pending, Principal, Refused, Step, Waiting};
pub use ticket::{TicketPrincipal, TicketSettings};
pub use tls::{Fingerprint, NoFingerprint, TlsPrincipal, TlsSettings};
pub use wampcra::{MAX_DERIVATION, MAX_STATIC_DERIVATION, Salt, WampcraSettings, WampcraUser};
