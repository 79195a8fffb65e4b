//! The same by HTTP/2, with hyper's client as the peer.

use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;
use crate::handler::watched::PREFACE;

type Client = SendRequest<Full<Bytes>>;
type Served = JoinHandle<Result<(), ServeError>>;

async fn client_of(near: DuplexStream) -> Client {
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn start_client(settings: HttpSettings, scope: ConnScope) -> (Client, Served) {
    let (near, served) = start_with(settings, scope, 1 << 16);
    (client_of(near).await, served)
}

/// Asks, with this body, and returns the status and the body of the answer.
async fn ask(client: &mut Client, path: &str, body: &str) -> hyper::Result<(u16, String)> {
    let request = http::Request::post(format!("http://example.com{path}"));
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let response = client.send_request(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8(body.to_vec()).unwrap()))
}

#[tokio::test(start_paused = true)]
async fn requests_are_answered_side_by_side() {
    let (mut client, served) = start_client(HttpSettings::default(), ConnScope::detached()).await;
    let mut other = client.clone();
    let slow = tokio::spawn(async move { ask(&mut other, "/slow", "").await.unwrap() });
    let start = Instant::now();
    for n in 0..50 {
        let body = format!("{n}").repeat(1000);
        assert_eq!(ask(&mut client, "/echo", &body).await.unwrap(), (200, body));
    }
    assert_eq!(start.elapsed(), Duration::ZERO, "nobody waited for the slow one");
    assert_eq!(slow.await.unwrap(), (200, "at last".to_owned()));
    assert_eq!(ask(&mut client, "/large", "").await.unwrap().1.len(), 1 << 20);
    drop(client);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn service_finds_the_host_where_it_looks_for_it() {
    let (mut client, _served) = start_client(HttpSettings::default(), ConnScope::detached()).await;
    assert_eq!(ask(&mut client, "/host", "").await.unwrap(), (200, "example.com".to_owned()));
}

#[tokio::test]
async fn nothing_is_upgraded() {
    let (mut client, _served) = start_client(HttpSettings::default(), ConnScope::detached()).await;
    assert_eq!(ask(&mut client, "/up", "").await.unwrap().0, 505);
    assert_eq!(ask(&mut client, "/echo", "still there").await.unwrap(), (200, "still there".to_owned()));
}

#[tokio::test]
async fn limits_of_head_and_body_hold() {
    let settings = HttpSettings { max_body_bytes: 100, max_header_bytes: 1000, ..HttpSettings::default() };
    let (mut client, _served) = start_client(settings, ConnScope::detached()).await;
    assert_eq!(ask(&mut client, "/echo", &"x".repeat(101)).await.unwrap().0, 413);
    let long = format!("/{}", "x".repeat(1000));
    let refused = ask(&mut client, &long, "").await;
    assert!(refused.is_err() || refused.unwrap().0 == 431);
    assert_eq!(ask(&mut client, "/echo", "fits").await.unwrap(), (200, "fits".to_owned()));
}

#[tokio::test]
async fn preface_is_known_however_it_arrives() {
    for cut in 0..PREFACE.len() {
        let (mut near, _served) = start();
        near.write_all(&PREFACE[..cut]).await.unwrap();
        tokio::task::yield_now().await;
        near.write_all(&PREFACE[cut..]).await.unwrap();
        near.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let mut frame = [0; 9];
        near.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame[3], 4, "SETTINGS");
    }
}

#[tokio::test]
async fn beginning_of_a_preface_that_is_none_is_a_request() {
    let (answer, _) = exchange(b"PRI /a HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.ends_with("PRI /a"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn client_that_asks_for_nothing_is_told_that_this_was_all() {
    let (mut client, served) = start_client(HttpSettings::default(), ConnScope::detached()).await;
    let start = Instant::now();
    assert_eq!(ask(&mut client, "/echo", "").await.unwrap().0, 200);
    served.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(60));
    assert!(client.is_closed() || ask(&mut client, "/echo", "").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn client_that_never_asks_is_given_up() {
    let (client, served) = start_client(HttpSettings::default(), ConnScope::detached()).await;
    let start = Instant::now();
    let fault = served.await.unwrap().unwrap_err();
    assert_eq!((fault.kind(), start.elapsed()), (ErrorKind::Timeout, Duration::from_secs(10)));
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn what_is_being_answered_is_finished_when_the_node_drains() {
    let (drain, watch) = Drain::new();
    let scope = ConnScope::new(watch, Arc::default(), None);
    let (mut client, served) = start_client(HttpSettings::default(), scope).await;
    let mut other = client.clone();
    let slow = tokio::spawn(async move { ask(&mut other, "/slow", "").await.unwrap() });
    assert_eq!(ask(&mut client, "/echo", "").await.unwrap().0, 200);
    drain.drain();
    assert_eq!(slow.await.unwrap(), (200, "at last".to_owned()));
    served.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn connection_is_cut_when_the_node_aborts() {
    let (drain, watch) = Drain::new();
    let scope = ConnScope::new(watch, Arc::default(), None);
    let (mut client, served) = start_client(HttpSettings::default(), scope).await;
    let slow = tokio::spawn(async move { ask(&mut client, "/slow", "").await });
    tokio::task::yield_now().await;
    drain.drain();
    drain.abort();
    assert!(slow.await.unwrap().is_err());
    assert!(matches!(served.await.unwrap(), Err(ServeError::Aborted)));
}

#[tokio::test]
async fn frames_that_are_none_are_the_peers_fault() {
    let (mut near, served) = start();
    near.write_all(PREFACE).await.unwrap();
    near.write_all(b"this is no frame at all, however long one reads it").await.unwrap();
    let mut all = Vec::new();
    near.read_to_end(&mut all).await.unwrap();
    assert_eq!(served.await.unwrap().unwrap_err().kind(), ErrorKind::PeerProtocol);
}
