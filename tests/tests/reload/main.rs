//! A node whose configuration changes while it runs, and that is asked by its control socket, as an operator meets it:
//! each time in a fresh folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod control;
mod load;
mod logins;
mod realms;
mod refused;
mod support;
mod transports;
