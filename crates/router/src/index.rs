//! Patterns that are looked up by the URIs they match. What a look-up costs depends on the URI and on the patterns that
//! are like it, not on how many there are.

mod prefix;
mod wildcard;

use std::sync::Arc;

use smallvec::SmallVec;
use transom_wamp::{Match, Text};

use crate::sync::RwLock;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use prefix::PrefixTree;
use wildcard::WildcardTree;

/// What a look-up finds; mostly little.
pub(crate) type Found<T> = SmallVec<[Arc<T>; 4]>;

/// What stands under patterns of both kinds.
pub(crate) struct Patterns<T> {
    trees: RwLock<Trees<T>>,
    /// How many patterns there are, so that nobody takes the lock where there is none.
    len: AtomicUsize,
    /// Grows whenever a pattern comes, so that what was found before can be used again.
    version: AtomicU64,
}

/// The trees behind the lock.
pub(crate) struct Trees<T> {
    prefix: PrefixTree<Arc<T>>,
    wildcard: WildcardTree<Arc<T>>,
}

impl<T> Trees<T> {
    /// What stands under a pattern itself.
    pub(crate) fn get(&self, matching: Match, pattern: &Text) -> Option<&Arc<T>> {
        match matching {
            Match::Exact => None,
            Match::Prefix => self.prefix.get(pattern.as_bytes()),
            Match::Wildcard => self.wildcard.get(pattern.as_bytes()),
        }
    }
}

impl<T> Patterns<T> {
    pub(crate) fn new() -> Self {
        let trees = Trees { prefix: PrefixTree::new(), wildcard: WildcardTree::new() };
        Patterns { trees: RwLock::new(trees), len: AtomicUsize::new(0), version: AtomicU64::new(0) }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Changes with every new pattern.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What stands under a pattern itself.
    pub(crate) fn get(&self, matching: Match, pattern: &Text) -> Option<Arc<T>> {
        self.trees.read().get(matching, pattern).cloned()
    }

    /// Puts something under a pattern where `put` makes it, from what stands there, under the lock. What was there
    /// before is given back, to be dropped after the lock.
    pub(crate) fn put_with<R>(
        &self,
        matching: Match,
        pattern: &Text,
        put: impl FnOnce(Option<&Arc<T>>) -> (R, Option<Arc<T>>),
    ) -> R {
        let mut trees = self.trees.write();
        let (result, value) = put(trees.get(matching, pattern));
        let replaced = value.and_then(|value| {
            // Before anybody learns that it is there: whoever does finds that the version has changed.
            self.version.fetch_add(1, Ordering::Release);
            let replaced = match matching {
                Match::Exact => None,
                Match::Prefix => trees.prefix.insert(pattern.as_bytes(), value),
                Match::Wildcard => trees.wildcard.insert(pattern.as_bytes(), value),
            };
            if replaced.is_none() {
                self.len.fetch_add(1, Ordering::Relaxed);
            }
            replaced
        });
        drop(trees);
        drop(replaced);
        result
    }

    /// Takes out what stands under a pattern, if it is still this.
    pub(crate) fn remove(&self, matching: Match, pattern: &Text, this: &Arc<T>) {
        let mut trees = self.trees.write();
        if !trees.get(matching, pattern).is_some_and(|there| Arc::ptr_eq(there, this)) {
            return;
        }
        let removed = match matching {
            Match::Exact => None,
            Match::Prefix => trees.prefix.remove(pattern.as_bytes()),
            Match::Wildcard => trees.wildcard.remove(pattern.as_bytes()),
        };
        self.len.fetch_sub(1, Ordering::Relaxed);
        drop(trees);
        drop(removed);
    }

    /// All whose patterns match a URI.
    pub(crate) fn matching(&self, uri: &Text) -> Found<T> {
        let mut found = Found::new();
        if self.len() > 0 {
            let trees = self.trees.read();
            trees.prefix.matching(uri.as_bytes(), |value| found.push(value.clone()));
            trees.wildcard.matching(uri.as_bytes(), |value| found.push(value.clone()));
        }
        found
    }

    /// The one whose pattern matches a URI best: the longest prefix, else the wildcard pattern that has a component of
    /// its own where the next best has none, at the first place from the left where they differ. Source: WAMP
    /// specification, "Pattern-based Registrations".
    pub(crate) fn best(&self, uri: &Text) -> Option<Arc<T>> {
        if self.len() == 0 {
            return None;
        }
        let trees = self.trees.read();
        trees.prefix.longest(uri.as_bytes()).or_else(|| trees.wildcard.best(uri.as_bytes())).cloned()
    }
}
