//! Connections that Tor hands over.

use std::future::poll_fn;
use std::task::Poll;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transom_base::{Address, Connection};
use transom_config::OnionTarget;
use transom_endpoint::{BoundAddr, Listener};
use transom_testkit::Answer;

use super::support::{Service, Tor, key, name};

/// Asks once whether somebody is there, and gives up.
async fn glance(listener: &mut dyn Listener) -> Option<Connection> {
    let mut accept = listener.accept();
    let accepted = poll_fn(|cx| match accept.as_mut().poll(cx) {
        Poll::Ready(accepted) => Poll::Ready(Some(accepted.unwrap())),
        Poll::Pending => Poll::Ready(None),
    });
    accepted.await.map(transom_endpoint::Accepted::into_connection)
}

/// Looks again and again, letting go each time.
async fn glances(listener: &mut dyn Listener) -> Connection {
    loop {
        match glance(listener).await {
            Some(conn) => return conn,
            None => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn connections_when_accepted_are_of_the_service_and_of_nobody() {
    for target in [OnionTarget::Tcp, OnionTarget::Unix] {
        // Root may be anybody; otherwise Tor is of our own user.
        let mut service = Service::with(None, Some(target), |tor: &Tor, command: &str| tor.answer(command));
        service.published().await;
        let mut listener = service.listener.take().unwrap();
        let address = key().address();
        assert_eq!(listener.bound(), [BoundAddr::Onion { host: address.as_str().into(), port: 80 }]);
        let mut client = service.control.client().await;
        let mut conn = listener.accept().await.unwrap().into_connection();
        assert_eq!(conn.info.local, Address::Tor(Some(format!("{address}:80").into())));
        assert_eq!(conn.info.peer, Address::Tor(None));
        assert_eq!(
            (conn.info.local.to_string(), conn.info.peer.to_string()),
            (format!("tor:{address}:80"), "tor".into())
        );
        assert!(conn.info.unix.is_none() && conn.info.forwarded_for.is_none() && conn.info.tls.is_none());
        client.write_all(b"hi").await.unwrap();
        assert_eq!(conn.io.read_u16().await.unwrap(), u16::from_be_bytes(*b"hi"));
        let target = service.control.commands().iter().rfind(|command| command.starts_with("ADD")).cloned();
        let target = target.unwrap().split_once("Port=80,").unwrap().1.to_owned();
        Box::new(listener).close().await;
        if let Some(path) = target.strip_prefix("unix:") {
            assert!(!std::path::Path::new(path).parent().unwrap().exists());
        }
    }
}

#[tokio::test]
async fn accept_when_dropped_loses_no_connection_and_goes_on_after_the_service_is_added_again() {
    let mut service = Service::new(|_, _| Answer::Nothing);
    let mut listener = service.listener.take().unwrap();
    service.control.command(1, "PROTOCOLINFO").await;
    // Before there is anything to accept from.
    assert!(glance(&mut listener).await.is_none());
    service.tor_now(Tor::answer);
    service.control.cut();
    service.published().await;
    let added = service.added();
    for round in 0_u8..20 {
        assert!(glance(&mut listener).await.is_none());
        let mut client = service.control.client().await;
        client.write_u8(round).await.unwrap();
        assert_eq!(glances(&mut listener).await.io.read_u8().await.unwrap(), round);
    }
    // Who connects while Tor is away comes too: the target stays.
    let mut client = service.control.client().await;
    service.control.cut();
    service.says("waiting for Tor").await;
    client.write_u8(33).await.unwrap();
    assert_eq!(glances(&mut listener).await.io.read_u8().await.unwrap(), 33);
    service.published().await;
    assert_eq!((service.added(), service.heard("ADD_ONION")), (added, 2));
    let mut client = service.control.client().await;
    client.write_u8(44).await.unwrap();
    assert_eq!(glances(&mut listener).await.io.read_u8().await.unwrap(), 44);
    Box::new(listener).close().await;
    service.control.command(1, &format!("DEL_ONION {}", name())).await;
}
