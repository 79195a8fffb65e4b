//! Clients that log in, message by message: what is asked, answered and decided.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "logins/anonymous.rs"]
mod anonymous;
#[path = "logins/certificates.rs"]
mod certificates;
#[path = "logins/cookie.rs"]
mod cookie;
#[path = "logins/cryptosign.rs"]
mod cryptosign;
#[path = "logins/dynamic.rs"]
mod dynamic;
#[path = "logins/proxy.rs"]
mod proxy;
#[path = "logins/scram.rs"]
mod scram;
#[path = "logins/support.rs"]
mod support;
#[path = "logins/ticket.rs"]
mod ticket;
#[path = "logins/tls.rs"]
mod tls;
#[path = "logins/wampcra.rs"]
mod wampcra;
