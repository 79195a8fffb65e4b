//! Files with many mistakes: all of them, each at its very token, in JSON and in YAML.

use transom_config::{Format, Severity};

use super::super::support::*;

const JSON: &str = r#"{
    "version": 2,
    "controler": {},
    "workers": [
        {
            "type": "router",
            "realms": [
                {"name": "r", "roles": [{"name": "trusted", "permissions": [{"uri": "x y"}]}]}
            ],
            "transports": [
                {
                    "type": "web",
                    "endpoint": {"type": "tcp", "port": true, "hots": "127.0.0.1"},
                    "paths": {"/app": {"type": "statics"}}
                },
                {"type": "universal", "endpoint": {"type": "unix", "path": ""}},
                {"type": "websocket", "endpoint": {"type": "tcp", "port": 1, "tls": {}},
                 "options": {"auto_ping_interval": 30}}
            ]
        }
    ]
}"#;

#[test]
fn json_when_everything_is_wrong() {
    let loaded = json(JSON);
    let expected = [
        r#"3:5: error: unknown attribute "controler" in the configuration (did you mean "controller"?)"#,
        r#"8:26: error: workers[0].realms[0].name: invalid value "r" for attribute "name" in realm: a realm name is 3 to 255 characters of letters, digits, _ - @ and ., beginning with a letter"#,
        r#"8:50: error: workers[0].realms[0].roles[0].name: invalid value "trusted" for attribute "name" in role: this role is built in and cannot be configured"#,
        r#"8:85: error: workers[0].realms[0].roles[0].permissions[0].uri: invalid value "x y" for attribute "uri" in permission: must not contain blanks or #"#,
        r#"13:57: error: workers[0].transports[0].endpoint.port: invalid type bool for attribute "port" in listening tcp endpoint: must be int (1..65535)"#,
        r#"13:63: error: workers[0].transports[0].endpoint: unknown attribute "hots" in listening tcp endpoint (did you mean "host"?)"#,
        r#"14:31: error: workers[0].transports[0].paths: invalid value "/app" for a path: must be one component of letters, digits, _ and -, or "/" (write "app", without slashes)"#,
        r#"14:48: error: workers[0].transports[0].paths["/app"].type: invalid value "statics" for attribute "type" in web service: must be "static", "websocket", "redirect", "json", "nodeinfo", "path", "longpoll", "publisher", "caller", "webhook", "reverseproxy", "websocket-reverseproxy", "archive", "cgi", "wap", "wsgi", "resource", "catalog" or "none" (did you mean "static"?)"#,
        r#"16:17: error: workers[0].transports[1]: missing mandatory attribute in universal transport: it needs at least one of "rawsocket", "websocket", "mqtt" and "web""#,
        r#"16:76: error: workers[0].transports[1].endpoint.path: invalid value "" for attribute "path" in listening unix endpoint: must not be empty"#,
        r#"17:78: warning: workers[0].transports[2].endpoint.tls: attribute "tls" in listening tcp endpoint is valid, but this release does not run it"#,
        r#"18:52: error: workers[0].transports[2].options.auto_ping_interval: invalid value 30 for attribute "auto_ping_interval" in websocket options: it is in milliseconds; must be 0 (off) or at least 1000"#,
    ];
    assert_eq!(lines(&loaded), expected);
    assert!(loaded.node.is_none() && loaded.findings.refuse_start());
    assert_eq!(loaded.findings.count(Severity::Unsupported), 1);
}

#[test]
fn yaml_when_everything_is_wrong() {
    let text = "\
# Line 1
version: 2
controler: {}
workers:
  - type: router
    realms:
    - name: größe
      roles:
        - name: &n \"a\"
          permissions:
          - uri: [x]
            allow: {call: yes, publish: 1}
        - name: *n
    transports:
      - type: websocket
        endpoint:
          type: tcp
          port: 080
        serializers:
        - json
        - jsn
      - type: rawsocket
        endpoint: {type: tcp, port: 1,
                   prot: 2}
";
    let expected = [
        r#"3:1: error: unknown attribute "controler" in the configuration (did you mean "controller"?)"#,
        r#"7:13: error: workers[0].realms[0].name: invalid value "größe" for attribute "name" in realm: a realm name is 3 to 255 characters of letters, digits, _ - @ and ., beginning with a letter"#,
        r#"11:18: error: workers[0].realms[0].roles[0].permissions[0].uri: invalid type list for attribute "uri" in permission: must be str"#,
        r#"12:41: error: workers[0].realms[0].roles[0].permissions[0].allow.publish: invalid type int for attribute "publish" in allow: must be bool (true or false)"#,
        r#"13:17: error: workers[0].realms[0].roles[1].name: invalid value: role name "a" is already used by workers[0].realms[0].roles[0]"#,
        r#"18:17: error: workers[0].transports[0].endpoint.port: invalid value "080" for attribute "port" in listening tcp endpoint: must be an int (1..65535) or "$NAME" of an environment variable (write it as a number)"#,
        r#"21:11: error: workers[0].transports[0].serializers[1]: invalid value "jsn" for an item of attribute "serializers" in websocket transport: must be "json", "msgpack", "cbor", "ubjson" or "flatbuffers" (did you mean "json"?)"#,
        r#"24:20: error: workers[0].transports[1].endpoint: unknown attribute "prot" in listening tcp endpoint (known: accept_rate, backlog, host, interface, keepalive_s, max_connections_per_address, port, portrange, proxy_protocol, shared, tls, type, user_timeout, v6only, version)"#,
    ];
    assert_eq!(lines(&read(text, Format::Yaml)), expected);
}

#[test]
fn syntax_when_wrong() {
    let table = [
        (
            Format::Json,
            "{\n  \"version\": 2,\n}",
            "3:1: error: invalid JSON: key must be a string (remove the comma before it)",
        ),
        (
            Format::Json,
            "{\n  \"version\": 2 // no\n}",
            "2:16: error: invalid JSON: expected `,` or `}` (JSON has no comments)",
        ),
        (Format::Json, "", "1:1: error: invalid JSON: EOF while parsing a value"),
        (Format::Json, "{\"a\": 1e999}", "1:7: error: invalid JSON: number out of range"),
        (Format::Json, "{\"é\": \"\\x\"}", "1:9: error: invalid JSON: invalid escape"),
        (
            Format::Json,
            "\u{feff}{}",
            "1:1: error: invalid JSON: it begins with a byte order mark (save the file as UTF-8 without byte order mark)",
        ),
        (
            Format::Yaml,
            "version: 2\nworkers: a: b",
            "2:11: error: invalid YAML: mapping values are not allowed in this context",
        ),
        (
            Format::Yaml,
            "version: 2\n---\nversion: 2",
            "2:1: error: invalid YAML: a configuration is one document",
        ),
    ];
    for (format, text, expected) in table {
        let loaded = read(text, format);
        assert_eq!(lines(&loaded), [expected], "{text}");
        assert!(loaded.node.is_none() && loaded.findings.refuse_start());
    }
}

#[test]
fn keys_when_given_twice() {
    let loaded =
        json(r#"{"version": 1, "version": 2, "workers": [{"type": "router", "id": "aaa", "id": "bbb"}]}"#);
    assert_eq!(sound(&loaded).workers[0].id(), "bbb");
    let expected = [
        "1:16: warning: attribute \"version\" is given twice; the last one counts",
        "1:74: warning: workers[0]: attribute \"id\" is given twice; the last one counts",
    ];
    assert_eq!(lines(&loaded), expected);
}
