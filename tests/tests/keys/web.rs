//! The keys of web transports and their services.

use serde_json::{Value as Json, json};
use tokio::io::AsyncWriteExt;
use transom_tests::{Log, TestNode};

use crate::support::{closed_after, get, http, tcp};

/// A node with this web configuration as a transport and as a section.
async fn everywhere(paths: Json, options: Json) -> TestNode {
    TestNode::start(json!([
        {"type": "web", "endpoint": tcp(0), "paths": paths, "options": options},
        {"type": "universal", "endpoint": tcp(1), "web": {"paths": paths, "options": options}},
    ]))
    .await
}

async fn options(options: Json) -> TestNode {
    everywhere(json!({"/": {"type": "json", "value": 1}}), options).await
}

/// The lower-case head of the answer for `/`.
async fn head(node: &TestNode, place: usize) -> String {
    let (_, text) = get(&node.target(place), "/").await;
    text.split("\r\n\r\n").next().unwrap().to_ascii_lowercase()
}

/// A node with one service at `/a`.
async fn service(config: Json) -> TestNode {
    everywhere(json!({"a": config}), json!({})).await
}

fn body(text: &str) -> &str {
    text.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn access_log_when_true_has_a_line_for_each_request() {
    let log = Log::install();
    let lines = || log.lines().into_iter().filter(|line| line["target"] == "access").count();
    let silent = options(json!({})).await;
    get(&silent.target(0), "/").await;
    assert_eq!(lines(), 0);
    let node = options(json!({"access_log": true})).await;
    for place in 0..2 {
        get(&node.target(place), "/").await;
        assert_eq!(lines(), place + 1);
    }
}

#[tokio::test]
async fn hsts_when_true_is_in_every_answer_with_its_age() {
    let header = |text: &str| {
        text.lines().find_map(|line| line.strip_prefix("strict-transport-security: ")).map(str::to_owned)
    };
    for (written, expected) in [
        (json!({}), None),
        (json!({"hsts": true}), Some("max-age=31536000")),
        (json!({"hsts": true, "hsts_max_age": 0}), Some("max-age=0")),
        (json!({"hsts": true, "hsts_max_age": 7}), Some("max-age=7")),
    ] {
        let node = options(written.clone()).await;
        for place in 0..2 {
            assert_eq!(header(&head(&node, place).await).as_deref(), expected, "{place} {written}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn idle_timeout_and_client_timeout_when_written_end_kept_connections() {
    for (written, seconds) in [
        (json!({}), 60),
        (json!({"idle_timeout": 3000}), 3),
        (json!({"client_timeout": 4}), 4),
        (json!({"client_timeout": 4, "idle_timeout": 3000}), 4),
    ] {
        let node = options(written.clone()).await;
        for place in 0..2 {
            let mut io = node.target(place).connect().await;
            io.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            assert_eq!(closed_after(&mut io).await, seconds, "{place} {written}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn header_timeout_when_written_is_the_time_for_the_head() {
    for (written, seconds) in [(json!({}), 10), (json!({"header_timeout": 3000}), 3)] {
        let node = options(written.clone()).await;
        for place in 0..2 {
            let mut io = node.target(place).connect().await;
            io.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            assert_eq!(closed_after(&mut io).await, seconds, "{place} {written}");
        }
    }
}

#[tokio::test]
async fn max_header_bytes_when_written_bounds_the_head() {
    let request = |size: usize| {
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: {}\r\n\r\n", "x".repeat(size))
    };
    for (written, size, expected) in [
        (json!({"max_header_bytes": 2000}), 1500, 200),
        (json!({"max_header_bytes": 2000}), 2500, 431),
        (json!({}), 2500, 200),
        (json!({}), 40_000, 431),
    ] {
        let node = options(written.clone()).await;
        for place in 0..2 {
            let (status, _) = http(&node.target(place), &request(size)).await;
            assert_eq!(status, expected, "{place} {written} {size}");
        }
    }
}

#[tokio::test]
async fn allowed_hosts_when_written_refuse_the_others() {
    let node = options(json!({"allowed_hosts": ["good.example"]})).await;
    for place in 0..2 {
        for (host, expected) in [("good.example", 200), ("good.example:8080", 200), ("localhost", 421)] {
            let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            assert_eq!(http(&node.target(place), &request).await.0, expected, "{place} {host}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn sniff_timeout_when_written_ends_silent_connections() {
    let paths = json!({"/": {"type": "json", "value": 1}});
    let node = TestNode::start(json!([
        {"type": "web", "endpoint": tcp(0), "paths": paths},
        {"type": "universal", "endpoint": tcp(1), "web": {"paths": paths}},
        {"type": "web", "endpoint": tcp(2), "paths": paths, "sniff_timeout": 2000},
        {"type": "universal", "endpoint": tcp(3), "web": {"paths": paths}, "sniff_timeout": 2000},
    ]))
    .await;
    for (transport, seconds) in [(0, 5), (1, 5), (2, 2), (3, 2)] {
        let mut io = node.target(transport).connect().await;
        assert_eq!(closed_after(&mut io).await, seconds, "{transport}");
    }
}

#[tokio::test]
async fn paths_when_written_lead_to_their_services() {
    let node = everywhere(
        json!({
            "/": {"type": "json", "value": "root"},
            "a": {"type": "json", "value": "a"},
            "b": {"type": "path", "paths": {
                "/": {"type": "json", "value": "b"},
                "c": {"type": "json", "value": "c"}
            }},
        }),
        json!({}),
    )
    .await;
    for place in 0..2 {
        for (path, expected) in
            [("/", "root"), ("/a", "a"), ("/b", "b"), ("/b/c", "c"), ("/b/x", "b"), ("/x", "root")]
        {
            let (status, text) = get(&node.target(place), path).await;
            assert_eq!((status, body(&text)), (200, format!("{expected:?}").as_str()), "{place} {path}");
        }
    }
}

#[tokio::test]
async fn directory_and_its_options_when_written_say_what_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir(root.join("sub")).unwrap();
    for (name, text) in
        [("one.txt", "one"), ("odd.odd", "odd"), ("fallback.html", "fallback"), ("sub/x", "x")]
    {
        std::fs::write(root.join(name), text).unwrap();
    }
    let with = |options: Json| json!({"type": "static", "directory": root, "options": options});
    let (plain, full) = (
        with(json!({})),
        with(json!({
            "enable_directory_listing": true, "mime_types": {".odd": "text/x-odd"}, "cache_timeout": 7
        })),
    );
    let single = with(json!({"default_file": "fallback.html", "cache_timeout": null}));
    let node = everywhere(json!({"plain": plain, "full": full, "single": single}), json!({})).await;
    for place in 0..2 {
        let target = node.target(place);
        let ask = async |path: &str| {
            let (status, text) = get(&target, path).await;
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            (status, head.to_ascii_lowercase(), body.to_owned())
        };
        let (status, head, text) = ask("/plain/one.txt").await;
        assert_eq!((status, text.as_str()), (200, "one"));
        assert!(head.contains("cache-control: max-age=43200"), "{head}");
        assert_eq!(ask("/plain/sub/").await.0, 404);
        assert_eq!(ask("/plain/none").await.0, 404);
        assert!(!ask("/plain/odd.odd").await.1.contains("text/x-odd"));

        let (status, _, text) = ask("/full/sub/").await;
        assert!(status == 200 && text.contains(">x</a>"), "{text}");
        let (_, head, _) = ask("/full/odd.odd").await;
        assert!(head.contains("content-type: text/x-odd"), "{head}");
        assert!(head.contains("cache-control: max-age=7"), "{head}");

        let (status, head, text) = ask("/single/none").await;
        assert_eq!((status, text.as_str()), (200, "fallback"));
        assert!(!head.contains("cache-control"), "{head}");
    }
}

#[tokio::test]
async fn url_of_a_redirect_when_written_is_where_it_leads() {
    let node = service(json!({"type": "redirect", "url": "/there?x=1"})).await;
    for place in 0..2 {
        let (status, text) = get(&node.target(place), "/a").await;
        assert!(status == 302 && text.to_ascii_lowercase().contains("location: /there?x=1"), "{text}");
    }
}

#[tokio::test]
async fn value_and_its_options_when_written_are_those_of_the_answer() {
    let value = json!({"a": [1]});
    let plain = service(json!({"type": "json", "value": value})).await;
    let options = json!({"prettify": true, "allow_cross_origin": false, "discourage_caching": true});
    let changed = service(json!({"type": "json", "value": value, "options": options})).await;
    for place in 0..2 {
        let (_, text) = get(&plain.target(place), "/a").await;
        assert_eq!(body(&text), r#"{"a":[1]}"#);
        let head = text.to_ascii_lowercase();
        assert!(head.contains("access-control-allow-origin") && !head.contains("no-store"), "{head}");
        let (_, text) = get(&changed.target(place), "/a").await;
        assert_eq!(serde_json::from_str::<Json>(body(&text)).unwrap(), value);
        assert!(body(&text).contains('\n'), "{text}");
        let head = text.to_ascii_lowercase();
        assert!(!head.contains("access-control-allow-origin") && head.contains("no-store"), "{head}");
    }
}

#[tokio::test]
async fn console_when_true_shows_what_the_page_otherwise_hides() {
    let plain = service(json!({"type": "nodeinfo"})).await;
    let live = service(json!({"type": "nodeinfo", "console": true})).await;
    for place in 0..2 {
        let (status, text) = get(&plain.target(place), "/a").await;
        assert!(status == 200 && !text.contains("realm1"), "{text}");
        let (status, text) = get(&live.target(place), "/a").await;
        assert!(status == 200 && text.contains("realm1"), "{text}");
    }
}
