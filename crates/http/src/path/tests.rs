use transom_base::Address;

use super::*;
use crate::{empty, full};

/// Answers with its name and what it was left.
pub(crate) struct Named(pub &'static str);

impl WebService for Named {
    fn call(&self, request: Request, _conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        let rest = rest(&request).unwrap();
        let text = format!("{} {}", self.0, rest.join("|"));
        Box::pin(async move { Response::new(full(text)).into() })
    }
}

pub(crate) async fn ask_with(service: &dyn WebService, request: Request) -> (u16, String) {
    use http_body_util::BodyExt;
    let conn = Arc::new(ConnInfo::new(Address::Memory(1), Address::Memory(2)));
    match service.call(request, conn).await {
        Reply::Response(response) => {
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(body.to_vec()).unwrap())
        }
        Reply::Upgrade { .. } => panic!("no upgrade was asked for"),
    }
}

async fn ask(service: &dyn WebService, target: &str) -> (u16, String) {
    ask_with(service, http::Request::builder().uri(target).body(empty()).unwrap()).await
}

fn tree() -> PathTree {
    let inner = PathTree::new()
        .with("/", Arc::new(Named("inner-root")))
        .with("deep", Arc::new(Named("deep")))
        .with("closed", Arc::new(PathTree::new().with("only", Arc::new(Named("only")))));
    PathTree::new()
        .with("/", Arc::new(Named("root")))
        .with("a", Arc::new(Named("a")))
        .with("nest", Arc::new(inner))
}

#[tokio::test]
async fn path_goes_to_the_longest_chain_of_names() {
    let tree = tree();
    for (target, expected) in [
        ("/", "root "),
        ("/a", "a "),
        ("/a/", "a "),
        ("//a", "a "),
        ("/a//b", "a b"),
        ("/a/b/c", "a b|c"),
        ("/a?x=/nest", "a "),
        ("/b/a", "root b|a"),
        ("/nest", "inner-root "),
        ("/nest/", "inner-root "),
        ("/nest/other", "inner-root other"),
        ("/nest/deep", "deep "),
        ("/nest/deep/er", "deep er"),
        ("/nest/closed/only/x", "only x"),
        ("/%61/b", "a b"),
        ("/a/b%20c", "a b c"),
        ("/a/b%2Fc", "a b/c"),
        ("/a%2Fb", "root a/b"),
        ("/A", "root A"),
        ("/a/%zz", "a %zz"),
        ("http://example.com/a/b", "a b"),
        ("http://example.com", "root "),
        ("/a/..", "a .."),
    ] {
        assert_eq!(ask(&tree, target).await, (200, expected.to_owned()), "{target}");
    }
}

#[tokio::test]
async fn unknown_path_is_not_found_when_there_is_no_root() {
    let tree = PathTree::new().with("a", Arc::new(Named("a")));
    for target in ["/", "/b", "/b/a", "http://example.com/"] {
        let (status, body) = ask(&tree, target).await;
        assert_eq!(status, 404, "{target}");
        assert!(body.starts_with("<!doctype html>"), "{body}");
    }
    assert_eq!(ask(&super::tests::tree(), "/nest/closed").await.0, 404);
}

#[tokio::test]
async fn path_that_is_not_utf8_is_a_bad_request() {
    assert_eq!(ask(&tree(), "/a/%ff").await.0, 400);
}

#[tokio::test]
async fn name_wins_over_a_root_that_ignores_the_rest() {
    let tree = PathTree::new().with("/", Arc::new(NotFound)).with("a", Arc::new(Named("a")));
    assert_eq!(ask(&tree, "/a").await, (200, "a ".to_owned()));
}
