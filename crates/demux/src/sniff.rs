//! The decision by the first bytes.

/// Recognises a protocol by the first bytes of a connection. Pure and total: the same bytes always give the same
/// verdict, and any bytes give one.
///
/// A verdict of [`Verdict::Yes`] or [`Verdict::No`] is final: it is the same for every longer prefix.
pub trait Sniff: Send + Sync {
    /// What the bytes that came so far say.
    fn sniff(&self, prefix: &[u8]) -> Verdict;
}

/// What the first bytes say about a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are not of this protocol.
    No,
    /// They could be.
    NeedMore,
    /// They are.
    Yes,
}

/// The first of several sniffers that says yes, provided that all before it say no; so the answer does not depend on
/// how many bytes were there when it was asked for. `None` when all say no.
pub(crate) fn first<'a>(
    sniffers: impl IntoIterator<Item = &'a dyn Sniff>,
    prefix: &[u8],
) -> (Verdict, Option<usize>) {
    for (index, sniffer) in sniffers.into_iter().enumerate() {
        match sniffer.sniff(prefix) {
            Verdict::No => {}
            Verdict::NeedMore => return (Verdict::NeedMore, None),
            Verdict::Yes => return (Verdict::Yes, Some(index)),
        }
    }
    (Verdict::No, None)
}
