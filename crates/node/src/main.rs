//! The `transom` binary.
fn main() {}
