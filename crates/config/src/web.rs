//! Web: a tree of paths with a service at each.

use std::path::PathBuf;
use std::time::Duration;

use crate::{Place, WebSocketConfig};

/// A web transport, or the `web` section of a universal one.
#[derive(Debug, Clone, PartialEq)]
pub struct WebConfig {
    /// Where it stands.
    pub place: Place,
    /// The services, in file order. Empty only in a universal section: then `/` answers a page that
    /// says what this port speaks.
    pub paths: Vec<WebPath>,
    /// `options`
    pub options: WebOptions,
    /// Time until the protocol is known. In a universal section, that of the whole transport.
    /// Default 5 s; `None` = no limit.
    pub sniff_timeout: Option<Duration>,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            place: Place::root(),
            paths: Vec::new(),
            options: WebOptions::default(),
            sniff_timeout: Some(Duration::from_secs(5)),
        }
    }
}

/// `options` of a web transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOptions {
    /// Log each request. Default false.
    pub access_log: bool,
    /// Show details of an internal error on its page. Default false. This release does not act on it.
    pub display_tracebacks: bool,
    /// Send `Strict-Transport-Security`. Default false.
    pub hsts: bool,
    /// Its `max-age`, seconds; 0 tells browsers to forget. Default 31536000.
    pub hsts_max_age: u64,
    /// Idle time of a kept-alive connection, 1..=86400 s. Default `None`: [`idle_timeout`](Self::idle_timeout)
    /// alone decides; if set, it takes its place.
    pub client_timeout: Option<Duration>,
    /// Time for a request head. Default 10 s; `None` = no limit.
    pub header_timeout: Option<Duration>,
    /// Size of a request head, bytes, 1024..=1048576. Default 32768.
    pub max_header_bytes: usize,
    /// Idle time of a kept-alive connection. Default 60 s; `None` = no limit.
    pub idle_timeout: Option<Duration>,
    /// Host names (without port, brackets kept around IPv6) that are served; any other gets 421.
    /// Default `None` = all.
    pub allowed_hosts: Option<Vec<String>>,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            access_log: false,
            display_tracebacks: false,
            hsts: false,
            hsts_max_age: 31_536_000,
            client_timeout: None,
            header_timeout: Some(Duration::from_secs(10)),
            max_header_bytes: 32_768,
            idle_timeout: Some(Duration::from_secs(60)),
            allowed_hosts: None,
        }
    }
}

/// A path of a web transport (or of a `path` service) and what answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct WebPath {
    /// Where it stands.
    pub place: Place,
    /// One path component without slashes, or `/` for the root of this level.
    pub path: String,
    /// Default `webservice001` and so on.
    pub id: String,
    /// What answers.
    pub service: WebServiceConfig,
}

/// What answers a path.
#[derive(Debug, Clone, PartialEq)]
pub enum WebServiceConfig {
    /// `static`
    Static(StaticConfig),
    /// `websocket`
    WebSocket(Box<WebSocketConfig>),
    /// `redirect`
    Redirect(RedirectConfig),
    /// `json`
    Json(JsonConfig),
    /// `nodeinfo`
    NodeInfo(NodeInfoConfig),
    /// `path`
    Path(PathConfig),
}

impl WebServiceConfig {
    /// The `type` word.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Static(_) => "static",
            Self::WebSocket(_) => "websocket",
            Self::Redirect(_) => "redirect",
            Self::Json(_) => "json",
            Self::NodeInfo(_) => "nodeinfo",
            Self::Path(_) => "path",
        }
    }
}

/// `static`: the files below a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticConfig {
    /// The directory; absolute when it comes from a configuration file.
    pub directory: PathBuf,
    /// Answer a directory without index file with a listing, otherwise 404. Default false.
    pub enable_directory_listing: bool,
    /// Further media types by extension, with the leading dot, in file order.
    pub mime_types: Vec<(String, String)>,
    /// `max-age` of answers. Default 12 h; `None` = no caching headers.
    pub cache_timeout: Option<Duration>,
    /// Served with 200, relative to the directory, for anything not found. Default `None`: 404.
    pub default_file: Option<String>,
}

impl StaticConfig {
    /// The files below `directory`, everything else at its default.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            enable_directory_listing: false,
            mime_types: Vec::new(),
            cache_timeout: Some(Duration::from_secs(43_200)),
            default_file: None,
        }
    }
}

/// `redirect`: 302 to a fixed place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectConfig {
    /// The `Location`, verbatim; printable ASCII.
    pub url: String,
}

/// `json`: a fixed JSON value.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonConfig {
    /// The value.
    pub value: serde_json::Value,
    /// Indent the text. Default false.
    pub prettify: bool,
    /// Send headers that let any origin read it. Default true.
    pub allow_cross_origin: bool,
    /// Send headers against caching. Default false.
    pub discourage_caching: bool,
}

impl JsonConfig {
    /// A value with default options.
    pub fn new(value: serde_json::Value) -> Self {
        Self { value, prettify: false, allow_cross_origin: true, discourage_caching: false }
    }
}

/// `nodeinfo`: a page about the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeInfoConfig {
    /// The live page with its console. Default false.
    pub console: bool,
}

/// `path`: one more level of paths.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PathConfig {
    /// The services of that level, in file order.
    pub paths: Vec<WebPath>,
}
