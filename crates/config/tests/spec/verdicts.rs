//! Configurations at the edges of the dialect: what Crossbar.io accepts and runs is not refused, and what would fail
//! later is.

use std::path::Path;

use serde_json::{Value as Json, json};
use transom_config::{Context, Format, Loaded, Severity, parse_str};

fn read(config: &Json) -> Loaded {
    let env = |name: &str| (name == "SECRET").then(|| "x".to_owned());
    parse_str(&config.to_string(), Format::Json, &Context::new("c", Path::new("/node"), &env))
}

fn workers(worker: Json) -> Json {
    json!({ "version": 2, "workers": [worker] })
}

/// A router with a realm `realm1`, a role `anonymous`, and that besides.
fn router(more: Json) -> Json {
    let mut worker = json!({
        "type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": []}]}],
    });
    for (key, value) in more.as_object().unwrap() {
        worker[key] = value.clone();
    }
    workers(worker)
}

fn realm(more: Json) -> Json {
    let mut realm = json!({"name": "realm1"});
    for (key, value) in more.as_object().unwrap() {
        realm[key] = value.clone();
    }
    router(json!({ "realms": [realm] }))
}

fn transport(kind: &str, more: Json) -> Json {
    let mut transport = json!({"type": kind, "endpoint": {"type": "tcp", "port": 8080}});
    for (key, value) in more.as_object().unwrap() {
        transport[key] = value.clone();
    }
    router(json!({ "transports": [transport] }))
}

fn service(service: Json) -> Json {
    transport("web", json!({"paths": {"x": service}}))
}

fn websocket(options: Json) -> Json {
    transport("websocket", json!({ "options": options }))
}

/// The worst that is said, and whether a message has that in it.
fn verdict(config: &Json, part: &str) -> (Option<Severity>, bool) {
    let loaded = read(config);
    let worst = loaded.findings.iter().map(|finding| finding.severity).min();
    assert_eq!(loaded.node.is_none(), worst == Some(Severity::Error), "{config}\n{}", loaded.findings);
    (worst, loaded.findings.to_string().contains(part))
}

#[test]
fn configurations_that_would_run_are_not_refused() {
    let container = |id: &str| workers(json!({"type": "container", "id": id}));
    let bridge = |network: &str| {
        let options = json!({"require_ip": [network]});
        service(json!({"type": "publisher", "realm": "realm1", "role": "anonymous", "options": options}))
    };
    let backend = json!({"endpoint": {"type": "tcp", "host": "h", "port": 1}, "url": "ws://h:1"});
    let mapping = json!({"": {"type": "passthrough", "more": 1}});
    let table = [
        (container("My container"), Severity::Unsupported, "unusual ID"),
        (
            workers(json!({"type": "guest", "executable": "x", "options": {"workdir": ""}})),
            Severity::Unsupported,
            "",
        ),
        (realm(json!({"store": null, "stats": null, "inventory": null})), Severity::Note, ""),
        (
            realm(json!({"store": {"type": "cfxdb", "path": "x"}})),
            Severity::Unsupported,
            "store type \"cfxdb\" is valid",
        ),
        (
            realm(json!({"store": {"type": "memory", "limit": 0, "more": 1}})),
            Severity::Warning,
            "unknown attribute",
        ),
        (realm(json!({"inventory": {"type": "wamp.eth", "catalogs": []}})), Severity::Warning, "no effect"),
        (bridge("192.168.1.1/255.255.255.0"), Severity::Unsupported, ""),
        (service(json!({"type": "static", "directory": ""})), Severity::Note, ""),
        (service(json!({"type": "websocket-reverseproxy", "backend": backend})), Severity::Unsupported, ""),
        (websocket(json!({"external_port": 0})), Severity::Note, ""),
        (websocket(json!({"allowed_origins": [""]})), Severity::Warning, "is empty"),
        (
            transport(
                "websocket",
                json!({"auth": {"anonymous": {"type": "static", "role": "", "realm": "r"}}}),
            ),
            Severity::Warning,
            "is empty",
        ),
        (
            transport("mqtt", json!({"options": {"realm": "realm1", "payload_mapping": mapping}})),
            Severity::Unsupported,
            "unknown attribute \"more\"",
        ),
        (
            workers(json!({"type": "proxy", "options": {"more": 1}})),
            Severity::Unsupported,
            "unknown attribute",
        ),
    ];
    for (config, severity, part) in table {
        let (worst, said) = verdict(&config, part);
        let worst = worst.unwrap_or(Severity::Note);
        assert!(worst == severity && said, "{config}: {worst:?}\n{}", read(&config).findings);
    }
}

#[test]
fn configurations_that_would_fail_are_refused() {
    let component = json!({
        "type": "function", "realm": "realm1", "auth": 5,
        "transport": {
            "type": "websocket", "endpoint": {"type": "tcp", "host": "h", "port": 1}, "url": "ws://h:1",
        },
    });
    let bridge = |network: &str| {
        let options = json!({"require_ip": [network]});
        service(json!({"type": "publisher", "realm": "realm1", "role": "anonymous", "options": options}))
    };
    let hook = json!({"topic": "com.example.hook", "github_secret": ""});
    let tls = json!({"key": "k", "certificate": "c", "min_version": 1.3});
    let table = [
        (
            workers(json!({"type": "guest", "executable": "x", "options": {"disabled": true}})),
            "unknown attribute \"disabled\" in guest worker options",
        ),
        (
            workers(json!({"type": "container", "components": [component]})),
            "invalid type int for attribute \"auth\"",
        ),
        (bridge("10.0.0.0/255.0.255.0"), "must be a network"),
        (
            service(json!({"type": "webhook", "realm": "realm1", "role": "anonymous", "options": hook})),
            "invalid value *** for attribute \"github_secret\"",
        ),
        (
            transport(
                "websocket",
                json!({"auth": {"cryptosign-proxy": {"type": "static", "authorized_keys": []}}}),
            ),
            "missing mandatory attribute \"principals\"",
        ),
        (
            transport("websocket", json!({"auth": {"anonymous-proxy": {"type": "static", "more": 1}}})),
            "unknown attribute \"more\"",
        ),
        (
            transport("websocket", json!({"endpoint": {"type": "tcp", "port": 8080, "tls": tls}})),
            "invalid type float for attribute \"min_version\" in tls of a listening endpoint: must be \"1.2\" or \"1.3\" (write it in quotes)",
        ),
        (transport("web", json!({})), "missing mandatory attribute \"paths\" in web transport"),
    ];
    for (config, part) in table {
        let (worst, said) = verdict(&config, part);
        assert!(worst == Some(Severity::Error) && said, "{config}\n{}", read(&config).findings);
    }
}

#[test]
fn defaults_when_they_depend_on_the_place() {
    let effective = |config: &Json| read(config).node.unwrap().effective();
    let backend = json!({"endpoint": {"type": "tcp", "host": "h", "port": 1}, "url": "ws://h:1"});
    let proxied = effective(&service(json!({"type": "websocket-reverseproxy", "backend": backend})));
    let options = &proxied["workers"][0]["transports"][0]["paths"]["x"]["options"];
    assert_eq!(options["show_server_version"], true);
    assert_eq!(
        effective(&websocket(json!({})))["workers"][0]["transports"][0]["options"]["show_server_version"],
        false
    );

    let mqtt = effective(&transport("mqtt", json!({"options": {"realm": "realm1"}})));
    let mapping = &mqtt["workers"][0]["transports"][0]["options"]["payload_mapping"];
    assert_eq!(*mapping, json!({"": {"type": "passthrough"}}));

    let port = |port: u16| json!({"type": "rawsocket", "endpoint": {"type": "tcp", "port": port}});
    let named =
        |port: u16| json!({"type": "rawsocket", "id": "mine", "endpoint": {"type": "tcp", "port": port}});
    let node = effective(&json!({"version": 2, "workers": [
        {"type": "router", "transports": [port(1)]},
        {"type": "proxy", "transports": [port(2), named(3), port(4)]},
        {"type": "router", "transports": [port(5)]},
    ]}));
    let ids = |worker: usize| {
        let transports = node["workers"][worker]["transports"].as_array().unwrap();
        transports.iter().map(|transport| transport["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(0), ["transport001"]);
    assert_eq!(ids(1), ["transport000", "mine", "transport001"]);
    assert_eq!(ids(2), ["transport002"]);
}
