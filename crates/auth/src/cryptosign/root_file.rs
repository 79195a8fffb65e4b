//! The file with a root's certificate: what stands in `authextra.certificates` of HELLO for it, as CBOR or JSON.

use transom_wamp::{Message, Serializer, Value, decode};

use super::certificates;
use super::eip712::Address;

/// The start of `[48, 1, {}, "x", …`.
const CBOR: &[u8] = &[0x85, 0x18, 48, 1, 0xa0, 0x61, b'x'];

/// A file has no certificate of a root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no certificate of a root, [hash, object, signature] or [object, signature] in CBOR or JSON: {0}"
)]
pub struct NoRoot(String);

impl Address {
    /// The root whose certificate a file has.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn of_root(file: &[u8]) -> Result<Self, NoRoot> {
        certificates::root(&Value::List(list(file).map_err(NoRoot)?)).map_err(NoRoot)
    }
}

/// What a list in CBOR or JSON has. Messages are what there is a decoder for, so it is read as arguments of one.
fn list(file: &[u8]) -> Result<Vec<Value>, String> {
    let json = file.trim_ascii_start().starts_with(b"[");
    let (serializer, frame) = match json {
        true => (Serializer::Json, [b"[48,1,{},\"x\",", file, b"]"].concat()),
        false => (Serializer::Cbor, [CBOR, file].concat()),
    };
    match decode(serializer, &frame.into()) {
        Ok(Message::Call(call)) => {
            let (list, _) = call.payload.to_values().map_err(|error| error.to_string())?;
            Ok(list)
        }
        Ok(_) => Err("it is no list".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
