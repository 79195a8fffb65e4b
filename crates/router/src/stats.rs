//! Statistics of a session, where its realm publishes them: `wamp.session.on_stats`, which Crossbar.io defines.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;
use transom_base::Timestamp;
use transom_wamp::{CloseReason, Dict, Message, Offered, Outgoing, Prepared, Serializer, SessionSink, Value};

use crate::meta::MetaEvent;
use crate::realm::Realm;
use crate::scratch;
use crate::session::Session;
use crate::settings::StatsSettings;
use crate::sync::Mutex;

/// What one session sent and received since its statistics were last published.
pub(crate) struct Stats {
    settings: StatsSettings,
    counts: Mutex<Counts>,
}

struct Counts {
    bytes: u64,
    messages: u64,
    rated: u64,
    since: Instant,
    /// Times that statistics were published.
    cycle: u64,
}

impl Stats {
    pub(crate) fn new(settings: StatsSettings, now: Instant) -> Arc<Self> {
        let counts = Counts { bytes: 0, messages: 0, rated: 0, since: now, cycle: 0 };
        Arc::new(Stats { settings, counts: Mutex::new(counts) })
    }

    fn count(&self, octets: usize) {
        let octets = octets as u64;
        let size = u64::from(self.settings.rated_message_size.max(1));
        let mut counts = self.counts.lock();
        counts.bytes += octets;
        counts.messages += 1;
        counts.rated += octets.div_ceil(size).max(1);
    }

    /// Counts a message of the peer, as long as it is when the router writes it.
    pub(crate) fn received(&self, message: &Message, serializer: Serializer) {
        self.count(scratch::single(|encoder| encoder.encode(serializer, message).len()));
    }

    /// The session has joined.
    pub(crate) fn publish_first(&self, realm: &Realm, session: &Arc<Session>) {
        if self.settings.trigger_on_join {
            self.publish(realm, session, false);
        }
    }

    /// A message came: perhaps it was one of many, or the last statistics are long ago.
    pub(crate) fn publish_if_due(&self, realm: &Realm, session: &Arc<Session>) {
        let StatsSettings { trigger_after_rated_messages: many, trigger_after_duration: long, .. } =
            self.settings;
        let due = {
            let counts = self.counts.lock();
            many > 0 && counts.rated >= many
                || !long.is_zero() && realm.clock.now().saturating_duration_since(counts.since) >= long
        };
        if due {
            self.publish(realm, session, false);
        }
    }

    /// The session leaves.
    pub(crate) fn publish_last(&self, realm: &Realm, session: &Arc<Session>) {
        if self.settings.trigger_on_leave {
            self.publish(realm, session, true);
        }
    }

    fn publish(&self, realm: &Realm, session: &Arc<Session>, last: bool) {
        let now = realm.clock.now();
        let stats = {
            let mut counts = self.counts.lock();
            counts.cycle += 1;
            let fresh = Counts { bytes: 0, messages: 0, rated: 0, since: now, cycle: counts.cycle };
            std::mem::replace(&mut *counts, fresh)
        };
        let duration = now.saturating_duration_since(stats.since).as_nanos();
        let mut what = Dict::default();
        what.push("cycle", stats.cycle);
        what.push("serializer", session.serializer.name());
        what.push("timestamp", nanos(realm.now()));
        what.push("duration", u64::try_from(duration).unwrap_or(u64::MAX));
        what.push("bytes", stats.bytes);
        what.push("messages", stats.messages);
        what.push("rated_messages", stats.rated);
        what.push("first", stats.cycle == 1);
        what.push("last", last);
        realm.meta.note(|| MetaEvent::Stats(session.clone(), what));
        realm.meta.publish(realm);
    }
}

fn nanos(moment: Timestamp) -> Value {
    Value::Int(i64::try_from(moment.as_nanos()).unwrap_or(i64::MAX))
}

/// A sink that counts what is queued.
pub(crate) struct CountingSink {
    inner: Arc<dyn SessionSink>,
    stats: Arc<Stats>,
}

impl CountingSink {
    pub(crate) fn new(inner: Arc<dyn SessionSink>, stats: Arc<Stats>) -> Self {
        CountingSink { inner, stats }
    }
}

impl SessionSink for CountingSink {
    fn serializer(&self) -> Serializer {
        self.inner.serializer()
    }

    fn offer(&self, out: Outgoing<'_>) -> Offered {
        let offered = self.inner.offer(out);
        if offered == Offered::Queued {
            self.stats.count(out.message.len());
        }
        offered
    }

    fn offer_to_many(&self, out: Outgoing<'_>, prepared: &Prepared) -> Offered {
        let offered = self.inner.offer_to_many(out, prepared);
        if offered == Offered::Queued {
            self.stats.count(out.message.len());
        }
        offered
    }

    fn close(&self, why: CloseReason) {
        self.inner.close(why);
    }

    fn nudge(&self) {
        self.inner.nudge();
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_room(cx)
    }
}
