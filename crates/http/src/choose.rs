//! Services that choose between others by more than the tree of paths: how WebSocket and web share a port.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use transom_base::{BoxFuture, ConnInfo};

use crate::path::{bad_path, rest};
use crate::{Reply, Request, WebService, wants_websocket};

/// WebSocket at every path that is not claimed: a request with `Upgrade: websocket` whose first component is not
/// claimed goes to `websocket`, everything else to `otherwise`.
pub struct UpgradeOr {
    /// Serves the upgrades.
    pub websocket: Arc<dyn WebService>,
    /// Serves the rest, and all requests below the claimed components.
    pub otherwise: Arc<dyn WebService>,
    /// First components at which upgrades, too, go to `otherwise`.
    pub claimed: HashSet<String>,
}

impl WebService for UpgradeOr {
    fn call(&self, request: Request, conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        if !wants_websocket(request.headers()) {
            return self.otherwise.call(request, conn);
        }
        let claimed = match rest(&request) {
            Ok(rest) => rest.first().is_some_and(|first| self.claimed.contains(first)),
            Err(_) => return Box::pin(async { bad_path().into() }),
        };
        let service = if claimed { &self.otherwise } else { &self.websocket };
        service.call(request, conn)
    }
}

/// Some first components with a service each, which gets every request there at any depth, whatever it asks for; the
/// name `/` stands for the root path alone. Everything else goes on.
pub struct FirstComponent {
    /// The services by first component.
    pub services: HashMap<String, Arc<dyn WebService>>,
    /// Serves the rest.
    pub otherwise: Arc<dyn WebService>,
}

impl WebService for FirstComponent {
    fn call(&self, request: Request, conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        let Ok(rest) = rest(&request) else { return Box::pin(async { bad_path().into() }) };
        let first = rest.first().map_or("/", String::as_str);
        self.services.get(first).unwrap_or(&self.otherwise).call(request, conn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::empty;
    use crate::path::tests::{Named, ask_with};

    fn request(target: &str, upgrade: bool) -> Request {
        let mut request = http::Request::builder().uri(target);
        if upgrade {
            request = request.header("upgrade", "websocket").header("connection", "Upgrade");
        }
        request.body(empty()).unwrap()
    }

    #[tokio::test]
    async fn upgrade_goes_to_websocket_unless_the_path_is_claimed() {
        let service = UpgradeOr {
            websocket: Arc::new(Named("ws")),
            otherwise: Arc::new(Named("web")),
            claimed: HashSet::from(["files".to_owned()]),
        };
        for (target, upgrade, expected) in [
            ("/", true, "ws "),
            ("/", false, "web "),
            ("/ws", true, "ws ws"),
            ("/ws/x", true, "ws ws|x"),
            ("/ws", false, "web ws"),
            ("/files", true, "web files"),
            ("/files/x", true, "web files|x"),
            ("/x/files", true, "ws x|files"),
            ("/?files", true, "ws "),
        ] {
            let (status, body) = ask_with(&service, request(target, upgrade)).await;
            assert_eq!((status, body.as_str()), (200, expected), "{target} {upgrade}");
        }
        assert_eq!(ask_with(&service, request("/%ff", true)).await.0, 400);
    }

    #[tokio::test]
    async fn first_component_takes_everything_below_it() {
        let service = FirstComponent {
            services: HashMap::from([
                ("ws".to_owned(), Arc::new(Named("ws")) as Arc<dyn WebService>),
                ("/".to_owned(), Arc::new(Named("top"))),
            ]),
            otherwise: Arc::new(Named("web")),
        };
        for (target, upgrade, expected) in [
            ("/ws", true, "ws ws"),
            ("/ws?x=1", false, "ws ws"),
            ("/ws/anything", false, "ws ws|anything"),
            ("/%77s", true, "ws ws"),
            ("/", true, "top "),
            ("//", false, "top "),
            ("/other", true, "web other"),
            ("/other/ws", false, "web other|ws"),
            ("http://example.com/ws", true, "ws ws"),
        ] {
            let (status, body) = ask_with(&service, request(target, upgrade)).await;
            assert_eq!((status, body.as_str()), (200, expected), "{target}");
        }
    }
}
