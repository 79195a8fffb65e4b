//! What a reload did to transports, in words.

use crate::RunningTransport;

/// A transport listens anew, `before` being what it was.
pub(super) fn bound(now: &RunningTransport, before: Option<&RunningTransport>) -> String {
    let addresses = addresses(now);
    match before {
        None => format!("transport '{}' added: {} on {addresses}", now.id, now.protocol.type_name()),
        Some(before) if before.bound == now.bound => {
            format!("{} listens anew on {addresses}", named(now, before))
        }
        Some(before) => {
            format!("{} moved from {} to {addresses}", named(now, before), self::addresses(before))
        }
    }
}

/// A transport serves its socket otherwise.
pub(super) fn changed(now: &RunningTransport, before: &RunningTransport) -> String {
    format!("{} changed for new connections on {}", named(now, before), addresses(now))
}

/// A transport is no more.
pub(super) fn removed(before: &RunningTransport) -> String {
    let open = before.open();
    let left = match open {
        0 => String::new(),
        _ => format!("; {}", counted(open, "open connection goes on", "open connections go on")),
    };
    format!("transport '{}' removed from {}{left}", before.id, addresses(before))
}

/// So many of something.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn named(now: &RunningTransport, before: &RunningTransport) -> String {
    if now.id == before.id {
        format!("transport '{}'", now.id)
    } else {
        format!("transport '{}', which was '{}',", now.id, before.id)
    }
}

fn addresses(transport: &RunningTransport) -> String {
    let addresses: Vec<_> = transport.bound.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}
