//! The payload of close frames (RFC 6455 §5.5.1, §7.4).

use bytes::Bytes;
use transom_wamp::Text;

use crate::frame::MAX_CONTROL;
use crate::{CloseCode, FrameError};

/// Why a peer closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame {
    /// The code.
    pub code: CloseCode,
    /// A text for people, at most 123 octets on the wire.
    pub reason: Text,
}

impl CloseFrame {
    /// A code and a text.
    pub fn new(code: CloseCode, reason: impl Into<Text>) -> Self {
        CloseFrame { code, reason: reason.into() }
    }

    /// Reads the payload of a close frame; `None` when it is empty, which says no reason.
    ///
    /// # Errors
    ///
    /// Half a code, a code that must not be sent, a text that is not UTF-8.
    pub fn parse(payload: &Bytes) -> Result<Option<Self>, FrameError> {
        let (code, reason) = match payload.split_first_chunk::<2>() {
            Some((code, _)) => (u16::from_be_bytes(*code), payload.slice(2..)),
            None if payload.is_empty() => return Ok(None),
            None => return Err(FrameError::ShortClose),
        };
        if !may_be_sent(code) {
            return Err(FrameError::BadCloseCode(code));
        }
        let reason = Text::from_utf8(reason).map_err(|_| FrameError::NotUtf8)?;
        Ok(Some(CloseFrame { code: code.into(), reason }))
    }

    /// The payload; a text that is too long is cut between two characters.
    pub fn payload(&self) -> Vec<u8> {
        let mut reason = self.reason.as_str();
        let room = MAX_CONTROL - 2;
        if reason.len() > room {
            let end = (0..=room).rev().find(|&end| reason.is_char_boundary(end)).unwrap_or(0);
            reason = reason.get(..end).unwrap_or_default();
        }
        let mut payload = Vec::with_capacity(2 + reason.len());
        payload.extend_from_slice(&u16::from(self.code).to_be_bytes());
        payload.extend_from_slice(reason.as_bytes());
        payload
    }
}

/// Whether a code may stand in a close frame. 1014 is registered with IANA since the library's list was written.
fn may_be_sent(code: u16) -> bool {
    code == 1014 || CloseCode::from(code).is_allowed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_that_may_be_sent_are_taken() {
        for (range, allowed) in [
            (0..=999, false),
            (1000..=1003, true),
            (1004..=1006, false),
            (1007..=1014, true),
            (1015..=2999, false),
            (3000..=4999, true),
            (5000..=65535u16, false),
        ] {
            for code in range {
                let payload = Bytes::copy_from_slice(&code.to_be_bytes());
                let expected = if allowed {
                    Ok(Some(CloseFrame::new(code.into(), "")))
                } else {
                    Err(FrameError::BadCloseCode(code))
                };
                assert_eq!(CloseFrame::parse(&payload), expected, "{code}");
            }
        }
    }

    #[test]
    fn odd_payloads_are_told_apart() {
        let parse = |payload: &'static [u8]| CloseFrame::parse(&Bytes::from_static(payload));
        assert_eq!(parse(b""), Ok(None));
        assert_eq!(parse(b"\x03"), Err(FrameError::ShortClose));
        assert_eq!(parse(b"\x03\xe8bye"), Ok(Some(CloseFrame::new(CloseCode::Normal, "bye"))));
        assert_eq!(parse(b"\x03\xe8\xff"), Err(FrameError::NotUtf8));
    }

    #[test]
    fn long_reason_is_cut_between_characters() {
        let frame = CloseFrame::new(CloseCode::Protocol, "ä".repeat(100));
        let payload = Bytes::from(frame.payload());
        assert_eq!(payload.len(), 124);
        let parsed = CloseFrame::parse(&payload).unwrap().unwrap();
        assert_eq!(parsed.reason.as_str(), "ä".repeat(61));
    }
}
