//! What a peer is told that speaks something this port does not: in its own protocol where that has a way to say it,
//! and always in the log.

use crate::known::Http2Sniff;
use crate::sniff::first;
use crate::{HttpSniff, MqttSniff, RawSocketSniff, Sniff, TlsSniff};

/// What a peer seems to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    RawSocket,
    Mqtt,
    Tls,
    Http2,
    Http,
}

const GUESSES: [(Guess, &dyn Sniff); 5] = [
    (Guess::RawSocket, &RawSocketSniff),
    (Guess::Mqtt, &MqttSniff),
    (Guess::Tls, &TlsSniff),
    (Guess::Http2, &Http2Sniff),
    (Guess::Http, &HttpSniff),
];

impl Guess {
    /// What the first bytes look like.
    pub(crate) fn from(prefix: &[u8]) -> Option<Guess> {
        let (_, found) = first(GUESSES.map(|(_, sniffer)| sniffer), prefix);
        found.and_then(|index| GUESSES.get(index)).map(|(guess, _)| *guess)
    }

    /// Whether the first bytes, though no protocol of this port, are not enough to say what they are.
    pub(crate) fn needs_more(prefix: &[u8]) -> bool {
        first(GUESSES.map(|(_, sniffer)| sniffer), prefix).0 == crate::Verdict::NeedMore
    }

    fn name(self) -> &'static str {
        match self {
            Guess::RawSocket => "RawSocket",
            Guess::Mqtt => "MQTT",
            Guess::Tls => "TLS",
            Guess::Http2 => "HTTP/2 without TLS",
            Guess::Http => "HTTP",
        }
    }
}

/// The sentence for the log and, where there is a way, for the peer. `spoken` are the protocols of the port.
pub(crate) fn sentence(guess: Option<Guess>, spoken: &[&str]) -> String {
    let spoken = match spoken {
        [] => "nothing yet".to_owned(),
        [one] => format!("{one} only"),
        [most @ .., last] => format!("{} and {last} only", most.join(", ")),
    };
    match guess {
        Some(Guess::Tls) => format!("looks like TLS; this port is plain and speaks {spoken}"),
        Some(guess) => format!("looks like {}; this port speaks {spoken}", guess.name()),
        None => format!("looks like nothing known; this port speaks {spoken}"),
    }
}

/// The bytes that tell the peer, if its protocol has any for this.
pub(crate) fn bytes(guess: Option<Guess>, sentence: &str) -> Option<Vec<u8>> {
    match guess? {
        Guess::Http => Some(
            format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{sentence}\n",
                sentence.len() + 1
            )
            .into_bytes(),
        ),
        Guess::Http2 => Some(go_away(sentence)),
        // A TLS alert is not sent: it would be this port's only word of TLS. MQTT and RawSocket have no words for it.
        Guess::RawSocket | Guess::Mqtt | Guess::Tls => None,
    }
}

/// An empty SETTINGS frame, then GOAWAY with HTTP_1_1_REQUIRED and the sentence (RFC 9113, sections 6.5, 6.8 and 7).
fn go_away(sentence: &str) -> Vec<u8> {
    const HTTP_1_1_REQUIRED: u32 = 0x0D;
    let text: Vec<u8> = sentence.bytes().take(200).collect();
    let mut out = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    let [.., a, b, c] = (8 + text.len()).to_be_bytes();
    out.extend([a, b, c, 7, 0, 0, 0, 0, 0]);
    out.extend([0, 0, 0, 0]);
    out.extend(HTTP_1_1_REQUIRED.to_be_bytes());
    out.extend(text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentence_when_written_names_the_likely_mistake() {
        for (prefix, spoken, expected) in [
            (&b"GET /"[..], &["RawSocket"][..], "looks like HTTP; this port speaks RawSocket only"),
            (b"\x7f", &["HTTP"], "looks like RawSocket; this port speaks HTTP only"),
            (b"\x10", &["RawSocket", "HTTP"], "looks like MQTT; this port speaks RawSocket and HTTP only"),
            (b"\x16\x03", &["HTTP"], "looks like TLS; this port is plain and speaks HTTP only"),
            (b"\0", &["HTTP"], "looks like nothing known; this port speaks HTTP only"),
            (
                b"PRI * HTTP/2.0\r\n\r\n",
                &["HTTP"],
                "looks like HTTP/2 without TLS; this port speaks HTTP only",
            ),
        ] {
            assert_eq!(sentence(Guess::from(prefix), spoken), expected);
        }
    }

    #[test]
    fn http_answer_when_sent_has_the_length_it_says() {
        let answer = String::from_utf8(bytes(Some(Guess::Http), "nein, danke").unwrap()).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 "));
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        assert_eq!(body, "nein, danke\n");
    }

    #[test]
    fn http2_answer_when_sent_is_settings_and_goaway() {
        let answer = bytes(Some(Guess::Http2), "no").unwrap();
        assert_eq!(answer[..9], [0, 0, 0, 4, 0, 0, 0, 0, 0]);
        assert_eq!(answer[9..18], [0, 0, 10, 7, 0, 0, 0, 0, 0]);
        assert_eq!(answer[18..], *b"\0\0\0\0\0\0\0\x0dno");
    }
}
