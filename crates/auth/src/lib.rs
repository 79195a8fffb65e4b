//! WAMP authentication methods as state machines
