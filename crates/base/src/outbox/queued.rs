//! What was queued, on its way through a protocol that seals it: read from the front like any [`Buf`].

use bytes::{Buf, Bytes};

use super::{Batch, Queue};

/// Octets that were queued and are not sealed yet; see [`Protocol::seal`](crate::Protocol::seal).
#[derive(Debug, Default)]
pub struct Queued {
    pub(crate) batch: Batch,
}

impl Queued {
    /// Moves `len` octets to the end of another queue, or all there are. Large pieces stay shared.
    pub fn move_to(&mut self, len: usize, out: &mut Queue) {
        let mut left = len;
        while left > 0 {
            let front = self.chunk();
            if front.is_empty() {
                return;
            }
            let n = front.len().min(left);
            match self.batch.front_large() {
                Some(large) => out.share(&large.slice(..n)),
                None => out.copy(front.get(..n).unwrap_or_default()),
            }
            self.batch.consume(n);
            left -= n;
        }
    }
}

impl From<Queue> for Queued {
    fn from(queue: Queue) -> Self {
        Queued { batch: Batch { queue, ..Batch::default() } }
    }
}

impl Buf for Queued {
    fn remaining(&self) -> usize {
        self.batch.left()
    }

    fn chunk(&self) -> &[u8] {
        match self.batch.front_large() {
            Some(large) => large,
            None => self.batch.front_small(),
        }
    }

    fn advance(&mut self, n: usize) {
        self.batch.consume(n);
    }
}

impl Batch {
    /// The small pieces before the next large one.
    fn front_small(&self) -> &[u8] {
        let end = self.queue.large.front().map_or(self.queue.small.len(), |large| large.at);
        self.queue.small.get(self.at..end).unwrap_or_default()
    }

    /// The large piece at the front, where no small one stands before it.
    fn front_large(&self) -> Option<&Bytes> {
        self.queue.large.front().filter(|large| large.at == self.at).map(|large| &large.bytes)
    }

    fn left(&self) -> usize {
        self.queue.small.len() - self.at
            + self.queue.large.iter().map(|large| large.bytes.len()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::SHARE_FROM;

    /// Small and large pieces, and all their octets.
    fn queued() -> (Queued, Vec<u8>) {
        let mut queue = Queue::default();
        let mut all = Vec::new();
        for piece in [
            &b"head"[..],
            &[b'L'; SHARE_FROM],
            b"tail",
            b"",
            &[b'M'; SHARE_FROM + 1],
            &[b'N'; SHARE_FROM],
            b"end",
        ] {
            queue.share(&Bytes::copy_from_slice(piece));
            all.extend_from_slice(piece);
        }
        (Queued::from(queue), all)
    }

    #[test]
    fn octets_when_taken_in_any_portion_come_in_order() {
        for step in [1, 3, 4, 5, SHARE_FROM, SHARE_FROM + 5, usize::MAX] {
            let (mut queued, all) = queued();
            let mut taken = Vec::new();
            while queued.has_remaining() {
                let mut portion = vec![0; step.min(queued.remaining())];
                queued.copy_to_slice(&mut portion);
                taken.extend_from_slice(&portion);
                assert_eq!(queued.remaining(), all.len() - taken.len());
            }
            assert_eq!(taken, all, "portions of {step}");
        }
    }

    #[test]
    fn octets_when_moved_in_any_portion_come_in_order_and_large_pieces_are_shared() {
        for step in [1, 3, 4, SHARE_FROM, SHARE_FROM + 4, usize::MAX] {
            let (mut queued, all) = queued();
            let mut out = Queue::default();
            while queued.has_remaining() {
                queued.move_to(step, &mut out);
            }
            let shared = out.large.len();
            assert_eq!(shared > 0, step > SHARE_FROM, "portions of {step}");
            let mut moved = Queued::from(out);
            assert_eq!(moved.copy_to_bytes(moved.remaining()), all, "portions of {step}");
        }
    }
}
