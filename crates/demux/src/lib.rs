//! One port for several protocols: tells them apart by the first bytes and hands the connection on.
//! It must not know what it hands on to.
//!
//! Start reading at [`Sniff`], the pure decision; [`Universal`] is the handler that reads, decides and hands on.
//!
//! ```
//! use transom_demux::{HttpSniff, RawSocketSniff, Sniff, TlsSniff, Verdict};
//!
//! assert_eq!(RawSocketSniff.sniff(b"\x7f"), Verdict::Yes);
//! assert_eq!(HttpSniff.sniff(b"GET / HTTP/1.1\r\n"), Verdict::Yes);
//! // A record of TLS has a version as its second octet.
//! assert_eq!(TlsSniff.sniff(b"\x16"), Verdict::NeedMore);
//! ```

mod answer;
mod known;
mod sniff;
mod universal;

pub use known::{HttpSniff, MqttSniff, RawSocketSniff, TlsSniff};
pub use sniff::{Sniff, Verdict};
pub use universal::{SNIFF_MAX, Section, Universal};
