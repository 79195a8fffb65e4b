//! The top level of a configuration and its `controller`.

use super::cross;
use super::cursor::{Map, Val, checked_id, plain};
use super::finding::Severity;
use super::worker;
use crate::{Controller, Node, ShutdownTrigger};

/// The whole configuration.
pub(crate) fn node(root: &Val<'_>) -> Option<Node> {
    let map = root.map("the configuration")?;
    version(&map);
    map.get("$schema");
    let controller = match map.get("controller") {
        Some(value) => value.map("controller").map(|map| controller(&map)).unwrap_or_default(),
        None => Controller::default(),
    };
    let workers = match map.get("workers") {
        Some(value) => value.list().unwrap_or_default().iter().filter_map(worker::worker).collect(),
        None => Vec::new(),
    };
    map.finish(&|key| match key {
        "processes" => Some("this is the form of an old pre-release; use \"workers\"".to_owned()),
        "realms" | "transports" | "components" => {
            Some("it belongs to a worker of type \"router\"".to_owned())
        }
        _ => None,
    });
    let node = Node { controller, workers };
    cross::check(&node, root.cx);
    Some(node)
}

fn version(map: &Map<'_>) {
    let Some(value) = map.get("version") else {
        return map.missing("version", Some("write \"version\": 2"));
    };
    if value.int(1..=2) == Some(1) {
        value.invalid_value(
            "version 1 is too old and has to be upgraded to version 2",
            Some("in version 2 the permissions call, register, publish and subscribe stand under \"allow\""),
        );
    }
}

fn controller(map: &Map<'_>) -> Controller {
    let defaults = Controller::default();
    let id = map.get("id").and_then(|id| checked_id(&id, true));
    if id.is_some() {
        map.ignored(Severity::Note, "id", "nothing shows it yet");
    }
    let reload = map.get("reload").and_then(|value| value.bool());
    if reload == Some(true) {
        map.ignored(Severity::Warning, "reload", "this release has no control socket");
    }
    let mut controller = Controller { id, reload: reload.unwrap_or(defaults.reload), ..defaults };
    if let Some(options) = map.get("options").and_then(|options| options.map("controller options")) {
        controller_options(&options, &mut controller);
    }
    map.unsupported("manhole", None);
    keyring(map);
    map.unsupported("tor", None);
    map.ignored(Severity::Warning, "connections", "there is nothing it could configure");
    for key in ["fabric", "enable_docker"] {
        map.ignored(Severity::Warning, key, "it belongs to another product");
    }
    map.finish(&plain);
    controller
}

fn keyring(map: &Map<'_>) {
    if !map.unsupported("keyring", None) {
        return;
    }
    let Some(keyring) = map.get("keyring").and_then(|value| value.map("keyring")) else { return };
    match keyring.req("type").and_then(|value| value.word(&[("file", true), ("hsm", false)])) {
        Some(true) => {
            keyring.req("path").and_then(|path| path.non_empty());
            keyring.finish(&plain);
        }
        Some(false) => {
            keyring.get("driver");
            keyring.get("port");
            keyring.finish(&plain);
        }
        None => {}
    }
}

fn controller_options(map: &Map<'_>, controller: &mut Controller) {
    if let Some(title) = map.get("title").and_then(|title| title.str()) {
        title.clone_into(&mut controller.title);
        map.ignored(Severity::Note, "title", "the process keeps the name of its program");
    }
    if let Some(value) = map.get("shutdown") {
        let words = ShutdownTrigger::ALL.map(|trigger| (trigger.name(), trigger));
        let values = if value.as_str().is_some() { Some(vec![value]) } else { value.list() };
        if let Some(values) = values {
            let triggers: Vec<_> = values.iter().filter_map(|value| value.word(&words)).collect();
            if triggers.len() == values.len() {
                let why = "workers are no processes that could exit; a node ends when it is told to or when \
                           a listener fails";
                map.ignored(Severity::Note, "shutdown", why);
            }
            controller.shutdown = triggers;
        }
    }
    if let Some(threads) = map.int("threads", 0..=1024) {
        controller.threads = usize::try_from(threads).ok().filter(|threads| *threads > 0);
    }
    controller.drain_timeout = map.ms("drain_timeout", controller.drain_timeout);
    if map.bool("enable_parallel_worker_start", false) {
        map.ignored(Severity::Note, "enable_parallel_worker_start", "workers start in no time");
    }
    map.finish(&plain);
}
