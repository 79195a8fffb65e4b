//! Endpoints and transports.

use super::super::support::*;

#[test]
fn endpoints_when_wrong() {
    check(&[
        (
            endpoint,
            r#""type": "tcp""#,
            &[r#"error: T.endpoint: missing mandatory attribute "port" in listening tcp endpoint"#],
        ),
        (
            endpoint,
            r#""type": "tls", "port": 1"#,
            &[
                r#"error: T.endpoint.type: invalid value "tls" for attribute "type" in listening endpoint: must be "tcp", "unix", "fd", "twisted" or "onion" (TLS is the map "tls" of an endpoint of type "tcp")"#,
            ],
        ),
        (
            endpoint,
            r#""type": "onion", "port": 1"#,
            &[
                r#"warning: T.endpoint.type: listening endpoint type "onion" is valid, but this release does not run it"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tor", "port": 1"#,
            &[
                r#"error: T.endpoint.type: invalid value "tor" for attribute "type" in listening endpoint: must be "tcp", "unix", "fd", "twisted" or "onion" ("tor" is for connecting; to be reached over Tor is "onion")"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tpc", "port": 1"#,
            &[
                r#"error: T.endpoint.type: invalid value "tpc" for attribute "type" in listening endpoint: must be "tcp", "unix", "fd", "twisted" or "onion" (did you mean "tcp"?)"#,
            ],
        ),
        (
            endpoint,
            r#""port": 1"#,
            &[r#"error: T.endpoint: missing mandatory attribute "type" in listening endpoint"#],
        ),
        (
            endpoint,
            r#""type": "tcp", "port": true"#,
            &[
                r#"error: T.endpoint.port: invalid type bool for attribute "port" in listening tcp endpoint: must be int (1..65535)"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tcp", "port": 0"#,
            &[
                r#"error: T.endpoint.port: invalid value 0 for attribute "port" in listening tcp endpoint: must be 1..65535"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tcp", "port": 8080.0"#,
            &[
                r#"error: T.endpoint.port: invalid type float for attribute "port" in listening tcp endpoint: must be int (1..65535)"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tcp", "port": "8080""#,
            &[
                r#"error: T.endpoint.port: invalid value "8080" for attribute "port" in listening tcp endpoint: must be an int (1..65535) or "$NAME" of an environment variable (write it as a number)"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tcp", "port": "$UNSET""#,
            &[
                r#"error: T.endpoint.port: invalid value "$UNSET" for attribute "port" in listening tcp endpoint: the environment variable UNSET is not set"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tcp", "port": "$WORD""#,
            &[
                r#"error: T.endpoint.port: invalid value "$WORD" for attribute "port" in listening tcp endpoint: the environment variable WORD does not hold a port (1..65535)"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tcp", "port": 1, "host": "a", "interface": "b""#,
            &[
                r#"error: T.endpoint.host: invalid value "a" for attribute "host" in listening tcp endpoint: it differs from "interface", which means the same (remove "host")"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tcp", "port": 1, "portrange": [9, 8]"#,
            &[
                r#"error: T.endpoint.portrange: invalid value […] for attribute "portrange" in listening tcp endpoint: must end at 9 or above, not at 8"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tcp", "portrange": [9]"#,
            &[
                r#"error: T.endpoint.portrange: invalid value […] for attribute "portrange" in listening tcp endpoint: must be two ports, the first and the last"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tcp", "port": 1, "version": 5, "backlog": 0, "user_timeout": 70000, "shared": 1"#,
            &[
                r#"error: T.endpoint.version: invalid value 5 for attribute "version" in listening tcp endpoint: must be 4 or 6"#,
                r#"error: T.endpoint.backlog: invalid value 0 for attribute "backlog" in listening tcp endpoint: must be 1..65535"#,
                r#"error: T.endpoint.user_timeout: invalid value 70000 for attribute "user_timeout" in listening tcp endpoint: must be 0..65535"#,
                r#"error: T.endpoint.shared: invalid type int for attribute "shared" in listening tcp endpoint: must be bool (true or false)"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tcp", "port": 1, "version": 6, "interface": "127.0.0.1", "v6only": true"#,
            &[
                r#"warning: T.endpoint.version: "version" 6 contradicts the address 127.0.0.1, which decides"#,
                r#"warning: T.endpoint.v6only: attribute "v6only" in listening tcp endpoint is accepted, but has no effect: this endpoint listens on IPv4"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tcp", "port": 1, "tls": {"key": "a"}, "proxy_protocol": {}"#,
            &[
                r#"warning: T.endpoint.tls: attribute "tls" in listening tcp endpoint is valid, but this release does not run it"#,
                r#"warning: T.endpoint.proxy_protocol: attribute "proxy_protocol" in listening tcp endpoint is valid, but this release does not run it"#,
            ],
        ),
        (
            endpoint,
            r#""type": "tcp", "port": 1, "path": "x", "timeout": 5, "address": "x", "interfaces": "y""#,
            &[
                r#"error: T.endpoint: unknown attribute "path" in listening tcp endpoint (this is for endpoints of type "unix")"#,
                r#"error: T.endpoint: unknown attribute "timeout" in listening tcp endpoint (only connecting endpoints have it)"#,
                r#"error: T.endpoint: unknown attribute "address" in listening tcp endpoint (did you mean "interface"?)"#,
                r#"error: T.endpoint: unknown attribute "interfaces" in listening tcp endpoint (did you mean "interface"?)"#,
            ],
        ),
        (
            endpoint,
            r#""type": "unix""#,
            &[r#"error: T.endpoint: missing mandatory attribute "path" in listening unix endpoint"#],
        ),
        (
            endpoint,
            r#""type": "unix", "path": 5, "mode": 432, "port": 5"#,
            &[
                r#"error: T.endpoint.path: invalid type int for attribute "path" in listening unix endpoint: must be str"#,
                r#"error: T.endpoint.mode: invalid type int for attribute "mode" in listening unix endpoint: must be str (permission bits in octal) (write it in quotes: "0660")"#,
                r#"error: T.endpoint: unknown attribute "port" in listening unix endpoint (this is for endpoints of type "tcp")"#,
            ],
        ),
        (
            endpoint,
            r#""type": "unix", "path": "x", "mode": "999""#,
            &[
                r#"error: T.endpoint.mode: invalid value "999" for attribute "mode" in listening unix endpoint: must be permission bits in octal, such as "0660""#,
            ],
        ),
        (
            endpoint,
            r#""type": "unix", "path": "x""#,
            &[
                r#"note: T.endpoint: every local user can connect to this socket (mode 0666) ("mode": "0660" together with a "group" is tighter)"#,
            ],
        ),
        (
            endpoint,
            r#""type": "unix", "path": "@x", "mode": "0600""#,
            &[
                r#"warning: T.endpoint.mode: attribute "mode" in listening unix endpoint is accepted, but has no effect: an abstract name is no file"#,
            ],
        ),
    ]);
}

#[test]
fn transport_when_wrong() {
    check(&[
        (
            transport,
            r#"{"type": "mqtt"}"#,
            &[r#"warning: T.type: transport type "mqtt" is valid, but this release does not run it"#],
        ),
        (
            transport,
            r#"{"type": "tcp"}"#,
            &[
                r#"error: T.type: invalid value "tcp" for attribute "type" in transport: must be "web", "websocket", "rawsocket", "universal", "mqtt", "flashpolicy", "websocket.testee" or "stream.testee" ("tcp" is a type of endpoint; the transport around it has its own)"#,
            ],
        ),
        (
            transport,
            r#"{"type": "websockets"}"#,
            &[
                r#"error: T.type: invalid value "websockets" for attribute "type" in transport: must be "web", "websocket", "rawsocket", "universal", "mqtt", "flashpolicy", "websocket.testee" or "stream.testee" (did you mean "websocket"?)"#,
            ],
        ),
        (transport, r#"{}"#, &[r#"error: T: missing mandatory attribute "type" in transport"#]),
        (
            transport,
            r#"5"#,
            &[
                r#"error: T: invalid type int for an item of attribute "transports" in router worker: must be map"#,
            ],
        ),
        (
            transport,
            r#"{"type": "rawsocket", "id": "A"}"#,
            &[
                r#"error: T: missing mandatory attribute "endpoint" in rawsocket transport"#,
                r#"error: T.id: invalid value "A" for attribute "id" in rawsocket transport: an ID is 3 to 64 characters of a-z, 0-9 and _, beginning with a letter"#,
            ],
        ),
    ]);
}

#[test]
fn universal_when_wrong() {
    check(&[
        (
            universal,
            r#""id": "abc""#,
            &[
                r#"error: T: missing mandatory attribute in universal transport: it needs at least one of "rawsocket", "websocket", "mqtt" and "web""#,
            ],
        ),
        (
            universal,
            r#""mqtt": {"options": {"realm": "realm1"}}"#,
            &[
                r#"warning: T.mqtt: attribute "mqtt" in universal transport is valid, but this release does not run it"#,
            ],
        ),
        (
            universal,
            r#""options": {}, "paths": {}, "rawsocket": {"endpoint": {}, "max_connections": 5, "type": "websocket"}"#,
            &[
                r#"error: T: unknown attribute "options" in universal transport (each section has its own: put it under "websocket", "rawsocket" or "web")"#,
                r#"error: T: unknown attribute "paths" in universal transport (put it under "web")"#,
                r#"error: T.rawsocket: unknown attribute "endpoint" in universal.rawsocket section (it belongs to the universal transport)"#,
                r#"error: T.rawsocket: unknown attribute "max_connections" in universal.rawsocket section (set it on the universal transport)"#,
                r#"error: T.rawsocket.type: invalid value "websocket" for attribute "type" in universal.rawsocket section: must be "rawsocket""#,
            ],
        ),
        (
            universal,
            r#""websocket": {"type": "web"}, "web": {"type": "websocket"}"#,
            &[
                r#"error: T.websocket.type: invalid value "web" for attribute "type" in universal.websocket section: must be "websocket""#,
                r#"error: T.web.type: invalid value "websocket" for attribute "type" in universal.web section: must be "web""#,
            ],
        ),
        (
            universal,
            r#""websocket": {"fail_by_drop": true, "endpoint": {}}"#,
            &[
                r#"error: T.websocket: unknown attribute "fail_by_drop" in universal.websocket section (put it under "options")"#,
                r#"error: T.websocket: unknown attribute "endpoint" in universal.websocket section (it belongs to the universal transport)"#,
            ],
        ),
        (
            universal,
            r#""websocket": {"ws": {"type": "websocket"}, "options": {}}"#,
            &[
                r#"error: T.websocket: unknown attribute "ws" in universal.websocket section (write either one websocket configuration, {"options": {…}}, or paths with one each, {"ws": {"type": "websocket"}})"#,
            ],
        ),
        (
            universal,
            r#""websocket": {"ws": {}}"#,
            &[
                r#"error: T.websocket: unknown attribute "ws" in universal.websocket section (add "type": "websocket" to it if "ws" is a path; write either one websocket configuration, {"options": {…}}, or paths with one each, {"ws": {"type": "websocket"}})"#,
            ],
        ),
        (
            universal,
            r#""websocket": {"ws": {"type": "websocket", "endpoint": {}}, "/x": {"type": "websocket"}}, "web": {"paths": {"ws": {"type": "nodeinfo"}}}"#,
            &[
                r#"warning: T.websocket.ws: path "ws" is also in "web"; the websocket answers there"#,
                r#"error: T.websocket.ws: unknown attribute "endpoint" in universal.websocket path (it belongs to the universal transport)"#,
                r#"error: T.websocket: invalid value "/x" for a path: must be one component of letters, digits, _ and -, or "/" (write "x", without slashes)"#,
            ],
        ),
        (
            universal,
            r#""websocket": {"optoins": {}}"#,
            &[
                r#"error: T.websocket: unknown attribute "optoins" in universal.websocket section (did you mean "options"?)"#,
            ],
        ),
        (
            universal,
            r#""websocket": 5, "web": {"endpoint": {}, "auth": {}}"#,
            &[
                r#"error: T.websocket: invalid type int for attribute "websocket" in universal transport: must be map"#,
                r#"error: T.web: unknown attribute "endpoint" in universal.web section (it belongs to the universal transport)"#,
                r#"error: T.web: unknown attribute "auth" in universal.web section (put it into the service of type "websocket")"#,
            ],
        ),
    ]);
}
