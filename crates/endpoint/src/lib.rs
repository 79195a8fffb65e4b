//! Listening and connecting endpoints: TCP and Unix sockets
