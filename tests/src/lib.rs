//! Tests of a whole node: real clients, the command line, every endpoint under every protocol.
