use std::time::{Duration, SystemTime};

use serde_json::Value;
use transom_http::{PathTree, empty};

use super::*;
use crate::testing::{Asked, ask};

/// A node in whose every text there is markup.
struct Hostile;

impl NodeFacts for Hostile {
    fn facts(&self) -> Facts {
        let nasty = |text: &str| format!("\"><script>{text}</script>'&");
        Facts {
            product: nasty("product"),
            version: nasty("version"),
            documentation: Some(format!("https://docs.example/{}", nasty("documentation"))),
            started: SystemTime::now() - Duration::from_secs(90),
            websocket_path: Some(nasty("path")),
            realms: vec![RealmFacts {
                name: nasty("realm"),
                sessions: 3,
                subscriptions: 2,
                registrations: 1,
            }],
            transports: vec![TransportFacts {
                id: nasty("id"),
                kind: "universal".into(),
                urls: vec![UrlFacts { label: nasty("label"), url: format!("ws://host/{}", nasty("url")) }],
                open: 7,
                state: Some(nasty("state")),
            }],
        }
    }
}

struct Node;

impl NodeFacts for Node {
    fn facts(&self) -> Facts {
        Facts {
            product: "Transom".into(),
            version: "1.2.3".into(),
            documentation: None,
            started: SystemTime::now() - Duration::from_secs(90),
            websocket_path: Some("/ws".into()),
            realms: vec![
                RealmFacts { name: "realm1".into(), sessions: 3, subscriptions: 2, registrations: 1 },
                RealmFacts { name: "realm2".into(), sessions: 4, ..RealmFacts::default() },
            ],
            transports: vec![TransportFacts {
                id: "transport001".into(),
                kind: "universal".into(),
                urls: vec![UrlFacts { label: "WebSocket".into(), url: "ws://secret-host:8080/ws".into() }],
                open: 7,
                state: None,
            }],
        }
    }
}

fn live() -> NodeInfo {
    NodeInfo::new(Arc::new(Node), NodeInfoSettings { console: true, exact: false })
}

async fn get(service: NodeInfo, at: &str, target: &str) -> Asked {
    let tree = PathTree::new().with(at, Arc::new(service));
    ask(&tree, http::Request::builder().uri(target).body(empty()).unwrap()).await
}

#[tokio::test]
async fn page_finds_its_parts_wherever_it_is_mounted() {
    for (at, target, base) in [
        ("/", "/", "./_transom"),
        ("/", "/x", "./_transom"),
        ("/", "/x/y", "./../_transom"),
        ("info", "/info", "./info/_transom"),
        ("info", "/info/", "./_transom"),
        ("info", "/info/x/y", "./../_transom"),
    ] {
        let asked = get(live(), at, target).await;
        assert_eq!(asked.status, 200);
        assert!(asked.body.contains(&format!("href=\"{base}/style.css\"")), "{target}: {}", asked.body);
        assert!(asked.body.contains(&format!("src=\"{base}/page.js\"")), "{target}");
    }
}

#[tokio::test]
async fn parts_have_their_types() {
    for (at, prefix) in [("/", ""), ("info", "/info")] {
        for (name, media_type) in [
            ("style.css", "text/css; charset=utf-8"),
            ("icon.svg", "image/svg+xml"),
            ("page.js", "text/javascript; charset=utf-8"),
            ("connect.js", "text/javascript; charset=utf-8"),
            ("console.js", "text/javascript; charset=utf-8"),
            ("wamp.js", "text/javascript; charset=utf-8"),
            ("facts.json", "application/json; charset=utf-8"),
        ] {
            let asked = get(live(), at, &format!("{prefix}/_transom/{name}")).await;
            assert_eq!(asked.status, 200, "{name}");
            assert_eq!(asked.headers["content-type"], media_type, "{name}");
            assert!(!asked.body.is_empty());
        }
        assert_eq!(get(live(), at, &format!("{prefix}/_transom/other.js")).await.status, 404);
    }
}

#[tokio::test]
async fn policy_forbids_what_is_not_the_pages_own_and_pages_need_nothing_else() {
    for console in [true, false] {
        let service = NodeInfo::new(Arc::new(Node), NodeInfoSettings { console, exact: false });
        let asked = get(service, "/", "/").await;
        let policy = asked.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        let html = asked.body.to_lowercase();
        for forbidden in
            ["<style", " style=", "javascript:", "onclick", "onload", "onerror", "onsubmit", "src=\"http"]
        {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
        for script in html.split("<script").skip(1) {
            let (tag, rest) = script.split_once('>').unwrap();
            assert!(tag.contains("src=\"./_transom/"), "{tag}");
            assert!(rest.starts_with("</script>"), "a script in the page itself");
        }
        assert!(!html.contains("{{") && !html.contains("}}"));
    }
    for asset in assets::ALL {
        let text = asset.bytes.replace("http://www.w3.org/2000/svg", "");
        for forbidden in
            ["http://", "https://", "//cdn", "@import", "eval(", "innerHTML", "insertAdjacentHTML"]
        {
            assert!(!text.contains(forbidden), "{} has {forbidden}", asset.name());
        }
    }
}

#[tokio::test]
async fn every_text_about_the_node_is_escaped() {
    for console in [true, false] {
        let service = NodeInfo::new(Arc::new(Hostile), NodeInfoSettings { console, exact: false });
        let asked = get(service, "/", "/").await;
        assert_eq!(asked.body.matches("<script").count(), usize::from(console), "{}", asked.body);
        assert!(asked.body.contains("&quot;&gt;&lt;script&gt;product&lt;/script&gt;&#39;&amp;"));
    }
    let service = live();
    let asked = get(service, "info", "/info/%3Cscript%3E/%22").await;
    assert!(!asked.body.contains("<script>") && !asked.body.contains("%22\""));
}

#[tokio::test]
async fn plain_page_tells_nothing_about_the_machine_and_has_no_live_parts() {
    let plain = || NodeInfo::new(Arc::new(Node), NodeInfoSettings::default());
    let asked = get(plain(), "/", "/").await;
    assert!(asked.body.contains("Transom") && asked.body.contains("1.2.3"));
    for secret in ["secret-host", "realm1", "8080", "<script"] {
        assert!(!asked.body.contains(secret), "{secret}");
    }
    for (part, status) in
        [("facts.json", 404), ("page.js", 404), ("wamp.js", 404), ("style.css", 200), ("icon.svg", 200)]
    {
        assert_eq!(get(plain(), "/", &format!("/_transom/{part}")).await.status, status, "{part}");
    }
}

#[tokio::test]
async fn live_page_shows_the_numbers_and_addresses() {
    let asked = get(live(), "/", "/").await;
    assert!(asked.body.contains("<dd id=\"sessions\" data-testid=\"sessions\">7</dd>"));
    assert!(asked.body.contains("<code class=\"endpoint-url\">ws://secret-host:8080/ws</code>"));
    assert!(asked.body.contains("<th scope=\"row\">realm1</th><td>3</td><td>2</td><td>1</td>"));
    assert!(asked.body.contains("up 1 min"));
    let facts = get(live(), "/", "/_transom/facts.json").await;
    let facts: Value = serde_json::from_str(&facts.body).unwrap();
    assert_eq!(facts["realms"][1]["sessions"], 4);
    assert_eq!(facts["transports"][0]["open"], 7);
    assert!((90..100).contains(&facts["uptime"].as_u64().unwrap()));
}

#[tokio::test]
async fn exact_page_answers_at_its_own_path_only() {
    let exact = || NodeInfo::new(Arc::new(Node), NodeInfoSettings { console: false, exact: true });
    for (target, status) in [("/", 200), ("/x", 404), ("/_transom/style.css", 200), ("/_transom", 404)] {
        assert_eq!(get(exact(), "/", target).await.status, status, "{target}");
    }
}

#[tokio::test]
async fn other_methods_get_405() {
    for (method, status) in [("GET", 200), ("HEAD", 200), ("POST", 405), ("OPTIONS", 405)] {
        let request = http::Request::builder().method(method).uri("/").body(empty()).unwrap();
        assert_eq!(ask(&live(), request).await.status, status, "{method}");
    }
}

#[test]
fn every_control_of_the_page_has_its_label_and_every_label_its_control() {
    let html = assets::LIVE;
    let ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "an id stands twice");
    for target in html.split("for=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(ids.contains(&target), "{target}");
    }
    for input in html.split("<input ").skip(1).filter(|rest| !rest.starts_with("type=\"checkbox\"")) {
        let id = input.split_once("id=\"").unwrap().1.split('"').next().unwrap();
        assert!(html.contains(&format!("for=\"{id}\"")), "{id}");
    }
}
