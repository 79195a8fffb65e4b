//! Onion services with a control port that does what a test tells it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod control {
    mod authentication;
    mod connections;
    mod exchange;
    mod publication;
    mod support;
}
