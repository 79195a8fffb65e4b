//! Peers that do not speak TLS: recognising them, and telling them.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transom_base::{Deadline, FLUSH_TIMEOUT, Stream};

/// The first octet of every TLS connection: the type of a handshake record (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;

/// What a peer speaks instead of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    Http,
    RawSocket,
    Mqtt,
    Proxy,
    Unknown,
}

impl Plain {
    /// What it looks like by its first bytes; none when it may be TLS.
    pub(crate) fn from(prefix: &[u8]) -> Option<Plain> {
        match prefix.first()? {
            &HANDSHAKE => None,
            _ if prefix.starts_with(b"PROXY ") || prefix.starts_with(b"\r\n\r\n\0\r\nQUIT") => {
                Some(Plain::Proxy)
            }
            first if first.is_ascii_alphabetic() || matches!(first, b'\r' | b'\n') => Some(Plain::Http),
            0x7F => Some(Plain::RawSocket),
            0x10 => Some(Plain::Mqtt),
            _ => Some(Plain::Unknown),
        }
    }

    /// The sentence for the log and, where there is a way, for the peer.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Plain::Http => "looks like plain HTTP; this port speaks TLS only (https://, wss://)",
            Plain::RawSocket => "looks like plain RawSocket; this port speaks TLS only (rss://)",
            Plain::Mqtt => "looks like plain MQTT; this port speaks TLS only",
            Plain::Proxy => "begins with a PROXY header; give proxy_protocol for the proxies that send one",
            Plain::Unknown => "looks like nothing known; this port speaks TLS only",
        }
    }

    /// Tells the peer, if its protocol has a way to.
    pub(crate) async fn answer(self, io: &mut dyn Stream) {
        if self == Plain::Http {
            let sentence = self.sentence();
            let answer = format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{sentence}\n",
                sentence.len() + 1
            );
            let _ = Deadline::after(FLUSH_TIMEOUT).run(io.write_all(answer.as_bytes())).await;
            linger(io).await;
        }
    }
}

/// Closes our side and waits a moment for the peer to close its own: closing with something unread would take what we
/// said last away from it.
pub(crate) async fn linger(io: &mut dyn Stream) {
    let ending = async {
        io.shutdown().await?;
        let mut rest = [0; 512];
        while io.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    // What becomes of it is the peer's affair.
    let _ = Deadline::after(FLUSH_TIMEOUT).run(ending).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_when_it_is_not_tls_is_recognised() {
        for (prefix, expected) in [
            (&b"\x16\x03\x01"[..], None),
            (b"\x16", None),
            (b"GET / HTTP/1.1\r\n", Some(Plain::Http)),
            (b"g", Some(Plain::Http)),
            (b"\r\nGET /", Some(Plain::Http)),
            (b"\x7f\xf1\0\0", Some(Plain::RawSocket)),
            (b"\x10\x1a", Some(Plain::Mqtt)),
            (b"PROXY TCP4 192.0.2.1", Some(Plain::Proxy)),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11", Some(Plain::Proxy)),
            (b"\0", Some(Plain::Unknown)),
            (b"\x80\x2e\x01\x03\x01", Some(Plain::Unknown)),
        ] {
            assert_eq!(Plain::from(prefix), expected, "{prefix:?}");
        }
    }
}
