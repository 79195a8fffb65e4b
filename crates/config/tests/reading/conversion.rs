//! The other notation, the configuration in effect, and the upgrade.

use proptest::prelude::*;
use serde_json::{Map as JsonMap, Value as Json};
use transom_config::*;

use super::support::{json, read, samples};

/// Any JSON that a configuration could be.
fn any_json() -> impl Strategy<Value = Json> {
    let text = "\\PC{0,12}|[ -~]{0,8}|yes|no|~|null|<<|0x1F|1_000|1e3|\\.5|- a|a: b|#|[\\x00-\\x20\\x7f-\\xa0\u{2028}\u{feff}]{1,3}";
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>()
            .prop_filter_map("a number of JSON", |n| serde_json::Number::from_f64(n).map(Json::Number)),
        text.prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            proptest::collection::vec((text, inner), 0..5)
                .prop_map(|entries| Json::Object(entries.into_iter().collect::<JsonMap<_, _>>())),
        ]
    })
}

fn there_and_back(json: &str) {
    let yaml = convert(json, Format::Json).unwrap_or_else(|error| panic!("{error}\n{json}"));
    let back = convert(&yaml, Format::Yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    assert_eq!(back, json, "{yaml}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Values and the order of keys.
    #[test]
    fn notation_when_changed_there_and_back(value in any_json()) {
        there_and_back(&to_json(&value));
    }
}

#[test]
fn samples_when_changed_to_the_other_notation() {
    let lines =
        |loaded: &Loaded| loaded.findings.iter().map(|f| (f.severity, f.to_string())).collect::<Vec<_>>();
    let mut seen = 0;
    for sample in samples() {
        let Ok(other) = convert(&sample.text, sample.format) else { continue };
        let (json, yaml) = match sample.format {
            Format::Json => (to_json(&serde_json::from_str(&sample.text).unwrap()), other),
            Format::Yaml => (other.clone(), convert(&other, Format::Json).unwrap()),
        };
        there_and_back(&json);
        let loaded = read(&json, Format::Json);
        assert_eq!(lines(&loaded), lines(&read(&yaml, Format::Yaml)), "{}", sample.path.display());
        seen += 1;
    }
    assert!(seen >= 60, "{seen}");
}

/// What is in effect is a configuration that says the same. Secrets are asterisks in it, which are secrets as well.
/// Otherwise, the difference.
pub(crate) fn in_effect_again(node: &Node) -> Result<(), String> {
    let effective = to_json(&node.effective());
    let again = json(&effective);
    // Where a variable was put in place, what looks like another one would be replaced as well.
    match &again.node {
        _ if effective.contains('$') => Ok(()),
        Some(again) if to_json(&again.effective()) == effective => Ok(()),
        Some(again) => Err(format!("{effective}\nagain:\n{}", to_json(&again.effective()))),
        None => Err(format!("{}\n{effective}", again.findings)),
    }
}

#[test]
fn effective_configuration_when_read_again_is_the_same() {
    let mut seen = 0;
    for sample in samples() {
        if let Some(node) = read(&sample.text, sample.format).node {
            in_effect_again(&node).unwrap_or_else(|why| panic!("{}: {why}", sample.path.display()));
            seen += 1;
        }
    }
    assert!(seen >= 50, "{seen}");
}

#[test]
fn effective_configuration_when_shown() {
    let loaded = json(
        r#"{"version": 2, "workers": [{"type": "router", "transports": [
        {"type": "rawsocket", "endpoint": {"type": "tcp", "port": "$PORT"}, "auth": {
            "ticket": {"type": "static", "principals": {"joe": {"ticket": "open-sesame"}}}}}]}]}"#,
    );
    let effective = loaded.node.unwrap().effective();
    let transport = &effective["workers"][0]["transports"][0];
    assert_eq!(transport["endpoint"]["port"], 9000);
    assert_eq!(transport["endpoint"]["backlog"], 50);
    assert_eq!(transport["id"], "transport001");
    assert_eq!(transport["max_connections"], 50_000);
    assert_eq!(transport["auth"]["ticket"]["principals"]["joe"]["ticket"], "***");
    assert_eq!(effective["controller"]["options"]["drain_timeout"], 10_000);
    let first = |map: &Json| map.as_object().unwrap().keys().next().unwrap().clone();
    assert_eq!((first(&effective), first(transport)), ("version".to_owned(), "type".to_owned()));
}

#[test]
fn upgrade_when_version_one() {
    let old = r#"{"workers": [{"type": "router", "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [
        {"uri": "com.shop.*", "publish": true, "subscribe": true, "call": true, "register": false},
        {"uri": "com.*.get", "call": true}]}]}]}]}"#;
    let new = upgrade(old, Format::Json).unwrap();
    let loaded = json(&new);
    assert!(loaded.findings.is_empty(), "{}", loaded.findings);
    let node = loaded.node.unwrap();
    let Authorization::Permissions(rules) = &node.workers[0].realms()[0].roles[0].authorization else {
        panic!()
    };
    let rules: Vec<_> = rules.iter().map(|rule| (rule.uri.as_str(), rule.match_policy, rule.allow)).collect();
    let allow = Allow { publish: true, subscribe: true, call: true, register: false };
    let call = Allow { call: true, ..Allow::default() };
    assert_eq!(rules, [("com.shop.", MatchPolicy::Prefix, allow), ("com..get", MatchPolicy::Wildcard, call)]);
}
