//! Serialized WAMP messages, as a peer sends them.

use bytes::Bytes;
use transom_wamp::{Batch, Encoder, Message, Payload, Serializer, Shape, batch_prefix, decode};

/// The first byte chooses the serializer of the rest and the one it is passed on in.
///
/// What can be read can be written for a receiver with any serializer, and that receiver can read it.
pub fn message(data: &[u8]) {
    let Some((&choice, frame)) = data.split_first() else { return };
    let (from, to) = (serializer(choice), serializer(choice / 16));
    let Ok(message) = decode(from, &Bytes::copy_from_slice(frame)) else { return };
    let again = passed_on(to, &message);
    assert_eq!(again.code(), message.code());
    // From here on nothing is lost any more: a second passage changes nothing.
    assert_eq!(passed_on(to, &again), again);
}

/// The first byte chooses two serializers, the second a shape; the rest is a payload that no message brought.
///
/// It is written anew as a valid payload of the same shape, or as none; and its trees stay what they are then.
pub fn payload(data: &[u8]) {
    let [choice, shape, bytes @ ..] = data else { return };
    let (from, to) = (serializer(*choice), serializer(*choice / 16));
    let shape = [Shape::Args, Shape::ArgsKwargs, Shape::Opaque][usize::from(*shape) % 3];
    let payload = Payload { serializer: from, shape, bytes: Bytes::copy_from_slice(bytes) };
    let read = payload.to_values();
    if from == to {
        return;
    }
    let there = payload.to(to);
    let trees = there.to_values().unwrap_or_else(|error| panic!("{payload:?} became {there:?}: {error}"));
    assert!(there.shape == payload.shape || there.shape == Shape::Empty);
    if read.is_err() {
        assert_eq!(there, Payload::empty(to));
    }
    // From here on nothing is lost any more. JSON has no infinity, which digits beyond all floats are read as.
    let (args, kwargs) = &trees;
    let again = Payload::from_values(to, args, kwargs);
    assert!(to == Serializer::Json || again.to_values().as_ref() == Ok(&trees));
}

/// A batch. The first byte chooses the serializer.
///
/// What is taken is in it, in order, and written again it is the batch as far as that is whole.
pub fn batch(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else { return };
    let serializer = serializer(choice);
    let Ok(mut batch) = Batch::new(serializer, Bytes::copy_from_slice(bytes)) else {
        assert!(bytes.is_empty());
        return;
    };
    let mut again = Vec::new();
    let end = loop {
        let separator = batch.separator();
        match batch.next() {
            Ok(Some(message)) if serializer.is_text() => {
                again.extend_from_slice(&message);
                again.extend(separator);
            }
            Ok(Some(message)) => {
                again.extend_from_slice(&batch_prefix(message.len()).unwrap_or_default());
                again.extend_from_slice(&message);
            }
            end => break end,
        }
    };
    assert!(bytes.starts_with(&again));
    assert_eq!(end == Ok(None), again.len() == bytes.len());
}

fn serializer(choice: u8) -> Serializer {
    Serializer::ALL[usize::from(choice % 16) % Serializer::ALL.len()]
}

fn passed_on(to: Serializer, message: &Message) -> Message {
    let mut encoder = Encoder::default();
    let encoded = encoder.encode(to, message);
    let bytes = [encoded.head, encoded.body, encoded.tail].concat();
    assert_eq!(bytes.len(), encoded.len());
    match decode(to, &Bytes::from(bytes.clone())) {
        Ok(message) => message,
        Err(error) => panic!("{message:?} was written in {to} as {bytes:?}, which is not read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_messages() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/wamp_message");
        for entry in std::fs::read_dir(corpus).unwrap() {
            let path = entry.unwrap().path();
            let data = std::fs::read(&path).unwrap();
            let read = decode(serializer(data[0]), &Bytes::copy_from_slice(&data[1..]));
            assert!(read.is_ok(), "{}: {read:?}", path.display());
        }
    }
}
