//! The subprotocols of WebSocket and long-polling: a serializer, with one message at a time or in batches.

use crate::Serializer;

/// A WAMP subprotocol, `wamp.2.NAME` or `wamp.2.NAME.batched`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subprotocol {
    /// How messages are written.
    pub serializer: Serializer,
    /// Whether a message of the transport carries one or more of them as a [`Batch`](crate::Batch).
    pub batched: bool,
}

impl Subprotocol {
    /// The name of both forms of UBJSON is the same.
    pub fn name(self) -> &'static str {
        match (self.serializer, self.batched) {
            (serializer, false) => serializer.subprotocol(),
            (Serializer::Json, true) => "wamp.2.json.batched",
            (Serializer::MsgPack, true) => "wamp.2.msgpack.batched",
            (Serializer::Cbor, true) => "wamp.2.cbor.batched",
            (Serializer::BjData | Serializer::Ubjson, true) => "wamp.2.ubjson.batched",
        }
    }

    /// The subprotocols of these serializers that have a name: more than one where both forms of UBJSON are among them.
    pub fn named<'a>(name: &'a str, spoken: &'a [Serializer]) -> impl Iterator<Item = Self> + 'a {
        let both = |serializer| [false, true].map(|batched| Subprotocol { serializer, batched });
        spoken.iter().copied().flat_map(both).filter(move |subprotocol| subprotocol.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_when_looked_up_give_the_subprotocols_spoken() {
        let spoken = [Serializer::Cbor, Serializer::BjData, Serializer::Ubjson];
        let found = |name| Subprotocol::named(name, &spoken).collect::<Vec<_>>();
        let cbor = Subprotocol { serializer: Serializer::Cbor, batched: true };
        assert_eq!(found("wamp.2.cbor.batched"), [cbor]);
        assert_eq!(found("wamp.2.cbor"), [Subprotocol { batched: false, ..cbor }]);
        let ubjson = [Serializer::BjData, Serializer::Ubjson];
        assert_eq!(
            found("wamp.2.ubjson.batched"),
            ubjson.map(|serializer| Subprotocol { serializer, batched: true })
        );
        assert!(found("wamp.2.json").is_empty());
        for serializer in Serializer::ALL {
            let batched = Subprotocol { serializer, batched: true };
            assert_eq!(batched.name(), format!("{}.batched", serializer.subprotocol()));
        }
    }
}
