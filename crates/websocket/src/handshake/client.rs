//! The client's side: one request, and whether the answer fits it (RFC 6455 §4.1).

use std::fmt::Write;

use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{Response, StatusCode};
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::handshake::machine::TryParse;

use super::has_token;

/// A handshake that a client began.
#[derive(Debug, Clone)]
pub struct ClientHandshake {
    request: String,
    accept: String,
    subprotocols: Vec<String>,
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
        request.push_str("\r\n");
        Ok(ClientHandshake {
            request,
            accept: derive_accept_key(key.as_bytes()),
            subprotocols: subprotocols.iter().map(|&name| name.to_owned()).collect(),
        })
    }

    /// The request to send.
    pub fn request(&self) -> &[u8] {
        self.request.as_bytes()
    }

    /// Reads the answer off the front of `input`: how many octets it took and which subprotocol was chosen; `None`
    /// while it is not whole. Whoever reads sets the limit on its length.
    ///
    /// # Errors
    ///
    /// The answer does not lead to a WebSocket connection.
    pub fn response(&self, input: &[u8]) -> Result<Option<(usize, Option<String>)>, ClientError> {
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
        if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
            return Err(ClientError::Header("Sec-WebSocket-Extensions"));
        }
        let chosen = match headers.get(SEC_WEBSOCKET_PROTOCOL) {
            None => None,
            Some(name) => {
                let known = self.subprotocols.iter().find(|asked| asked.as_bytes() == name.as_bytes());
                Some(known.cloned().ok_or(ClientError::Header("Sec-WebSocket-Protocol"))?)
            }
        };
        Ok(Some((size, chosen)))
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
        let text = std::str::from_utf8(handshake.request()).unwrap();
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
                assert_eq!(handshake.response(&wire[..end]), Ok(None), "prefix of {end}");
            }
            assert_eq!(handshake.response(&wire), Ok(Some((head, chosen))));
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
            assert_eq!(handshake.response(wire.as_bytes()), Err(error), "{to}");
        }
        for (extra, header) in [
            ("Sec-WebSocket-Protocol: wamp.2.msgpack\r\n", "Sec-WebSocket-Protocol"),
            ("Sec-WebSocket-Extensions: permessage-deflate\r\n", "Sec-WebSocket-Extensions"),
        ] {
            let wire = answer(&handshake, extra);
            assert_eq!(handshake.response(&wire), Err(ClientError::Header(header)));
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
