//! Connections, deadlines, draining and buffers: what every layer of a Transom node stands on
