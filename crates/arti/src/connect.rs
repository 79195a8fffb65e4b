//! Streams through Tor, and why one could not be opened.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arti_client::{
    DangerouslyIntoTorAddr, ErrorKind, HasKind, IntoTorAddr, IsolationToken, StreamPrefs, TorAddr,
};
use futures_util::future::{Either, select};
use tokio::time::{sleep, timeout};
use transom_base::Stream;

use crate::Tor;
use crate::error::words;
use crate::stream::Prompt;

/// Characters of an error of arti that are told.
const MOST_DETAILS: usize = 300;

/// How often it is tried while the network cannot be used.
const TRIES: u32 = 4;

/// Between two of them.
const RETRY: Duration = Duration::from_millis(500);

/// After this time without a stream there is a second attempt beside the first, on circuits of its own. What the first waits
/// for may never come, as an onion service that did not hear of the meeting, and until arti gives it up, which takes minutes,
/// all further streams of the same isolation wait for the same.
const SECOND_ATTEMPT: Duration = Duration::from_secs(12);

/// Who a stream is for: streams of different isolations never share a circuit. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Isolation(Arc<Mutex<IsolationToken>>);

impl Isolation {
    /// One that is different from all others.
    pub fn new() -> Self {
        Isolation(Arc::new(Mutex::new(IsolationToken::new())))
    }

    /// What keeps its circuits apart at present.
    fn token(&self) -> IsolationToken {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What keeps them apart from now on, instead of `before`: the circuits so far are not used for new streams.
    fn renew(&self, before: IsolationToken) -> IsolationToken {
        let mut token = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *token == before {
            *token = IsolationToken::new();
        }
        *token
    }
}

impl Default for Isolation {
    fn default() -> Self {
        Isolation::new()
    }
}

impl Tor {
    /// A stream to a port of a host: an onion address, an IP address, or a name, which Tor looks up. Waits for
    /// bootstrapping. Has no deadline of its own over all of it; dropping the future ends the attempt.
    ///
    /// What is written to the stream leaves without being flushed. Shutting it down ends it in both directions: Tor knows
    /// no other end.
    pub async fn connect(
        &self,
        host: &str,
        port: u16,
        isolation: &Isolation,
    ) -> Result<Box<dyn Stream>, ConnectError> {
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let target = match address.parse::<IpAddr>() {
            // Dangerous for those only who looked the address up outside of Tor; here it was configured.
            Ok(address) => (address, port).into_tor_addr_dangerously(),
            Err(_) => (host, port).into_tor_addr(),
        };
        let target = target.map_err(|error| ConnectError::new(error.kind(), &error))?;
        let token = isolation.token();
        let mut first = pin!(self.attempts(&target, token));
        if let Ok(done) = timeout(SECOND_ATTEMPT, &mut first).await {
            return done;
        }
        let second = pin!(self.attempts(&target, isolation.renew(token)));
        match select(first, second).await {
            Either::Left((Ok(stream), _)) | Either::Right((Ok(stream), _)) => Ok(stream),
            Either::Left((Err(_), second)) => second.await,
            Either::Right((Err(_), first)) => first.await,
        }
    }

    async fn attempts(
        &self,
        target: &TorAddr,
        token: IsolationToken,
    ) -> Result<Box<dyn Stream>, ConnectError> {
        let mut prefs = StreamPrefs::new();
        prefs.set_isolation(token);
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let error = match self.client().connect_with_prefs(target.clone(), &prefs).await {
                Ok(stream) => return Ok(Box::new(Prompt::new(stream, Some(self.clone())))),
                Err(error) => ConnectError::new(error.kind(), &error),
            };
            // So it may be for a moment after bootstrapping.
            if tries == 0 || error.kind != io::ErrorKind::NetworkUnreachable {
                return Err(error);
            }
            sleep(RETRY).await;
        }
    }
}

/// Why a stream could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{words} ({details})")]
pub struct ConnectError {
    kind: io::ErrorKind,
    words: &'static str,
    details: String,
}

impl ConnectError {
    /// What kind of trouble it is:
    ///
    /// - `HostUnreachable`: the host or onion service is not known, not running or cannot be reached.
    /// - `ConnectionRefused`: the host or service was reached and refused the stream.
    /// - `TimedOut`: something on the way took too long.
    /// - `PermissionDenied`: the onion service is for authorized clients only.
    /// - `InvalidInput`: host or port are not valid, or not allowed by the settings.
    /// - `NetworkUnreachable`: Tor is not bootstrapped, or has no relays for it.
    /// - `Other`.
    pub fn kind(&self) -> io::ErrorKind {
        self.kind
    }

    fn new(kind: ErrorKind, error: &dyn std::error::Error) -> Self {
        let (kind, text) = meaning(kind);
        ConnectError { kind, words: text, details: shortened(words(error)) }
    }
}

impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> Self {
        io::Error::new(error.kind, error)
    }
}

/// Arti tells of every circuit that it tried and every relay that would not do.
fn shortened(text: String) -> String {
    match text.char_indices().nth(MOST_DETAILS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn meaning(kind: ErrorKind) -> (io::ErrorKind, &'static str) {
    use ErrorKind as Tor;
    use io::ErrorKind::*;
    match kind {
        Tor::OnionServiceNotFound => (HostUnreachable, "no onion service is published at this address"),
        Tor::OnionServiceNotRunning
        | Tor::OnionServiceConnectionFailed
        | Tor::OnionServiceProtocolViolation => (HostUnreachable, "the onion service cannot be reached"),
        Tor::OnionServiceMissingClientAuth => {
            (PermissionDenied, "the onion service is for authorized clients only")
        }
        Tor::OnionServiceWrongClientAuth => {
            (PermissionDenied, "the onion service does not authorize this client")
        }
        Tor::RemoteHostNotFound => (HostUnreachable, "Tor finds no host of this name"),
        Tor::RemoteHostResolutionFailed => (HostUnreachable, "Tor could not look up the name"),
        Tor::RemoteNetworkFailed => (HostUnreachable, "the exit of Tor cannot reach the host"),
        Tor::NoExit | Tor::ExitPolicyRejected => {
            (HostUnreachable, "no exit of Tor connects to this host and port")
        }
        // An onion service says no more about a port that it does not have.
        Tor::RemoteConnectionRefused
        | Tor::RemoteStreamClosed
        | Tor::RemoteStreamReset
        | Tor::RemoteStreamError => (ConnectionRefused, "the other end refused the stream"),
        Tor::RemoteNetworkTimeout | Tor::ExitTimeout | Tor::TorNetworkTimeout => {
            (TimedOut, "it took too long")
        }
        Tor::InvalidStreamTarget | Tor::OnionServiceAddressInvalid => {
            (InvalidInput, "this is no valid host and port")
        }
        Tor::ForbiddenStreamTarget => {
            (InvalidInput, "the settings of Tor do not allow this host; see address_filter.allow_local_addrs")
        }
        Tor::BootstrapRequired
        | Tor::TorAccessFailed
        | Tor::LocalNetworkError
        | Tor::TorDirectoryError
        | Tor::TorDirectoryUnusable
        | Tor::DirectoryExpired
        | Tor::NoPath
        | Tor::ClockSkew => (NetworkUnreachable, "the Tor network cannot be used yet"),
        _ => (Other, "Tor could not open the stream"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_of_an_error_are_told_in_part_when_they_are_long() {
        assert_eq!(shortened("short".to_owned()), "short");
        let long = shortened("ü".repeat(1000));
        assert_eq!((long.chars().count(), long.ends_with("ü…")), (MOST_DETAILS + 1, true));
    }

    #[test]
    fn isolation_when_renewed_is_another_for_all_who_waited() {
        let (one, other) = (Isolation::new(), Isolation::new());
        let before = one.token();
        assert!(before == one.clone().token() && before != other.token());
        let renewed = one.renew(before);
        assert!(renewed != before && renewed == one.renew(before) && renewed == one.clone().token());
    }
}
