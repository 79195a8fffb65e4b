//! What the page tells about a node: plain data, supplied by whoever knows it.

use std::time::SystemTime;

use serde_json::{Value, json};

/// Knows the facts about a node at any moment.
pub trait NodeFacts: Send + Sync {
    /// The facts now. Asked for every page and, by each open live page, every two seconds.
    fn facts(&self) -> Facts;
}

/// Facts about a node. The plain page shows only product, version and documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The product's name.
    pub product: String,
    /// Its version.
    pub version: String,
    /// Where its documentation is: an `http` or `https` URL.
    pub documentation: Option<String>,
    /// When the node was started.
    pub started: SystemTime,
    /// The path of a WebSocket on the port of this page, with the slash at its front; the console joins there.
    pub websocket_path: Option<String>,
    /// The realms, in the order to show them; the console joins the first.
    pub realms: Vec<RealmFacts>,
    /// The listening transports, in the order to show them.
    pub transports: Vec<TransportFacts>,
}

/// Facts about a realm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RealmFacts {
    /// Its name.
    pub name: String,
    /// Sessions joined now.
    pub sessions: u64,
    /// Topics and patterns subscribed to now.
    pub subscriptions: u64,
    /// Procedures and patterns registered now.
    pub registrations: u64,
}

/// Facts about a listening transport.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransportFacts {
    /// Its name in the configuration.
    pub id: String,
    /// Its `type` word.
    pub kind: String,
    /// Where clients connect.
    pub urls: Vec<UrlFacts>,
    /// Connections open now.
    pub open: u64,
    /// How far it is, where it is not ready at once, as an onion service that is being published.
    pub state: Option<String>,
}

/// A URL to connect to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UrlFacts {
    /// What is spoken there, as in `WebSocket`.
    pub label: String,
    /// The URL.
    pub url: String,
}

impl Facts {
    /// The numbers that the live page asks for again and again.
    pub(super) fn to_json(&self) -> Value {
        let uptime = self.started.elapsed().map_or(0, |time| time.as_secs());
        let realms = self.realms.iter().map(|realm| {
            json!({
                "name": realm.name,
                "sessions": realm.sessions,
                "subscriptions": realm.subscriptions,
                "registrations": realm.registrations,
            })
        });
        let transports = self
            .transports
            .iter()
            .map(|transport| json!({"id": transport.id, "open": transport.open, "state": transport.state}));
        json!({
            "uptime": uptime,
            "realms": realms.collect::<Vec<_>>(),
            "transports": transports.collect::<Vec<_>>(),
        })
    }

    /// The first URL of a scheme, and the form of it that is encrypted.
    pub(super) fn first_url(&self, schemes: [&str; 2]) -> Option<&str> {
        let mut urls = self.transports.iter().flat_map(|transport| &transport.urls);
        urls.find(|url| schemes.iter().any(|scheme| url.url.starts_with(scheme))).map(|url| url.url.as_str())
    }
}
