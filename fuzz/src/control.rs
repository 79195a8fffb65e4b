//! What is said on the control socket of a node.

// The file itself, because the crate it belongs to is the whole node.
#[path = "../../crates/node/src/control/protocol.rs"]
#[allow(dead_code)]
mod protocol;

use protocol::{Request, Response};

/// What is read can be written and read again, whichever side it is for.
pub fn line(data: &[u8]) {
    if let Ok(request) = Request::parse(data) {
        let again = serde_json::to_vec(&request).expect("a request can be written");
        assert_eq!(Request::parse(&again), Ok(request));
    }
    if let Ok(response) = serde_json::from_slice::<Response>(data) {
        let again = protocol::line(&response);
        assert_eq!(again.iter().position(|byte| *byte == b'\n'), Some(again.len() - 1));
        assert_eq!(serde_json::from_slice::<Response>(&again).expect("it can be read again"), response);
    }
}
