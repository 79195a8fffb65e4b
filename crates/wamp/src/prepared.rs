//! What is done once for all receivers of a message: work that only transports know of, such as compressing it.

use std::cell::RefCell;

use bytes::Bytes;

/// What transports made of one message that goes to many, kept for the next of its receivers.
#[derive(Debug, Default)]
pub struct Prepared(RefCell<Vec<(u64, Option<Bytes>)>>);

impl Prepared {
    /// What was made under this key, or what `make` makes now. A key stands for everything that the result depends on
    /// but the message: serializers and framings that differ have different ones. `None` is kept as well: it was not
    /// worth the work.
    pub fn get_or_make(&self, key: u64, make: impl FnOnce() -> Option<Bytes>) -> Option<Bytes> {
        if let Ok(made) = self.0.try_borrow()
            && let Some((_, found)) = made.iter().find(|(known, _)| *known == key)
        {
            return found.clone();
        }
        let new = make();
        if let Ok(mut made) = self.0.try_borrow_mut() {
            made.push((key, new.clone()));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_when_done_is_not_done_again_for_the_same_key() {
        let prepared = Prepared::default();
        let made = std::cell::Cell::new(0);
        let ask = |key| {
            prepared.get_or_make(key, || {
                made.set(made.get() + 1);
                (key != 3).then(|| Bytes::from(vec![key as u8]))
            })
        };
        assert_eq!([ask(1), ask(1), ask(2), ask(1)].map(|made| made.unwrap()[0]), [1, 1, 2, 1]);
        assert_eq!((ask(3), ask(3)), (None, None));
        assert_eq!(made.get(), 3);
    }
}
