//! Version 1 of the dialect to version 2.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::Format;
use super::convert::{to_json, to_yaml, tree_of};
use crate::{Finding, MatchPolicy, Place, Severity};

/// A configuration of version 1 (or without version) as version 2, in the same notation. Its comments are lost.
///
/// Every permission is rewritten: a `uri` with stars as `uri` and `match`, the actions `call`, `register`, `publish` and
/// `subscribe` under `allow`, where an absent one means no. `disclose` is set to nobody and `cache` to true.
///
/// # Errors
///
/// What keeps the text from being read, or that it is no map or has version 2 already.
pub fn upgrade(text: &str, format: Format) -> Result<String, Finding> {
    let Json::Object(old) = tree_of(text, format)? else {
        return Err(Finding::new(Severity::Error, &Place::root(), "invalid type: a configuration is a map"));
    };
    match old.get("version").map(Json::as_i64) {
        None | Some(Some(1)) => {}
        Some(Some(2)) => {
            let message = "there is nothing to upgrade: the configuration has version 2 already";
            return Err(Finding::new(Severity::Error, &Place::root().key("version"), message));
        }
        Some(_) => {
            let message = "invalid value for attribute \"version\" in the configuration: must be 1";
            return Err(Finding::new(Severity::Error, &Place::root().key("version"), message));
        }
    }
    let mut new = JsonMap::new();
    new.insert("version".to_owned(), json!(2));
    new.extend(old.into_iter().filter(|(key, _)| key != "version"));
    let mut new = Json::Object(new);
    for rule in rules(&mut new) {
        *rule = upgraded(rule);
    }
    Ok(match format {
        Format::Json => to_json(&new),
        Format::Yaml => to_yaml(&new),
    })
}

/// Every permission of every role of every realm.
fn rules(node: &mut Json) -> Vec<&mut Json> {
    fn items<'j>(map: &'j mut Json, key: &str) -> Vec<&'j mut Json> {
        map.get_mut(key)
            .and_then(Json::as_array_mut)
            .map(|list| list.iter_mut().collect())
            .unwrap_or_default()
    }
    let realms = items(node, "workers").into_iter().flat_map(|worker| items(worker, "realms"));
    let roles = realms.flat_map(|realm| items(realm, "roles"));
    roles.flat_map(|role| items(role, "permissions")).collect()
}

const ACTIONS: [&str; 4] = ["call", "register", "publish", "subscribe"];

/// A permission of version 2. What it has already is kept, and what is no map is left as it is for `check` to find.
fn upgraded(rule: &Json) -> Json {
    let Json::Object(old) = rule else { return rule.clone() };
    let mut new = JsonMap::new();
    let uri = old.get("uri").and_then(Json::as_str);
    match (uri, old.get("match")) {
        (Some(uri), None) => {
            let (policy, uri) = MatchPolicy::derive(uri);
            new.insert("uri".to_owned(), uri.into());
            new.insert("match".to_owned(), policy.name().into());
        }
        (_, _) => {
            for key in ["uri", "match"] {
                new.extend(old.get(key).map(|value| (key.to_owned(), value.clone())));
            }
        }
    }
    let allow = old.get("allow").cloned().unwrap_or_else(|| {
        let action = |key: &str| (key.to_owned(), old.get(key).cloned().unwrap_or(false.into()));
        Json::Object(ACTIONS.into_iter().map(action).collect())
    });
    new.insert("allow".to_owned(), allow);
    let disclose = old.get("disclose").cloned().unwrap_or(json!({"caller": false, "publisher": false}));
    new.insert("disclose".to_owned(), disclose);
    new.insert("cache".to_owned(), old.get("cache").cloned().unwrap_or(true.into()));
    let flat = !old.contains_key("allow");
    let rest = old.iter().filter(|(key, _)| {
        let known = ["uri", "match", "allow", "disclose", "cache"].contains(&key.as_str());
        !(known || flat && ACTIONS.contains(&key.as_str()))
    });
    new.extend(rest.map(|(key, value)| (key.clone(), value.clone())));
    Json::Object(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_when_upgraded() {
        let table = [
            (
                json!({"uri": "com.*", "call": true, "publish": true}),
                json!({"uri": "com.", "match": "prefix",
                    "allow": {"call": true, "register": false, "publish": true, "subscribe": false},
                    "disclose": {"caller": false, "publisher": false}, "cache": true}),
            ),
            (
                json!({"uri": "com.*.x"}),
                json!({"uri": "com..x", "match": "wildcard",
                    "allow": {"call": false, "register": false, "publish": false, "subscribe": false},
                    "disclose": {"caller": false, "publisher": false}, "cache": true}),
            ),
            (
                json!({"uri": "a*", "match": "exact", "allow": {"call": true}, "x": 1}),
                json!({"uri": "a*", "match": "exact", "allow": {"call": true},
                    "disclose": {"caller": false, "publisher": false}, "cache": true, "x": 1}),
            ),
            (json!(5), json!(5)),
        ];
        for (old, new) in table {
            assert_eq!(upgraded(&old), new, "{old}");
        }
    }

    #[test]
    fn file_when_upgraded_keeps_the_rest() {
        let old = r#"{"controller": {}, "workers": [{"type": "router", "realms": [{"name": "realm1", "roles": [
            {"name": "anonymous", "permissions": [{"uri": "*", "call": true}]}]}]}]}"#;
        let new = upgrade(old, Format::Json).unwrap();
        let keys: Vec<_> =
            serde_json::from_str::<JsonMap<String, Json>>(&new).unwrap().keys().cloned().collect();
        assert_eq!(keys, ["version", "controller", "workers"]);
        assert!(new.contains("\"match\": \"prefix\""), "{new}");
        let again = upgrade(&new, Format::Json).unwrap_err();
        assert!(again.message.contains("version 2 already"), "{again}");
        let yaml = upgrade("version: 1\nworkers: []\n", Format::Yaml).unwrap();
        assert_eq!(yaml, "version: 2\nworkers: []\n");
        for wrong in ["[]", "{\"version\": 3}", "{"] {
            assert!(upgrade(wrong, Format::Json).is_err(), "{wrong}");
        }
    }
}
