//! The handler of a port with several protocols.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transom_base::{
    ConnScope, Connection, ConnectionHandler, Deadline, FLUSH_TIMEOUT, Phase, Rewind, ServeError, Serving,
    Stream, in_phases,
};

use crate::answer::{self, Guess};
use crate::sniff::first;
use crate::{Sniff, Verdict};

/// The most bytes that are read to find out what a peer speaks.
pub const SNIFF_MAX: usize = 512;

/// Finds out what a peer speaks and hands the connection to the handler for it, with every byte from the first on.
/// A peer that speaks something else is told so where its protocol has a way, and the log says what it looks like.
#[derive(Debug)]
pub struct Universal {
    shared: Arc<Shared>,
}

/// One protocol of a [`Universal`] port.
pub struct Section {
    name: &'static str,
    sniffer: Box<dyn Sniff>,
    handler: Arc<dyn ConnectionHandler>,
}

#[derive(Debug)]
struct Shared {
    sections: Vec<Section>,
    timeout: Option<Duration>,
}

impl Section {
    /// What `sniffer` recognises goes to `handler`. `name` is what people call the protocol, as in `HTTP`.
    pub fn new(
        name: &'static str,
        sniffer: impl Sniff + 'static,
        handler: Arc<dyn ConnectionHandler>,
    ) -> Self {
        Section { name, sniffer: Box::new(sniffer), handler }
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Universal {
    /// A port with these sections, which are asked in this order. `timeout` is the time until the protocol must be
    /// known; none = no limit, and the dialect's default is 5 s.
    pub fn new(sections: impl IntoIterator<Item = Section>, timeout: Option<Duration>) -> Self {
        Universal { shared: Arc::new(Shared { sections: sections.into_iter().collect(), timeout }) }
    }
}

impl ConnectionHandler for Universal {
    fn name(&self) -> &str {
        "universal"
    }

    fn serve(&self, conn: Connection, scope: ConnScope) -> Serving {
        in_phases(hand_on(self.shared.clone(), conn, scope))
    }
}

/// The phase before the protocol is known.
async fn hand_on(shared: Arc<Shared>, mut conn: Connection, scope: ConnScope) -> Result<Serving, ServeError> {
    let mut watch = scope.drain.clone();
    let found = tokio::select! {
        biased;
        found = Deadline::after(shared.timeout).run(shared.find(&mut *conn.io)) => found,
        // Nothing was begun with this peer.
        () = watch.reached(Phase::Draining) => return Ok(nothing()),
    };
    match found {
        Err(_) => Err(ServeError::Timeout("the peer did not show in time what it speaks".to_owned())),
        Ok(Err(error)) => Err(error),
        Ok(Ok(Found::Closed)) => Ok(nothing()),
        Ok(Ok(Found::Section(section, prefix))) => {
            conn.io = Box::new(Rewind::new(prefix, conn.io));
            Ok(section.handler.serve(conn, scope))
        }
        Ok(Ok(Found::Other(prefix))) => {
            let spoken: Vec<&str> = shared.sections.iter().map(|section| section.name).collect();
            let guess = Guess::from(&prefix);
            let sentence = answer::sentence(guess, &spoken);
            if let Some(bytes) = answer::bytes(guess, &sentence) {
                // What becomes of the answer is the peer's affair.
                let _ = Deadline::after(FLUSH_TIMEOUT).run(tell(&mut *conn.io, &bytes)).await;
            }
            Err(ServeError::Protocol(sentence))
        }
    }
}

fn nothing() -> Serving {
    Box::pin(std::future::ready(Ok(())))
}

enum Found<'a> {
    /// A section, and what was read.
    Section(&'a Section, Bytes),
    /// None of them, and what was read.
    Other(Bytes),
    /// The peer closed without a word.
    Closed,
}

impl Shared {
    /// Reads until it is known what the peer speaks.
    async fn find(&self, io: &mut dyn Stream) -> Result<Found<'_>, ServeError> {
        let mut buf = [0; SNIFF_MAX];
        let mut len = 0;
        loop {
            let Some(room) = buf.get_mut(len..).filter(|room| !room.is_empty()) else {
                return Ok(Found::Other(Bytes::copy_from_slice(&buf)));
            };
            let read = io.read(room).await.map_err(ServeError::Io)?;
            if read == 0 && len == 0 {
                return Ok(Found::Closed);
            }
            len += read;
            let prefix = buf.get(..len).unwrap_or_default();
            let sniffers = self.sections.iter().map(|section| &*section.sniffer);
            match first(sniffers, prefix) {
                (Verdict::Yes, Some(index)) => {
                    if let Some(section) = self.sections.get(index) {
                        return Ok(Found::Section(section, Bytes::copy_from_slice(prefix)));
                    }
                }
                (Verdict::NeedMore, _) if read > 0 => continue,
                (Verdict::NeedMore, _) => {
                    return Err(ServeError::Protocol(
                        "the connection was closed before it was known what the peer speaks".to_owned(),
                    ));
                }
                _ if read > 0 && Guess::needs_more(prefix) => continue,
                _ => {}
            }
            return Ok(Found::Other(Bytes::copy_from_slice(prefix)));
        }
    }
}

/// Sends an answer, and reads on until the peer ends: closing with something unread would take the answer away from it.
async fn tell(io: &mut dyn Stream, bytes: &[u8]) -> std::io::Result<()> {
    io.write_all(bytes).await?;
    io.shutdown().await?;
    let mut rest = [0; SNIFF_MAX];
    while io.read(&mut rest).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests;
