//! End-to-end benchmark.
fn main() {}
