//! Messages sent millions of times: everything but the request ID is encoded beforehand.

use super::framing::{self, Side};
use super::value::{self, Value};
use super::{Encoding, Wire, code};

/// A message `[code, ID, …]` with a hole where the ID goes.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    wire: Wire,
    side: Side,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Template {
    /// `rest` is what follows the ID.
    pub(crate) fn new(wire: Wire, side: Side, code: u64, rest: &[Value<'_>]) -> Self {
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        match wire.encoding {
            Encoding::MessagePack => {
                value::msgpack_array(&mut head, rest.len() + 2);
                value::msgpack_uint(&mut head, code);
                for value in rest {
                    value.encode(wire.encoding, &mut tail);
                }
            }
            Encoding::Json => {
                head.extend_from_slice(format!("[{code},").as_bytes());
                for value in rest {
                    tail.push(b',');
                    value.encode(wire.encoding, &mut tail);
                }
                tail.push(b']');
            }
        }
        Self { wire, side, head, tail }
    }

    /// Appends one framed message.
    pub(crate) fn append(&self, out: &mut Vec<u8>, id: u64) {
        match self.wire.encoding {
            Encoding::MessagePack => {
                let len = match id {
                    0..0x80 => 1,
                    0x80..=0xff => 2,
                    0x100..=0xffff => 3,
                    0x1_0000..=0xffff_ffff => 5,
                    _ => 9,
                };
                framing::append_header(self.wire, self.side, out, self.head.len() + len + self.tail.len());
                out.extend_from_slice(&self.head);
                value::msgpack_uint(out, id);
            }
            Encoding::Json => {
                let mut digits = [0u8; 20];
                let digits = decimal(&mut digits, id);
                framing::append_header(
                    self.wire,
                    self.side,
                    out,
                    self.head.len() + digits.len() + self.tail.len(),
                );
                out.extend_from_slice(&self.head);
                out.extend_from_slice(digits);
            }
        }
        out.extend_from_slice(&self.tail);
    }
}

/// Decimal digits without allocation.
fn decimal(buffer: &mut [u8; 20], mut value: u64) -> &[u8] {
    let mut start = buffer.len();
    for slot in buffer.iter_mut().rev() {
        *slot = b'0' + (value % 10) as u8;
        value /= 10;
        start -= 1;
        if value == 0 {
            break;
        }
    }
    buffer.get(start..).unwrap_or_default()
}

/// An ID as large as a router's random ones: nine octets in MessagePack, sixteen digits in JSON.
pub(crate) const LARGE_ID: u64 = 4_503_599_627_370_497;

/// PUBLISH, unacknowledged; the hole is the request ID.
pub(crate) fn publish(wire: Wire, topic: &str, payload: &str) -> Template {
    let rest = [Value::Map(Vec::new()), Value::Str(topic), Value::List(vec![Value::Str(payload)])];
    Template::new(wire, Side::Client, code::PUBLISH, &rest)
}

/// CALL; the hole is the request ID.
pub(crate) fn call(wire: Wire, procedure: &str, payload: &str) -> Template {
    let rest = [Value::Map(Vec::new()), Value::Str(procedure), Value::List(vec![Value::Str(payload)])];
    Template::new(wire, Side::Client, code::CALL, &rest)
}

/// YIELD with a payload as large as the call's; the hole is the invocation's ID.
pub(crate) fn yielding(wire: Wire, payload: &str) -> Template {
    let rest = [Value::Map(Vec::new()), Value::List(vec![Value::Str(payload)])];
    Template::new(wire, Side::Client, code::YIELD, &rest)
}

/// An EVENT as a router writes it; the hole is the subscription ID. Sent through the bare relay.
pub(crate) fn event(wire: Wire, payload: &str) -> Template {
    let rest = [Value::Int(LARGE_ID), Value::Map(Vec::new()), Value::List(vec![Value::Str(payload)])];
    Template::new(wire, Side::Server, code::EVENT, &rest)
}

/// An INVOCATION as a router writes it; the hole is its ID. Sent through the bare relay.
pub(crate) fn invocation(wire: Wire, payload: &str) -> Template {
    let rest = [Value::Int(LARGE_ID), Value::Map(Vec::new()), Value::List(vec![Value::Str(payload)])];
    Template::new(wire, Side::Server, code::INVOCATION, &rest)
}

/// A RESULT as a router writes it; the hole is the call's ID. Sent through the bare relay.
pub(crate) fn result(wire: Wire, payload: &str) -> Template {
    let rest = [Value::Map(Vec::new()), Value::List(vec![Value::Str(payload)])];
    Template::new(wire, Side::Server, code::RESULT, &rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Carrier;

    /// RawSocket shows the body plainly: four octets of length, then the message.
    fn body(template: &Template, id: u64) -> Vec<u8> {
        let mut out = Vec::new();
        template.append(&mut out, id);
        let (len, body) = out.split_first_chunk::<4>().unwrap();
        assert_eq!(u32::from_be_bytes(*len) as usize, body.len());
        body.to_vec()
    }

    #[test]
    fn every_template_when_filled_is_one_whole_message_in_both_encodings() {
        for encoding in [Encoding::MessagePack, Encoding::Json] {
            let wire = Wire { carrier: Carrier::RawSocket, encoding };
            for id in [1, 127, 128, 255, 256, 65_535, 65_536, 1 << 32, 1 << 53] {
                let cases = [
                    (publish(wire, "a.b", "xy"), serde_json::json!([16, id, {}, "a.b", ["xy"]])),
                    (call(wire, "a.b", "xy"), serde_json::json!([48, id, {}, "a.b", ["xy"]])),
                    (yielding(wire, "xy"), serde_json::json!([70, id, {}, ["xy"]])),
                    (event(wire, "xy"), serde_json::json!([36, id, LARGE_ID, {}, ["xy"]])),
                    (invocation(wire, "xy"), serde_json::json!([68, id, LARGE_ID, {}, ["xy"]])),
                    (result(wire, "xy"), serde_json::json!([50, id, {}, ["xy"]])),
                ];
                for (template, expected) in cases {
                    let body = body(&template, id);
                    let read: serde_json::Value = match encoding {
                        Encoding::MessagePack => rmp_serde::from_slice(&body).unwrap(),
                        Encoding::Json => serde_json::from_slice(&body).unwrap(),
                    };
                    assert_eq!(read, expected);
                }
            }
        }
    }
}
