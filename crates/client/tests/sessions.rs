//! Sessions over RawSocket in memory, with a router that does what a test tells it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod sessions {
    mod asking;
    mod ending;
    mod events;
    mod joining;
    mod reconnecting;
    mod serving;
    mod support;
}
