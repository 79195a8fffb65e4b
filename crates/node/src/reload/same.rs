//! Whether two pieces of configuration ask for the same, wherever in their files they stand.
//!
//! Every struct of a configuration knows its place, and many have an ID that is only a number in the order of the file.
//! So what is not equal at first sight is compared as the dialect writes it, which has no places. Secrets are written as
//! asterisks: what holds one and has moved counts as changed. That harms nobody: a transport that counts as changed gets
//! a handler equal to the one it has.

use transom_config::{
    Controller, ListenEndpoint, Node, Realm, Role, RouterWorker, Transport, TransportProtocol, WebPath,
    WebServiceConfig, Worker,
};

/// Whether a transport's settings are the same.
pub(super) fn transport(a: &Transport, b: &Transport) -> bool {
    let alone = |transport: &Transport| {
        let mut transport = transport.clone();
        match &mut transport.protocol {
            TransportProtocol::Web(config) => unnumber(&mut config.web.paths),
            TransportProtocol::Universal(config) => {
                config.web.iter_mut().for_each(|web| unnumber(&mut web.paths));
            }
            _ => {}
        }
        worker(RouterWorker { transports: vec![transport], ..RouterWorker::default() })
    };
    a == b || written_alike(&alone(a), &alone(b))
}

/// Whether endpoints are the same.
pub(super) fn endpoint(a: &ListenEndpoint, b: &ListenEndpoint) -> bool {
    a == b || transport(&Transport::new(a.clone()), &Transport::new(b.clone()))
}

/// Whether realms are the same, their roles in any order.
pub(super) fn realm(a: &Realm, b: &Realm) -> bool {
    let found = |role: &Role| b.roles.iter().any(|other| self::role(role, other));
    a == b || realm_itself(a, b) && a.roles.len() == b.roles.len() && a.roles.iter().all(found)
}

/// Whether realms are the same but for their roles.
pub(super) fn realm_itself(a: &Realm, b: &Realm) -> bool {
    let alone = |realm: &Realm| {
        let realm = Realm { id: String::new(), roles: Vec::new(), ..realm.clone() };
        worker(RouterWorker { realms: vec![realm], ..RouterWorker::default() })
    };
    written_alike(&alone(a), &alone(b))
}

/// Whether roles are the same.
pub(super) fn role(a: &Role, b: &Role) -> bool {
    let alone = |role: &Role| {
        let realm = Realm { roles: vec![Role { id: String::new(), ..role.clone() }], ..Realm::default() };
        worker(RouterWorker { realms: vec![realm], ..RouterWorker::default() })
    };
    a == b || written_alike(&alone(a), &alone(b))
}

/// Whether controllers are the same.
pub(super) fn controller(a: &Controller, b: &Controller) -> bool {
    let alone = |controller: &Controller| Node { controller: controller.clone(), ..Node::default() };
    a == b || written_alike(&alone(a), &alone(b))
}

fn worker(worker: RouterWorker) -> Node {
    Node { workers: vec![Worker::Router(Box::new(worker))], ..Node::default() }
}

fn written_alike(a: &Node, b: &Node) -> bool {
    // The one thing in a configuration that is shown so.
    let holds_a_secret = |node: &Node| format!("{node:?}").contains("***");
    !holds_a_secret(a) && !holds_a_secret(b) && a.effective() == b.effective()
}

/// Services are known by their paths; their numbers go over the whole file.
fn unnumber(paths: &mut [WebPath]) {
    for path in paths {
        path.service.id = String::new();
        if let WebServiceConfig::Path(nested) = &mut path.service.kind {
            unnumber(&mut nested.paths);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use transom_config::{Context, Format, Unsupported, parse_str};

    use super::*;

    /// The last of so many transports, which asks for a ticket.
    fn with_ticket(number: usize, ticket: &str) -> Transport {
        let other = r#"{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1}},"#.repeat(number - 1);
        let file = format!(
            r#"{{"version": 2, "workers": [{{"type": "router", "realms": [{{"name": "realm1"}}], "transports": [{other}
            {{"type": "rawsocket", "id": "last", "endpoint": {{"type": "tcp", "port": 2}}, "auth": {{"ticket":
            {{"type": "static", "principals": {{"joe": {{"ticket": "{ticket}", "role": "user"}}}}}}}}}}]}}]}}"#
        );
        let env = &|_: &str| None;
        let context =
            Context { name: "test.json", node_dir: Path::new("/"), env, unsupported: Unsupported::Kept };
        let loaded = parse_str(&file, Format::Json, &context);
        let node = loaded.node.unwrap_or_else(|| panic!("{}", loaded.findings));
        node.workers[0].transports()[number - 1].clone()
    }

    #[test]
    fn secrets_when_different_are_never_taken_for_the_same() {
        assert!(transport(&with_ticket(1, "one"), &with_ticket(1, "one")));
        assert!(!transport(&with_ticket(1, "one"), &with_ticket(1, "two")));
        assert!(!transport(&with_ticket(1, "one"), &with_ticket(2, "two")));
        // It has moved, and that its secret is the same is not looked at.
        assert!(!transport(&with_ticket(1, "one"), &with_ticket(2, "one")));
    }
}
