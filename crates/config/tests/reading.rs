//! Whole configurations: what is read from them, and every word that is said about wrong ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod reading {
    mod conversion;
    mod cross;
    mod findings;
    mod good;
    mod mutations;
    mod parts;
    mod robust;
    mod shapes;
    mod shown;
    mod sites;
    mod support;
}
