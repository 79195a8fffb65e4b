//! Workers.

use super::cursor::{Map, Val, one_of, plain};
use super::finding::Severity;
use super::suggest::nearest;
use super::{realm, transport};
use crate::RouterWorker;

/// All types of the dialect.
const TYPES: [&str; 5] = ["router", "container", "guest", "websocket-testee", "proxy"];

/// A worker; `None` if it is disabled, wrong, or of a type that this release does not run.
pub(crate) fn worker(value: &Val<'_>) -> Option<RouterWorker> {
    let map = value.map("worker")?;
    let kind = map.req("type")?;
    kind.has_words(TYPES);
    let type_name = kind.str()?;
    if !TYPES.contains(&type_name) {
        let hint = nearest(type_name, TYPES).map(|word| format!("did you mean {word:?}?"));
        kind.invalid_value(format!("must be {}", one_of(TYPES.into_iter())), hint.as_deref());
        return None;
    }
    if disabled(&map) {
        value.say(Severity::Warning, "this worker is disabled and will not be started", None);
        return None;
    }
    if type_name != "router" {
        let hint = match type_name {
            "container" | "guest" => "run the component as a process of its own that connects to a transport",
            "proxy" => "let clients connect to the router's transports directly",
            _ => "leave it out",
        };
        kind.unsupported(&format!("worker type {type_name:?}"), Some(hint));
        return None;
    }
    router(value)
}

/// Whether `options.disabled` switches the worker off: a bool, `${NAME}` of a variable that is not
/// empty, or any other text.
fn disabled(map: &Map<'_>) -> bool {
    let Some(value) = map.get("options") else { return false };
    // Anything wrong with the map is reported when it is read as a whole.
    let super::tree::Kind::Map(_) = value.node.kind else { return false };
    let Some(options) = value.map("worker options") else { return false };
    let Some(disabled) = options.get("disabled") else { return false };
    match disabled.as_str() {
        Some(text) => match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => (map.cx.env)(name).is_some_and(|value| !value.is_empty()),
            None => true,
        },
        None => disabled.bool().unwrap_or(false),
    }
}

fn router(value: &Val<'_>) -> Option<RouterWorker> {
    let map = value.map("router worker")?;
    map.get("type");
    let id = map.id("worker", &map.cx.ids.worker, true);
    if let Some(options) = map.get("options").and_then(|options| options.map("router worker options")) {
        native_options(&options);
    }
    map.unsupported("manhole", None);
    let realms = map.get("realms").and_then(|list| list.list()).unwrap_or_default();
    let realms = realms.iter().filter_map(realm::realm).collect();
    let transports = map.get("transports").and_then(|list| list.list()).unwrap_or_default();
    let transports = transports.iter().filter_map(transport::transport).collect();
    for component in map.get("components").and_then(|list| list.list()).unwrap_or_default() {
        component.unsupported(
            "a component inside a worker",
            Some("run it as a process of its own that connects to a transport"),
        );
    }
    map.ignored(Severity::Warning, "connections", "nothing here uses connections");
    map.finish(&plain);
    Some(RouterWorker { place: map.place.clone(), id, realms, transports })
}

/// Options of a worker that the reference runs as a Python process. Workers are part of one process
/// here, so most have nothing to act on.
fn native_options(map: &Map<'_>) {
    map.get("disabled");
    map.ignored(Severity::Note, "extra", "no Python code runs inside this worker");
    for key in ["python", "title"] {
        if map.get(key).and_then(|value| value.str()).is_some() {
            map.ignored(Severity::Note, key, "workers are no processes of their own");
        }
    }
    if map.get("pythonpath").and_then(|value| value.str_list()).is_some_and(|paths| !paths.is_empty()) {
        map.ignored(Severity::Note, "pythonpath", "no Python code runs inside this worker");
    }
    for key in ["expose_controller", "expose_shared"] {
        if map.bool(key, false) {
            map.ignored(Severity::Note, key, "no Python code runs inside this worker");
        }
    }
    if let Some(cpus) = map.get("cpu_affinity").and_then(|value| value.list()) {
        cpus.iter().for_each(|cpu| {
            cpu.int(0..=65_535);
        });
        map.ignored(Severity::Warning, "cpu_affinity", "workers share the threads of one process");
    }
    if let Some(env) = map.get("env").and_then(|value| value.map("worker environment")) {
        env.get("inherit");
        env.get("vars");
        env.finish(&plain);
        map.ignored(Severity::Warning, "env", "workers are no processes of their own");
    }
    map.ignored(Severity::Warning, "reactor", "there is no choice of event loops");
    map.finish(&plain);
}
