//! The handshake: four octets from the client, four back (WAMP specification, "RawSocket Transport: Handshake").
//! Without I/O, for both ends.
//!
//! ```text
//! 0x7F  LLLL SSSS  0x00 0x00    request and reply: S the serializer, 2^(9+L) the largest message the sender accepts
//! 0x7F  EEEE 0000  0x00 0x00    reply that refuses
//! ```

use crate::MaxLength;

/// The first octet of both directions.
pub const MAGIC: u8 = 0x7F;

/// Length of a request and of a reply in octets.
pub const LEN: usize = 4;

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The largest message that the client accepts.
    pub max_length: MaxLength,
    /// The number of the serializer: 1 JSON, 2 MessagePack, 3 CBOR, 4 UBJSON; 1 to 15.
    pub serializer: u8,
}

/// What a server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The largest message that the server accepts, and the client's serializer again.
    Accept(Request),
    /// The server refuses.
    Refuse(Refusal),
}

/// Why a server refuses, by the number in its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// 1
    #[error("the serializer is not supported")]
    SerializerUnsupported,
    /// 2
    #[error("the maximum message length is not acceptable")]
    LengthUnacceptable,
    /// 3
    #[error("reserved bits are used")]
    ReservedBits,
    /// 4
    #[error("the maximum number of connections is reached")]
    TooManyConnections,
    /// Any other number.
    #[error("refused with the unknown error {0}")]
    Unknown(u8),
}

/// What a peer said is no handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The first octet is not [`MAGIC`]. There is no answer to that.
    #[error("a RawSocket handshake begins with the octet 0x7F, not {0:#04x}")]
    NotRawSocket(u8),
    /// A request that gets a refusal.
    #[error("{0}")]
    Refused(Refusal),
    /// A reply with a serializer that was not asked for.
    #[error("the server answered with another serializer ({0})")]
    OtherSerializer(u8),
}

impl Request {
    /// The four octets.
    pub fn to_octets(self) -> [u8; LEN] {
        [MAGIC, (self.max_length.nibble() << 4) | (self.serializer & 0x0F), 0, 0]
    }

    /// Reads a request from the first octets that came, however few; `None` when more are needed. A wrong first octet
    /// is known at once, everything else when all four are there. `supported` tells whether a serializer is spoken.
    pub fn parse(octets: &[u8], supported: impl Fn(u8) -> bool) -> Result<Option<Request>, HandshakeError> {
        let Some([limits, reserved @ ..]) = whole(octets)? else { return Ok(None) };
        let serializer = limits & 0x0F;
        // 0 is no serializer, and so is none that could be supported.
        if serializer == 0 || !supported(serializer) {
            return Err(HandshakeError::Refused(Refusal::SerializerUnsupported));
        }
        if reserved != [0, 0] {
            return Err(HandshakeError::Refused(Refusal::ReservedBits));
        }
        Ok(Some(Request { max_length: MaxLength::from_nibble(limits >> 4), serializer }))
    }
}

impl Reply {
    /// The four octets.
    pub fn to_octets(self) -> [u8; LEN] {
        match self {
            Reply::Accept(accepted) => accepted.to_octets(),
            Reply::Refuse(refusal) => [MAGIC, refusal.number() << 4, 0, 0],
        }
    }

    /// Reads the reply to `request` from the first octets that came, however few; `None` when more are needed. Returns
    /// the largest message that the server accepts.
    pub fn parse(octets: &[u8], request: Request) -> Result<Option<MaxLength>, HandshakeError> {
        let Some([limits, reserved @ ..]) = whole(octets)? else { return Ok(None) };
        let (high, serializer) = (limits >> 4, limits & 0x0F);
        if serializer == 0 {
            return Err(HandshakeError::Refused(Refusal::from_number(high)));
        }
        if reserved != [0, 0] {
            return Err(HandshakeError::Refused(Refusal::ReservedBits));
        }
        if serializer != request.serializer {
            return Err(HandshakeError::OtherSerializer(serializer));
        }
        Ok(Some(MaxLength::from_nibble(high)))
    }
}

impl Refusal {
    /// The number in the reply, 1 to 15.
    pub fn number(self) -> u8 {
        match self {
            Refusal::SerializerUnsupported => 1,
            Refusal::LengthUnacceptable => 2,
            Refusal::ReservedBits => 3,
            Refusal::TooManyConnections => 4,
            Refusal::Unknown(number) => number & 0x0F,
        }
    }

    /// The refusal with that number.
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Refusal::SerializerUnsupported,
            2 => Refusal::LengthUnacceptable,
            3 => Refusal::ReservedBits,
            4 => Refusal::TooManyConnections,
            other => Refusal::Unknown(other),
        }
    }
}

/// The three octets after a right first one, once they are all there.
fn whole(octets: &[u8]) -> Result<Option<[u8; 3]>, HandshakeError> {
    match octets {
        [first, ..] if *first != MAGIC => Err(HandshakeError::NotRawSocket(*first)),
        [_, a, b, c, ..] => Ok(Some([*a, *b, *c])),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JSON, MessagePack and CBOR.
    fn three(serializer: u8) -> bool {
        serializer <= 3
    }

    fn asked(nibble: u8, serializer: u8) -> Request {
        Request { max_length: MaxLength::from_nibble(nibble), serializer }
    }

    #[test]
    fn request_when_whole_is_judged_and_before_it_is_not() {
        use Refusal::{ReservedBits, SerializerUnsupported};
        let refused = |refusal| Err(HandshakeError::Refused(refusal));
        for (octets, expected) in [
            ([0x7F, 0xF1, 0, 0], Ok(Some(asked(15, 1)))),
            ([0x7F, 0x52, 0, 0], Ok(Some(asked(5, 2)))),
            ([0x7F, 0x03, 0, 0], Ok(Some(asked(0, 3)))),
            ([0x7F, 0xF0, 0, 0], refused(SerializerUnsupported)),
            ([0x7F, 0xF4, 0, 0], refused(SerializerUnsupported)),
            ([0x7F, 0xFF, 0, 0], refused(SerializerUnsupported)),
            ([0x7F, 0xF1, 1, 0], refused(ReservedBits)),
            ([0x7F, 0xF1, 0, 1], refused(ReservedBits)),
            ([0x7F, 0xF1, 0xFF, 0xFF], refused(ReservedBits)),
        ] {
            for cut in 0..LEN {
                assert_eq!(Request::parse(&octets[..cut], three), Ok(None), "{octets:x?} {cut}");
            }
            assert_eq!(Request::parse(&octets, three), expected, "{octets:x?}");
            let more = [&octets[..], b"frames"].concat();
            assert_eq!(Request::parse(&more, three), expected, "{octets:x?} and more");
        }
    }

    #[test]
    fn zero_is_no_serializer_even_if_all_are_supported() {
        let result = Request::parse(&[MAGIC, 0xF0, 0, 0], |_| true);
        assert_eq!(result, Err(HandshakeError::Refused(Refusal::SerializerUnsupported)));
    }

    #[test]
    fn first_octet_when_wrong_is_known_at_once() {
        for first in (0..=255).filter(|octet| *octet != MAGIC) {
            let expected = HandshakeError::NotRawSocket(first);
            assert_eq!(Request::parse(&[first], three), Err(expected));
            assert_eq!(Reply::parse(&[first, 0xF1, 0, 0], asked(15, 1)), Err(expected));
        }
    }

    #[test]
    fn reply_when_read_by_the_client_says_what_the_server_wrote() {
        let request = asked(5, 2);
        let accept = Reply::Accept(asked(9, 2));
        assert_eq!(accept.to_octets(), [0x7F, 0x92, 0, 0]);
        assert_eq!(Reply::parse(&accept.to_octets(), request), Ok(Some(MaxLength::from_nibble(9))));
        let other = Reply::Accept(asked(9, 3)).to_octets();
        assert_eq!(Reply::parse(&other, request), Err(HandshakeError::OtherSerializer(3)));
        for number in 1..16 {
            let refusal = Refusal::from_number(number);
            let octets = Reply::Refuse(refusal).to_octets();
            assert_eq!(octets, [0x7F, number << 4, 0, 0]);
            assert_eq!(Reply::parse(&octets, request), Err(HandshakeError::Refused(refusal)));
            assert_eq!(Reply::parse(&octets[..3], request), Ok(None));
        }
    }

    #[test]
    fn request_when_written_and_read_is_the_same() {
        for nibble in 0..16 {
            for serializer in 1..16 {
                let request = asked(nibble, serializer);
                assert_eq!(Request::parse(&request.to_octets(), |_| true), Ok(Some(request)));
            }
        }
    }
}
