//! The universal port: tells protocols apart by their first bytes
