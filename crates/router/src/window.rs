//! A map for numbers that come one after the other and mostly go in that order, as those of requests do: the recent ones
//! stand in a row, where finding one is a subtraction. What does not fit into the row, because it is far from the others,
//! stands in a hash map.

use std::collections::HashMap;

use ahash::RandomState;
use transom_wamp::Id;

/// Numbers between two entries of the row that are not too many.
const GAP: usize = 64;

/// An empty row that has room for more than so many gives it back.
const KEEP: usize = 1024;

/// Room that a row begins with.
const BEGIN: usize = 4;

/// Things by number.
pub(crate) struct Window<T> {
    /// The row, from this number to before that. It begins with an entry, unless it is empty.
    first: u64,
    end: u64,
    /// Where the row stands: each number has the place that its lowest bits say. As long as a power of two.
    ring: Box<[Option<T>]>,
    /// Entries in the row.
    len: usize,
    others: HashMap<Id, T, RandomState>,
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        Window { first: 0, end: 0, ring: Box::default(), len: 0, others: HashMap::default() }
    }
}

impl<T> Window<T> {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len + self.others.len()
    }

    /// Where a number stands in the ring.
    #[inline]
    fn at(&self, number: u64) -> usize {
        number as usize & self.ring.len().wrapping_sub(1)
    }

    /// Whether a number is in the row.
    #[inline]
    fn spans(&self, number: u64) -> bool {
        number.wrapping_sub(self.first) < self.end - self.first
    }

    #[inline]
    pub(crate) fn get(&self, id: Id) -> Option<&T> {
        if self.spans(id.get()) {
            return self.ring.get(self.at(id.get()))?.as_ref();
        }
        if self.others.is_empty() { None } else { self.others.get(&id) }
    }

    #[inline]
    pub(crate) fn contains(&self, id: Id) -> bool {
        self.get(id).is_some()
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        if self.spans(id.get()) {
            let at = self.at(id.get());
            return self.ring.get_mut(at)?.as_mut();
        }
        self.others.get_mut(&id)
    }

    /// Adds what is not there.
    #[inline]
    pub(crate) fn insert(&mut self, id: Id, value: T) {
        let number = id.get();
        if self.first == self.end {
            self.first = number;
            self.end = number;
        }
        // The next in the row, mostly.
        let row = (self.end - self.first) as usize;
        let at = self.at(number);
        if number == self.end
            && row < self.longest()
            && row < self.ring.len()
            && let Some(place) = self.ring.get_mut(at)
        {
            *place = Some(value);
            self.end += 1;
            self.len += 1;
        } else {
            self.insert_elsewhere(id, value);
        }
    }

    /// How long the row may become: most of it is to be in use.
    #[inline]
    fn longest(&self) -> usize {
        GAP + 4 * self.len
    }

    #[inline(never)]
    fn insert_elsewhere(&mut self, id: Id, value: T) {
        let number = id.get();
        if number < self.first {
            self.others.insert(id, value);
            return;
        }
        // Old entries make way for one that is far from them.
        while self.len > 0 && number - self.first >= self.longest() as u64 {
            let at = self.at(self.first);
            if let Some(old) = self.ring.get_mut(at).and_then(Option::take)
                && let Some(old_id) = Id::new(self.first)
            {
                self.others.insert(old_id, old);
                self.len -= 1;
            }
            self.trim();
        }
        if self.first == self.end {
            self.first = number;
            self.end = number;
        }
        let row = (number - self.first) as usize + 1;
        if row > self.ring.len() {
            self.grow(row);
        }
        let at = self.at(number);
        if let Some(place) = self.ring.get_mut(at) {
            *place = Some(value);
            self.end = self.end.max(number + 1);
            self.len += 1;
        }
    }

    /// Makes room for a row of this length.
    fn grow(&mut self, row: usize) {
        let room = row.next_power_of_two().max(BEGIN);
        let old = std::mem::replace(&mut self.ring, std::iter::repeat_with(|| None).take(room).collect());
        let before = old.len().wrapping_sub(1);
        for (at, value) in old.into_iter().enumerate() {
            // The one number of the row that has this place.
            let number = self.first + ((at as u64).wrapping_sub(self.first) & before as u64);
            let at = self.at(number);
            if let Some(place) = self.ring.get_mut(at).filter(|_| value.is_some()) {
                *place = value;
            }
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, id: Id) -> Option<T> {
        if self.spans(id.get()) {
            let at = self.at(id.get());
            let value = self.ring.get_mut(at)?.take()?;
            self.len -= 1;
            if id.get() == self.first {
                self.trim();
            }
            return Some(value);
        }
        if self.others.is_empty() { None } else { self.others.remove(&id) }
    }

    /// Takes empty places off the front of the row.
    #[inline]
    fn trim(&mut self) {
        while self.first < self.end && self.ring.get(self.at(self.first)).is_none_or(Option::is_none) {
            self.first += 1;
        }
        if self.first == self.end && self.ring.len() > KEEP {
            self.ring = Box::default();
        }
    }

    /// Everything, by number.
    pub(crate) fn into_sorted(mut self) -> Vec<(Id, T)> {
        let mut all: Vec<(Id, T)> = std::mem::take(&mut self.others).into_iter().collect();
        for number in self.first..self.end {
            let at = self.at(number);
            if let (Some(id), Some(value)) = (Id::new(number), self.ring.get_mut(at).and_then(Option::take)) {
                all.push((id, value));
            }
        }
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::collections::btree_map::Entry;

    use proptest::prelude::*;

    use super::*;

    fn id(number: u64) -> Id {
        Id::new(number).unwrap()
    }

    #[test]
    fn numbers_in_order_stand_in_the_row_and_leave_nothing_behind() {
        let mut window = Window::default();
        for round in 0..100_000 {
            window.insert(id(round), round);
            if round >= 10 {
                assert_eq!(window.remove(id(round - 10)), Some(round - 10));
            }
            assert!(window.ring.len() <= 16);
        }
        assert!(window.others.is_empty());
        assert_eq!(window.len(), 10);
    }

    #[test]
    fn one_that_stays_does_not_make_the_row_long() {
        let mut window = Window::default();
        window.insert(id(1), 0);
        for number in 2..100_000 {
            window.insert(id(number), number);
            window.remove(id(number));
            assert!(window.ring.len() <= 128);
        }
        assert_eq!(window.get(id(1)), Some(&0));
        assert_eq!(window.len(), 1);
    }

    #[test]
    fn row_that_was_long_gives_its_memory_back() {
        let mut window = Window::default();
        for number in 0..10_000 {
            window.insert(id(number), number);
        }
        for number in 0..10_000 {
            window.remove(id(number));
        }
        assert_eq!(window.ring.len(), 0);
    }

    proptest! {
        #[test]
        fn window_agrees_with_a_map(
            steps in prop::collection::vec(
                (0..4_u8, prop_oneof![0..20_u64, 0..2_000_u64, any::<u64>().prop_map(|n| n % (Id::MAX + 1))]),
                1..200,
            ),
        ) {
            let (mut window, mut map, mut next) = (Window::default(), BTreeMap::new(), 0);
            for (step, number) in steps {
                // Half of the time the next number, else any.
                let number = if step % 2 == 0 { next } else { number };
                if step < 2 {
                    if let Entry::Vacant(place) = map.entry(id(number)) {
                        window.insert(id(number), number);
                        place.insert(number);
                        next = (number + 1) % (Id::MAX + 1);
                    }
                } else {
                    let oldest = map.keys().next().copied().filter(|_| step % 2 == 0);
                    let gone = oldest.unwrap_or(id(number));
                    prop_assert_eq!(window.remove(gone), map.remove(&gone));
                }
                prop_assert_eq!(window.len(), map.len());
                prop_assert_eq!(window.get(id(number)), map.get(&id(number)));
                prop_assert_eq!(window.get_mut(id(number)).copied(), map.get(&id(number)).copied());
                prop_assert!(window.first == window.end || window.get(id(window.first)).is_some());
            }
            for (key, value) in &map {
                prop_assert_eq!(window.get(*key), Some(value));
            }
            prop_assert_eq!(window.into_sorted(), map.into_iter().collect::<Vec<_>>());
        }
    }
}
