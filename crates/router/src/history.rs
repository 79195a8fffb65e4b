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
    log: Mutex<Log>,
}

struct Log {
    /// So many events, and so many octets.
    limit: usize,
    max_bytes: usize,
    /// The oldest first.
    records: VecDeque<Arc<Record>>,
    bytes: usize,
}

/// Keeps an event wherever events like it are kept.
pub(crate) fn keep<'a>(topics: impl Iterator<Item = &'a Arc<Topic>>, record: impl FnOnce() -> Record) {
    let mut record = Some(record);
    let mut made: Option<Arc<Record>> = None;
    for history in topics.filter(|topic| topic.has_history()).filter_map(|topic| topic.history()) {
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
        History { log: Mutex::new(Log { limit, max_bytes, records: VecDeque::new(), bytes: 0 }) }
    }

    /// From now on so many events, and so many octets, are kept.
    pub(crate) fn limit(&self, limit: usize, max_bytes: usize) {
        let mut log = self.log.lock();
        log.limit = limit;
        log.max_bytes = max_bytes;
        let forgotten = log.forget();
        drop(log);
        drop(forgotten);
    }

    /// Adds an event; the oldest go where there are too many.
    pub(crate) fn add(&self, record: Arc<Record>) {
        let mut log = self.log.lock();
        if log.limit == 0 || record.size() > log.max_bytes {
            return;
        }
        log.bytes += record.size();
        log.records.push_back(record);
        let forgotten = log.forget();
        drop(log);
        drop(forgotten);
    }

    /// All events, the oldest first.
    pub(crate) fn records(&self) -> Vec<Arc<Record>> {
        self.log.lock().records.iter().cloned().collect()
    }
}

impl Log {
    /// Takes out the oldest where there are too many.
    fn forget(&mut self) -> Vec<Arc<Record>> {
        let mut forgotten = Vec::new();
        while self.records.len() > self.limit || self.bytes > self.max_bytes {
            let Some(oldest) = self.records.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.size());
            forgotten.push(oldest);
        }
        forgotten
    }
}
