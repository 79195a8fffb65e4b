//! The client's side: one request, and whether the answer fits it (RFC 6455 §4.1).

use std::fmt::Write;

use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{HeaderName, Response, StatusCode};
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;

use super::has_token;
use crate::{Deflate, DeflateClient, DeflateSettings};

/// A handshake that a client began.
#[derive(Debug, Clone)]
pub struct ClientHandshake {
    /// Without the empty line at the end.
    request: String,
    accept: String,
    subprotocols: Vec<String>,
    deflate: Option<DeflateClient>,
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// Octets that the answer took.
    pub len: usize,
    /// The subprotocol that was chosen.
    pub subprotocol: Option<String>,
    /// How messages are compressed.
    pub deflate: Option<Deflate>,
}

/// Why a client does not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Part of the request would break its form.
    #[error("the {0} of a WebSocket request has characters that do not belong there")]
    Unfit(&'static str),
    /// The answer is no HTTP response.
    #[error("the answer is no HTTP response")]
    NotHttp,
    /// The server refused.
    #[error("the server answered {0} instead of switching to WebSocket")]
    Status(StatusCode),
    /// A header of the answer does not fit the request.
    #[error("the server's {0} header does not fit the request")]
    Header(&'static str),
}

impl ClientHandshake {
    /// Begins a handshake. `host` is the host with the port where it is not the default; `path` begins with a slash;
    /// subprotocols come in the order of preference; `origin` is what browsers send.
    ///
    /// # Errors
    ///
    /// An argument holds spaces, control characters or something that is not ASCII.
    pub fn new(
        host: &str,
        path: &str,
        subprotocols: &[&str],
        origin: Option<&str>,
    ) -> Result<Self, ClientError> {
        let fit = |text: &str, what| {
            let ok = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic());
            if ok { Ok(()) } else { Err(ClientError::Unfit(what)) }
        };
        fit(host, "host")?;
        fit(path, "path")?;
        for name in subprotocols {
            fit(name, "subprotocol")?;
        }
        let key = generate_key();
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        );
        if !subprotocols.is_empty() {
            let _ = write!(request, "Sec-WebSocket-Protocol: {}\r\n", subprotocols.join(", "));
        }
        if let Some(origin) = origin {
            fit(origin, "origin")?;
            let _ = write!(request, "Origin: {origin}\r\n");
        }
        Ok(ClientHandshake {
            request,
            accept: derive_accept_key(key.as_bytes()),
            subprotocols: subprotocols.iter().map(|&name| name.to_owned()).collect(),
            deflate: None,
        })
    }

    /// Adds a header to the request, such as a cookie or who asks.
    ///
    /// # Errors
    ///
    /// The name is no token, or the value has control characters or something that is not ASCII.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, ClientError> {
        if HeaderName::try_from(name).is_err() {
            return Err(ClientError::Unfit("header's name"));
        }
        if !value.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic()) {
            return Err(ClientError::Unfit("header's value"));
        }
        let _ = write!(self.request, "{name}: {value}\r\n");
        Ok(self)
    }

    /// Offers compression.
    #[must_use]
    pub fn with_deflate(mut self, settings: DeflateSettings) -> Self {
        let client = DeflateClient::new(settings);
        let _ = write!(self.request, "Sec-WebSocket-Extensions: {}\r\n", client.offer());
        self.deflate = Some(client);
        self
    }

    /// The request to send.
    pub fn request(&self) -> Vec<u8> {
        [self.request.as_bytes(), b"\r\n"].concat()
    }

    /// Reads the answer off the front of `input`; `None` while it is not whole. Whoever reads sets the limit on its
    /// length.
    ///
    /// # Errors
    ///
    /// The answer does not lead to a WebSocket connection.
    pub fn response(&self, input: &[u8]) -> Result<Option<Answer>, ClientError> {
        let parsed = Response::<Option<Vec<u8>>>::try_parse(input).map_err(|_| ClientError::NotHttp)?;
        let Some((size, response)) = parsed else { return Ok(None) };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(ClientError::Status(response.status()));
        }
        let headers = response.headers();
        if !has_token(headers, UPGRADE, "websocket") {
            return Err(ClientError::Header("Upgrade"));
        }
        if !has_token(headers, CONNECTION, "upgrade") {
            return Err(ClientError::Header("Connection"));
        }
        if headers.get(SEC_WEBSOCKET_ACCEPT).is_none_or(|accept| accept.as_bytes() != self.accept.as_bytes())
        {
            return Err(ClientError::Header("Sec-WebSocket-Accept"));
        }
        let deflate = match &self.deflate {
            Some(client) => {
                client.agreed(headers).map_err(|_| ClientError::Header("Sec-WebSocket-Extensions"))?
            }
            None if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) => {
                return Err(ClientError::Header("Sec-WebSocket-Extensions"));
            }
            None => None,
        };
        let chosen = match headers.get(SEC_WEBSOCKET_PROTOCOL) {
            None => None,
            Some(name) => {
                let known = self.subprotocols.iter().find(|asked| asked.as_bytes() == name.as_bytes());
                Some(known.cloned().ok_or(ClientError::Header("Sec-WebSocket-Protocol"))?)
            }
        };
        Ok(Some(Answer { len: size, subprotocol: chosen, deflate }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin() -> ClientHandshake {
        ClientHandshake::new("localhost:8080", "/ws", &["wamp.2.cbor", "wamp.2.json"], None).unwrap()
    }

    fn answer(handshake: &ClientHandshake, extra: &str) -> Vec<u8> {
        let accept = &handshake.accept;
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{extra}\r\nrest"
        )
        .into_bytes()
    }

    #[test]
    fn request_has_everything_that_rfc_6455_asks_for() {
        let handshake =
            ClientHandshake::new("[::1]", "/ws?x=1", &["a", "b"], Some("http://localhost")).unwrap();
        let request = handshake.request();
        let text = std::str::from_utf8(&request).unwrap();
        let lines: Vec<_> = text.split("\r\n").collect();
        assert_eq!(
            lines[..4],
            ["GET /ws?x=1 HTTP/1.1", "Host: [::1]", "Upgrade: websocket", "Connection: Upgrade"]
        );
        assert!(lines[4].starts_with("Sec-WebSocket-Key: ") && lines[4].ends_with("=="));
        assert_eq!(
            lines[5..],
            ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: a, b", "Origin: http://localhost", "", ""]
        );
        assert_ne!(begin().request(), begin().request());
    }

    #[test]
    fn answer_is_read_when_it_is_whole_and_its_rest_left() {
        let handshake = begin();
        for (extra, chosen) in
            [("", None), ("Sec-WebSocket-Protocol: wamp.2.json\r\n", Some("wamp.2.json".to_owned()))]
        {
            let wire = answer(&handshake, extra);
            let head = wire.len() - 4;
            for end in 0..head {
                assert!(matches!(handshake.response(&wire[..end]), Ok(None)), "prefix of {end}");
            }
            let answer = handshake.response(&wire).unwrap().unwrap();
            assert_eq!((answer.len, answer.subprotocol), (head, chosen));
            assert!(answer.deflate.is_none());
        }
    }

    #[test]
    fn compression_is_agreed_on_where_it_was_offered_and_granted() {
        let offering = begin().with_deflate(DeflateSettings { max_window_bits: 10, ..Default::default() });
        let request = String::from_utf8(offering.request()).unwrap();
        let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10\r\n\r\n";
        assert!(request.ends_with(offer), "{request}");
        let granted = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n";
        let agreed = offering.response(&answer(&offering, granted)).unwrap().unwrap().deflate.unwrap();
        assert_eq!((agreed.ours.bits, agreed.theirs.bits), (10, 9));
        assert!(offering.response(&answer(&offering, "")).unwrap().unwrap().deflate.is_none());
        for wrong in ["permessage-deflate; client_max_window_bits=11", "permessage-bzip2", ";"] {
            let wire = answer(&offering, &format!("Sec-WebSocket-Extensions: {wrong}\r\n"));
            let error = offering.response(&wire).unwrap_err();
            assert_eq!(error, ClientError::Header("Sec-WebSocket-Extensions"), "{wrong}");
        }
    }

    #[test]
    fn headers_are_added_as_they_are() {
        let handshake = begin().with_header("User-Agent", "somebody 1.0").unwrap();
        assert!(handshake.request().ends_with(b"\r\nUser-Agent: somebody 1.0\r\n\r\n"));
        for (name, value) in [("a b", "c"), ("a:", "c"), ("", "c"), ("a", "b\r\nc: d"), ("a", "ä")] {
            assert!(begin().with_header(name, value).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn answer_that_does_not_fit_is_refused() {
        let handshake = begin();
        let good = String::from_utf8(answer(&handshake, "")).unwrap();
        for (from, to, error) in [
            ("HTTP/1.1", "SSH-2.0 x", ClientError::NotHttp),
            ("101 Switching Protocols", "403 Forbidden", ClientError::Status(StatusCode::FORBIDDEN)),
            ("Upgrade: websocket", "Upgrade: h2c", ClientError::Header("Upgrade")),
            ("Connection: Upgrade", "Connection: close", ClientError::Header("Connection")),
            ("Accept: ", "Accept: x", ClientError::Header("Sec-WebSocket-Accept")),
            ("Accept: ", "Other: ", ClientError::Header("Sec-WebSocket-Accept")),
        ] {
            let wire = good.replace(from, to);
            assert_eq!(handshake.response(wire.as_bytes()).unwrap_err(), error, "{to}");
        }
        for (extra, header) in [
            ("Sec-WebSocket-Protocol: wamp.2.msgpack\r\n", "Sec-WebSocket-Protocol"),
            ("Sec-WebSocket-Extensions: permessage-deflate\r\n", "Sec-WebSocket-Extensions"),
        ] {
            let wire = answer(&handshake, extra);
            assert_eq!(handshake.response(&wire).unwrap_err(), ClientError::Header(header));
        }
    }

    #[test]
    fn arguments_cannot_smuggle_headers_in() {
        for (host, path, name, origin) in [
            ("a\r\nx: y", "/", "p", None),
            ("a", "/ HTTP/1.1\r\n", "p", None),
            ("a", "/", "p q", None),
            ("a", "/", "p", Some("o\n")),
            ("", "/", "p", None),
        ] {
            assert!(ClientHandshake::new(host, path, &[name], origin).is_err(), "{host:?} {path:?}");
        }
    }
}
