//! One connection of the measured part: batched reads and writes on a non-blocking socket, split into messages.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::error::{Error, Result};
use crate::wire::framing::{self, Kind};
use crate::wire::head::{self, Head};
use crate::wire::{Carrier, Encoding, Wire};

/// Octets read at once; the largest message measured fits several times.
pub(crate) const SCRATCH: usize = 512 * 1024;

/// A socket with what waits to be written and what is not a whole frame yet.
#[derive(Debug)]
pub(crate) struct Flow {
    stream: TcpStream,
    carrier: Carrier,
    encoding: Encoding,
    /// Messages to write: appended to by the load, emptied by [`Flow::flush`].
    pub(crate) out: Vec<u8>,
    sent: usize,
    partial: Vec<u8>,
}

impl Flow {
    /// Takes over a connected socket; readiness is reported once per change (edge), as `token`.
    pub(crate) fn new(
        stream: std::net::TcpStream,
        wire: Wire,
        registry: &Registry,
        token: Token,
    ) -> Result<Self> {
        let fail = || Error::io("handing a socket to the event loop");
        stream.set_nonblocking(true).map_err(fail())?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE).map_err(fail())?;
        Ok(Self {
            stream,
            carrier: wire.carrier,
            encoding: wire.encoding,
            out: Vec::new(),
            sent: 0,
            partial: Vec::new(),
        })
    }

    /// Back to a blocking socket for taking leave, with what was unsent written: leaving must not begin in the
    /// middle of a message.
    pub(crate) fn finish(self) -> Result<std::net::TcpStream> {
        let fail = || Error::io("taking a socket back");
        let mut stream = std::net::TcpStream::from(self.stream);
        stream.set_nonblocking(false).map_err(fail())?;
        stream.write_all(self.out.get(self.sent..).unwrap_or_default()).map_err(fail())?;
        Ok(stream)
    }

    /// Writes what waits, as far as the kernel takes it; the rest goes when the socket is writable again.
    pub(crate) fn flush(&mut self) -> Result<()> {
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Io { step: "writing", source: error }),
            }
        }
        self.out.clear();
        self.sent = 0;
        Ok(())
    }

    /// Reads until the socket is drained and hands every whole message to `on`, with its head.
    pub(crate) fn receive(
        &mut self,
        scratch: &mut [u8],
        mut on: impl FnMut(Head, &[u8]) -> Result<()>,
    ) -> Result<()> {
        loop {
            let kept = self.partial.len();
            let (start, space) =
                scratch.split_at_mut_checked(kept).ok_or(Error::Frame("longer than any measured message"))?;
            start.copy_from_slice(&self.partial);
            if space.is_empty() {
                return Err(Error::Frame("longer than any measured message"));
            }
            let got = match self.stream.read(space) {
                Ok(0) => return Err(Error::Closed { during: "under load" }),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::Io { step: "reading", source: error }),
            };
            let drained = got < space.len();
            let mut input = scratch.get(..kept + got).unwrap_or_default();
            while let Some(frame) = framing::split(self.carrier, input)? {
                match frame.kind {
                    Kind::Message => match head::parse(self.encoding, frame.body) {
                        Some(head) => on(head, frame.body)?,
                        None => {
                            let got = head::describe(frame.body);
                            return Err(Error::Unexpected { expected: "a message", got });
                        }
                    },
                    Kind::Ping => framing::append_pong(self.carrier, &mut self.out, frame.body),
                    Kind::Pong => {}
                    Kind::Close => return Err(Error::Closed { during: "under load" }),
                }
                input = input.get(frame.len..).unwrap_or_default();
            }
            self.partial.clear();
            self.partial.extend_from_slice(input);
            // A read that did not fill the buffer drained the socket (epoll(7)).
            if drained {
                return Ok(());
            }
        }
    }
}
