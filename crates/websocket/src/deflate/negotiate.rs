//! Who keeps how much (RFC 7692 §7.1), for either side.

use std::fmt::Write;
use std::sync::Arc;

use http::header::SEC_WEBSOCKET_EXTENSIONS;
use http::{HeaderMap, HeaderValue};
use transom_base::Limit;

use super::{Deflate, DeflateSettings, NAME, Window};
use crate::handshake::extensions::{Extension, parse};

const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// The largest window there is.
const MAX_BITS: u8 = 15;

/// Settings within what zlib can do.
fn fit(settings: DeflateSettings) -> DeflateSettings {
    DeflateSettings {
        request_max_window_bits: settings.request_max_window_bits.map(|bits| bits.clamp(9, MAX_BITS)),
        max_window_bits: settings.max_window_bits.clamp(9, MAX_BITS),
        memory_level: settings.memory_level.clamp(1, 9),
        ..settings
    }
}

/// The parameters of one offer or response.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Params {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    /// Named, perhaps with a value.
    client_bits: Option<Option<u8>>,
}

impl Params {
    /// Parameters of the extension; `None` where one is unknown, stands twice or has a value that it cannot have.
    fn read(extension: &Extension<'_>) -> Option<Self> {
        let mut params = Params::default();
        for (name, value) in &extension.params {
            let value = value.as_deref();
            let fresh = match *name {
                SERVER_NO_TAKEOVER if value.is_none() => {
                    !std::mem::replace(&mut params.server_no_takeover, true)
                }
                CLIENT_NO_TAKEOVER if value.is_none() => {
                    !std::mem::replace(&mut params.client_no_takeover, true)
                }
                SERVER_BITS => params.server_bits.replace(bits(value?)?).is_none(),
                CLIENT_BITS => {
                    let value = value.map_or(Some(None), |value| bits(value).map(Some))?;
                    params.client_bits.replace(value).is_none()
                }
                _ => false,
            };
            if !fresh {
                return None;
            }
        }
        Some(params)
    }

    /// The extension with these parameters.
    fn write(&self) -> String {
        let mut text = NAME.to_owned();
        let mut add = |name: &str, value: Option<u8>| {
            let _ = match value {
                Some(value) => write!(text, "; {name}={value}"),
                None => write!(text, "; {name}"),
            };
        };
        if self.server_no_takeover {
            add(SERVER_NO_TAKEOVER, None);
        }
        if let Some(bits) = self.server_bits {
            add(SERVER_BITS, Some(bits));
        }
        if self.client_no_takeover {
            add(CLIENT_NO_TAKEOVER, None);
        }
        if let Some(bits) = self.client_bits {
            add(CLIENT_BITS, bits);
        }
        text
    }
}

/// Window bits, 8 to 15 without leading zeros.
fn bits(text: &str) -> Option<u8> {
    (8..=MAX_BITS).find(|bits| bits.to_string() == text)
}

/// The server's side: judges the offers of clients.
#[derive(Debug, Clone)]
pub struct DeflateServer {
    settings: DeflateSettings,
    /// The connections that keep windows.
    contexts: Arc<Limit>,
}

impl DeflateServer {
    /// Settings out of their range count as the nearest that is in it.
    pub fn new(settings: DeflateSettings) -> Self {
        let settings = fit(settings);
        DeflateServer { settings, contexts: Limit::new(settings.max_contexts) }
    }

    /// How many connections have agreed to keep windows and are open.
    pub fn contexts(&self) -> usize {
        self.contexts.open()
    }

    /// The first offer of a request that can be accepted: what is agreed, and the value of the header that says so in
    /// the response. `None` where there is none; the connection is then not compressed.
    pub fn accept(&self, headers: &HeaderMap) -> Option<(Deflate, HeaderValue)> {
        let values = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
        let lists = values.filter_map(|value| value.to_str().ok()).filter_map(parse);
        let offers = lists.flatten().filter(|extension| extension.name.eq_ignore_ascii_case(NAME));
        let (mut ours, mut theirs, mut response) =
            offers.filter_map(|offer| self.judge(Params::read(&offer)?)).next()?;
        let mut permit = None;
        if ours.takeover || theirs.takeover {
            permit = self.contexts.acquire();
            if permit.is_none() {
                // Either side of a server may ask for this whatever was offered (§7.1.1).
                (response.server_no_takeover, response.client_no_takeover) = (true, true);
                (ours.takeover, theirs.takeover) = (false, false);
            }
        }
        let value = HeaderValue::try_from(response.write()).ok()?;
        let memory_level = self.settings.memory_level;
        Some((Deflate { ours, theirs, memory_level, _permit: permit }, value))
    }

    fn judge(&self, offer: Params) -> Option<(Window, Window, Params)> {
        let settings = &self.settings;
        // No library compresses with a window of 2^8: zlib takes 2^9 instead, which the peer might not hold.
        if offer.server_bits == Some(8) {
            return None;
        }
        let ours = Window {
            bits: settings.max_window_bits.min(offer.server_bits.unwrap_or(MAX_BITS)),
            takeover: !(settings.no_context_takeover || offer.server_no_takeover),
        };
        if settings.request_no_context_takeover && !offer.client_no_takeover {
            return None;
        }
        let limit = offer.client_bits.map(|bits| bits.unwrap_or(MAX_BITS));
        let asked = match settings.request_max_window_bits {
            Some(bits) => Some(bits.min(limit?)),
            None => None,
        };
        let theirs = Window {
            bits: asked.or(limit).unwrap_or(MAX_BITS),
            takeover: !settings.request_no_context_takeover,
        };
        let response = Params {
            server_no_takeover: !ours.takeover,
            client_no_takeover: settings.request_no_context_takeover,
            server_bits: offer.server_bits.map(|_| ours.bits),
            client_bits: asked.map(Some),
        };
        Some((ours, theirs, response))
    }
}

/// The client's side: makes an offer and judges the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeflateClient {
    settings: DeflateSettings,
}

impl DeflateClient {
    /// Settings out of their range count as the nearest that is in it.
    pub fn new(settings: DeflateSettings) -> Self {
        DeflateClient { settings: fit(settings) }
    }

    fn params(&self) -> Params {
        let DeflateSettings { request_no_context_takeover, request_max_window_bits, .. } = self.settings;
        let bits = self.settings.max_window_bits;
        Params {
            server_no_takeover: request_no_context_takeover,
            client_no_takeover: self.settings.no_context_takeover,
            server_bits: request_max_window_bits,
            // Named in any case: the server may then ask for less.
            client_bits: Some((bits < MAX_BITS).then_some(bits)),
        }
    }

    /// The offer, as it stands in the header of a request.
    pub fn offer(&self) -> String {
        self.params().write()
    }

    /// What a server's response agrees to; `Ok(None)` where it does not compress.
    ///
    /// # Errors
    ///
    /// It names an extension that was not offered, or parameters that do not answer the offer.
    pub fn agreed(&self, headers: &HeaderMap) -> Result<Option<Deflate>, NotAnAnswer> {
        let mut found = None;
        for value in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
            let extensions = value.to_str().ok().and_then(parse).ok_or(NotAnAnswer)?;
            for extension in extensions {
                if found.is_some() || !extension.name.eq_ignore_ascii_case(NAME) {
                    return Err(NotAnAnswer);
                }
                found = Some(Params::read(&extension).ok_or(NotAnAnswer)?);
            }
        }
        found.map(|response| self.judge(response)).transpose()
    }

    fn judge(&self, response: Params) -> Result<Deflate, NotAnAnswer> {
        let asked = self.params();
        let granted = |asked: Option<u8>, given: Option<u8>| match (asked, given) {
            (Some(asked), Some(given)) => given <= asked,
            (Some(_), None) => false,
            (None, _) => true,
        };
        if asked.server_no_takeover && !response.server_no_takeover
            || !granted(asked.server_bits, response.server_bits)
        {
            return Err(NotAnAnswer);
        }
        let most = self.settings.max_window_bits;
        let bits = match response.client_bits {
            Some(None) => return Err(NotAnAnswer),
            Some(Some(bits)) if bits > most => return Err(NotAnAnswer),
            Some(Some(bits)) => bits,
            None => most,
        };
        let ours = Window { bits, takeover: !(asked.client_no_takeover || response.client_no_takeover) };
        let theirs =
            Window { bits: response.server_bits.unwrap_or(MAX_BITS), takeover: !response.server_no_takeover };
        Ok(Deflate::new(ours, theirs, self.settings.memory_level))
    }
}

/// A response does not answer the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server's Sec-WebSocket-Extensions header does not answer what was offered")]
pub struct NotAnAnswer;

#[cfg(test)]
mod tests;
