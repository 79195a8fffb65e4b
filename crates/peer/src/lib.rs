//! The client half of WAMP without I/O, and sessions inside the router's process
