//! A map from URIs to what stands under them, in shards with a lock each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use ahash::RandomState;
use transom_wamp::Text;

use crate::sync::RwLock;

const SHARDS: usize = 16;

/// URIs come from peers, so they are hashed with keys drawn at start.
pub(crate) struct Table<T> {
    keys: RandomState,
    shards: [RwLock<Shard<T>>; SHARDS],
}

pub(crate) type Shard<T> = HashMap<Text, Arc<T>, RandomState>;

impl<T> Table<T> {
    pub(crate) fn new() -> Self {
        let keys = RandomState::new();
        let shards = std::array::from_fn(|_| RwLock::new(HashMap::with_hasher(keys.clone())));
        Table { keys, shards }
    }

    /// The shard that a URI belongs to.
    pub(crate) fn shard(&self, uri: &Text) -> &RwLock<Shard<T>> {
        // The map itself uses the low bits to choose a place and the topmost seven to compare.
        let hash = self.keys.hash_one(uri);
        &self.shards[(hash >> 48) as usize % SHARDS]
    }

    /// What stands under a URI.
    pub(crate) fn get(&self, uri: &Text) -> Option<Arc<T>> {
        self.shard(uri).read().get(uri).cloned()
    }

    /// Puts something under a URI where `put` makes it, from what stands there, under the lock.
    pub(crate) fn put_with<R>(
        &self,
        uri: &Text,
        put: impl FnOnce(Option<&Arc<T>>) -> (R, Option<Arc<T>>),
    ) -> R {
        let mut shard = self.shard(uri).write();
        let (result, value) = put(shard.get(uri));
        let replaced = value.and_then(|value| shard.insert(uri.clone(), value));
        drop(shard);
        drop(replaced);
        result
    }

    /// Takes out what stands under a URI, if it is still this.
    pub(crate) fn remove(&self, uri: &Text, this: &Arc<T>) {
        let removed = match self.shard(uri).write().entry(uri.clone()) {
            Entry::Occupied(entry) if Arc::ptr_eq(entry.get(), this) => Some(entry.remove_entry()),
            _ => None,
        };
        // Dropped here, after the lock.
        drop(removed);
    }

    /// How many URIs there are.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }
}
