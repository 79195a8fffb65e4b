//! What is there, by its ID, for those who ask by it.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use transom_wamp::Id;

use crate::sync::Mutex;

/// Things by ID.
pub(crate) struct Directory<T>(Mutex<HashMap<Id, Arc<T>, RandomState>>);

impl<T> Default for Directory<T> {
    fn default() -> Self {
        Directory(Mutex::new(HashMap::default()))
    }
}

impl<T> Directory<T> {
    pub(crate) fn insert(&self, id: Id, this: Arc<T>) {
        let replaced = self.0.lock().insert(id, this);
        drop(replaced);
    }

    /// Takes out what has an ID; none when it is gone already.
    pub(crate) fn remove(&self, id: Id) -> Option<Arc<T>> {
        self.0.lock().remove(&id)
    }

    pub(crate) fn get(&self, id: Id) -> Option<Arc<T>> {
        self.0.lock().get(&id).cloned()
    }

    /// Everything, by ID.
    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        let mut all: Vec<(Id, Arc<T>)> = self.0.lock().iter().map(|(id, this)| (*id, this.clone())).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all.into_iter().map(|(_, this)| this).collect()
    }
}
