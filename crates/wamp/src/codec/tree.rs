//! Trees: reading and writing [`Value`]s, for the few places where a router looks into a map.

use bytes::Bytes;

use super::ubjson::{self, BJDATA, DRAFT12};
use super::{DEPTH, Level, Reader, Result, Token, Writer, cbor, fault, json, msgpack};
use crate::{DecodeError, Dict, Payload, Serializer, Shape, Value};

/// Reads one value. `room` levels of lists and maps fit, which also bounds the recursion.
pub(super) fn value<'a, R: Reader<'a>>(r: &mut R, frame: &Bytes, room: usize) -> Result<Value> {
    Ok(match r.value()? {
        Token::Null => Value::Null,
        Token::Bool(value) => Value::Bool(value),
        Token::Uint(n) => Value::from(n),
        Token::Negative(n) if n <= i64::MAX as u64 => Value::Int(!n as i64),
        Token::Negative(n) => Value::Float(-1.0 - n as f64),
        Token::Big(big) => match (big.small(), big.nearest_float()) {
            (Some((false, n)), _) => Value::from(n),
            (Some((true, n)), _) if n <= i64::MAX as u64 => Value::Int(!n as i64),
            (_, Some(float)) => Value::Float(float),
            (_, None) => Value::Binary(Bytes::copy_from_slice(big.raw())),
        },
        Token::Float(value) => Value::Float(value),
        Token::Text(raw) => match raw.json_binary() {
            Some(bytes) => Value::Binary(bytes.into()),
            None => Value::Text(raw.text(frame)),
        },
        Token::Binary(raw) => Value::Binary(raw.share(frame)),
        Token::List(level) => Value::List(list(r, frame, level, deeper(room)?)?),
        Token::Map(level) => Value::Map(dict(r, frame, level, deeper(room)?)?),
    })
}

fn deeper(room: usize) -> Result<usize> {
    room.checked_sub(1).ok_or_else(|| fault(DecodeError::TooDeep))
}

fn list<'a, R: Reader<'a>>(r: &mut R, frame: &Bytes, mut level: Level, room: usize) -> Result<Vec<Value>> {
    let mut items = Vec::new();
    while r.more(&mut level)? {
        items.push(value(r, frame, room)?);
    }
    Ok(items)
}

/// Reads a map that has been opened.
pub(super) fn dict<'a, R: Reader<'a>>(
    r: &mut R,
    frame: &Bytes,
    mut level: Level,
    room: usize,
) -> Result<Dict> {
    let mut dict = Dict::default();
    while r.more(&mut level)? {
        let key = r.key()?.text(frame);
        dict.0.push((key, value(r, frame, room)?));
    }
    Ok(dict)
}

/// Writes one value. What is deeper than `room` levels becomes null.
pub(super) fn write<W: Writer>(out: &mut Vec<u8>, value: &Value, room: usize) {
    match (value, room.checked_sub(1)) {
        (Value::Null, _) | (Value::List(_) | Value::Map(_), None) => W::null(out),
        (Value::Bool(value), _) => W::boolean(out, *value),
        (Value::Int(value), _) => W::int(out, *value),
        (Value::Uint(value), _) => W::uint(out, *value),
        (Value::Float(value), _) => W::float(out, *value),
        (Value::Text(text), _) => W::text(out, text.as_bytes()),
        (Value::Binary(bytes), _) => W::binary(out, bytes),
        (Value::List(items), Some(room)) => write_list::<W>(out, items, room),
        (Value::Map(dict), Some(room)) => write_dict::<W>(out, dict, room),
    }
}

fn write_list<W: Writer>(out: &mut Vec<u8>, items: &[Value], room: usize) {
    W::list(out, items.len());
    for item in items {
        write::<W>(out, item, room);
    }
    W::list_end(out);
}

/// Writes a map whose values may take `room` levels.
pub(super) fn write_dict<W: Writer>(out: &mut Vec<u8>, dict: &Dict, room: usize) {
    W::map(out, dict.0.len());
    for (key, value) in &dict.0 {
        W::key(out, key.as_bytes());
        write::<W>(out, value, room);
    }
    W::map_end(out);
}

/// Room in an element of a message that is a list or map itself.
pub(super) const IN_ELEMENT: usize = DEPTH - 2;

/// Arguments as a payload.
pub(crate) fn write_values(serializer: Serializer, args: &[Value], kwargs: &Dict) -> Payload {
    fn both<W: Writer>(out: &mut Vec<u8>, args: &[Value], kwargs: &Dict) -> Shape {
        if args.is_empty() && kwargs.is_empty() {
            return Shape::Empty;
        }
        write_list::<W>(out, args, IN_ELEMENT);
        if kwargs.is_empty() {
            return Shape::Args;
        }
        write_dict::<W>(out, kwargs, IN_ELEMENT);
        Shape::ArgsKwargs
    }
    let mut out = Vec::new();
    let shape = match serializer {
        Serializer::Json => both::<json::Writer>(&mut out, args, kwargs),
        Serializer::MsgPack => both::<msgpack::Writer>(&mut out, args, kwargs),
        Serializer::Cbor => both::<cbor::Writer>(&mut out, args, kwargs),
        Serializer::Ubjson => both::<ubjson::Writer<DRAFT12>>(&mut out, args, kwargs),
        Serializer::BjData => both::<ubjson::Writer<BJDATA>>(&mut out, args, kwargs),
    };
    Payload { serializer, shape, bytes: out.into() }
}

/// Bytes in the place of arguments.
pub(crate) fn write_opaque(serializer: Serializer, bytes: &[u8]) -> Payload {
    let mut out = Vec::new();
    match serializer {
        Serializer::Json => json::Writer::binary(&mut out, bytes),
        Serializer::MsgPack => msgpack::Writer::binary(&mut out, bytes),
        Serializer::Cbor => cbor::Writer::binary(&mut out, bytes),
        Serializer::Ubjson => ubjson::Writer::<DRAFT12>::binary(&mut out, bytes),
        Serializer::BjData => ubjson::Writer::<BJDATA>::binary(&mut out, bytes),
    }
    Payload { serializer, shape: Shape::Opaque, bytes: out.into() }
}

/// A payload as trees. One opaque value counts as the only argument.
pub(crate) fn read_values(payload: &Payload) -> Result<(Vec<Value>, Dict)> {
    fn both<'a, R: Reader<'a>>(bytes: &'a Bytes, shape: Shape) -> Result<(Vec<Value>, Dict)> {
        let mut r = R::open(bytes)?;
        let (mut args, mut kwargs) = (Vec::new(), Dict::default());
        match shape {
            Shape::Empty => {}
            Shape::Opaque => args.push(value(&mut r, bytes, 0)?),
            Shape::Args | Shape::ArgsKwargs => {
                let level = r.list()?.ok_or_else(|| fault(NO_ARGS))?;
                args = list(&mut r, bytes, level, IN_ELEMENT)?;
                if shape == Shape::ArgsKwargs {
                    r.between()?;
                    let level = r.map()?.ok_or_else(|| fault(NO_KWARGS))?;
                    kwargs = dict(&mut r, bytes, level, IN_ELEMENT)?;
                }
            }
        }
        r.end()?;
        Ok((args, kwargs))
    }
    match payload.serializer {
        Serializer::Json => both::<json::Reader<'_>>(&payload.bytes, payload.shape),
        Serializer::MsgPack => both::<msgpack::Reader<'_>>(&payload.bytes, payload.shape),
        Serializer::Cbor => both::<cbor::Reader<'_>>(&payload.bytes, payload.shape),
        Serializer::Ubjson => both::<ubjson::Reader<'_, DRAFT12>>(&payload.bytes, payload.shape),
        Serializer::BjData => both::<ubjson::Reader<'_, BJDATA>>(&payload.bytes, payload.shape),
    }
}

/// What is wrong with a payload that no message brought.
const NO_ARGS: DecodeError =
    DecodeError::Element { message: "payload", element: "Arguments", expected: "a list" };
const NO_KWARGS: DecodeError =
    DecodeError::Element { message: "payload", element: "ArgumentsKw", expected: "a map" };
