//! MessagePack, version 5 of its specification: every width is read, the shortest is written.

mod reader;
mod time;
mod writer;

pub(super) use reader::Reader;
pub(super) use writer::Writer;
