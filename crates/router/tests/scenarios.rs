//! What a router answers, message by message, through its port.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "scenarios/authentication.rs"]
mod authentication;
#[path = "scenarios/authorization.rs"]
mod authorization;
#[path = "scenarios/calls.rs"]
mod calls;
#[path = "scenarios/changes.rs"]
mod changes;
#[path = "scenarios/events.rs"]
mod events;
#[path = "scenarios/fanouts.rs"]
mod fanouts;
#[path = "scenarios/leaving.rs"]
mod leaving;
#[path = "scenarios/limits.rs"]
mod limits;
#[path = "scenarios/sessions.rs"]
mod sessions;
#[path = "scenarios/slow.rs"]
mod slow;
#[path = "scenarios/support.rs"]
mod support;
