//! The commands that connect, as an operator meets them: `endpoint connect`, `endpoint pipe`, `call`, `publish`,
//! `subscribe`, `register`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod connect;
mod pipe;
mod sessions;
mod support;
mod tor;
