//! What is said on the control socket. Unknown fields are passed over, so that a program and a node of different
//! versions understand each other as far as they can.

use serde::{Deserialize, Serialize};

/// The longest request that is read, in bytes.
pub const MAX_REQUEST: usize = 4096;

/// What a node is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Request {
    /// To read its configuration anew.
    Reload,
    /// What it does.
    Status,
    /// To end in order.
    Stop,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Response {
    /// To [`Request::Reload`].
    Reload(Outcome),
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Stop`]: it is about to.
    Stop(Stopping),
    /// It does not do what it is asked.
    Refused {
        /// Why.
        error: String,
    },
}

/// What became of a reload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether the node runs as the file says.
    pub ok: bool,
    /// When that was known, in seconds since 1970.
    pub at: u64,
    /// What asked for it: `SIGHUP` or `transom reload`.
    pub by: String,
    /// What was changed, in words.
    #[serde(default)]
    pub changes: Vec<String>,
    /// What is different in the file and waits for the next start, in words.
    #[serde(default)]
    pub later: Vec<String>,
    /// Why the node goes on as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What there is to say about the file, as text with carets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<String>,
}

/// What a node does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The name of the program.
    pub product: String,
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it started, in seconds since 1970.
    pub started: u64,
    /// Whole seconds since then.
    pub uptime: u64,
    /// Whether it is about to end.
    #[serde(default)]
    pub stopping: bool,
    /// The node directory.
    pub node_dir: String,
    /// The configuration file, where there is one.
    pub config: Option<String>,
    /// Connections open now.
    pub open: u64,
    /// The realms of all workers.
    pub realms: Vec<RealmState>,
    /// The transports of all workers in their order.
    pub transports: Vec<TransportState>,
    /// Transports that reloads removed, as long as connections of them are open.
    #[serde(default)]
    pub retired: Vec<RetiredState>,
    /// The last reload since the start.
    pub last_reload: Option<Outcome>,
}

/// What a realm holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealmState {
    /// The worker it belongs to.
    pub worker: String,
    /// Its name.
    pub name: String,
    /// Sessions that have joined.
    pub sessions: u64,
    /// Topics with subscribers.
    pub subscriptions: u64,
    /// Procedures.
    pub registrations: u64,
    /// Events that a subscriber did not get since the start.
    pub dropped_events: u64,
}

/// What a transport does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportState {
    /// The worker it belongs to.
    pub worker: String,
    /// Its ID.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The addresses that are bound, as in `tcp4:127.0.0.1:8080`.
    pub bound: Vec<String>,
    /// Where clients connect to.
    pub urls: Vec<String>,
    /// Connections open now.
    pub open: u64,
    /// Connections accepted since it was added.
    pub accepted: u64,
    /// Connections refused since then, because a limit was reached.
    pub refused: u64,
    /// How many may be open.
    pub max_connections: u64,
    /// How far its endpoint is, where it is not ready as soon as it is bound, as an onion service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// What is left of a transport that was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetiredState {
    /// Its ID.
    pub id: String,
    /// Connections open now.
    pub open: u64,
}

/// How long the end may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// The process that ends.
    pub pid: u32,
    /// Milliseconds until what is left is cut; none = it is waited for as long as it takes.
    pub drain_timeout: Option<u64>,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// What is wrong with it, for who asked.
    pub fn parse(line: &[u8]) -> Result<Request, String> {
        serde_json::from_slice(line).map_err(|error| {
            format!("{error}; a request is one JSON object, such as {{\"command\": \"status\"}}")
        })
    }
}

/// One line.
pub(super) fn line(value: &impl Serialize) -> Vec<u8> {
    // Nothing here has a map with keys that are no text, so it cannot fail.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_one_object_with_a_known_command() {
        let good = [
            (r#"{"command": "reload"}"#, Request::Reload),
            (r#"{"command":"status","verbose":true}"#, Request::Status),
            ("{\"command\":\"stop\"}\r\n", Request::Stop),
        ];
        for (text, request) in good {
            assert_eq!(Request::parse(text.as_bytes()), Ok(request), "{text}");
        }
        for (text, words) in [
            ("", "EOF"),
            ("reload", "expected"),
            ("{}", "command"),
            (r#"{"command": "dance"}"#, "dance"),
            (r#"{"command": 1}"#, "command"),
            (r#"{"command":"stop"} {"command":"stop"}"#, "trailing"),
        ] {
            let error = Request::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(words) && error.contains("JSON object"), "{text}: {error}");
        }
        assert!(Request::parse(b"\xff\xfe").is_err());
    }

    #[test]
    fn responses_when_written_are_one_line_and_read_the_same() {
        let outcome = Outcome { ok: true, changes: vec!["a\nb".into()], ..Outcome::default() };
        let status = Status { last_reload: Some(outcome.clone()), ..Status::default() };
        let responses = [
            Response::Reload(outcome),
            Response::Status(Box::new(status)),
            Response::Stop(Stopping { pid: 7, drain_timeout: None }),
            Response::Refused { error: "no".into() },
        ];
        for response in responses {
            let line = line(&response);
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(serde_json::from_slice::<Response>(&line).unwrap(), response);
        }
    }
}
