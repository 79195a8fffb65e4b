//! What is spoken on a transport.

use super::super::support::*;

#[test]
fn websocket_when_wrong() {
    check(&[
        (
            websocket,
            r#""serializers": [], "option": {}"#,
            &[
                r#"error: T.serializers: invalid value [] for attribute "serializers" in websocket transport: at least one is needed"#,
                r#"error: T: unknown attribute "option" in websocket transport (did you mean "options"?)"#,
            ],
        ),
        (
            websocket,
            r#""serializers": ["json.batched", "mspack", "flatbuffers", "json", "json", 5]"#,
            &[
                r#"error: T.serializers[0]: invalid value "json.batched" for an item of attribute "serializers" in websocket transport: must be "json", "msgpack", "cbor", "ubjson" or "flatbuffers" (write "json"; batched forms have no name here, and are not offered yet)"#,
                r#"error: T.serializers[1]: invalid value "mspack" for an item of attribute "serializers" in websocket transport: must be "json", "msgpack", "cbor", "ubjson" or "flatbuffers" (did you mean "msgpack"?)"#,
                r#"warning: T.serializers[2]: serializer "flatbuffers" is valid, but this release does not run it"#,
                r#"warning: T.serializers[4]: serializer "json" is listed twice"#,
                r#"error: T.serializers[5]: invalid type int for an item of attribute "serializers" in websocket transport: must be str"#,
            ],
        ),
        (
            websocket,
            r#""url": "http://x""#,
            &[
                r#"error: T.url: invalid value "http://x" for attribute "url" in websocket transport: must begin with ws:// or wss://"#,
            ],
        ),
        (
            websocket,
            r#""url": "ws://x?y""#,
            &[
                r#"error: T.url: invalid value "ws://x?y" for attribute "url" in websocket transport: must not have a query (?)"#,
            ],
        ),
        (
            websocket,
            r#""max_message_size": 5, "serializer": "x", "cookie": {}, "port": 5, "max_connections": 0"#,
            &[
                r#"error: T: unknown attribute "max_message_size" in websocket transport (put it under "options")"#,
                r#"error: T: unknown attribute "serializer" in websocket transport (did you mean "serializers" (a list)?)"#,
                r#"warning: T.cookie: attribute "cookie" in websocket transport is valid, but this release does not run it"#,
                r#"error: T: unknown attribute "port" in websocket transport (put it under "endpoint")"#,
                r#"error: T.max_connections: invalid value 0 for attribute "max_connections" in websocket transport: must be at least 1"#,
            ],
        ),
        (
            websocket,
            r#""options": {"open_handshake_timeout": 5, "auto_ping_interval": -1, "auto_ping_size": 11, "max_frame_size": 67108865, "foo": 1, "serializers": []}"#,
            &[
                r#"error: T.options.open_handshake_timeout: invalid value 5 for attribute "open_handshake_timeout" in websocket options: it is in milliseconds; must be 0 (off) or at least 1000"#,
                r#"error: T.options.auto_ping_interval: invalid value -1 for attribute "auto_ping_interval" in websocket options: must be 0..4294967295"#,
                r#"error: T.options.auto_ping_size: invalid value 11 for attribute "auto_ping_size" in websocket options: must be 12..125"#,
                r#"error: T.options.max_frame_size: invalid value 67108865 for attribute "max_frame_size" in websocket options: must be 0..67108864"#,
                r#"error: T.options: unknown attribute "foo" in websocket options (known: allow_null_origin, allowed_origins, apply_mask, auto_fragment_size, auto_ping_interval, auto_ping_restart_on_any_traffic, auto_ping_size, auto_ping_timeout, close_handshake_timeout, compression, echo_close_codereason, enable_flash_policy, enable_hybi10, enable_rfc6455, enable_webstatus, external_port, fail_by_drop, flash_policy, hello_timeout, mask_server_frames, max_frame_size, max_message_size, max_send_queue, open_handshake_timeout, require_masked_client_frames, require_websocket_subprotocol, show_server_version, tcp_nodelay, validate_utf8)"#,
                r#"error: T.options: unknown attribute "serializers" in websocket options (it stands beside "options", not in it)"#,
            ],
        ),
        (
            websocket,
            r#""options": {"require_websocket_subprotocol": false}, "serializers": ["cbor"]"#,
            &[
                r#"error: T.options.require_websocket_subprotocol: invalid value false for attribute "require_websocket_subprotocol" in websocket options: clients without a subprotocol speak json, which is not among the serializers (add "json" to "serializers")"#,
            ],
        ),
        (
            websocket,
            r#""options": {"compression": {"deflate": {"max_window_bits": 8, "request_max_window_bits": 0, "x": 1}}}"#,
            &[
                r#"warning: T.options.compression.deflate: attribute "deflate" in compression is valid, but this release does not run it (remove it; clients do without compression)"#,
                r#"error: T.options.compression.deflate.max_window_bits: invalid value 8 for attribute "max_window_bits" in deflate: must be 9..15"#,
                r#"error: T.options.compression.deflate: unknown attribute "x" in deflate (known: max_window_bits, memory_level, no_context_takeover, request_max_window_bits, request_no_context_takeover)"#,
            ],
        ),
        (
            websocket,
            r#""options": {"compression": {"deflate": true}}"#,
            &[
                r#"error: T.options.compression.deflate: invalid type bool for attribute "deflate" in compression: must be map"#,
            ],
        ),
        (
            websocket,
            r#""options": {"compression": {"gzip": {}}, "enable_flash_policy": true, "allowed_origins": "*", "allow_null_origin": "yes"}"#,
            &[
                r#"error: T.options.compression: unknown attribute "gzip" in compression (known: deflate)"#,
                r#"warning: T.options.enable_flash_policy: attribute "enable_flash_policy" in websocket options is accepted, but has no effect: no browser runs Flash any more"#,
                r#"error: T.options.allowed_origins: invalid type str for attribute "allowed_origins" in websocket options: must be list"#,
                r#"error: T.options.allow_null_origin: invalid type str for attribute "allow_null_origin" in websocket options: must be bool (true or false)"#,
            ],
        ),
    ]);
}

#[test]
fn auth_when_wrong_or_not_built() {
    check(&[
        (
            websocket,
            r#""auth": {"ticket": {"type": "static", "principals": {"a": {"ticket": "hunter2"}}}, "anonymous": {"type": "dynamic", "authenticator": "x"}, "tickets": {}}"#,
            &[
                r#"warning: T.auth.ticket: attribute "ticket" in auth is valid, but this release does not run it"#,
                r#"warning: T.auth.anonymous.type: anonymous authentication type "dynamic" is valid, but this release does not run it"#,
                r#"error: T.auth: unknown attribute "tickets" in auth (known: anonymous, anonymous-proxy, cookie, cryptosign, cryptosign-proxy, scram, ticket, tls, wampcra)"#,
            ],
        ),
        (
            websocket,
            r#""auth": {"anonymous": {"type": "function"}, "type": "static"}"#,
            &[
                r#"error: T.auth.anonymous.type: invalid value "function" for attribute "type" in anonymous authentication: must be "static" or "dynamic""#,
                r#"error: T.auth: unknown attribute "type" in auth (name the method first: "anonymous": {"type": "static", …})"#,
            ],
        ),
        (
            websocket,
            r#""auth": {"anonymous": {"role": 5}}"#,
            &[r#"error: T.auth.anonymous: missing mandatory attribute "type" in anonymous authentication"#],
        ),
        (
            websocket,
            r#""auth": {"anonymous": {"type": "static", "role": "nobody", "realm": "nowhere", "x": 1}}"#,
            &[
                r#"warning: T.auth.anonymous.role: no realm of this worker has a role "nobody"; such clients are refused"#,
                r#"warning: T.auth.anonymous.realm: this worker has no realm "nowhere"; such clients are refused"#,
                r#"error: T.auth.anonymous: unknown attribute "x" in anonymous authentication (known: authid, realm, role, type)"#,
            ],
        ),
        (
            websocket,
            r#""auth": {"anonymous": {"type": "static", "role": "trusted"}}"#,
            &[
                r#"warning: T.auth.anonymous.role: everybody who connects here may do anything (role "trusted")"#,
            ],
        ),
    ]);
}

#[test]
fn rawsocket_when_wrong() {
    check(&[
        (
            rawsocket,
            r#""serializer": "json", "max_message_size": 5, "cookie": {}"#,
            &[
                r#"error: T: unknown attribute "serializer" in rawsocket transport (did you mean "serializers" (a list)?)"#,
                r#"error: T: unknown attribute "max_message_size" in rawsocket transport (put it under "options")"#,
                r#"error: T: unknown attribute "cookie" in rawsocket transport (only WebSocket has cookies)"#,
            ],
        ),
        (
            rawsocket,
            r#""serializers": ["flatbuffers"], "options": {"max_message_size": 511, "x": 1}"#,
            &[
                r#"error: T.serializers[0]: invalid value "flatbuffers" for an item of attribute "serializers" in rawsocket transport: must be "json", "msgpack", "cbor" or "ubjson""#,
                r#"error: T.options.max_message_size: invalid value 511 for attribute "max_message_size" in rawsocket options: must be 512..16777216"#,
                r#"error: T.options: unknown attribute "x" in rawsocket options (known: hello_timeout, max_message_size, max_send_queue, ping_interval, ping_timeout)"#,
            ],
        ),
    ]);
}

#[test]
fn web_when_wrong() {
    check(&[
        (
            web,
            r#""path": {}"#,
            &[
                r#"error: T: missing mandatory attribute "paths" in web transport"#,
                r#"error: T: unknown attribute "path" in web transport (did you mean "paths"?)"#,
            ],
        ),
        (
            web,
            r#""paths": {"/ws": {"type": "websocket"}, "a/b": {"type": "nodeinfo"}, "a.b": {"type": "nodeinfo"}}"#,
            &[
                r#"error: T.paths: invalid value "/ws" for a path: must be one component of letters, digits, _ and -, or "/" (write "ws", without slashes)"#,
                r#"error: T.paths: invalid value "a/b" for a path: must be one component of letters, digits, _ and -, or "/" (use a service of type "path" for nesting)"#,
                r#"error: T.paths: invalid value "a.b" for a path: must be one component of letters, digits, _ and -, or "/""#,
            ],
        ),
        (
            web,
            r#""paths": {"/": {"type": "statics", "directory": "x"}, "a": {"directory": "x"}, "b": 5, "c": {"type": "upload"}, "d": {"type": "longpoll"}}"#,
            &[
                r#"error: T.paths["/"].type: invalid value "statics" for attribute "type" in web service: must be "static", "websocket", "redirect", "json", "nodeinfo", "path", "longpoll", "publisher", "caller", "webhook", "reverseproxy", "websocket-reverseproxy", "archive", "cgi", "wap", "wsgi", "resource", "catalog" or "none" (did you mean "static"?)"#,
                r#"error: T.paths.a: missing mandatory attribute "type" in web service"#,
                r#"error: T.paths.b: invalid type int for attribute "b" in web paths: must be map"#,
                r#"error: T.paths.c.type: invalid value "upload" for attribute "type" in web service: must be "static", "websocket", "redirect", "json", "nodeinfo", "path", "longpoll", "publisher", "caller", "webhook", "reverseproxy", "websocket-reverseproxy", "archive", "cgi", "wap", "wsgi", "resource", "catalog" or "none" (uploads are not supported)"#,
                r#"warning: T.paths.d.type: web service type "longpoll" is valid, but this release does not run it"#,
            ],
        ),
        (
            web,
            r#""paths": {"/": {"type": "static"}, "a": {"type": "static", "directory": "x", "package": "y"}, "b": {"type": "static", "package": "y", "resource": "z"}, "c": {"type": "static", "directory": "x", "default_file": "x", "max_connections": 5}}"#,
            &[
                r#"error: T.paths["/"]: missing mandatory attribute "directory" in static web service"#,
                r#"error: T.paths.a: invalid value: give either "directory" or "package" and "resource", not both"#,
                "warning: T.paths.b.package: attribute \"package\" in static web service is valid, but this release does not run it (give the \"directory\" of the files)",
                r#"error: T.paths.c: unknown attribute "default_file" in static web service (put it under "options")"#,
                r#"error: T.paths.c: unknown attribute "max_connections" in static web service (set it on the transport)"#,
            ],
        ),
        (
            web,
            r#""paths": {"/": {"type": "redirect"}, "a": {"type": "redirect", "url": "/é"}, "b": {"type": "json", "options": {"pretty": true}}, "c": {"type": "websocket", "endpoint": {}, "id": "X"}}"#,
            &[
                r#"error: T.paths["/"]: missing mandatory attribute "url" in redirect web service"#,
                r#"error: T.paths.a.url: invalid value "/é" for attribute "url" in redirect web service: must be printable ASCII without blanks (percent-encode the others)"#,
                r#"error: T.paths.b: missing mandatory attribute "value" in json web service"#,
                r#"error: T.paths.b.options: unknown attribute "pretty" in json web service options (did you mean "prettify"?)"#,
                r#"error: T.paths.c: unknown attribute "endpoint" in websocket web service (it belongs to the transport)"#,
                r#"note: T.paths.c.id: attribute "id" in websocket web service is accepted, but has no effect: services are known by their paths"#,
                r#"error: T.paths.c.id: invalid value "X" for attribute "id" in websocket web service: an ID is 3 to 64 characters of a-z, 0-9 and _, beginning with a letter"#,
            ],
        ),
        (
            web,
            r#""paths": {}, "access_log": true, "options": {"hsts_max_age": -1, "client_timeout": 0, "max_header_bytes": 1, "allowed_hosts": [], "x": 1}"#,
            &[
                r#"error: T: unknown attribute "access_log" in web transport (put it under "options")"#,
                r#"error: T.options.hsts_max_age: invalid value -1 for attribute "hsts_max_age" in web options: must be at least 0"#,
                r#"error: T.options.client_timeout: invalid value 0 for attribute "client_timeout" in web options: must be 1..86400"#,
                r#"error: T.options.max_header_bytes: invalid value 1 for attribute "max_header_bytes" in web options: must be 1024..1048576"#,
                r#"error: T.options.allowed_hosts: invalid value [] for attribute "allowed_hosts" in web options: with no host at all, nothing would be served (leave it out to serve all)"#,
                r#"error: T.options: unknown attribute "x" in web options (known: access_log, allowed_hosts, client_timeout, display_tracebacks, header_timeout, hsts, hsts_max_age, idle_timeout, max_header_bytes)"#,
            ],
        ),
        (
            web,
            r#""paths": {}, "options": {"client_timeout": 10, "idle_timeout": 10, "allowed_hosts": ["http://x", "x:80"]}"#,
            &[
                r#"warning: T.options.idle_timeout: attribute "idle_timeout" in web options is accepted, but has no effect: "client_timeout" means the same and comes first"#,
                r#"error: T.options.allowed_hosts[0]: invalid value "http://x" for an item of attribute "allowed_hosts" in web options: must be a host name without scheme and port, IPv6 addresses in brackets"#,
                r#"error: T.options.allowed_hosts[1]: invalid value "x:80" for an item of attribute "allowed_hosts" in web options: must be a host name without scheme and port, IPv6 addresses in brackets"#,
            ],
        ),
    ]);
}
