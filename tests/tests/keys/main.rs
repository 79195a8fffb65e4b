//! Every key of a configuration: that it has an effect and which, that the table in `tests/keys.txt` tells how each is
//! covered, and that the pages about them are fresh.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod authentication;
mod authenticators;
mod cookies;
mod endpoint;
mod node;
mod page;
mod rawsocket;
mod realm;
mod shapes;
mod store;
mod support;
mod table;
mod tor;
mod web;
mod websocket;
