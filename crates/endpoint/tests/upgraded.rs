//! A connector with steps behind it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::Arc;
use std::time::Duration;

use transom_base::{Deadline, ErrorKind};
use transom_endpoint::{Connector, Upgrade, UpgradedConnector};
use transom_testkit::{PassThrough, Refusing, memory_listener};

#[tokio::test(start_paused = true)]
async fn connector_takes_its_steps_within_the_earlier_of_both_limits() {
    let (_listener, connector) = memory_listener();
    let connector: Arc<dyn Connector> = Arc::new(connector);
    let target = connector.target();
    let with =
        |steps: Vec<(Arc<dyn Upgrade>, Option<Duration>)>| UpgradedConnector::new(connector.clone(), steps);
    let pass = || (Arc::new(PassThrough) as Arc<dyn Upgrade>, None);
    let conn = with(vec![pass(), pass()]);
    assert_eq!(conn.target(), target);
    conn.connect(Deadline::NEVER).await.unwrap();

    let refusing = |kind| Arc::new(Refusing(kind)) as Arc<dyn Upgrade>;
    let refused = with(vec![pass(), (refusing(ErrorKind::Tls), None), pass()]);
    assert_eq!(refused.connect(Deadline::NEVER).await.unwrap_err().kind(), ErrorKind::Tls);

    for (own, within, whole, passed) in [
        (Some(3), None, None, 3),
        (Some(3), None, Some(2), 2),
        (None, None, Some(4), 4),
        (Some(3), Some(1), Some(2), 1),
        (None, Some(5), None, 5),
    ] {
        let seconds = |limit: Option<u64>| limit.map(Duration::from_secs);
        let slow = with(vec![(refusing(ErrorKind::Timeout), seconds(own))]).within(seconds(within));
        let before = tokio::time::Instant::now();
        let error = slow.connect(Deadline::after(seconds(whole))).await.unwrap_err();
        assert_eq!((error.kind(), before.elapsed().as_secs()), (ErrorKind::Timeout, passed));
    }
}
