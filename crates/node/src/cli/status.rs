//! `transom status`.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use super::ask::{ask, astray, ended};
use super::{StatusArgs, StatusFormat, say};
use crate::control::{Outcome, RealmState, Request, Response, Status, TransportState, seconds};
use crate::reload::counted;

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn run(args: StatusArgs) -> ExitCode {
    ended(ask(args.cbdir.as_deref(), Request::Status, TIMEOUT, async |_, response| {
        let Response::Status(status) = response else { return Err(astray()) };
        say(&match args.format {
            StatusFormat::Text => text(&status, seconds(SystemTime::now())),
            // It came as JSON.
            StatusFormat::Json => serde_json::to_string_pretty(&status).unwrap_or_default(),
        });
        Ok(())
    }))
}

/// The status for people, as of `now` in seconds since 1970.
fn text(status: &Status, now: u64) -> String {
    let mut text = String::new();
    let Status { product, version, pid, .. } = status;
    let state = if status.stopping { "is stopping after" } else { "has run for" };
    let mut line = |label: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = write!(text, "\n  {label:<12} {value}");
    };
    line("Node", &status.node_dir);
    line("File", status.config.as_deref().unwrap_or("none: the embedded default node"));
    let workers =
        status.realms.iter().map(|realm| &realm.worker).collect::<std::collections::BTreeSet<_>>().len();
    for realm in &status.realms {
        line("Realm", &realm_text(realm, workers > 1));
    }
    for transport in &status.transports {
        line("Transport", &transport_text(transport));
    }
    for retired in &status.retired {
        let open = counted(retired.open, "connection goes on", "connections go on");
        line("Removed", &format!("{}: {open}", retired.id));
    }
    if let Some(reload) = &status.last_reload {
        line("Last reload", &reload_text(reload, now));
    }
    format!("{product} {version} (process {pid}) {state} {}{text}", time(status.uptime))
}

fn realm_text(realm: &RealmState, with_worker: bool) -> String {
    let RealmState { worker, name, sessions, subscriptions, registrations, dropped_events } = realm;
    let place = if with_worker { format!(" in {worker}") } else { String::new() };
    let mut text = format!(
        "{name}{place}: {}, {}, {}",
        counted(*sessions, "session", "sessions"),
        counted(*subscriptions, "subscription", "subscriptions"),
        counted(*registrations, "registration", "registrations"),
    );
    if *dropped_events > 0 {
        let _ = write!(text, ", {}", counted(*dropped_events, "event dropped", "events dropped"));
    }
    text
}

fn transport_text(transport: &TransportState) -> String {
    let TransportState { id, kind, bound, open, refused, max_connections, state, .. } = transport;
    let mut text = format!("{id} ({kind}) on {}: {open} of {max_connections} connections", bound.join(", "));
    if *refused > 0 {
        let _ = write!(text, ", {refused} refused");
    }
    if let Some(state) = state {
        let _ = write!(text, "; {state}");
    }
    text
}

fn reload_text(reload: &Outcome, now: u64) -> String {
    let ago = time(now.saturating_sub(reload.at));
    let by = &reload.by;
    match &reload.error {
        None => format!("{ago} ago by {by}: {}", counted(reload.changes.len() as u64, "change", "changes")),
        // Whoever wants all of it finds it in the log.
        Some(error) => format!("{ago} ago by {by}, refused: {}", error.lines().next().unwrap_or_default()),
    }
}

/// A time in its two largest units.
fn time(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, s) => format!("{m} min {s} s"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (d, h, _, _) => format!("{d} d {h} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_for_people_says_what_is_there() {
        let realm = |worker: &str, name: &str, dropped_events| RealmState {
            worker: worker.into(),
            name: name.into(),
            sessions: 1,
            dropped_events,
            ..RealmState::default()
        };
        let transport = |id: &str, refused| TransportState {
            id: id.into(),
            kind: "rawsocket".into(),
            bound: vec!["unix:/s".into()],
            open: 3,
            refused,
            max_connections: 10,
            ..TransportState::default()
        };
        let mut status = Status {
            product: "Transom".into(),
            version: "1.2.3".into(),
            pid: 7,
            uptime: 3 * 3600 + 61,
            node_dir: "/node".into(),
            realms: vec![realm("worker001", "realm1", 0)],
            transports: vec![transport("one", 0)],
            ..Status::default()
        };
        assert_eq!(
            text(&status, 0),
            "Transom 1.2.3 (process 7) has run for 3 h 1 min\n  Node         /node\n  \
             File         none: the embedded default node\n  \
             Realm        realm1: 1 session, 0 subscriptions, 0 registrations\n  \
             Transport    one (rawsocket) on unix:/s: 3 of 10 connections"
        );
        status.realms.push(realm("worker002", "realm1", 5));
        status.transports.push(transport("two", 9));
        status.retired.push(crate::control::RetiredState { id: "old".into(), open: 1 });
        status.config = Some("/node/config.json".into());
        status.stopping = true;
        let failed = Outcome {
            error: Some("1 thing is wrong\nmore".into()),
            at: 100,
            by: "SIGHUP".into(),
            ..Outcome::default()
        };
        status.last_reload = Some(failed);
        let shown = text(&status, 190);
        for words in [
            "is stopping after",
            "/node/config.json",
            "realm1 in worker001: 1 session, 0",
            "realm1 in worker002: 1 session, 0 subscriptions, 0 registrations, 5 events dropped",
            "connections, 9 refused",
            "Removed      old: 1 connection goes on",
            "Last reload  1 min 30 s ago by SIGHUP, refused: 1 thing is wrong",
        ] {
            assert!(shown.contains(words), "{words}\n{shown}");
        }
        assert!(shown.ends_with("wrong"));
        status.last_reload =
            Some(Outcome { ok: true, at: 100, by: "transom reload".into(), ..Outcome::default() });
        assert!(text(&status, 90).ends_with("0 s ago by transom reload: 0 changes"));
    }

    #[test]
    fn times_are_in_their_two_largest_units() {
        for (seconds, words) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3600, "1 h 0 min"), (90_061, "1 d 1 h")]
        {
            assert_eq!(time(seconds), words);
        }
    }
}
