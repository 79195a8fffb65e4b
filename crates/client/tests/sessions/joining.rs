//! From connecting to WELCOME, and what goes wrong on the way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use transom_base::ConnInfo;
use transom_client::{AuthError, Authenticator, ClientSettings, ConnectError, End, Login};
use transom_testkit::Heard;
use transom_wamp::{Abort, Authenticate, Challenge, CloseReason, Dict, HelloDetails, Message, Welcome};

use super::support::{Router, connect, goodbye, heard, id, say, welcome};

#[tokio::test(start_paused = true)]
async fn client_says_who_it_is_and_what_it_can() {
    let router = Router::new();
    let connecting = tokio::spawn(connect(router.client(ClientSettings::new("realm1"))));
    let (there, hello) = router.greeted(0).await;
    assert_eq!(hello.realm, Some("realm1".into()));
    let details = hello.details;
    assert_eq!(details.authmethods, Some(vec!["anonymous".into()]));
    assert!(details.agent.unwrap().starts_with("Transom-"));
    assert!(details.roles.caller.unwrap().has("call_canceling"));
    assert!(details.roles.callee.unwrap().has("registration_revocation"));
    assert!(details.roles.subscriber.unwrap().has("pattern_based_subscription"));
    assert!(details.roles.publisher.is_some());
    assert!(!connecting.is_finished());
    say(&there, welcome());
    let session = connecting.await.unwrap().unwrap();
    assert_eq!(session.welcome().session, id(77));
}

#[tokio::test(start_paused = true)]
async fn router_that_refuses_the_session_says_why() {
    let router = Router::new();
    for (reason, permanent) in [
        ("wamp.error.no_such_realm", true),
        ("wamp.error.not_authorized", true),
        ("wamp.close.system_shutdown", false),
    ] {
        let number = router.fake.sessions().len();
        let connecting = tokio::spawn(connect(router.client(ClientSettings::new("nowhere"))));
        let (there, _) = router.greeted(number).await;
        say(&there, Message::Abort(Abort { message: Some("no".into()), reason: reason.into() }));
        let error = connecting.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), format!("the router refused the session: {reason} (no)"));
        assert_eq!(error.is_permanent(), permanent, "{reason}");
        assert_eq!(there.closed().await, CloseReason::TransportLost);
    }
}

#[tokio::test(start_paused = true)]
async fn router_that_says_nothing_is_given_up_in_time() {
    let router = Router::new();
    let mut settings = ClientSettings::new("realm1");
    settings.join_timeout = Some(Duration::from_secs(3));
    let before = Instant::now();
    let connecting = tokio::spawn(connect(router.client(settings)));
    let (there, _) = router.greeted(0).await;
    let error = connecting.await.unwrap().unwrap_err();
    assert!(matches!(&error, ConnectError::Timeout { what: "WELCOME", .. }), "{error:?}");
    assert!(!error.is_permanent());
    assert_eq!(before.elapsed(), Duration::from_secs(3));
    assert_eq!(there.closed().await, CloseReason::TransportLost);
}

#[tokio::test(start_paused = true)]
async fn attempt_that_nobody_waits_for_leaves_nothing_behind() {
    let router = Router::new();
    let connecting = tokio::spawn(connect(router.client(ClientSettings::new("realm1"))));
    let (there, _) = router.greeted(0).await;
    let before = Instant::now();
    connecting.abort();
    assert_eq!(there.closed().await, CloseReason::TransportLost);
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn connection_that_ends_or_breaks_the_protocol_before_welcome_is_an_error() {
    let router = Router::new();
    let connecting = tokio::spawn(connect(router.client(ClientSettings::new("realm1"))));
    let (there, _) = router.greeted(0).await;
    there.sink.close(CloseReason::Normal);
    let error = connecting.await.unwrap().unwrap_err();
    assert!(matches!(&error, ConnectError::Ended(End::Lost(_))), "{error:?}");

    let connecting = tokio::spawn(connect(router.client(ClientSettings::new("realm1"))));
    let (there, _) = router.greeted(1).await;
    say(&there, goodbye("wamp.close.normal"));
    let error = connecting.await.unwrap().unwrap_err();
    assert!(matches!(&error, ConnectError::Ended(End::Violation(_))), "{error:?}");
    assert!(matches!(heard(&there, 1).await, Message::Abort(_)));
}

/// Answers with what it is told, and keeps what it was asked.
#[derive(Clone, Default)]
struct Proof {
    answer: Option<&'static str>,
    router_is_false: bool,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Authenticator for Proof {
    fn method(&self) -> &str {
        "ticket"
    }

    fn begin(&self, _info: &ConnInfo) -> Result<Box<dyn Login>, AuthError> {
        Ok(Box::new(self.clone()))
    }
}

impl Login for Proof {
    fn hello(&mut self, details: &mut HelloDetails) {
        details.authid = Some("joe".into());
    }

    fn challenge(&mut self, challenge: &Challenge) -> Result<Authenticate, AuthError> {
        self.asked.lock().unwrap().push(challenge.method.to_string());
        let signature = self.answer.ok_or_else(|| AuthError::new("the ticket is gone"))?.into();
        Ok(Authenticate { signature, extra: Dict::default() })
    }

    fn welcome(&mut self, _welcome: &Welcome) -> Result<(), AuthError> {
        if self.router_is_false { Err(AuthError::new("an impostor")) } else { Ok(()) }
    }
}

fn challenge() -> Message {
    Message::Challenge(Challenge { method: "ticket".into(), extra: Dict::default() })
}

fn with(proof: &Proof) -> ClientSettings {
    let mut settings = ClientSettings::new("realm1");
    settings.authenticator = Arc::new(proof.clone());
    settings
}

#[tokio::test(start_paused = true)]
async fn client_that_is_asked_for_proof_gives_it() {
    let (router, proof) = (Router::new(), Proof { answer: Some("secret!!!"), ..Proof::default() });
    let connecting = tokio::spawn(connect(router.client(with(&proof))));
    let (there, hello) = router.greeted(0).await;
    assert_eq!(hello.details.authmethods, Some(vec!["ticket".into()]));
    assert_eq!(hello.details.authid, Some("joe".into()));
    say(&there, challenge());
    match heard(&there, 1).await {
        Message::Authenticate(answer) => assert_eq!(answer.signature, "secret!!!"),
        other => panic!("{other:?}"),
    }
    say(&there, welcome());
    connecting.await.unwrap().unwrap();
    assert_eq!(*proof.asked.lock().unwrap(), ["ticket"]);
}

#[tokio::test(start_paused = true)]
async fn client_without_proof_says_so_and_is_not_asked_again() {
    let router = Router::new();
    for (number, settings) in [ClientSettings::new("realm1"), with(&Proof::default())].into_iter().enumerate()
    {
        let connecting = tokio::spawn(connect(router.client(settings)));
        let (there, _) = router.greeted(number).await;
        say(&there, challenge());
        let error = connecting.await.unwrap().unwrap_err();
        assert!(matches!(&error, ConnectError::Login(_)), "{error:?}");
        assert!(error.is_permanent());
        match heard(&there, 1).await {
            Message::Abort(abort) => assert_eq!(abort.reason, "wamp.error.cannot_authenticate"),
            other => panic!("{other:?}"),
        }
        assert_eq!(there.closed().await, CloseReason::TransportLost);
    }
}

#[tokio::test(start_paused = true)]
async fn router_that_does_not_prove_itself_is_left() {
    let router = Router::new();
    let proof = Proof { answer: Some("x"), router_is_false: true, ..Proof::default() };
    let connecting = tokio::spawn(connect(router.client(with(&proof))));
    let (there, _) = router.greeted(0).await;
    say(&there, welcome());
    let error = connecting.await.unwrap().unwrap_err();
    assert_eq!(error.chain(), "logging in: an impostor");
    assert!(matches!(there.heard_at_least(2).await[1], Heard::Message(Message::Goodbye(_))));
}
