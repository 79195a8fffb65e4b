//! The node, its workers and realms.

use super::super::support::*;

#[test]
fn worker_when_wrong() {
    check(&[(
        worker,
        r#""id": "A", "realm": [], "components": [{}], "connections": [], "manhole": {}, "options": {"cpu_affinity": [1], "env": {"x": 1}, "python": "x", "pythonpth": []}"#,
        &[
            r#"error: workers[0].id: invalid value "A" for attribute "id" in router worker: an ID is 3 to 64 characters of a-z, 0-9 and _, beginning with a letter"#,
            r#"error: workers[0]: unknown attribute "realm" in router worker (did you mean "realms"?)"#,
            "warning: workers[0].components[0]: a component inside a worker is valid, but this release does not run it (run it as a process of its own that connects to a transport)",
            r#"warning: workers[0].connections: attribute "connections" in router worker is accepted, but has no effect: nothing here uses connections"#,
            r#"warning: workers[0].manhole: attribute "manhole" in router worker is valid, but this release does not run it"#,
            r#"warning: workers[0].options.cpu_affinity: attribute "cpu_affinity" in router worker options is accepted, but has no effect: workers share the threads of one process"#,
            r#"warning: workers[0].options.env: attribute "env" in router worker options is accepted, but has no effect: workers are no processes of their own"#,
            r#"error: workers[0].options.env: unknown attribute "x" in worker environment (known: inherit, vars)"#,
            r#"note: workers[0].options.python: attribute "python" in router worker options is accepted, but has no effect: workers are no processes of their own"#,
            r#"error: workers[0].options: unknown attribute "pythonpth" in router worker options (did you mean "pythonpath"?)"#,
        ],
    )]);
}

#[test]
fn realm_when_wrong() {
    check(&[
        (
            worker,
            r#""realms": [{}, {"name": "1x"}, {"name": "ab"}, {"name": 5}]"#,
            &[
                r#"error: R: missing mandatory attribute "name" in realm"#,
                r#"error: workers[0].realms[1].name: invalid value "1x" for attribute "name" in realm: a realm name is 3 to 255 characters of letters, digits, _ - @ and ., beginning with a letter"#,
                r#"error: workers[0].realms[2].name: invalid value "ab" for attribute "name" in realm: a realm name is 3 to 255 characters of letters, digits, _ - @ and ., beginning with a letter"#,
                r#"error: workers[0].realms[3].name: invalid type int for attribute "name" in realm: must be str"#,
            ],
        ),
        (
            realm,
            r#""id": "X", "trace": true, "store": {}, "rlinks": [{}], "options": {"uri_check": "lose", "event_dispatching_chunk_size": 0, "enable_meta_api": 1, "bridge_meta_api": true, "x": 1}"#,
            &[
                r#"warning: R.id: unusual ID "X": an ID is 3 to 64 characters of a-z, 0-9 and _, beginning with a letter"#,
                r#"warning: R: unknown attribute "trace" in realm; it is ignored"#,
                r#"warning: R.store: attribute "store" in realm is valid, but this release does not run it"#,
                "warning: R.rlinks[0]: a router link is valid, but this release does not run it",
                r#"error: R.options.uri_check: invalid value "lose" for attribute "uri_check" in realm options: must be "strict" or "loose" (did you mean "loose"?)"#,
                r#"error: R.options.event_dispatching_chunk_size: invalid value 0 for attribute "event_dispatching_chunk_size" in realm options: must be at least 1"#,
                r#"error: R.options.enable_meta_api: invalid type int for attribute "enable_meta_api" in realm options: must be bool (true or false)"#,
                r#"warning: R.options.bridge_meta_api: attribute "bridge_meta_api" in realm options is accepted, but has no effect: there is no management realm"#,
                r#"error: R.options: unknown attribute "x" in realm options (known: bridge_meta_api, enable_meta_api, event_dispatching_chunk_size, uri_check)"#,
            ],
        ),
        (
            realm,
            r#""options": {"event_dispatching_chunk_size": "x"}"#,
            &[
                r#"error: R.options.event_dispatching_chunk_size: invalid value "x" for attribute "event_dispatching_chunk_size" in realm options: must be an int of at least 1"#,
            ],
        ),
        (
            realm,
            r#""roles": [{"name": "trusted"}, {}, {"name": "a", "permission": []}, {"name": "a"}]"#,
            &[
                r#"error: R.roles[0].name: invalid value "trusted" for attribute "name" in role: this role is built in and cannot be configured"#,
                r#"error: R.roles[1]: missing mandatory attribute "name" in role"#,
                r#"warning: R.roles[2]: unknown attribute "permission" in role; it is ignored (did you mean "permissions"?)"#,
                r#"error: R.roles[3].name: invalid value: role name "a" is already used by R.roles[2]"#,
            ],
        ),
        (
            realm,
            r#""roles": [{"name": "a", "max_subscriptions": 0, "max_registrations": 16777217, "max_pending_calls": "5"}]"#,
            &[
                r#"error: R.roles[0].max_subscriptions: invalid value 0 for attribute "max_subscriptions" in role: must be 1..16777216"#,
                r#"error: R.roles[0].max_registrations: invalid value 16777217 for attribute "max_registrations" in role: must be 1..16777216"#,
                r#"error: R.roles[0].max_pending_calls: invalid type str for attribute "max_pending_calls" in role: must be int (1..16777216) (write it as a number)"#,
            ],
        ),
        (
            realm,
            r#""roles": [{"name": "a", "permissions": [], "authorizer": "com.x"}, {"name": "b", "authorizer": "Com x"}, {"name": "c", "permissions": [], "allow-by-default": true}]"#,
            &[
                r#"warning: R.roles[0].authorizer: attribute "authorizer" in role is valid, but this release does not run it"#,
                r#"error: R.roles[0].authorizer: invalid value: a role has either "permissions" or an "authorizer", not both"#,
                r#"warning: R.roles[1].authorizer: attribute "authorizer" in role is valid, but this release does not run it"#,
                r#"error: R.roles[1].authorizer: invalid value "Com x" for attribute "authorizer" in role: must be a URI with components of a-z, 0-9 and _"#,
                r#"warning: R.roles[2].allow-by-default: attribute "allow-by-default" in role is accepted, but has no effect: the role has "permissions""#,
            ],
        ),
        (
            permission,
            r#""allow": {"calls": true}"#,
            &[
                r#"error: R.roles[0].permissions[0]: missing mandatory attribute "uri" in permission"#,
                r#"error: R.roles[0].permissions[0].allow: unknown attribute "calls" in allow (did you mean "call"?)"#,
            ],
        ),
        (
            permission,
            r#""uri": "a b", "match": "Prefix", "allow": {"call": 1}, "disclose": {"x": true}, "cache": 1"#,
            &[
                r#"error: R.roles[0].permissions[0].uri: invalid value "a b" for attribute "uri" in permission: must not contain blanks or #"#,
                r#"error: R.roles[0].permissions[0].match: invalid value "Prefix" for attribute "match" in permission: must be "exact", "prefix" or "wildcard" (did you mean "prefix"?)"#,
                r#"error: R.roles[0].permissions[0].allow.call: invalid type int for attribute "call" in allow: must be bool (true or false)"#,
                r#"error: R.roles[0].permissions[0].disclose: unknown attribute "x" in disclose (known: caller, publisher)"#,
                r#"error: R.roles[0].permissions[0].cache: invalid type int for attribute "cache" in permission: must be bool (true or false)"#,
            ],
        ),
        (
            permission,
            r#""uri": "a*", "match": "prefix", "call": true, "validate": {"call": "x"}"#,
            &[
                r#"warning: R.roles[0].permissions[0].uri: with "match" a * in "uri" is an ordinary character, not a wildcard"#,
                r#"error: R.roles[0].permissions[0]: unknown attribute "call" in permission (this is the form of version 1; put it under "allow")"#,
                r#"warning: R.roles[0].permissions[0].validate: attribute "validate" in permission is valid, but this release does not run it"#,
            ],
        ),
    ]);
}

#[test]
fn top_level_when_wrong() {
    check_lines(&[
        (
            r#"{}"#,
            &[
                r#"1:1: error: missing mandatory attribute "version" in the configuration (write "version": 2)"#,
            ],
        ),
        (r#"[]"#, &["1:1: error: invalid type list for the configuration: must be map"]),
        (
            r#"{"version": 1}"#,
            &[
                r#"1:13: error: version: invalid value 1 for attribute "version" in the configuration: version 1 is too old and has to be upgraded to version 2 (`transom upgrade` does that; by hand, permissions go under "allow")"#,
            ],
        ),
        (
            r#"{"version": 2, "processes": [], "worker": []}"#,
            &[
                r#"1:16: error: unknown attribute "processes" in the configuration (this is the form of an old pre-release; use "workers")"#,
                r#"1:33: error: unknown attribute "worker" in the configuration (did you mean "workers"?)"#,
            ],
        ),
        (
            r#"{"version": true, "controller": {"id": "1", "keyring": {"type": "file"}, "manhole": {}, "connections": [], "enable_docker": true, "tor": {}, "options": {"shutdown": ["x"], "threads": -1}}}"#,
            &[
                r#"1:13: error: version: invalid type bool for attribute "version" in the configuration: must be int (1..2)"#,
                r#"1:34: note: controller.id: attribute "id" in controller is accepted, but has no effect: nothing shows it yet"#,
                r#"1:40: error: controller.id: invalid value "1" for attribute "id" in controller: an ID is 3 to 64 characters of a-z, 0-9 and _, beginning with a letter"#,
                r#"1:45: warning: controller.keyring: attribute "keyring" in controller is valid, but this release does not run it"#,
                r#"1:56: error: controller.keyring: missing mandatory attribute "path" in keyring"#,
                r#"1:74: warning: controller.manhole: attribute "manhole" in controller is valid, but this release does not run it"#,
                r#"1:89: warning: controller.connections: attribute "connections" in controller is accepted, but has no effect: there is nothing it could configure"#,
                r#"1:108: warning: controller.enable_docker: attribute "enable_docker" in controller is accepted, but has no effect: it belongs to another product"#,
                r#"1:131: warning: controller.tor: attribute "tor" in controller is valid, but this release does not run it"#,
                r#"1:167: error: controller.options.shutdown[0]: invalid value "x" for an item of attribute "shutdown" in controller options: must be "shutdown_on_shutdown_requested", "shutdown_on_worker_exit", "shutdown_on_worker_exit_with_error" or "shutdown_on_last_worker_exit""#,
                r#"1:184: error: controller.options.threads: invalid value -1 for attribute "threads" in controller options: must be 0..1024"#,
            ],
        ),
        (
            r#"{"version": 2, "workers": [{"type": "container"}, {"type": "xbrmm"}, {}, {"type": "routr"}]}"#,
            &[
                r#"1:37: warning: workers[0].type: worker type "container" is valid, but this release does not run it (run the component as a process of its own that connects to a transport)"#,
                r#"1:60: error: workers[1].type: invalid value "xbrmm" for attribute "type" in worker: must be "router", "container", "guest", "websocket-testee" or "proxy""#,
                r#"1:70: error: workers[2]: missing mandatory attribute "type" in worker"#,
                r#"1:83: error: workers[3].type: invalid value "routr" for attribute "type" in worker: must be "router", "container", "guest", "websocket-testee" or "proxy" (did you mean "router"?)"#,
            ],
        ),
        (
            r#"{"version": 2, "workers": [{"type": "router", "id": "www"}, {"type": "router", "id": "www"}]}"#,
            &[r#"1:86: error: workers[1].id: invalid value: worker ID "www" is already used by workers[0]"#],
        ),
        (
            r#"{"version": 2,}"#,
            &["1:15: error: invalid JSON: key must be a string (remove the comma before it)"],
        ),
        (
            "{\"version\": 2 // hm\n}",
            &["1:15: error: invalid JSON: expected `,` or `}` (JSON has no comments)"],
        ),
        ("", &["1:1: error: invalid JSON: EOF while parsing a value"]),
        (r#"{"a": 1e999}"#, &["1:7: error: invalid JSON: number out of range"]),
        (r#"{"a": "\x"}"#, &["1:9: error: invalid JSON: invalid escape"]),
        (
            r#"{"version": 2, "version": 2}"#,
            &[r#"1:16: warning: attribute "version" is given twice; the last one counts"#],
        ),
    ]);
}
