use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;
use crate::testing::{Asked, ask, request};

/// `public/` to serve, `secret.txt` beside it.
fn site() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let public = dir.path().join("public");
    fs::create_dir_all(public.join("with-index")).unwrap();
    fs::create_dir_all(public.join("bare/<b>&")).unwrap();
    fs::write(dir.path().join("secret.txt"), "secret").unwrap();
    fs::write(public.join("a.txt"), "0123456789").unwrap();
    fs::write(public.join("b c.html"), "<p>hi").unwrap();
    fs::write(public.join("icon.SVG"), "<svg/>").unwrap();
    fs::write(public.join("data.xyz"), "xyz").unwrap();
    fs::write(public.join("noext"), "?").unwrap();
    fs::write(public.join("with-index/index.html"), "index").unwrap();
    fs::write(public.join("bare/x y\"z.txt"), "xyz").unwrap();
    symlink("a.txt", public.join("inner-link")).unwrap();
    symlink("../secret.txt", public.join("outer-link")).unwrap();
    symlink(dir.path(), public.join("outer-dir")).unwrap();
    symlink("nowhere", public.join("dangling")).unwrap();
    dir
}

fn service(dir: &TempDir, change: impl FnOnce(&mut StaticSettings)) -> StaticFiles {
    let mut settings = StaticSettings::new(dir.path().join("public"));
    change(&mut settings);
    StaticFiles::new(settings).unwrap()
}

async fn get(service: &StaticFiles, target: &str) -> Asked {
    ask(service, request("GET", target)).await
}

#[tokio::test]
async fn files_are_served_with_their_types() {
    let dir = site();
    let service = service(&dir, |settings| {
        settings.mime_types = vec![(".xyz".into(), "chemical/x-xyz".into())];
    });
    for (target, body, media_type) in [
        ("/a.txt", "0123456789", "text/plain"),
        ("/a.txt?x=y", "0123456789", "text/plain"),
        ("/b%20c.html", "<p>hi", "text/html"),
        ("/icon.SVG", "<svg/>", "image/svg+xml"),
        ("/data.xyz", "xyz", "chemical/x-xyz"),
        ("/noext", "?", "application/octet-stream"),
        ("/inner-link", "0123456789", "text/plain"),
        ("/with-index/", "index", "text/html"),
        ("/with-index/index.html", "index", "text/html"),
    ] {
        let asked = get(&service, target).await;
        assert_eq!((asked.status, asked.body.as_str()), (200, body), "{target}");
        assert_eq!(asked.headers["content-type"], media_type, "{target}");
    }
}

#[tokio::test]
async fn nothing_outside_the_directory_is_served() {
    let dir = site();
    let service = service(&dir, |settings| settings.enable_directory_listing = true);
    for target in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/with-index/../../secret.txt",
        "/./a.txt",
        "/..",
        "/../",
        "/outer-link",
        "/outer-dir/",
        "/outer-dir/secret.txt",
        "/outer-dir/public/a.txt/../../secret.txt",
        "/dangling",
        "/a.txt/x",
        "/a.txt%00",
        "/..%5csecret.txt",
        "/%2fetc%2fpasswd",
        "//etc/passwd",
        "/missing",
    ] {
        let asked = get(&service, target).await;
        assert_eq!(asked.status, 404, "{target}: {}", asked.body);
        assert!(!asked.body.contains("secret"), "{target}");
    }
    // A link that leads out and in again leads in.
    assert_eq!(get(&service, "/outer-dir/public/a.txt").await.status, 200);
}

#[tokio::test]
async fn directory_without_slash_is_redirected_to_it() {
    let dir = site();
    let service = service(&dir, |_| ());
    let asked = get(&service, "/with-index?x=1").await;
    assert_eq!((asked.status, &asked.headers["location"]), (302, &"./with-index/?x=1".parse().unwrap()));
    assert_eq!(get(&service, "/bare").await.status, 404, "nothing would be there");
    assert_eq!(get(&service, "/bare/").await.status, 404);
    assert_eq!(get(&service, "/").await.status, 404);
}

#[tokio::test]
async fn listing_names_what_is_there_and_escapes_it() {
    let dir = site();
    let service = service(&dir, |settings| settings.enable_directory_listing = true);
    let asked = get(&service, "/bare/").await;
    assert_eq!(asked.status, 200);
    assert!(asked.body.contains("<a href=\"./%3Cb%3E%26/\">&lt;b&gt;&amp;/</a>"), "{}", asked.body);
    assert!(asked.body.contains("<a href=\"./x%20y%22z.txt\">x y&quot;z.txt</a>"), "{}", asked.body);
    assert!(asked.body.contains("<a href=\"../\">"));
    let root = get(&service, "/").await;
    assert!(!root.body.contains("href=\"../\"") && !root.body.contains("dangling"), "{}", root.body);
    assert_eq!(get(&service, "/bare").await.status, 302);
    assert_eq!(get(&service, "/with-index/").await.body, "index");
}

#[tokio::test]
async fn ranges_and_conditions_are_honoured() {
    let dir = site();
    let service = service(&dir, |_| ());
    let with = |name: &'static str, value: &str| {
        let mut request = request("GET", "/a.txt");
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    for (range, status, body) in [
        ("bytes=2-4", 206, "234"),
        ("bytes=7-", 206, "789"),
        ("bytes=-2", 206, "89"),
        ("bytes=20-", 416, ""),
        ("bytes=0-100", 206, "0123456789"),
    ] {
        let asked = ask(&service, with("range", range)).await;
        assert_eq!((asked.status, asked.body.as_str()), (status, body), "{range}");
    }
    let whole = get(&service, "/a.txt").await;
    let modified = whole.headers["last-modified"].to_str().unwrap().to_owned();
    assert_eq!(ask(&service, with("if-modified-since", &modified)).await.status, 304);
    let long_ago = "Thu, 01 Jan 1998 00:00:00 GMT";
    assert_eq!(ask(&service, with("if-modified-since", long_ago)).await.status, 200);
}

#[tokio::test]
async fn caching_headers_follow_the_settings() {
    let dir = site();
    let asked = get(&service(&dir, |_| ()), "/a.txt").await;
    assert_eq!(asked.headers["cache-control"], "max-age=43200, public");
    let expires = httpdate::parse_http_date(asked.headers["expires"].to_str().unwrap()).unwrap();
    let left = expires.duration_since(SystemTime::now()).unwrap().as_secs();
    assert!((43_100..=43_200).contains(&left), "{left}");
    let asked = get(&service(&dir, |settings| settings.cache_timeout = None), "/a.txt").await;
    assert!(!asked.headers.contains_key("cache-control") && !asked.headers.contains_key("expires"));
}

#[tokio::test]
async fn default_file_is_served_for_what_is_not_found() {
    let dir = site();
    let service_with = |file: &str| service(&dir, |settings| settings.default_file = Some(file.into()));
    for target in ["/", "/any/where", "/bare/", "/../secret.txt"] {
        let asked = get(&service_with("b c.html"), target).await;
        assert_eq!((asked.status, asked.body.as_str()), (200, "<p>hi"), "{target}");
        assert_eq!(asked.headers["content-type"], "text/html");
    }
    assert_eq!(get(&service_with("/a.txt"), "/missing").await.body, "0123456789");
    assert_eq!(get(&service_with("../secret.txt"), "/missing").await.status, 404);
    assert_eq!(get(&service_with("missing-too"), "/missing").await.status, 404);
}

#[tokio::test]
async fn methods_and_cross_origin_headers() {
    let dir = site();
    let service = service(&dir, |_| ());
    let asked = ask(&service, request("HEAD", "/a.txt")).await;
    assert_eq!((asked.status, asked.body.as_str()), (200, ""));
    assert_eq!(asked.headers["content-length"], "10");
    for method in ["POST", "PUT", "DELETE"] {
        let asked = ask(&service, request(method, "/a.txt")).await;
        assert_eq!((asked.status, &asked.headers["allow"]), (405, &"GET, HEAD, OPTIONS".parse().unwrap()));
    }
    let mut across = request("GET", "/a.txt");
    across.headers_mut().insert("origin", "https://a.example".parse().unwrap());
    let asked = ask(&service, across).await;
    assert_eq!(asked.headers["access-control-allow-origin"], "https://a.example");
    assert_eq!(asked.headers["access-control-allow-credentials"], "true");
    assert_eq!(get(&service, "/missing").await.headers["access-control-allow-origin"], "*");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let dir = site();
    for path in ["missing", "secret.txt"] {
        let settings = StaticSettings::new(dir.path().join(path));
        assert!(matches!(StaticFiles::new(settings), Err(WebError::Directory { .. })), "{path}");
    }
    let mut settings = StaticSettings::new(dir.path());
    settings.mime_types.push((".x".into(), "not\na/type".into()));
    assert!(matches!(StaticFiles::new(settings), Err(WebError::MediaType { .. })));
}
