//! The server's side: which requests are accepted, and in what words the others are refused.

use http::header::{
    ALLOW, CONNECTION, HOST, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version};
use tungstenite::handshake::derive_accept_key;

use super::origin::split_port;
use super::{Origins, has_token};

/// Which requests are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerRules {
    /// Accept version 13, RFC 6455.
    pub rfc6455: bool,
    /// Accept version 8.
    pub hybi10: bool,
    /// The port that a Host header with a port must name.
    pub external_port: Option<u16>,
    /// The origins that may connect.
    pub origins: Origins,
    /// The subprotocols spoken. The client's order decides.
    pub subprotocols: Vec<&'static str>,
    /// Refuse a request without a common subprotocol.
    pub require_subprotocol: bool,
}

/// A request that is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The subprotocol, the first in the client's list that is spoken.
    pub subprotocol: Option<&'static str>,
    /// The headers of the response with status 101.
    pub headers: HeaderMap,
}

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The status of the response.
    pub status: StatusCode,
    /// What is wrong, for people.
    pub message: String,
    /// The header that belongs to the response.
    pub header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Refusal { status, message: message.into(), header: None }
    }
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, message)
}

impl ServerRules {
    /// Whatever RFC 6455 allows, without subprotocol.
    pub fn new() -> Self {
        ServerRules {
            rfc6455: true,
            hybi10: false,
            external_port: None,
            origins: Origins::new(["*"], true),
            subprotocols: Vec::new(),
            require_subprotocol: false,
        }
    }

    /// What any request must keep to, an upgrade or not: method, HTTP version and Host header.
    ///
    /// # Errors
    ///
    /// How to refuse the request.
    pub fn check_request<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        // In HTTP/2 nothing can ask for an upgrade; the rest is the same.
        if ![Version::HTTP_11, Version::HTTP_2].contains(&request.version()) {
            return Err(Refusal::new(
                StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                format!("WebSocket needs HTTP/1.1; the request came as {:?}.", request.version()),
            ));
        }
        let host = only(request.headers(), &HOST)?.ok_or_else(|| bad("The Host header is missing."))?;
        if let (_, Some(port)) = split_port(host) {
            let number = port.parse::<u16>().map_err(|_| bad("The Host header has an invalid port."))?;
            if self.external_port.is_some_and(|expected| expected != number) {
                return Err(bad(format!("The Host header names port {number}, which is not this server's.")));
            }
        }
        Ok(())
    }

    /// Judges a request for an upgrade.
    ///
    /// # Errors
    ///
    /// How to refuse the request.
    pub fn accept<B>(&self, request: &Request<B>) -> Result<Accepted, Refusal> {
        let headers = request.headers();
        if request.method() != Method::GET {
            let mut refusal = Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("WebSocket needs the method GET; the request has {}.", request.method()),
            );
            refusal.header = Some((ALLOW, HeaderValue::from_static("GET")));
            return Err(refusal);
        }
        self.check_request(request)?;
        if !has_token(headers, UPGRADE, "websocket") {
            let message = "HTTP Upgrade header missing, or it does not name websocket.";
            let mut refusal = Refusal::new(StatusCode::UPGRADE_REQUIRED, message);
            refusal.header = Some((UPGRADE, HeaderValue::from_static("websocket")));
            return Err(refusal);
        }
        if !has_token(headers, CONNECTION, "upgrade") {
            return Err(bad("The Connection header does not name Upgrade."));
        }
        let version = self.version(headers)?;
        let origin_header =
            if version == 8 { HeaderName::from_static("sec-websocket-origin") } else { ORIGIN };
        let origin = only(headers, &origin_header)?;
        if let Some(origin) = origin.filter(|origin| !self.origins.allow(origin)) {
            return Err(bad(format!("The origin {origin:?} is not allowed.")));
        }
        let key = only(headers, &SEC_WEBSOCKET_KEY)?
            .ok_or_else(|| bad("The Sec-WebSocket-Key header is missing."))?;
        if !is_key(key) {
            return Err(bad("The Sec-WebSocket-Key header is not 16 octets in Base64."));
        }
        let subprotocol = self.subprotocol(headers)?;

        let mut answer = HeaderMap::with_capacity(4);
        answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
        answer.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        if let Ok(value) = HeaderValue::try_from(derive_accept_key(key.as_bytes())) {
            answer.insert(SEC_WEBSOCKET_ACCEPT, value);
        }
        if let Some(name) = subprotocol {
            answer.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
        }
        Ok(Accepted { subprotocol, headers: answer })
    }

    fn version(&self, headers: &HeaderMap) -> Result<u8, Refusal> {
        let asked = only(headers, &SEC_WEBSOCKET_VERSION)?;
        match asked {
            Some("13") if self.rfc6455 => return Ok(13),
            Some("8") if self.hybi10 => return Ok(8),
            _ => {}
        }
        let spoken = match (self.rfc6455, self.hybi10) {
            (true, true) => "13, 8",
            (true, false) => "13",
            (false, true) => "8",
            (false, false) => "",
        };
        let mut refusal = match asked {
            Some(asked) => {
                bad(format!("WebSocket version {asked:?} is not spoken here; these are: {spoken}."))
            }
            None => bad("The Sec-WebSocket-Version header is missing."),
        };
        refusal.header = Some((SEC_WEBSOCKET_VERSION, HeaderValue::from_static(spoken)));
        Err(refusal)
    }

    fn subprotocol(&self, headers: &HeaderMap) -> Result<Option<&'static str>, Refusal> {
        let mut asked = Vec::new();
        for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
            let value = value.to_str().map_err(|_| bad("The Sec-WebSocket-Protocol header is not ASCII."))?;
            asked.extend(value.split(',').map(str::trim).filter(|name| !name.is_empty()));
        }
        let common = asked.iter().find_map(|name| self.subprotocols.iter().find(|spoken| *spoken == name));
        match common {
            Some(name) => Ok(Some(*name)),
            None if !self.require_subprotocol => Ok(None),
            None => {
                let spoken = self.subprotocols.join(", ");
                Err(bad(if asked.is_empty() {
                    format!("The Sec-WebSocket-Protocol header is missing; spoken here: {spoken}.")
                } else {
                    format!("None of the client's subprotocols is spoken here; these are: {spoken}.")
                }))
            }
        }
    }
}

impl Default for ServerRules {
    fn default() -> Self {
        ServerRules::new()
    }
}

/// The value of a header that may come once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(bad(format!("The {name} header came more than once.")));
    }
    value
        .to_str()
        .map(|value| Some(value.trim()))
        .map_err(|_| bad(format!("The {name} header is not ASCII.")))
}

/// Whether this is Base64 of 16 octets. The four bits that are left over need not be zero: not all clients care.
fn is_key(key: &str) -> bool {
    key.len() == 24
        && key.strip_suffix("==").is_some_and(|digits| {
            digits.bytes().all(|digit| digit.is_ascii_alphanumeric() || digit == b'+' || digit == b'/')
        })
}

#[cfg(test)]
mod tests;
