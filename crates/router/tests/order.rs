//! The order that holds however the sessions of several threads meet: no EVENT before SUBSCRIBED or after
//! UNSUBSCRIBED, no INVOCATION before REGISTERED or after UNREGISTERED, one publisher's events in order, one answer
//! for each call, nothing after GOODBYE, nothing left behind.
//!
//! With the feature `shuttle` the interleavings of all locks are chosen and many are tried:
//! `cargo test -p transom-router --features shuttle --test order`. Without it the same runs on real threads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "order/calls.rs"]
mod calls;
#[path = "order/changes.rs"]
mod changes;
#[path = "order/client.rs"]
mod client;
#[path = "order/endings.rs"]
mod endings;
#[path = "order/meta.rs"]
mod meta;
#[path = "order/retained.rs"]
mod retained;
#[path = "order/shared.rs"]
mod shared;
#[path = "order/topics.rs"]
mod topics;
