//! How findings are shown, and what is never shown.

use std::path::Path;

use transom_config::{
    Context, Finding, Format, Place, Purpose, Severity, TransportProtocol, Unsupported, parse_str,
};

use super::support::*;

#[test]
fn finding_when_rendered_with_colours() {
    let loaded = transport(
        r#"{"type": "mqtt", "endpoint": {"type": "tcp", "port": 2}, "options": {"realm": "realm1"}}"#,
    );
    assert!(!loaded.findings.render(Purpose::Check, false).contains('\u{1b}'));
    assert!(loaded.findings.render(Purpose::Check, true).contains("\u{1b}["));
    assert!(loaded.findings.render(Purpose::Start, false).starts_with("error: "));
    assert!(
        loaded
            .findings
            .to_string()
            .starts_with("c:1:71: warning: workers[0].transports[0].type: transport type")
    );
}

#[test]
fn finding_when_the_file_is_one_long_line() {
    let many = (0..100).map(|i| format!(r#"{{"name": "realm{i}"}}"#)).collect::<Vec<_>>().join(", ");
    let loaded = worker(&format!(r#""realms": [{many}], "transport": [], "id": "{}""#, "x".repeat(60)));
    let shown = loaded.findings.render(Purpose::Check, false);
    assert!(shown.contains("\"transport\": []") && shown.contains("^^^^^^^^^^^ did you mean"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() < 300), "{shown}");
    let column = loaded.findings.iter().next().unwrap().span.unwrap().column;
    assert!(shown.contains(&format!("c:1:{column}\n")), "{shown}");
}

/// Another layer reports against a place and need not know the text.
#[test]
fn finding_when_added_later() {
    let mut loaded = endpoint(r#""type": "tcp", "port": 80"#);
    let place = sound(&loaded).workers[0].transports()[0].endpoint.place().clone();
    loaded.findings.add(Finding::new(Severity::Error, &place, "address in use").with_hint("stop the other"));
    loaded.findings.add(Finding::new(Severity::Note, &place.key("nowhere").key("at all"), "hm"));
    loaded.findings.add(Finding::new(Severity::Note, &Place::root(), "first"));
    let column = loaded.findings.span_of(&place).unwrap().column;
    let expected = [
        "1:1: note: first".to_owned(),
        format!("1:{column}: error: {place}: address in use (stop the other)"),
        format!("1:{column}: note: {place}.nowhere[\"at all\"]: hm"),
    ];
    assert_eq!(lines(&loaded), expected);
    assert!(loaded.findings.refuse_start());
}

#[test]
fn unsupported_when_checked_and_when_started() {
    let loaded = transport(r#"{"type": "flashpolicy", "endpoint": {"type": "tcp", "port": 1}}"#);
    assert!(!loaded.findings.has_errors() && loaded.findings.refuse_start());
    assert_eq!(loaded.node.as_ref().map(|node| node.workers[0].transports().len()), Some(1));
    let finding = loaded.findings.iter().next().unwrap();
    assert!(loaded.findings.line(finding, Purpose::Check).contains(": warning: "));
    assert!(loaded.findings.line(finding, Purpose::Start).contains(": error: "));
}

/// What cannot be done as told is left out, never done with less protection.
#[test]
fn protection_when_not_built() {
    let left_out = |inside: &str| {
        let text = format!(r#"{{"version": 2, "workers": [{{"type": "router", {inside}}}]}}"#);
        let context =
            Context { name: "c", node_dir: Path::new("/node"), env: &env, unsupported: Unsupported::LeftOut };
        let loaded = parse_str(&text, Format::Json, &context);
        assert!(!loaded.findings.has_errors() && loaded.findings.refuse_start(), "{}", loaded.findings);
        loaded.node.unwrap().workers.remove(0)
    };
    let transports = |text: &str| left_out(&format!(r#""transports": [{text}]"#));
    let policy = transports(r#"{"type": "flashpolicy", "endpoint": {"type": "tcp", "port": 1}}"#);
    assert!(policy.transports().is_empty());
    let function = transports(
        r#"{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1}, "auth": {
            "cryptosign": {"type": "function", "create": "shop.authenticate"}}}"#,
    );
    let TransportProtocol::RawSocket(config) = &function.transports()[0].protocol else { panic!() };
    let auth = config.auth.as_ref().unwrap();
    assert_eq!((&auth.anonymous, &auth.cryptosign), (&None, &None));
    let paths = transports(
        r#"{"type": "web", "endpoint": {"type": "tcp", "port": 1}, "paths": {
            "/": {"type": "nodeinfo"}, "x": {"type": "catalog", "filename": "c"}}}"#,
    );
    let TransportProtocol::Web(web) = &paths.transports()[0].protocol else { panic!() };
    assert_eq!(web.web.paths.iter().map(|path| path.path.as_str()).collect::<Vec<_>>(), ["/"]);
    let validated = left_out(
        r#""realms": [{"name": "realm1", "roles": [{"name": "a", "permissions": [
            {"uri": "", "match": "prefix", "validate": {"call": "x"}}]}, {"name": "b"}]}]"#,
    );
    assert_eq!(validated.realms()[0].roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn secrets_when_shown_in_any_way() {
    let secrets = ["hunter2", "hunter3", "hunter\\\"4", "hunter5", "987654321"];
    let text = format!(
        r#"{{"version": 2, "x": 1, "workers": [{{"type": "router", "transports": [
            {{"type": "rawsocket", "bad": 1, "endpoint": {{"type": "tcp", "port": 1}}, "auth": {{
                "ticket": {{"principals": {{"a": {{"ticket": "{}"}}}}, "type": "static"}},
                "wampcra": {{"users": {{"a": {{"secret" : "{}", "x": {{"secret": ["{}", {}]}}}}}}}},
                "anonymous": {{"type": "static", "secret": "{}"}}, "wrong": {{}}}}}}]}}]}}"#,
        secrets[0], secrets[1], secrets[2], secrets[4], secrets[3]
    );
    for text in [text.clone(), text.replace('\n', ""), text.replace("\"wrong\": {}", "\"wrong\" {}")] {
        let loaded = json(&text);
        assert!(loaded.findings.has_errors());
        let shown = format!("{}{}{loaded:?}", loaded.findings.render(Purpose::Check, false), loaded.findings);
        for secret in secrets {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}
