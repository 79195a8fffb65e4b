//! Writes a payload in another format, token by token and without a tree. What one format has and the other has not
//! is replaced as [`crate::Payload::to`] says.

use smallvec::SmallVec;

use super::ubjson::{self, BJDATA, DRAFT12};
use super::{DEPTH, Kind, Level, Reader, Result, Token, Writer, cbor, fault, json, msgpack};
use crate::{DecodeError, Serializer, Shape};

/// The payload `bytes`, written in `from`, written in `to`.
pub(crate) fn transcode(from: Serializer, to: Serializer, shape: Shape, bytes: &[u8]) -> Result<Vec<u8>> {
    match from {
        Serializer::Json => into::<json::Reader<'_>>(to, shape, bytes),
        Serializer::MsgPack => into::<msgpack::Reader<'_>>(to, shape, bytes),
        Serializer::Cbor => into::<cbor::Reader<'_>>(to, shape, bytes),
        Serializer::Ubjson => into::<ubjson::Reader<'_, DRAFT12>>(to, shape, bytes),
        Serializer::BjData => into::<ubjson::Reader<'_, BJDATA>>(to, shape, bytes),
    }
}

fn into<'a, R: Reader<'a>>(to: Serializer, shape: Shape, bytes: &'a [u8]) -> Result<Vec<u8>> {
    match to {
        Serializer::Json => copy::<R, json::Writer>(shape, bytes),
        Serializer::MsgPack => copy::<R, msgpack::Writer>(shape, bytes),
        Serializer::Cbor => copy::<R, cbor::Writer>(shape, bytes),
        Serializer::Ubjson => copy::<R, ubjson::Writer<DRAFT12>>(shape, bytes),
        Serializer::BjData => copy::<R, ubjson::Writer<BJDATA>>(shape, bytes),
    }
}

fn copy<'a, R: Reader<'a>, W: Writer>(shape: Shape, bytes: &'a [u8]) -> Result<Vec<u8>> {
    let counts = if W::COUNTED { count::<R>(shape, bytes)? } else { Vec::new() };
    let mut counts = counts.into_iter();
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 4);
    let mut r = R::open(bytes)?;
    for index in 0..shape.elements() {
        element(&mut r, shape, index)?;
        value::<R, W>(&mut r, &mut out, &mut counts)?;
    }
    r.end()?;
    Ok(out)
}

/// Comes to the next element and checks that it is what the shape says.
fn element<'a, R: Reader<'a>>(r: &mut R, shape: Shape, index: usize) -> Result<()> {
    if index > 0 {
        r.between()?;
    }
    match (shape, r.kind()?, index) {
        (Shape::Opaque, Kind::Text | Kind::Binary, _) => Ok(()),
        (Shape::Args | Shape::ArgsKwargs, Kind::List, 0) | (Shape::ArgsKwargs, Kind::Map, 1) => Ok(()),
        _ => Err(fault(DecodeError::NotAMessage)),
    }
}

/// How many items each list and map has that does not announce it, in the order of their beginnings.
fn count<'a, R: Reader<'a>>(shape: Shape, bytes: &'a [u8]) -> Result<Vec<u32>> {
    let mut counts: Vec<u32> = Vec::new();
    let mut r = R::open(bytes)?;
    for index in 0..shape.elements() {
        element(&mut r, shape, index)?;
        let mut around: SmallVec<[(Level, usize); 8]> = SmallVec::new();
        loop {
            if let Token::List(level) | Token::Map(level) = r.value()? {
                if around.len() >= DEPTH - 1 {
                    return Err(fault(DecodeError::TooDeep));
                }
                around.push((level, counts.len()));
                if level.open {
                    counts.push(0);
                }
            }
            let next = loop {
                let Some((level, index)) = around.last_mut() else { break false };
                if r.more(level)? {
                    if level.open
                        && let Some(count) = counts.get_mut(*index)
                    {
                        *count += 1;
                    }
                    if level.map {
                        r.key()?;
                    }
                    break true;
                }
                around.pop();
            };
            if !next {
                break;
            }
        }
    }
    Ok(counts)
}

fn value<'a, R: Reader<'a>, W: Writer>(
    r: &mut R,
    out: &mut Vec<u8>,
    counts: &mut impl Iterator<Item = u32>,
) -> Result<()> {
    let mut around: SmallVec<[Level; 8]> = SmallVec::new();
    loop {
        match r.value()? {
            Token::Null => W::null(out),
            Token::Bool(value) => W::boolean(out, value),
            Token::Uint(n) => W::uint(out, n),
            Token::Negative(n) => W::negative(out, n),
            Token::Big(big) => W::big(out, &big),
            Token::Float(value) => W::float(out, value),
            Token::Text(raw) => match raw.json_binary() {
                Some(bytes) => W::binary(out, &bytes),
                None => W::text(out, &raw.bytes()),
            },
            Token::Binary(raw) => W::binary(out, &raw.bytes()),
            Token::List(level) | Token::Map(level) => {
                if around.len() >= DEPTH - 1 {
                    return Err(fault(DecodeError::TooDeep));
                }
                let open = level.open && W::COUNTED;
                let len = if open { counts.next().unwrap_or_default() as usize } else { level.left };
                if level.map {
                    W::map(out, len)
                } else {
                    W::list(out, len)
                }
                around.push(level);
            }
        }
        loop {
            let Some(level) = around.last_mut() else { return Ok(()) };
            if r.more(level)? {
                if level.map {
                    W::key(out, &r.key()?.bytes());
                }
                break;
            }
            if level.map {
                W::map_end(out)
            } else {
                W::list_end(out)
            }
            around.pop();
        }
    }
}
