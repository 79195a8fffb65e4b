//! What a router answers, message by message, through its port.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "scenarios/authentication.rs"]
mod authentication;
#[path = "scenarios/authorization.rs"]
mod authorization;
#[path = "scenarios/authorizer.rs"]
mod authorizer;
#[path = "scenarios/calls.rs"]
mod calls;
#[path = "scenarios/changes.rs"]
mod changes;
#[path = "scenarios/ending.rs"]
mod ending;
#[path = "scenarios/events.rs"]
mod events;
#[path = "scenarios/fanouts.rs"]
mod fanouts;
#[path = "scenarios/history.rs"]
mod history;
#[path = "scenarios/leaving.rs"]
mod leaving;
#[path = "scenarios/limits.rs"]
mod limits;
#[path = "scenarios/meta.rs"]
mod meta;
#[path = "scenarios/options.rs"]
mod options;
#[path = "scenarios/patterns.rs"]
mod patterns;
#[path = "scenarios/progress.rs"]
mod progress;
#[path = "scenarios/retained.rs"]
mod retained;
#[path = "scenarios/sessions.rs"]
mod sessions;
#[path = "scenarios/settings.rs"]
mod settings;
#[path = "scenarios/shared.rs"]
mod shared;
#[path = "scenarios/slow.rs"]
mod slow;
#[path = "scenarios/support.rs"]
mod support;
#[path = "scenarios/testaments.rs"]
mod testaments;
