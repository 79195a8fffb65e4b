//! What the specification of the dialect says: its keys, and what becomes of configurations that stand at its edges.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod spec {
    mod keys;
    mod verdicts;
}
