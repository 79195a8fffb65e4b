//! What can go wrong with an endpoint.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use transom_base::ErrorKind;

/// Why an endpoint cannot be had, or a connection not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// A host name leads to no address.
    #[error("looking up '{host}'")]
    Resolve {
        /// The name.
        host: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A host name has no address of the wanted family.
    #[error("'{host}' has no {family} address")]
    NoAddress {
        /// The name.
        host: String,
        /// `IPv4`, `IPv6` or `IP`.
        family: &'static str,
    },
    /// An address could not be bound.
    #[error("binding {address}")]
    Bind {
        /// The address.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// No port of a range could be bound.
    #[error("binding a port of {first} to {last} on {ip}")]
    NoFreePort {
        /// The address.
        ip: String,
        /// The first port tried.
        first: u16,
        /// The last port tried.
        last: u16,
        /// What the system says of the last.
        #[source]
        source: io::Error,
    },
    /// An option of a socket could not be set.
    #[error("setting {option} of {address}")]
    Option {
        /// The address.
        address: String,
        /// The option.
        option: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Somebody answers on a Unix socket.
    #[error("binding {address}: {holder} listens there")]
    InUse {
        /// The address.
        address: String,
        /// Who, as in `nginx (process 123)`.
        holder: String,
    },
    /// Something that is no socket stands where the socket file is to be.
    #[error("binding unix:{}: there is something that is no socket, and it is not removed", .0.display())]
    NotASocket(PathBuf),
    /// The path of a Unix socket is longer than the system allows.
    #[error("binding unix:{path}: the path is longer than {max} bytes")]
    PathTooLong {
        /// The path.
        path: String,
        /// The limit in bytes.
        max: usize,
    },
    /// A socket file could not be made ready.
    #[error("{action} unix:{}", path.display())]
    SocketFile {
        /// What was tried, as in `setting the mode of`.
        action: &'static str,
        /// The socket file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The owner or group of a socket file does not exist.
    #[error("there is no {what} '{name}'")]
    NoSuchOwner {
        /// `user` or `group`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A connection could not be made.
    #[error("connecting to {target}")]
    Connect {
        /// The other end.
        target: String,
        /// What the system says of the last address tried.
        #[source]
        source: io::Error,
    },
    /// A connection was not made in time.
    #[error("connecting to {target}: no answer in time")]
    ConnectTimeout {
        /// The other end.
        target: String,
    },
    /// No inherited descriptor is the one that is wanted.
    #[error("no inherited descriptor is {wanted}: {there}")]
    NotInherited {
        /// Which is wanted.
        wanted: String,
        /// What there is instead, or why there is nothing.
        there: String,
    },
    /// An inherited descriptor cannot be listened on.
    #[error("inherited descriptor {descriptor}: {what}")]
    InheritedUnusable {
        /// Its number and name.
        descriptor: String,
        /// What is wrong with it.
        what: String,
    },
    /// A setting has a value that does not exist.
    #[error("{option} is {value}; allowed is {allowed}")]
    OutOfRange {
        /// The setting, by its key.
        option: &'static str,
        /// What it was set to.
        value: String,
        /// What it can be set to.
        allowed: &'static str,
    },
    /// What an endpoint stands on cannot be had, such as the key of an onion service.
    #[error("{what}")]
    Other {
        /// What it is, as in `the key of the onion service`.
        what: String,
        /// The kind of trouble.
        kind: ErrorKind,
        /// What is wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A step such as TLS failed.
    #[error("{step}")]
    Upgrade {
        /// The step, as in `TLS handshake`.
        step: String,
        /// Who is to blame.
        kind: ErrorKind,
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A step such as TLS took too long.
    #[error("{step}: not done in time")]
    UpgradeTimeout {
        /// The step.
        step: String,
    },
}

impl EndpointError {
    /// The kind of trouble.
    pub fn kind(&self) -> ErrorKind {
        match self {
            EndpointError::Resolve { .. }
            | EndpointError::NoAddress { .. }
            | EndpointError::OutOfRange { .. }
            | EndpointError::PathTooLong { .. }
            | EndpointError::NoSuchOwner { .. } => ErrorKind::Config,
            EndpointError::Bind { .. }
            | EndpointError::NoFreePort { .. }
            | EndpointError::Option { .. }
            | EndpointError::InUse { .. }
            | EndpointError::NotInherited { .. }
            | EndpointError::InheritedUnusable { .. }
            | EndpointError::NotASocket(_)
            | EndpointError::SocketFile { .. } => ErrorKind::Bind,
            EndpointError::Connect { source, .. } if source.kind() == io::ErrorKind::TimedOut => {
                ErrorKind::Timeout
            }
            EndpointError::Connect { .. } => ErrorKind::PeerClosed,
            EndpointError::ConnectTimeout { .. } | EndpointError::UpgradeTimeout { .. } => ErrorKind::Timeout,
            EndpointError::Other { kind, .. } | EndpointError::Upgrade { kind, .. } => *kind,
        }
    }

    /// Whether somebody else has the address.
    pub fn is_address_in_use(&self) -> bool {
        match self {
            EndpointError::Bind { source, .. } | EndpointError::NoFreePort { source, .. } => {
                source.kind() == io::ErrorKind::AddrInUse
            }
            EndpointError::InUse { .. } => true,
            _ => false,
        }
    }

    /// The sentence with all its causes, for a log line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

/// Why a connection could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectFailure {
    /// The name leads to no address.
    Unresolvable,
    /// No way leads there.
    Unreachable,
    /// Somebody is there, and nobody listens.
    Refused,
    /// No answer in time, by our own limit or the system's.
    TimedOut,
    /// Anything else.
    Other,
}

impl EndpointError {
    /// Why a connection could not be made, when that is what the error is about.
    pub fn connect_failure(&self) -> Option<ConnectFailure> {
        match self {
            EndpointError::Resolve { .. } | EndpointError::NoAddress { .. } => {
                Some(ConnectFailure::Unresolvable)
            }
            EndpointError::ConnectTimeout { .. } => Some(ConnectFailure::TimedOut),
            EndpointError::Connect { source, .. } => Some(match source.kind() {
                // A socket file that is not there listens no more than one whose process is gone.
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => ConnectFailure::Refused,
                io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::NetworkDown
                | io::ErrorKind::AddrNotAvailable => ConnectFailure::Unreachable,
                io::ErrorKind::TimedOut => ConnectFailure::TimedOut,
                _ => ConnectFailure::Other,
            }),
            _ => None,
        }
    }
}

/// What a failure to accept means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptError {
    /// One connection went away before it was accepted: go on.
    OneConnection,
    /// The system is short of descriptors or memory: go on after a while.
    Exhausted,
    /// The listener is broken.
    Fatal,
}

/// Tells what a failure to accept means. Only errors that say that the socket itself is wrong are fatal.
pub fn accept_error(error: &io::Error) -> AcceptError {
    use nix::errno::Errno;
    let Some(code) = error.raw_os_error() else {
        return match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected => AcceptError::Fatal,
            _ => AcceptError::OneConnection,
        };
    };
    match Errno::from_raw(code) {
        Errno::EBADF | Errno::EINVAL | Errno::ENOTSOCK | Errno::EOPNOTSUPP | Errno::EFAULT => {
            AcceptError::Fatal
        }
        Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM => AcceptError::Exhausted,
        _ => AcceptError::OneConnection,
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn failure_to_accept_when_the_system_is_short_or_a_client_left_is_not_fatal() {
        for (errno, meaning) in [
            (Errno::EMFILE, AcceptError::Exhausted),
            (Errno::ENFILE, AcceptError::Exhausted),
            (Errno::ENOBUFS, AcceptError::Exhausted),
            (Errno::ENOMEM, AcceptError::Exhausted),
            (Errno::ECONNABORTED, AcceptError::OneConnection),
            (Errno::EPROTO, AcceptError::OneConnection),
            (Errno::EPERM, AcceptError::OneConnection),
            (Errno::ENETDOWN, AcceptError::OneConnection),
            (Errno::EBADF, AcceptError::Fatal),
            (Errno::EINVAL, AcceptError::Fatal),
        ] {
            assert_eq!(accept_error(&io::Error::from_raw_os_error(errno as i32)), meaning, "{errno}");
        }
        assert_eq!(accept_error(&io::ErrorKind::BrokenPipe.into()), AcceptError::Fatal);
    }

    #[test]
    fn failure_to_connect_when_the_system_says_it_has_one_of_few_reasons() {
        for (errno, failure, kind) in [
            (Errno::ECONNREFUSED, ConnectFailure::Refused, ErrorKind::PeerClosed),
            (Errno::ENOENT, ConnectFailure::Refused, ErrorKind::PeerClosed),
            (Errno::EHOSTUNREACH, ConnectFailure::Unreachable, ErrorKind::PeerClosed),
            (Errno::ENETUNREACH, ConnectFailure::Unreachable, ErrorKind::PeerClosed),
            (Errno::ETIMEDOUT, ConnectFailure::TimedOut, ErrorKind::Timeout),
            (Errno::EACCES, ConnectFailure::Other, ErrorKind::PeerClosed),
        ] {
            let source = io::Error::from_raw_os_error(errno as i32);
            let error = EndpointError::Connect { target: "tcp:host:80".into(), source };
            assert_eq!((error.connect_failure(), error.kind()), (Some(failure), kind), "{errno}");
        }
        let none = EndpointError::NoAddress { host: "host".into(), family: "IPv6" };
        assert_eq!(none.connect_failure(), Some(ConnectFailure::Unresolvable));
        let late = EndpointError::ConnectTimeout { target: "tcp:host:80".into() };
        assert_eq!(late.connect_failure(), Some(ConnectFailure::TimedOut));
        let other = EndpointError::NotASocket("/run/x".into());
        assert_eq!(other.connect_failure(), None);
    }

    #[test]
    fn chain_when_written_names_the_situation_and_its_cause() {
        let source = io::Error::new(io::ErrorKind::AddrInUse, "address in use");
        let error = EndpointError::Bind { address: "tcp4:127.0.0.1:80".into(), source };
        assert_eq!(error.chain(), "binding tcp4:127.0.0.1:80: address in use");
        assert_eq!(error.kind(), ErrorKind::Bind);
    }
}
