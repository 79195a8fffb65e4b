//! Events of a subscription that are kept for `wamp.subscription.get_events`. Source: WAMP specification, "Event History".

use std::collections::VecDeque;
use std::sync::Arc;

use transom_base::Timestamp;
use transom_wamp::{Id, Identity, Passthru, Payload, Text};

use crate::broker::Topic;
use crate::filter::Filter;
use crate::sync::Mutex;

/// What is kept for one event beside its payload, in octets.
pub(crate) const RECORD_OVERHEAD: usize = 256;

/// The last events of one subscription.
pub(crate) struct History {
    /// So many events, and so many octets.
    limit: usize,
    max_bytes: usize,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    /// The oldest first.
    records: VecDeque<Arc<Record>>,
    bytes: usize,
}

/// Keeps an event wherever events like it are kept.
pub(crate) fn keep<'a>(topics: impl Iterator<Item = &'a Arc<Topic>>, record: impl FnOnce() -> Record) {
    let mut record = Some(record);
    let mut made: Option<Arc<Record>> = None;
    for history in topics.filter_map(|topic| topic.history.as_ref()) {
        if let Some(record) = record.take() {
            made = Some(Arc::new(record()));
        }
        made.iter().for_each(|record| history.add(record.clone()));
    }
}

/// One event, as it was published.
pub(crate) struct Record {
    pub(crate) time: Timestamp,
    pub(crate) publication: Id,
    /// Where it was disclosed.
    pub(crate) publisher: Option<Box<Identity>>,
    pub(crate) topic: Text,
    pub(crate) passthru: Passthru,
    /// In memory of its own.
    pub(crate) payload: Payload,
    /// Who was to receive it, by authid and authrole.
    pub(crate) filter: Option<Arc<Filter>>,
}

impl Record {
    pub(crate) fn size(&self) -> usize {
        self.payload.bytes.len() + self.topic.as_bytes().len() + RECORD_OVERHEAD
    }
}

impl History {
    pub(crate) fn new(limit: usize, max_bytes: usize) -> Self {
        History { limit, max_bytes, log: Mutex::default() }
    }

    /// Adds an event; the oldest go where there are too many.
    pub(crate) fn add(&self, record: Arc<Record>) {
        if self.limit == 0 || record.size() > self.max_bytes {
            return;
        }
        let mut forgotten = Vec::new();
        let mut log = self.log.lock();
        log.bytes += record.size();
        log.records.push_back(record);
        while log.records.len() > self.limit || log.bytes > self.max_bytes {
            let Some(oldest) = log.records.pop_front() else { break };
            log.bytes = log.bytes.saturating_sub(oldest.size());
            forgotten.push(oldest);
        }
        drop(log);
        drop(forgotten);
    }

    /// All events, the oldest first.
    pub(crate) fn records(&self) -> Vec<Arc<Record>> {
        self.log.lock().records.iter().cloned().collect()
    }
}
