//! How many instructions one message takes, counted by valgrind: the same on a busy machine as on an idle one. Each row
//! is the difference between a run over some messages and one over twice as many, so that the start of the program
//! does not count.

use std::hint::black_box;
use std::io::{Cursor, Read, Write};
use std::process::Command;

use bytes::{Bytes, BytesMut};
use transom_websocket::{Data, Decoder, Framing, Parts, Role, Rules};
use tungstenite::Message;
use tungstenite::protocol::{Role as TheirRole, WebSocket};

use crate::cli::print;
use crate::error::{Error, Result};

/// Messages of the shorter run.
const MESSAGES: u32 = 400;

/// What is done with one message.
#[derive(Debug, Clone, Copy)]
struct Work {
    name: &'static str,
    size: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Decode,
    DecodeMasked,
    DecodeText,
    DecodeUmlauts,
    Encode,
    TheirDecode,
    TheirDecodeText,
    TheirEncode,
}

const KINDS: [(&str, Kind); 8] = [
    ("decode", Kind::Decode),
    ("decode, masked", Kind::DecodeMasked),
    ("decode, masked, ASCII", Kind::DecodeText),
    ("decode, masked, umlauts", Kind::DecodeUmlauts),
    ("encode", Kind::Encode),
    ("tungstenite: decode, masked", Kind::TheirDecode),
    ("tungstenite: decode, masked, ASCII", Kind::TheirDecodeText),
    ("tungstenite: encode", Kind::TheirEncode),
];

fn all() -> impl Iterator<Item = Work> {
    KINDS.into_iter().flat_map(|(name, kind)| [64, 1024, 65_536].map(|size| Work { name, size, kind }))
}

/// Counts everything and prints a row for each.
///
/// # Errors
///
/// valgrind is not there, or says something else than expected.
pub(crate) fn run() -> Result<()> {
    print(&format!("{:<36} {:>8} {:>14} {:>10}", "a message", "octets", "instructions", "per octet"))?;
    for (index, work) in all().enumerate() {
        let (short, long) = (count(index, MESSAGES)?, count(index, MESSAGES * 2)?);
        let each = long.saturating_sub(short) as f64 / f64::from(MESSAGES);
        let Work { name, size, .. } = work;
        print(&format!("{name:<36} {size:>8} {each:>14.0} {:>10.2}", each / size as f64))?;
    }
    Ok(())
}

/// The instructions of a run of this program.
fn count(index: usize, messages: u32) -> Result<u64> {
    let program = std::env::current_exe().map_err(Error::io("finding this program"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["work", &index.to_string(), &messages.to_string()])
        .output()
        .map_err(|source| Error::Spawn { program: "valgrind".into(), source })?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected
        .ok_or_else(|| Error::Unexpected { expected: "a number of instructions", got: text.into_owned() })
}

/// Does one kind of work so many times: what is counted.
pub(crate) fn work(index: usize, messages: u32) -> Result<()> {
    let work = all().nth(index);
    let Work { size, kind, .. } =
        work.ok_or(Error::Argument { text: index.to_string(), wanted: "the number of a row" })?;
    let text = matches!(kind, Kind::DecodeText | Kind::TheirDecodeText | Kind::DecodeUmlauts);
    let payload = match kind {
        Kind::DecodeUmlauts => "ä".repeat(size / 2).into_bytes(),
        _ => vec![b'x'; size],
    };
    let data = if text { Data::Text } else { Data::Binary };
    let body = Bytes::from(payload);
    let parts = || Parts { head: b"", body: &body, tail: b"" };
    match kind {
        Kind::Decode | Kind::DecodeMasked | Kind::DecodeText | Kind::DecodeUmlauts => {
            let (from, to) = match kind {
                Kind::Decode => (Role::Server, Role::Client),
                _ => (Role::Client, Role::Server),
            };
            let mut wire = Vec::new();
            Framing::new(from).message(data, parts(), &mut wire);
            let mut decoder = Decoder::new(Rules::new(to));
            let mut input = BytesMut::new();
            for _ in 0..messages {
                input.extend_from_slice(&wire);
                let event = decoder.decode(&mut input);
                drop(black_box(event.map_err(|_| Error::Frame("our own"))?));
            }
        }
        Kind::Encode => {
            let framing = Framing::new(Role::Server);
            let mut wire = Vec::with_capacity(size + 20);
            for _ in 0..messages {
                wire.clear();
                framing.message(data, parts(), &mut wire);
                black_box(&wire);
            }
        }
        Kind::TheirDecode | Kind::TheirDecodeText => {
            let mut wire = Vec::new();
            Framing::new(Role::Client).message(data, parts(), &mut wire);
            let mut socket = WebSocket::from_raw_socket(Pipe::of(&wire), TheirRole::Server, None);
            for _ in 0..messages {
                socket.get_mut().input.set_position(0);
                let message = socket.read();
                drop(black_box(message.map_err(|_| Error::Frame("tungstenite's"))?));
            }
        }
        Kind::TheirEncode => {
            let mut socket = WebSocket::from_raw_socket(Pipe::of(b""), TheirRole::Server, None);
            for _ in 0..messages {
                let sent = socket.send(Message::Binary(body.clone()));
                sent.map_err(|_| Error::Frame("tungstenite's"))?;
            }
        }
    }
    Ok(())
}

/// Octets that can be read again and again, and a place that takes any.
struct Pipe {
    input: Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Pipe {
    fn of(wire: &[u8]) -> Self {
        Pipe { input: Cursor::new(wire.to_vec()), output: Vec::new() }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.input.read(buffer)
    }
}

impl Write for Pipe {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.output.clear();
        self.output.write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
