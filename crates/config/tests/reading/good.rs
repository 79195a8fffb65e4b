//! What sound configurations become.

use std::path::Path;
use std::time::Duration;

use transom_config::*;

use super::support::{env, json, lines, sound, transport, worker};

fn first_transport(loaded: &Loaded) -> Transport {
    sound(loaded).workers[0].transports()[0].clone()
}

#[test]
fn examples_when_loaded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let mut seen = 0;
    for folder in std::fs::read_dir(&root).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let located = locate(None, None, &|_| None, &folder).unwrap();
        let loaded = load(located.require_file().unwrap(), &env, Unsupported::Kept);
        let bad = loaded.findings.iter().find(|finding| finding.severity != Severity::Note);
        assert_eq!(bad, None, "{}", loaded.findings);
        let node = sound(&loaded);
        assert!(!node.workers[0].transports().is_empty());
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} examples in {}", root.display());
}

#[test]
fn folder_when_missing_is_a_warning_of_the_file_and_not_of_the_text() {
    let text = r#"{"version": 2, "workers": [{"type": "router", "transports": [
        {"type": "web", "endpoint": {"type": "unix", "path": "run/a.sock", "mode": "0600"}, "paths": {
            "/": {"type": "static", "directory": "here"}, "a": {"type": "static", "directory": "gone"},
            "b": {"type": "path", "paths": {"c": {"type": "static", "directory": "config.json"}}}}},
        {"type": "universal", "endpoint": {"type": "unix", "path": "b.sock", "mode": "0600"}, "web": {"paths": {
            "/": {"type": "static", "directory": "gone"}}}}]}]}"#;
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("here")).unwrap();
    std::fs::write(dir.path().join("config.json"), text).unwrap();
    let loaded = load(&dir.path().join("config.json"), &env, Unsupported::Kept);
    sound(&loaded);
    let here = dir.path().display().to_string();
    let said: Vec<_> = loaded.findings.iter().map(|f| f.to_string().replace(&here, "~")).collect();
    let expected = [
        "workers[0].transports[0].endpoint.path: the folder ~/run does not exist on this machine",
        "workers[0].transports[0].paths.a.directory: the folder ~/gone does not exist on this machine",
        "workers[0].transports[0].paths.b.paths.c.directory: the folder ~/config.json is not a folder",
        "workers[0].transports[1].web.paths[\"/\"].directory: the folder ~/gone does not exist on this machine",
    ];
    assert_eq!(said, expected);
    assert_eq!(loaded.findings.count(Severity::Warning), 4);
    assert_eq!(lines(&json(text)), Vec::<String>::new());
}

#[test]
fn embedded_node_when_read() {
    let loaded = json(EMBEDDED_JSON);
    assert_eq!(lines(&loaded), Vec::<String>::new());
    let mut node = Node::embedded_default();
    assert_eq!(node, sound(&loaded));
    let Worker::Router(worker) = node.workers.remove(0) else { panic!() };
    assert_eq!((worker.id.as_str(), worker.realms[0].name.as_str()), ("worker001", "realm1"));
    let Authorization::Permissions(rules) = &worker.realms[0].roles[0].authorization else { panic!() };
    assert_eq!((rules[0].uri.as_str(), rules[0].match_policy), ("", MatchPolicy::Prefix));
    let transport = &worker.transports[0];
    let ListenEndpoint::Tcp(tcp) = &transport.endpoint else { panic!() };
    assert_eq!((tcp.ip(), tcp.ports.clone()), (Some([127, 0, 0, 1].into()), 8080..=8080));
    let TransportProtocol::Universal(universal) = &transport.protocol else { panic!() };
    let Some(UniversalWebSocket::Everywhere(websocket)) = &universal.websocket else { panic!() };
    assert_eq!(websocket.options.allowed_origins, ["http://127.0.0.1:8080", "http://localhost:8080"]);
    assert!(!websocket.options.allow_null_origin);
    assert_eq!(universal.rawsocket.as_ref().unwrap().options, RawSocketOptions::default());
    let web = universal.web.as_ref().unwrap();
    let WebServiceConfig::NodeInfo(page) = &web.paths[0].service.kind else { panic!() };
    assert!(page.console);
    assert_eq!(web.options.allowed_hosts.as_ref().unwrap().len(), 3);
}

/// The commonest shape of published nodes: everything said here is a note at most.
#[test]
fn common_shape_when_it_has_python_leftovers() {
    let loaded = json(
        r#"{
            "$schema": "https://example.com/schema.json",
            "version": 2,
            "controller": {"fabric": {}},
            "workers": [{
                "type": "router",
                "options": {"pythonpath": [".."], "reactor": {"linux": "epoll"}},
                "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [
                    {"uri": "", "match": "prefix",
                     "allow": {"call": true, "register": true, "publish": true, "subscribe": true},
                     "disclose": {"caller": false, "publisher": false}, "cache": true}]}]}],
                "transports": [{
                    "type": "web",
                    "endpoint": {"type": "tcp", "port": 8080, "backlog": 1024},
                    "paths": {"/": {"type": "static", "directory": "../web"}, "ws": {"type": "websocket"}}
                }]
            }]
        }"#,
    );
    let node = sound(&loaded);
    assert_eq!(loaded.findings.count(Severity::Warning), 2, "{}", loaded.findings);
    assert_eq!(loaded.findings.count(Severity::Note), 1);
    let TransportProtocol::Web(web) = &node.workers[0].transports()[0].protocol else { panic!() };
    let web = &web.web;
    let WebServiceConfig::Static(files) = &web.paths[0].service.kind else { panic!() };
    assert_eq!(
        (files.directory.as_deref(), &files.options),
        (Some(Path::new("/web")), &StaticOptions::default())
    );
    assert_eq!(web.paths[1].service.id, "webservice002");
    assert_eq!(web.options, WebOptions::default());
}

#[test]
fn ids_when_absent_or_given() {
    let loaded = json(
        r#"{"version": 2, "workers": [
            {"type": "router", "realms": [{"name": "aaa"}, {"name": "bbb", "id": "second"}], "transports": []},
            {"type": "router", "id": "other", "realms": [{"name": "aaa", "roles": [{"name": "x"}]}]},
            {"type": "router"}
        ]}"#,
    );
    let node = sound(&loaded);
    let ids: Vec<_> = node.workers.iter().map(|worker| worker.id()).collect();
    assert_eq!(ids, ["worker001", "other", "worker002"]);
    let realms: Vec<_> =
        node.workers.iter().flat_map(Worker::realms).map(|realm| realm.id.as_str()).collect();
    assert_eq!(realms, ["realm001", "second", "realm002"]);
    assert_eq!(node.workers[1].realms()[0].roles[0].id, "role001");
    assert_eq!(node.workers[1].realms()[0].roles[0].authorization, Authorization::Always(false));
    assert_eq!(node.workers[1].realms()[0].roles[0].place.as_str(), "workers[1].realms[0].roles[0]");
}

#[test]
fn controller_when_everything_is_set() {
    let loaded = json(
        r#"{"version": 2, "controller": {"id": "node1", "reload": false, "options": {
            "title": "mine", "shutdown": "shutdown_on_last_worker_exit", "threads": 3, "drain_timeout": 0}}}"#,
    );
    let expected = Controller {
        place: Place::new("controller"),
        id: Some("node1".to_owned()),
        options: ControllerOptions {
            place: Place::new("controller.options"),
            title: "mine".to_owned(),
            shutdown: vec![ShutdownTrigger::LastWorkerExit],
            threads: Some(3),
            drain_timeout: None,
            ..ControllerOptions::default()
        },
        reload: false,
        ..Controller::default()
    };
    assert_eq!(sound(&loaded).controller, expected);
    let absent = json(r#"{"version": 2, "controller": {}, "workers": []}"#);
    let controller = Controller { place: Place::new("controller"), ..Controller::default() };
    assert_eq!(sound(&absent), Node { controller, ..Node::default() });
}

#[test]
fn worker_when_disabled() {
    let table = [
        (r#"true"#, true),
        (r#"false"#, false),
        (r#""${WORD}""#, true),
        (r#""${UNSET}""#, false),
        (r#""no""#, true),
    ];
    for (value, disabled) in table {
        let loaded = worker(&format!(r#""options": {{"disabled": {value}}}"#));
        assert_eq!(sound(&loaded).workers.is_empty(), disabled, "{value}");
        assert_eq!(loaded.findings.count(Severity::Warning), usize::from(disabled), "{value}");
    }
}

#[test]
fn realm_when_everything_is_set() {
    let loaded = worker(
        r#""realms": [{"name": "com.example-1@x", "options": {
            "event_dispatching_chunk_size": "50", "uri_check": "strict", "enable_meta_api": false},
            "roles": [{"name": "r", "slow_consumer": "push-back", "max_subscriptions": 1,
                "max_registrations": 2, "max_pending_calls": 16777216, "permissions": [
                {"uri": "com.*", "allow": {"call": true}},
                {"uri": "com.*.x"},
                {"uri": "com.x", "disclose": {"publisher": true}, "cache": true},
                {"uri": "com..x", "match": "wildcard"}]},
              {"name": "all", "allow-by-default": true, "slow_consumer": "disconnect"}]}]"#,
    );
    let realm = sound(&loaded).workers[0].realms()[0].clone();
    let options = RealmOptions {
        place: Place::new("workers[0].realms[0].options"),
        event_dispatching_chunk_size: 50,
        uri_check: UriCheck::Strict,
        enable_meta_api: false,
        bridge_meta_api: false,
    };
    assert_eq!(realm.options, options);
    assert_eq!(realm.roles[0].slow_consumer, SlowConsumer::PushBack);
    let limits = |role: &Role| {
        [role.limits.max_subscriptions, role.limits.max_registrations, role.limits.max_pending_calls]
    };
    assert_eq!(limits(&realm.roles[0]), [1, 2, 1 << 24]);
    let Authorization::Permissions(rules) = &realm.roles[0].authorization else { panic!() };
    let seen: Vec<_> = rules.iter().map(|rule| (rule.uri.as_str(), rule.match_policy)).collect();
    let expected = [
        ("com.", MatchPolicy::Prefix),
        ("com..x", MatchPolicy::Wildcard),
        ("com.x", MatchPolicy::Exact),
        ("com..x", MatchPolicy::Wildcard),
    ];
    assert_eq!(seen, expected);
    assert_eq!(rules[0].allow, Allow { call: true, ..Allow::default() });
    assert_eq!(rules[2].disclose, Disclose { caller: false, publisher: true });
    assert!(rules[2].cache && !rules[0].cache);
    assert_eq!(realm.roles[1].authorization, Authorization::Always(true));
    assert_eq!(realm.roles[1].slow_consumer, SlowConsumer::Disconnect);
    assert_eq!(limits(&realm.roles[1]), [65_536; 3]);
}

#[test]
fn tcp_endpoint_when_everything_is_set() {
    let read = |text: &str| match first_transport(&transport(&format!(
        r#"{{"type": "rawsocket", "endpoint": {{"type": "tcp", {text}}}}}"#
    )))
    .endpoint
    {
        ListenEndpoint::Tcp(tcp) => tcp,
        other => panic!("{other:?}"),
    };
    let full = read(
        r#""port": "${PORT}", "interface": " ::1 ", "version": 6, "v6only": true, "backlog": 7, "shared": true,
           "user_timeout": 300, "keepalive_s": 0, "accept_rate": 5, "max_connections_per_address": 6"#,
    );
    let expected = TcpListenConfig {
        place: Place::new("workers[0].transports[0].endpoint"),
        ports: 9000..=9000,
        interface: Some("::1".to_owned()),
        version: Some(IpVersion::V6),
        v6only: true,
        backlog: 7,
        shared: true,
        user_timeout: Some(Duration::from_millis(300)),
        keepalive: None,
        accept_rate: Some(5),
        max_connections_per_address: Some(6),
        proxy_protocol: None,
        tls: None,
    };
    assert_eq!(full, expected);
    let least = read(r#""port": 80"#);
    assert_eq!(least, TcpListenConfig { place: full.place, ..TcpListenConfig::new(80) });
    assert_eq!(least.ip().unwrap().to_string(), "0.0.0.0");
    let zeros =
        read(r#""port": "$PORT", "user_timeout": 0, "accept_rate": 0, "interface": "", "version": 6"#);
    assert_eq!((zeros.user_timeout, zeros.accept_rate, zeros.ports.clone()), (None, None, 9000..=9000));
    assert_eq!(zeros.ip().unwrap().to_string(), "::");
    assert_eq!(read(r#""port": 1, "portrange": [8000, 8010]"#).ports, 8000..=8010);
    assert_eq!(read(r#""port": 80, "interface": "localhost""#).ip(), None);
}

#[test]
fn host_when_taken_as_interface() {
    let endpoint = |more: &str| {
        transport(&format!(r#"{{"type": "rawsocket", "endpoint": {{"type": "tcp", "port": 1, {more}}}}}"#))
    };
    for more in [r#""host": "127.0.0.1""#, r#""host": " 127.0.0.1", "interface": "127.0.0.1 ""#] {
        let loaded = endpoint(more);
        let ListenEndpoint::Tcp(tcp) = first_transport(&loaded).endpoint else { panic!() };
        assert_eq!(tcp.interface.as_deref(), Some("127.0.0.1"));
    }
}

#[test]
fn unix_endpoint_when_everything_is_set() {
    let read = |text: &str| match first_transport(&transport(&format!(
        r#"{{"type": "rawsocket", "endpoint": {{"type": "unix", {text}}}}}"#
    )))
    .endpoint
    {
        ListenEndpoint::Unix(unix) => unix,
        other => panic!("{other:?}"),
    };
    let full = read(
        r#""path": "${RUN}/x.sock", "backlog": 9, "mode": "0660", "owner": "me", "group": "us", "accept_rate": 3"#,
    );
    let expected = UnixListenConfig {
        place: Place::new("workers[0].transports[0].endpoint"),
        address: UnixAddress::Path("/run/user/x.sock".into()),
        backlog: 9,
        mode: 0o660,
        owner: Some("me".to_owned()),
        group: Some("us".to_owned()),
        accept_rate: Some(3),
        proxy_protocol: None,
    };
    assert_eq!(full, expected);
    assert_eq!(read(r#""path": "./a/../b.sock""#).address, UnixAddress::Path("/node/b.sock".into()));
    assert_eq!(read(r#""path": "$NOT_SET/b""#).address, UnixAddress::Path("/node/$NOT_SET/b".into()));
    assert_eq!(read(r#""path": "@name""#).address, UnixAddress::Abstract("name".to_owned()));
    assert_eq!(read(r#""path": "a""#).mode, 0o666);
}

#[test]
fn websocket_when_everything_is_set() {
    let loaded = transport(
        r#"{"type": "websocket", "id": "front", "endpoint": {"type": "tcp", "port": 1}, "max_connections": 7,
            "url": "wss://example.com:443/ws", "serializers": ["cbor", "json"], "debug": true,
            "auth": {"anonymous": {"type": "static", "role": "guest", "authid": "g", "realm": "realm1"}},
            "options": {
                "allowed_origins": ["https://*.example.com"], "allow_null_origin": false, "external_port": 443,
                "enable_hybi10": false, "enable_rfc6455": true, "open_handshake_timeout": 2500,
                "close_handshake_timeout": 0, "enable_webstatus": false, "validate_utf8": false,
                "mask_server_frames": true, "require_masked_client_frames": false, "apply_mask": false,
                "max_frame_size": 65536, "max_message_size": 0, "auto_fragment_size": 1024,
                "fail_by_drop": true, "echo_close_codereason": true, "tcp_nodelay": false,
                "auto_ping_interval": 10000, "auto_ping_timeout": 0, "auto_ping_size": 125,
                "auto_ping_restart_on_any_traffic": false, "require_websocket_subprotocol": false,
                "show_server_version": true, "compression": {}, "hello_timeout": 300, "max_send_queue": 1}}"#,
    );
    let transport = first_transport(&loaded);
    assert_eq!((transport.id.as_str(), transport.max_connections()), ("front", 7));
    let TransportProtocol::WebSocket(websocket) = transport.protocol else { panic!() };
    let expected = WebSocketOptions {
        place: Place::new("workers[0].transports[0].options"),
        allowed_origins: vec!["https://*.example.com".to_owned()],
        allow_null_origin: false,
        external_port: Some(443),
        enable_hybi10: false,
        enable_rfc6455: true,
        open_handshake_timeout: Some(Duration::from_millis(2500)),
        close_handshake_timeout: None,
        enable_webstatus: false,
        validate_utf8: false,
        mask_server_frames: true,
        require_masked_client_frames: false,
        apply_mask: false,
        max_frame_size: Some(65536),
        max_message_size: None,
        auto_fragment_size: Some(1024),
        fail_by_drop: true,
        echo_close_codereason: true,
        tcp_nodelay: false,
        auto_ping_interval: Some(Duration::from_secs(10)),
        auto_ping_timeout: None,
        auto_ping_size: 125,
        auto_ping_restart_on_any_traffic: false,
        require_websocket_subprotocol: false,
        show_server_version: true,
        hello_timeout: Some(Duration::from_millis(300)),
        max_send_queue: 1,
        compression: Compression {
            place: Place::new("workers[0].transports[0].options.compression"),
            deflate: None,
        },
        enable_flash_policy: false,
        flash_policy: None,
    };
    assert_eq!(websocket.options, expected);
    assert_eq!(websocket.serializers, [Serializer::Cbor, Serializer::Json]);
    assert_eq!(websocket.url.as_deref(), Some("wss://example.com:443/ws"));
    assert!(websocket.debug);
    let Some(AnonymousAuth::Static(anonymous)) = websocket.auth.unwrap().anonymous else { panic!() };
    assert_eq!((anonymous.role.as_str(), anonymous.authid.as_deref()), ("guest", Some("g")));
    assert_eq!(anonymous.realm.as_deref(), Some("realm1"));
}

#[test]
fn rawsocket_when_everything_is_set() {
    let loaded = transport(
        r#"{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1}, "serializers": ["cbor"], "auth": {},
            "options": {"max_message_size": 1000, "hello_timeout": 0, "max_send_queue": 4096,
                        "ping_interval": 500, "ping_timeout": 0}}"#,
    );
    let transport = first_transport(&loaded);
    assert_eq!(transport.max_connections(), DEFAULT_MAX_CONNECTIONS);
    let TransportProtocol::RawSocket(rawsocket) = transport.protocol else { panic!() };
    let expected = RawSocketOptions {
        place: Place::new("workers[0].transports[0].options"),
        max_message_size: 1024,
        hello_timeout: None,
        max_send_queue: 4096,
        ping_interval: Some(Duration::from_millis(500)),
        ping_timeout: None,
    };
    assert_eq!(rawsocket.options, expected);
    assert_eq!((rawsocket.serializers.as_slice(), rawsocket.auth), ([Serializer::Cbor].as_slice(), None));
}

#[test]
fn web_when_everything_is_set() {
    let loaded = transport(
        r#"{"type": "web", "endpoint": {"type": "tcp", "port": 1}, "sniff_timeout": 0,
            "options": {"access_log": true, "display_tracebacks": true, "hsts": true, "hsts_max_age": 0,
                "client_timeout": 30, "header_timeout": 0, "max_header_bytes": 4096,
                "allowed_hosts": ["Example.com", "[::1]"]},
            "paths": {
                "/": {"type": "static", "directory": "/srv", "options": {"enable_directory_listing": true,
                    "mime_types": {".x": "text/x", "y": "text/y"}, "cache_timeout": null, "default_file": "i.html"}},
                "j": {"type": "json", "value": {"b": [1, 2.5, null], "a": "é"},
                      "options": {"prettify": true, "allow_cross_origin": false, "discourage_caching": true}},
                "old": {"type": "redirect", "url": "/new"},
                "sub": {"type": "path", "paths": {"ws": {"type": "websocket", "auth": {"anonymous": {"type": "static"}}},
                                                  "info": {"type": "nodeinfo"}}}}}"#,
    );
    let TransportProtocol::Web(transport) = first_transport(&loaded).protocol else { panic!() };
    let web = transport.web;
    let options = WebOptions {
        place: Place::new("workers[0].transports[0].options"),
        access_log: true,
        display_tracebacks: true,
        hsts: true,
        hsts_max_age: 0,
        client_timeout: Some(Duration::from_secs(30)),
        header_timeout: None,
        max_header_bytes: 4096,
        idle_timeout: Some(Duration::from_secs(60)),
        allowed_hosts: Some(vec!["example.com".to_owned(), "[::1]".to_owned()]),
    };
    assert_eq!((web.options, transport.sniff_timeout), (options, None));
    let services: Vec<_> = web.paths.iter().map(|p| (p.path.as_str(), p.service.kind.type_name())).collect();
    assert_eq!(services, [("/", "static"), ("j", "json"), ("old", "redirect"), ("sub", "path")]);
    let WebServiceConfig::Static(files) = &web.paths[0].service.kind else { panic!() };
    assert_eq!(files.directory, Some("/srv".into()));
    let options = StaticOptions {
        place: Place::new(r#"workers[0].transports[0].paths["/"].options"#),
        enable_directory_listing: true,
        mime_types: vec![(".x".to_owned(), "text/x".to_owned()), (".y".to_owned(), "text/y".to_owned())],
        cache_timeout: None,
        default_file: Some("i.html".to_owned()),
    };
    assert_eq!(files.options, options);
    let WebServiceConfig::Json(value) = &web.paths[1].service.kind else { panic!() };
    assert_eq!(value.value.to_string(), r#"{"b":[1,2.5,null],"a":"é"}"#);
    let options = &value.options;
    assert!(options.prettify && !options.allow_cross_origin && options.discourage_caching);
    let WebServiceConfig::Path(nested) = &web.paths[3].service.kind else { panic!() };
    assert_eq!(nested.paths[0].service.place.as_str(), "workers[0].transports[0].paths.sub.paths.ws");
    assert_eq!(web.paths[0].service.place.as_str(), r#"workers[0].transports[0].paths["/"]"#);
    let WebServiceConfig::WebSocket(websocket) = &nested.paths[0].service.kind else { panic!() };
    let Some(AnonymousAuth::Static(anonymous)) = &websocket.auth.as_ref().unwrap().anonymous else {
        panic!()
    };
    assert_eq!(anonymous.role, "anonymous");
}

#[test]
fn universal_when_websocket_has_either_form() {
    let read = |websocket: &str| {
        let loaded = transport(&format!(
            r#"{{"type": "universal", "endpoint": {{"type": "tcp", "port": 1}}, "websocket": {websocket}}}"#
        ));
        match first_transport(&loaded).protocol {
            TransportProtocol::Universal(universal) => universal.websocket.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let everywhere = |form: UniversalWebSocket| match form {
        UniversalWebSocket::Everywhere(config) => config,
        other => panic!("{other:?}"),
    };
    assert_eq!(everywhere(read("{}")).options, WebSocketOptions::default());
    let plain = everywhere(read(r#"{"type": "websocket", "options": {"fail_by_drop": true}}"#));
    assert!(plain.options.fail_by_drop);
    let UniversalWebSocket::Paths(paths) =
        read(r#"{"zz": {"type": "websocket"}, "/": {"type": "websocket", "serializers": ["json"]}}"#)
    else {
        panic!()
    };
    assert_eq!(paths.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["zz", "/"]);
    assert_eq!(paths[1].1.serializers, [Serializer::Json]);
    // A path may carry the name of a key of the plain form.
    assert!(matches!(read(r#"{"options": {"type": "websocket"}}"#), UniversalWebSocket::Paths(_)));
}

#[test]
fn universal_when_web_is_empty() {
    for web in ["{}", r#"{"paths": {}}"#] {
        let loaded = transport(&format!(
            r#"{{"type": "universal", "endpoint": {{"type": "tcp", "port": 1}}, "sniff_timeout": 700, "web": {web}}}"#
        ));
        let TransportProtocol::Universal(universal) = first_transport(&loaded).protocol else { panic!() };
        assert_eq!(universal.sniff_timeout, Some(Duration::from_millis(700)));
        assert!(universal.web.unwrap().paths.is_empty());
    }
}
