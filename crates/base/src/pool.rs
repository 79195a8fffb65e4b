//! Per-thread buffers. An idle connection holds none: it borrows one to read and to queue output, and gives it back.
//! Buffers of these sizes would otherwise go to the kernel and come back each time.

use std::cell::RefCell;

use bytes::BytesMut;

/// Size of a read buffer in bytes. Chosen by measuring: larger ones fall out of the processor's cache between the read
/// and the write.
pub(crate) const READ_BUFFER: usize = 48 * 1024;

/// The largest read buffer that is kept.
const READ_BUFFER_MAX: usize = 1024 * 1024;

/// Read buffers kept per thread; more than one, because a message on its way out keeps its buffer in use.
const READ_BUFFERS: usize = 16;

/// Write buffers kept per thread, and the largest that is kept.
const WRITE_BUFFERS: usize = 64;
const WRITE_BUFFER_MAX: usize = 256 * 1024;

thread_local! {
    static READ: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
    static WRITE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with at least `size` bytes of room.
pub(crate) fn take_read(size: usize) -> BytesMut {
    READ.with(|pool| {
        let mut pool = pool.borrow_mut();
        // From the back: the buffer given back last is the one in the processor's cache.
        for i in (0..pool.len()).rev() {
            if pool.get_mut(i).is_some_and(|buf| buf.try_reclaim(size)) {
                return pool.swap_remove(i);
            }
        }
        BytesMut::with_capacity(size)
    })
}

/// Gives a read buffer back. Parts of it may still be in use elsewhere.
pub(crate) fn give_read(mut buf: BytesMut) {
    buf.clear();
    if buf.capacity() > READ_BUFFER_MAX {
        return;
    }
    READ.with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < READ_BUFFERS {
            pool.push(buf);
        } else if let Some(oldest) = pool.first_mut() {
            *oldest = buf;
        }
    });
}

/// An empty buffer to queue output in.
pub(crate) fn take_write() -> Vec<u8> {
    WRITE.with(|pool| pool.borrow_mut().pop()).unwrap_or_default()
}

/// Gives a write buffer back.
pub(crate) fn give_write(mut buf: Vec<u8>) {
    if buf.capacity() == 0 || buf.capacity() > WRITE_BUFFER_MAX {
        return;
    }
    buf.clear();
    WRITE.with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < WRITE_BUFFERS {
            pool.push(buf);
        }
    });
}
