//! Happy Eyeballs (RFC 8305): of several addresses, which may lead nowhere, the first that answers is taken, without
//! waiting for those that do not.
//!
//! The system's resolver gives all addresses at once, in the order of RFC 6724, so there is no resolution delay
//! (section 3); what is here are sections 4 and 5.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use transom_base::Deadline;

/// From one attempt to the next, unless one fails before: the delay that the RFC recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Why nobody answered.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// Every attempt failed.
    Failed(io::Error),
    /// The deadline passed while attempts were under way.
    Timeout,
}

/// Connects to the first address that answers. Attempts that are no longer needed are dropped.
pub(super) async fn race<T, F>(
    addrs: Vec<SocketAddr>,
    deadline: Deadline,
    attempt: impl Fn(SocketAddr) -> F,
) -> Result<(SocketAddr, T), NoAnswer>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut waiting = interleaved(addrs).into_iter().peekable();
    let mut running = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        if let Some(addr) = waiting.next() {
            let connect = attempt(addr);
            running.spawn(async move { (addr, connect.await) });
        }
        let next = match waiting.peek() {
            Some(_) => Deadline::after(ATTEMPT_DELAY),
            None => Deadline::NEVER,
        };
        tokio::select! {
            biased;
            done = running.join_next() => match done {
                Some(Ok((addr, Ok(connected)))) => return Ok((addr, connected)),
                Some(Ok((addr, Err(error)))) => failures.push((addr, error)),
                Some(Err(panic)) => return Err(NoAnswer::Failed(io::Error::other(panic))),
                None => return Err(NoAnswer::Failed(summary(failures))),
            },
            () = reached(deadline) => return Err(NoAnswer::Timeout),
            () = reached(next) => {}
        }
    }
}

async fn reached(deadline: Deadline) {
    match deadline.instant() {
        Some(at) => sleep_until(Instant::max(at, Instant::now())).await,
        None => std::future::pending().await,
    }
}

/// The families take turns, beginning with that of the first address; within each the order stays.
fn interleaved(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addrs.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        addrs.into_iter().partition(|addr| addr.is_ipv6() == first_is_v6);
    let mut all = Vec::with_capacity(first.len() + second.len());
    let turns = first.len().min(second.len());
    for (one, other) in first.drain(..turns).zip(second.drain(..turns)) {
        all.extend([one, other]);
    }
    all.extend(first);
    all.extend(second);
    all
}

/// One error for all that failed. Its kind is that of the attempt that came farthest: a refusal is an answer.
fn summary(mut failures: Vec<(SocketAddr, io::Error)>) -> io::Error {
    if failures.len() == 1
        && let Some((_, error)) = failures.pop()
    {
        return error;
    }
    let kind = failures.iter().map(|(_, error)| error.kind()).max_by_key(|kind| match kind {
        io::ErrorKind::ConnectionRefused => 3,
        io::ErrorKind::TimedOut => 2,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => 1,
        _ => 0,
    });
    let each: Vec<_> = failures.iter().map(|(addr, error)| format!("{addr}: {error}")).collect();
    io::Error::new(kind.unwrap_or(io::ErrorKind::NotConnected), each.join("; "))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::time::sleep;

    use super::*;

    /// What an address does, and after how many milliseconds.
    type Script = &'static [(&'static str, u64, Option<io::ErrorKind>)];

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// Runs a race and tells how it ended, after how many milliseconds, and when each attempt began.
    async fn run(
        script: Script,
        limit: Option<u64>,
    ) -> (Result<SocketAddr, NoAnswer>, u64, Vec<(SocketAddr, u64)>) {
        let begin = Instant::now();
        let passed = move || u64::try_from(begin.elapsed().as_millis()).unwrap();
        let started = Arc::new(Mutex::new(Vec::new()));
        let attempt = |addr: SocketAddr| {
            started.lock().unwrap().push((addr, passed()));
            let (_, after, failure) =
                *script.iter().find(|(text, ..)| text.parse::<SocketAddr>().unwrap() == addr).unwrap();
            async move {
                sleep(Duration::from_millis(after)).await;
                failure.map_or(Ok(()), |kind| Err(kind.into()))
            }
        };
        let addrs = script.iter().map(|(text, ..)| addr(text)).collect();
        let deadline = Deadline::after(limit.map(Duration::from_millis));
        let result = race(addrs, deadline, attempt).await;
        let started = started.lock().unwrap().clone();
        (result.map(|(addr, ())| addr), passed(), started)
    }

    const NEVER: u64 = 1_000_000;
    const REFUSED: Option<io::ErrorKind> = Some(io::ErrorKind::ConnectionRefused);
    const UNREACHABLE: Option<io::ErrorKind> = Some(io::ErrorKind::NetworkUnreachable);

    #[tokio::test(start_paused = true)]
    async fn first_that_answers_is_taken_and_silence_costs_a_quarter_of_a_second() {
        let (result, after, started) =
            run(&[("[::1]:1", NEVER, None), ("127.0.0.1:1", 20, None), ("127.0.0.2:1", 0, None)], None).await;
        assert_eq!(result.unwrap(), addr("127.0.0.1:1"));
        assert_eq!(after, 270);
        assert_eq!(started, [(addr("[::1]:1"), 0), (addr("127.0.0.1:1"), 250)]);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_first_address_may_still_win() {
        let (result, after, started) = run(&[("[::1]:1", 300, None), ("127.0.0.1:1", 200, None)], None).await;
        assert_eq!((result.unwrap(), after, started.len()), (addr("[::1]:1"), 300, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn failure_lets_the_next_begin_at_once() {
        let (result, after, started) =
            run(&[("[::1]:1", 10, UNREACHABLE), ("[::2]:1", 10, REFUSED), ("127.0.0.1:1", 5, None)], None)
                .await;
        assert_eq!((result.unwrap(), after), (addr("127.0.0.1:1"), 15));
        // The families take turns.
        assert_eq!(started, [(addr("[::1]:1"), 0), (addr("127.0.0.1:1"), 10)]);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_all_are_told_together_and_the_nearest_counts() {
        let (result, after, _) =
            run(&[("[::1]:1", 10, UNREACHABLE), ("127.0.0.1:1", 10, REFUSED)], Some(1000)).await;
        let NoAnswer::Failed(error) = result.unwrap_err() else { panic!() };
        assert_eq!((error.kind(), after), (io::ErrorKind::ConnectionRefused, 20));
        assert_eq!(error.to_string(), "[::1]:1: network unreachable; 127.0.0.1:1: connection refused");
        let (result, ..) = run(&[("[::1]:1", 10, UNREACHABLE)], Some(1000)).await;
        let NoAnswer::Failed(error) = result.unwrap_err() else { panic!() };
        assert_eq!(error.to_string(), "network unreachable");
        let (result, ..) = run(&[], None).await;
        assert!(matches!(result, Err(NoAnswer::Failed(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_ends_all_attempts() {
        let (result, after, started) = run(
            &[("[::1]:1", NEVER, None), ("127.0.0.1:1", NEVER, None), ("[::2]:1", NEVER, None)],
            Some(400),
        )
        .await;
        assert!(matches!(result, Err(NoAnswer::Timeout)));
        assert_eq!((after, started.len()), (400, 2));
        let (result, after, _) = run(&[("[::1]:1", NEVER, None)], Some(0)).await;
        assert!(matches!(result, Err(NoAnswer::Timeout)));
        assert_eq!(after, 0);
    }

    #[test]
    fn families_when_both_are_there_take_turns() {
        for (addrs, order) in [
            (
                &["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"][..],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"][..],
            ),
            (
                &["1.1.1.1:1", "[::1]:1", "1.1.1.2:1", "1.1.1.3:1"],
                &["1.1.1.1:1", "[::1]:1", "1.1.1.2:1", "1.1.1.3:1"],
            ),
            (&["1.1.1.1:1", "1.1.1.2:1"], &["1.1.1.1:1", "1.1.1.2:1"]),
            (&[], &[]),
        ] {
            let all = |texts: &[&str]| texts.iter().map(|text| addr(text)).collect::<Vec<_>>();
            assert_eq!(interleaved(all(addrs)), all(order));
        }
    }
}
