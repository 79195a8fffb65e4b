//! CBOR after RFC 8949: definite and indefinite lengths, every width, tags and bignums are read; preferred (shortest,
//! definite) encoding is written.

mod reader;
mod writer;

pub(super) use reader::{Reader, join};
pub(super) use writer::Writer;
