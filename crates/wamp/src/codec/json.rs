//! JSON after RFC 8259, with WAMP's convention for binary values: a string of U+0000 and the Base64 of the bytes.
//! UTF-8 is checked once over the whole input, so that the reader looks at strings only for what ends them.

mod reader;
mod text;
mod writer;

pub(super) use reader::Reader;
pub(super) use text::{binary, unescape};
pub(super) use writer::Writer;
