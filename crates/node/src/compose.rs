//! What serves each piece of a configuration. The registry of transports and web services: one place for each.

pub(crate) mod connect;
mod settings;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use transom_auth::Cookies;
use transom_base::{BoxFuture, ConnInfo, ConnectionHandler, Limit, StreamTestee};
use transom_config::{
    AuthConfig, RawSocketConfig, Transport, TransportProtocol, UniversalConfig, UniversalWebSocket,
    WebConfig, WebPath, WebServiceConfig, WebSocketConfig,
};
use transom_demux::{HttpSniff, RawSocketSniff, Section, Universal};
use transom_http::{
    FirstComponent, HostFilter, HttpHandler, NotFound, PathTree, Reply, Request, UpgradeOr, WebService, page,
};
use transom_rawsocket::RawSocket;
use transom_router::Router;
use transom_wamp::RouterPort;
use transom_web::{JsonSettings, JsonValue, NodeInfo, NodeInfoSettings, Redirect, StaticFiles};
use transom_websocket::{WampWebSocket, WebSocketTestee};

use crate::authentication::{Authentication, Browsers};
use crate::facts::{NodeStatus, PageFacts};
use crate::{StartError, summary};

/// What serves the connections of a transport.
pub(crate) fn handler(
    router: &Arc<Router>,
    node: (&Arc<NodeStatus>, &Authentication),
    transport: &Transport,
) -> Result<Arc<dyn ConnectionHandler>, StartError> {
    let (status, authentication) = node;
    let websocket_path = summary::websocket_path(&transport.protocol);
    let unauthenticated = Authentication::unauthenticated(transport.max_connections());
    let composer = Composer {
        router,
        status,
        authentication,
        unauthenticated,
        transport: &transport.id,
        tracking: Cell::new(0),
        websocket_path,
    };
    composer.handler(transport)
}

/// Makes the handler of one transport.
struct Composer<'a> {
    router: &'a Arc<Router>,
    status: &'a Arc<NodeStatus>,
    authentication: &'a Authentication,
    /// The connections of the transport that have not joined.
    unauthenticated: Arc<Limit>,
    /// Its ID.
    transport: &'a str,
    /// How many of its WebSockets track cookies, so far.
    tracking: Cell<u32>,
    /// A WebSocket on the port that is composed, for the console of a page on it.
    websocket_path: Option<String>,
}

impl Composer<'_> {
    fn handler(&self, transport: &Transport) -> Result<Arc<dyn ConnectionHandler>, StartError> {
        Ok(match &transport.protocol {
            TransportProtocol::RawSocket(config) => self.rawsocket(config)?,
            TransportProtocol::WebSocket(config) => {
                let settings = settings::http(None, [&**config]);
                Arc::new(HttpHandler::new(self.websocket(config)?, settings))
            }
            TransportProtocol::Web(config) => {
                let web = &config.web;
                let http =
                    HttpHandler::new(self.web(web)?, settings::http(Some(web), web_sockets(&web.paths)));
                // Its one section is HTTP: who speaks something else is told so.
                Arc::new(Universal::new(
                    [Section::new("HTTP", HttpSniff, Arc::new(http))],
                    config.sniff_timeout,
                ))
            }
            TransportProtocol::Universal(config) => self.universal(config)?,
            TransportProtocol::WebSocketTestee(config) => {
                let timeout = config.options.open_handshake_timeout;
                Arc::new(WebSocketTestee::new(settings::testee(config), timeout))
            }
            TransportProtocol::StreamTestee(_) => Arc::new(StreamTestee),
            TransportProtocol::Mqtt(_) | TransportProtocol::FlashPolicy(_) => {
                let type_name = transport.protocol.type_name();
                return Err(StartError::unsupported(&transport.place, "transport", type_name));
            }
        })
    }

    fn universal(&self, config: &UniversalConfig) -> Result<Arc<dyn ConnectionHandler>, StartError> {
        let mut sections = Vec::new();
        if let Some(rawsocket) = &config.rawsocket {
            sections.push(Section::new("RawSocket", RawSocketSniff, self.rawsocket(rawsocket)?));
        }
        if config.websocket.is_some() || config.web.is_some() {
            let mut sockets = Vec::new();
            match &config.websocket {
                Some(UniversalWebSocket::Everywhere(websocket)) => sockets.push(&**websocket),
                Some(UniversalWebSocket::Paths(paths)) => sockets.extend(paths.iter().map(|(_, w)| w)),
                None => {}
            }
            sockets.extend(config.web.iter().flat_map(|web| web_sockets(&web.paths)));
            let settings = settings::http(config.web.as_ref(), sockets);
            let http = HttpHandler::new(self.universal_http(config)?, settings);
            sections.push(Section::new("HTTP", HttpSniff, Arc::new(http)));
        }
        Ok(Arc::new(Universal::new(sections, config.sniff_timeout)))
    }

    /// The HTTP side of a universal port: two forms of `websocket`, with or without `web`.
    fn universal_http(&self, config: &UniversalConfig) -> Result<Arc<dyn WebService>, StartError> {
        let web = config.web.as_ref().map(|web| self.web(web)).transpose()?;
        Ok(match (&config.websocket, web) {
            (Some(UniversalWebSocket::Everywhere(websocket)), None) => self.websocket(websocket)?,
            (Some(UniversalWebSocket::Everywhere(websocket)), Some(otherwise)) => {
                let paths = config.web.iter().flat_map(|web| &web.paths);
                let claimed: HashSet<_> =
                    paths.filter(|path| path.path != "/").map(|path| path.path.clone()).collect();
                Arc::new(UpgradeOr { websocket: self.websocket(websocket)?, otherwise, claimed })
            }
            (Some(UniversalWebSocket::Paths(paths)), web) => {
                let service =
                    |(path, config): &(String, WebSocketConfig)| Ok((path.clone(), self.websocket(config)?));
                let services = paths.iter().map(service).collect::<Result<HashMap<_, _>, StartError>>()?;
                Arc::new(FirstComponent { services, otherwise: web.unwrap_or_else(|| Arc::new(NotFound)) })
            }
            (None, Some(web)) => web,
            (None, None) => Arc::new(NotFound),
        })
    }

    fn rawsocket(&self, config: &RawSocketConfig) -> Result<Arc<dyn ConnectionHandler>, StartError> {
        let port = self.port(config.auth.as_ref(), None)?;
        Ok(Arc::new(RawSocket::new(settings::rawsocket(config), port)))
    }

    fn websocket(&self, config: &WebSocketConfig) -> Result<Arc<dyn WebService>, StartError> {
        let settings = settings::websocket(config);
        let Some(cookie) = &config.cookie else {
            return Ok(Arc::new(WampWebSocket::new(settings, self.port(config.auth.as_ref(), None)?)));
        };
        let number = self.tracking.get();
        self.tracking.set(number + 1);
        let cookies = self.authentication.cookies(cookie, format!("{} {number}", self.transport))?;
        let port = self.port(config.auth.as_ref(), Some(cookies.clone()))?;
        Ok(Arc::new(WampWebSocket::new(settings, port).with_recognizer(Arc::new(Browsers(cookies)))))
    }

    /// Where a transport with this `auth` opens sessions.
    fn port(
        &self,
        auth: Option<&AuthConfig>,
        cookies: Option<Arc<Cookies>>,
    ) -> Result<Arc<dyn RouterPort>, StartError> {
        let methods = self.authentication.methods(auth, cookies, &self.unauthenticated)?;
        Ok(self.router.port_with(Arc::new(methods)))
    }

    fn web(&self, config: &WebConfig) -> Result<Arc<dyn WebService>, StartError> {
        let mut tree = self.paths(&config.paths)?;
        if config.paths.is_empty() {
            tree = tree.with("/", Arc::new(Unconfigured));
        }
        let tree: Arc<dyn WebService> = Arc::new(tree);
        Ok(match &config.options.allowed_hosts {
            Some(hosts) => Arc::new(HostFilter::new(hosts, tree)),
            None => tree,
        })
    }

    fn paths(&self, paths: &[WebPath]) -> Result<PathTree, StartError> {
        paths.iter().try_fold(PathTree::new(), |tree, path| Ok(tree.with(&path.path, self.service(path)?)))
    }

    fn service(&self, path: &WebPath) -> Result<Arc<dyn WebService>, StartError> {
        let place = &path.service.place;
        let wrong = |source| StartError::Service { place: place.clone(), source };
        let unsupported = |type_name| StartError::unsupported(place, "web service", type_name);
        Ok(match &path.service.kind {
            WebServiceConfig::Static(config) => {
                let settings = settings::static_files(config).ok_or_else(|| unsupported("static"))?;
                Arc::new(StaticFiles::new(settings).map_err(wrong)?)
            }
            WebServiceConfig::WebSocket(config) => self.websocket(config)?,
            WebServiceConfig::Redirect(config) => Arc::new(Redirect::new(&config.url).map_err(wrong)?),
            WebServiceConfig::Json(config) => {
                let options = &config.options;
                let settings = JsonSettings {
                    prettify: options.prettify,
                    allow_cross_origin: options.allow_cross_origin,
                    discourage_caching: options.discourage_caching,
                };
                Arc::new(JsonValue::new(&config.value, settings))
            }
            WebServiceConfig::NodeInfo(config) => {
                // At the root it would otherwise answer every path that is not found.
                let settings = NodeInfoSettings { console: config.console, exact: path.path == "/" };
                let facts =
                    PageFacts { status: self.status.clone(), websocket_path: self.websocket_path.clone() };
                Arc::new(NodeInfo::new(Arc::new(facts), settings))
            }
            WebServiceConfig::Path(config) => Arc::new(self.paths(&config.paths)?),
            other => return Err(unsupported(other.type_name())),
        })
    }
}

/// The WebSocket services among web paths.
fn web_sockets(paths: &[WebPath]) -> Vec<&WebSocketConfig> {
    let mut found = Vec::new();
    for path in paths {
        match &path.service.kind {
            WebServiceConfig::WebSocket(config) => found.push(&**config),
            WebServiceConfig::Path(nested) => found.extend(web_sockets(&nested.paths)),
            _ => {}
        }
    }
    found
}

/// The page at `/` of a `web` section without paths.
struct Unconfigured;

impl WebService for Unconfigured {
    fn call(&self, request: Request, conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        let root = request.extensions().get::<transom_http::Rest>().is_none_or(|rest| rest.0.is_empty());
        Box::pin(async move {
            if !root {
                return NotFound.call(request, conn).await;
            }
            page(
                http::StatusCode::OK,
                "This is a Transom node. This port speaks WAMP and HTTP, and no web service is configured on it. \
                 The documentation is in the folder docs of Transom's sources.",
            )
            .into()
        })
    }
}

#[cfg(test)]
mod tests;
