//! A whole server over memory — HTTP, upgrade, session — with tokio-tungstenite as a client that shares no code with it.

#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "a test may fail wherever something is not as expected")]

use std::sync::Arc;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as TheirCode;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use transom_base::{ConnScope, ConnectionHandler, ServeError};
use transom_http::{HttpHandler, HttpSettings};
use transom_testkit::{FakeRouter, memory_connection};
use transom_wamp::{Class, CloseReason, Encoded, Outgoing};
use transom_websocket::handshake::ClientHandshake;
use transom_websocket::{
    Data, Decoder, Event, Framing, Parts, Role, Rules, WampWebSocket, WebSocketSettings,
};

const GOODBYE: &str = r#"[6,{},"wamp.close.normal"]"#;

type Serving = JoinHandle<Result<(), ServeError>>;

fn serve(settings: WebSocketSettings, router: &FakeRouter) -> (DuplexStream, Serving) {
    let service = WampWebSocket::new(settings, Arc::new(router.clone()));
    let handler = HttpHandler::new(Arc::new(service), HttpSettings::default());
    let (conn, peer) = memory_connection(1 << 16);
    (peer, tokio::spawn(handler.serve(conn, ConnScope::detached())))
}

async fn connect(
    settings: WebSocketSettings,
    router: &FakeRouter,
    subprotocols: &'static str,
) -> Result<(WebSocketStream<DuplexStream>, String, Serving), tungstenite::Error> {
    let (stream, serving) = serve(settings, router);
    let mut request = "ws://localhost/ws".into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", subprotocols.parse().unwrap());
    let (client, response) = client_async(request, stream).await?;
    let chosen = response.headers()["sec-websocket-protocol"].to_str().unwrap().to_owned();
    Ok((client, chosen, serving))
}

#[tokio::test]
async fn client_says_something_hears_it_and_closes() {
    let router = FakeRouter::echo();
    let (mut client, chosen, serving) =
        connect(WebSocketSettings::default(), &router, "unknown, wamp.2.json, wamp.2.cbor").await.unwrap();
    assert_eq!(chosen, "wamp.2.json");
    for _ in 0..3 {
        client.send(Message::text(GOODBYE)).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::text(GOODBYE));
    }
    client.send(Message::Ping("hello".into())).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong("hello".into()));
    client.close(None).await.unwrap();
    let Some(Ok(Message::Close(Some(frame)))) = client.next().await else { panic!("no close frame") };
    assert_eq!(frame.code, TheirCode::Normal);
    assert!(client.next().await.is_none());
    drop(client);
    serving.await.unwrap().unwrap();
    assert_eq!(router.session(0).await.closed().await, CloseReason::TransportLost);
}

#[tokio::test]
async fn fragments_of_every_size_arrive_as_one_message() {
    let router = FakeRouter::new();
    for fragment in [1, 125, 126, 4096, 65_535, 65_536] {
        let settings =
            WebSocketSettings { auto_fragment_size: Some(fragment), ..WebSocketSettings::default() };
        let router = router.clone();
        let (mut client, _, _serving) = connect(settings, &router, "wamp.2.json").await.unwrap();
        let session = router.sessions().pop().unwrap();
        let body = "é".repeat(50_000);
        let shared = body.clone().into();
        let message = Encoded { head: b"<", body: &shared, tail: b">" };
        session.sink.offer(Outgoing { class: Class::Normal, message });
        let received = client.next().await.unwrap().unwrap();
        assert_eq!(received.into_text().unwrap().as_str(), format!("<{body}>"), "fragments of {fragment}");
    }
}

#[tokio::test]
async fn close_by_the_server_is_answered_by_the_client() {
    let router = FakeRouter::new();
    let (mut client, _, serving) =
        connect(WebSocketSettings::default(), &router, "wamp.2.json").await.unwrap();
    router.session(0).await.sink.close(CloseReason::SystemShutdown);
    let Some(Ok(Message::Close(Some(frame)))) = client.next().await else { panic!("no close frame") };
    assert_eq!(frame.code, TheirCode::Away);
    assert!(client.next().await.is_none());
    drop(client);
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn client_without_a_common_subprotocol_is_refused() {
    let router = FakeRouter::new();
    match connect(WebSocketSettings::default(), &router, "mqtt").await {
        Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 400),
        other => panic!("{:?}", other.map(|(_, chosen, _)| chosen)),
    }
    assert!(router.sessions().is_empty());
}

#[tokio::test]
async fn frames_that_come_with_the_request_are_not_lost() {
    let router = FakeRouter::echo();
    let (mut stream, _serving) = serve(WebSocketSettings::default(), &router);
    let handshake = ClientHandshake::new("localhost", "/ws", &["wamp.2.json"], None).unwrap();
    let mut wire = handshake.request();
    let parts = Parts { head: GOODBYE.as_bytes(), body: &bytes::Bytes::new(), tail: b"" };
    Framing::new(Role::Client).message(Data::Text, parts, &mut wire);
    stream.write_all(&wire).await.unwrap();

    let mut input = BytesMut::new();
    let chosen = loop {
        stream.read_buf(&mut input).await.unwrap();
        if let Some(answer) = handshake.response(&input).unwrap() {
            let _head = input.split_to(answer.len);
            break answer.subprotocol;
        }
    };
    assert_eq!(chosen.as_deref(), Some("wamp.2.json"));
    let mut decoder = Decoder::new(Rules::new(Role::Client));
    let event = loop {
        if let Some(event) = decoder.decode(&mut input).unwrap() {
            break event;
        }
        stream.read_buf(&mut input).await.unwrap();
    };
    assert_eq!(event, Event::Message { text: true, data: GOODBYE.into() });
}
