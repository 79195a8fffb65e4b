//! A WAMP router: realms, broker and dealer, as a synchronous core
