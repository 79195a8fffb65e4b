//! What Tor tells of a service, and how it ends.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use transom_endpoint::Listener;
use transom_testkit::{Answer, memory_listener};

use super::support::{Service, Tor, key, listen, name, say};

/// A Tor that answers ADD_ONION so, `NAME` being that of the service, and says this about itself.
fn adding(lines: &[&str], phase: &str) -> impl Fn(&Tor, &str) -> Answer + Send + Sync + 'static {
    let lines: Vec<_> = lines.iter().map(|line| line.replace("NAME", &name())).collect();
    let phase = format!("250-status/bootstrap-phase={phase}");
    move |tor, command| match command {
        "GETINFO status/bootstrap-phase" => say(&[&phase, "250 OK"]),
        _ if command.starts_with("ADD_ONION") => Answer::Say(lines.clone()),
        _ => tor.answer(command),
    }
}

const READY: &str = "NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY=\"Done\"";

#[tokio::test(start_paused = true)]
async fn service_is_published_by_the_first_directory_that_has_it_even_before_its_answer() {
    let mut service = Service::new(adding(
        &["650 HS_DESC UPLOADED NAME UNKNOWN $A~a", "250-ServiceID=NAME", "250 OK"],
        READY,
    ));
    assert!(service.says("published in 1 directory").await.reachable);
    let say = |text: &str| service.control.say(&text.replace("NAME", &name()));
    say("650 HS_DESC UPLOADED other UNKNOWN $A~a");
    say("650 HS_DESC FAILED NAME UNKNOWN $A~a x REASON=UPLOAD_REJECTED");
    say("650 CIRC 1 BUILT");
    say("250 what nobody asked for");
    say("650 HS_DESC UPLOADED NAME UNKNOWN $B~b");
    assert!(service.says("published in 2 directories").await.reachable);
    (0..8).for_each(|_| service.control.say(&format!("650 HS_DESC UPLOADED {} UNKNOWN $C~c", name())));
    service.status.wait_for(|status| status.state.as_ref().unwrap().text == "published").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn service_that_all_directories_refuse_is_told_with_the_reason_until_one_takes_it() {
    let mut service = Service::new(adding(
        &[
            "250-ServiceID=NAME",
            "250 OK",
            "650 HS_DESC UPLOAD NAME UNKNOWN $A~a x",
            "650 HS_DESC UPLOADED other UNKNOWN $A~a",
            "650 HS_DESC FAILED NAME UNKNOWN $A~a x REASON=NOT_FOUND",
            "650 HS_DESC FAILED NAME UNKNOWN $A~a x REASON=UPLOAD_REJECTED",
        ],
        READY,
    ));
    assert!(!service.says("no directory took its descriptor yet: UPLOAD_REJECTED").await.reachable);
    // It stays so however often Tor is asked how it is.
    service.control.command(4, "GETINFO status/bootstrap-phase").await;
    tokio::task::yield_now().await;
    assert!(service.status.borrow().state.as_ref().unwrap().text.contains("UPLOAD_REJECTED"));
    service.control.say(&format!("650 HS_DESC UPLOADED {} UNKNOWN $A~a", name()));
    service.published().await;
}

#[tokio::test(start_paused = true)]
async fn tor_that_is_not_ready_itself_is_told_while_the_service_is_not_published() {
    for (phase, words) in [
        (
            "NOTICE BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY=\"Connecting to a relay\"",
            "being published; Tor itself is at 5 %: Connecting to a relay",
        ),
        (
            "WARN BOOTSTRAP PROGRESS=10 TAG=x SUMMARY=\"Hand\\tshaking\" WARNING=\"No \\\"route\\\"\" REASON=x",
            "Tor itself is at 10 %: Hand\\tshaking (No \"route\")",
        ),
        ("", "Tor itself is at  %: "),
    ] {
        let began = Instant::now();
        let mut service = Service::new(adding(&["250-ServiceID=NAME", "250 OK"], phase));
        assert!(!service.says(words).await.reachable);
        assert_eq!(began.elapsed().as_secs(), 5);
        service.tor_now(adding(&["250-ServiceID=NAME", "250 OK"], READY));
        service
            .status
            .wait_for(|status| status.state.as_ref().unwrap().text == "being published")
            .await
            .unwrap();
        assert_eq!(began.elapsed().as_secs(), 10);
        service.control.say(&format!("650 HS_DESC UPLOADED {} UNKNOWN $A~a", name()));
        service.published().await;
    }
}

#[tokio::test(start_paused = true)]
async fn answer_to_adding_it_when_it_is_not_that_of_the_key_is_told() {
    let long = format!("250-ServiceID={}", "x".repeat(5000));
    for (lines, words) in [
        (["250-ServiceID=other", "250 OK"], "gave it an address that is not that of its key"),
        (["250-ServiceID=NAMEx", "250 OK"], "gave it an address that is not that of its key"),
        (["250-ServiceID=\u{1b}[31m", "250 OK"], "gave it an address that is not that of its key"),
        ([&long, "250 OK"], "gave it an address that is not that of its key"),
        (["250-ServiceID=", "250 OK"], "gave it an address that is not that of its key"),
        (["250-ServiceI=NAME", "250 OK"], "ADD_ONION gives no address"),
        (["250-OK", "250 NAME"], "ADD_ONION gives no address"),
        (["550-", "550 Onion address collision"], "has a service with this key already: another node"),
        (["551-", "551 Failed to add Onion Service"], "Tor refuses ADD_ONION: 551 Failed to add"),
    ] {
        Service::new(adding(&lines, READY)).recovers_from(words).await;
    }
}

#[tokio::test(start_paused = true)]
async fn connection_when_lost_after_publication_is_made_again_with_the_same_key_and_target() {
    let mut service = Service::new(Tor::answer);
    service.published().await;
    let first = service.added();
    for round in 2..5 {
        service.control.cut();
        let state = service.says("waiting for Tor: Tor closed the connection").await;
        assert!(!state.reachable);
        service.published().await;
        assert_eq!((service.added(), service.heard("ADD_ONION")), (first.clone(), round));
    }
}

#[tokio::test(start_paused = true)]
async fn close_withdraws_the_service_and_waits_three_seconds_at_most() {
    let name = name();
    let mut service = Service::new(Tor::answer);
    service.published().await;
    assert_eq!(service.close().await, Duration::ZERO);
    assert_eq!(*service.control.commands().last().unwrap(), format!("DEL_ONION {name}"));
    for (what, answer, waits) in [
        ("DEL_ONION", Answer::Nothing, 3),
        ("DEL_ONION", Answer::Bytes(b"650 HS_DESC x\r\n".repeat(900)), 3),
        ("DEL_ONION", Answer::Cut, 0),
        ("DEL_ONION", Answer::line("552 Unknown Onion Service id"), 0),
        ("DEL_ONION", Answer::Bytes(b"HTTP/1.1 400 Bad Request\r\n".to_vec()), 0),
    ] {
        let mut service = Service::new(move |tor: &Tor, command: &str| match command {
            _ if command.starts_with(what) => answer.clone(),
            _ => tor.answer(command),
        });
        service.published().await;
        assert_eq!(service.close().await.as_secs(), waits, "{what}");
    }
    // What is not there need not be withdrawn, wherever it is waited for.
    for silent in ["PROTOCOLINFO", "AUTHENTICATE", "ADD_ONION"] {
        let mut service = Service::new(move |tor: &Tor, command: &str| match command {
            _ if command.starts_with(silent) => Answer::Nothing,
            _ => tor.answer(command),
        });
        service.control.command(1, silent).await;
        assert_eq!((service.close().await, service.heard("DEL_ONION")), (Duration::ZERO, 0));
    }
    let mut service = Service::new(|_, _| Answer::Cut);
    service.says("waiting for Tor").await;
    assert_eq!(service.close().await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn listener_when_dropped_ends_its_connection_to_tor_and_makes_no_other() {
    for published in [false, true] {
        let (mut there, connector) = memory_listener();
        let folder = tempfile::tempdir().unwrap();
        let listener = listen(folder.path(), None, None, std::sync::Arc::new(connector));
        let mut control = there.accept().await.unwrap().into_connection().io;
        if published {
            let answers = format!(
                "250-AUTH METHODS=NULL\r\n250 OK\r\n250 OK\r\n552 no\r\n552 no\r\n250 OK\r\n250 ServiceID={0}\r\n\
                650 HS_DESC UPLOADED {0} UNKNOWN $A~a\r\n",
                name()
            );
            tokio::io::AsyncWriteExt::write_all(&mut control, answers.as_bytes()).await.unwrap();
            let mut status = listener.status();
            let reachable = |state: &transom_endpoint::EndpointState| state.reachable;
            status.wait_for(|status| status.state.as_ref().is_some_and(reachable)).await.unwrap();
        }
        drop(listener);
        let mut heard = String::new();
        control.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard.contains(&*key().text()), published);
        assert_eq!(heard.contains("DEL_ONION"), published, "{heard}");
        let again = tokio::time::timeout(Duration::from_secs(1000), there.accept()).await;
        assert!(again.is_err());
    }
}
