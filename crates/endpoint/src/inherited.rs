//! Sockets that were opened by whoever started this process, as in systemd's socket activation (sd_listen_fds(3)).
//!
//! They are numbered from 3 and may have names. All of them are taken at once, early, and exactly once: a number says
//! nothing about who opened it, and soon another file has it.

use std::fmt;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use listenfd::ListenFd;
use socket2::{SockAddr, SockRef, Type};

use crate::tcp::check_keepalive;
use crate::{EndpointError, Listener, Several, TcpListener, UnixListener};

/// More are never passed.
const MOST: usize = 1024;

/// The number of the first socket.
const FIRST: i32 = 3;

/// The name of a socket without a name.
const UNNAMED: &str = "unknown";

/// A listening endpoint of type `fd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FdListenSettings {
    /// Which of the inherited sockets.
    pub socket: InheritedSocket,
    /// TCP keepalive idle time, 1 to 32767 s. Default 60 s; none = off.
    pub keepalive: Option<Duration>,
}

impl FdListenSettings {
    /// Everything else at its default.
    pub fn new(socket: InheritedSocket) -> Self {
        FdListenSettings { socket, keepalive: Some(Duration::from_secs(60)) }
    }
}

/// Which of the inherited sockets is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InheritedSocket {
    /// All that have this name (key `name`; systemd's `FileDescriptorName=`, by default the name of the socket unit).
    Name(String),
    /// The one with this number (key `fd`), 3 or more.
    Number(i32),
}

impl fmt::Display for InheritedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InheritedSocket::Name(name) => write!(f, "named '{name}'"),
            InheritedSocket::Number(number) => write!(f, "{number}"),
        }
    }
}

/// The inherited sockets, until endpoints take them.
#[derive(Debug)]
pub struct Inherited {
    sockets: Vec<Inheritance>,
    /// Why there are none.
    because: Option<String>,
}

/// One of them.
#[derive(Debug)]
struct Inheritance {
    number: i32,
    name: String,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Open(OwnedFd),
    /// Nothing that can be listened on; the words say what is wrong.
    Wrong(String),
    Taken,
}

/// Listens on a socket that somebody else has bound and made listen. A socket file is not removed when the listener
/// closes: it belongs to whoever made it. Needs a Tokio runtime around it.
///
/// # Errors
///
/// It is no stream socket of IP or Unix, or it does not listen.
pub fn listen_on(socket: OwnedFd, keepalive: Option<Duration>) -> Result<Box<dyn Listener>, EndpointError> {
    check_keepalive(keepalive)?;
    let number = socket.as_raw_fd().to_string();
    let local = usable(&socket).map_err(|what| unusable(&number, what))?;
    if local.is_unix() {
        Ok(Box::new(UnixListener::adopt(socket.into())?))
    } else {
        Ok(Box::new(TcpListener::adopt(socket.into(), keepalive)?))
    }
}

/// The address of a socket that can be listened on, or what is wrong with it.
fn usable(socket: &OwnedFd) -> Result<SockAddr, &'static str> {
    let socket = SockRef::from(socket);
    let local = socket.local_addr().map_err(|_| "it is no socket")?;
    if !(local.is_ipv4() || local.is_ipv6() || local.is_unix()) || socket.r#type().ok() != Some(Type::STREAM)
    {
        return Err("it is no stream socket of IP or Unix");
    }
    if !socket.is_listener().unwrap_or(true) {
        return Err("it does not listen; a socket unit must not say Accept=yes");
    }
    Ok(local)
}

fn unusable(descriptor: impl ToString, what: impl Into<String>) -> EndpointError {
    EndpointError::InheritedUnusable { descriptor: descriptor.to_string(), what: what.into() }
}

impl Inherited {
    /// Takes what was passed to this process. To be called first thing, before any thread is started and anything
    /// opened; the second call in a process finds nothing.
    ///
    /// That nothing was passed, or in a form that does not exist, is no error until an endpoint asks for it.
    pub fn take() -> Self {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Self::none("this process took them before");
        }
        let env = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let names = match passed(&env, std::process::id()) {
            Ok(names) => names,
            Err(because) => return Self::none(because),
        };
        // It also takes the variables out of the environment, so that no child believes they are meant for it.
        let mut all = ListenFd::from_env();
        let sockets = (FIRST..).zip(names).enumerate().map(|(index, (number, name))| {
            let socket = socket(&mut all, index);
            Inheritance { number, name, socket }
        });
        Inherited { sockets: sockets.collect(), because: None }
    }

    fn none(because: impl Into<String>) -> Self {
        Inherited { sockets: Vec::new(), because: Some(because.into()) }
    }

    /// The socket or sockets of an endpoint, as a listener. A socket file among them is not removed when the listener
    /// closes: it belongs to whoever made it. Needs a Tokio runtime around it.
    ///
    /// # Errors
    ///
    /// There is no such socket, it is taken already, or it does not listen for streams.
    pub fn listen(&mut self, settings: &FdListenSettings) -> Result<Box<dyn Listener>, EndpointError> {
        check_keepalive(settings.keepalive)?;
        let wanted = |found: &Inheritance| match &settings.socket {
            InheritedSocket::Name(name) => found.name == *name,
            InheritedSocket::Number(number) => found.number == *number,
        };
        let mut all = Vec::new();
        for found in self.sockets.iter_mut().filter(|found| wanted(found)) {
            all.push(found.listener(settings.keepalive)?);
        }
        match all.pop() {
            Some(one) if all.is_empty() => Ok(one),
            Some(last) => {
                all.push(last);
                Ok(Box::new(Several::new(all)))
            }
            None => Err(EndpointError::NotInherited {
                wanted: settings.socket.to_string(),
                there: self.because.clone().unwrap_or_else(|| format!("there are {}", self.list())),
            }),
        }
    }

    /// Nothing, for a process that is not to have any.
    pub fn nothing() -> Self {
        Inherited { sockets: Vec::new(), because: None }
    }

    /// The sockets that no endpoint took, for a word about them: nobody will answer there.
    pub fn left(&self) -> Vec<String> {
        let left = self.sockets.iter().filter(|found| !matches!(found.socket, Socket::Taken));
        left.map(ToString::to_string).collect()
    }

    fn list(&self) -> String {
        self.sockets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Inheritance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}'", self.number, self.name)
    }
}

impl Inheritance {
    fn listener(&mut self, keepalive: Option<Duration>) -> Result<Box<dyn Listener>, EndpointError> {
        let wrong = match &self.socket {
            Socket::Open(socket) => usable(socket).err().map(ToOwned::to_owned),
            Socket::Wrong(what) => Some(what.clone()),
            Socket::Taken => Some("another endpoint has taken it".into()),
        };
        match (wrong, std::mem::replace(&mut self.socket, Socket::Taken)) {
            (None, Socket::Open(socket)) => listen_on(socket, keepalive),
            (wrong, socket) => {
                self.socket = socket;
                Err(unusable(&*self, wrong.unwrap_or_default()))
            }
        }
    }
}

/// The names of the sockets that are meant for process `pid`, in their order, or why there are none.
fn passed(env: &dyn Fn(&str) -> Option<String>, pid: u32) -> Result<Vec<String>, String> {
    let Some(count) = env("LISTEN_FDS") else { return Err("none was passed: LISTEN_FDS is not set".into()) };
    let Some(meant) = env("LISTEN_PID") else {
        return Err("LISTEN_PID is not set, so LISTEN_FDS may be meant for another process".into());
    };
    if meant.parse() != Ok(pid) {
        return Err(format!("LISTEN_FDS is meant for process {meant}, and this is {pid}"));
    }
    if env("LISTEN_FDS_FIRST_FD").is_some_and(|first| first.parse() != Ok(FIRST)) {
        return Err(format!("LISTEN_FDS_FIRST_FD is set, and sockets are passed from {FIRST}"));
    }
    let count = count.parse().ok().filter(|count| (1..=MOST).contains(count));
    let count = count.ok_or_else(|| format!("LISTEN_FDS is no number from 1 to {MOST}"))?;
    let names = env("LISTEN_FDNAMES").unwrap_or_default();
    let names = names.split(':').map(|name| if name.is_empty() { UNNAMED } else { name }.to_owned());
    Ok(names.chain(std::iter::repeat_with(|| UNNAMED.to_owned())).take(count).collect())
}

/// The socket with this index, if it is one that can be listened on.
fn socket(all: &mut ListenFd, index: usize) -> Socket {
    match (all.take_unix_listener(index), all.take_tcp_listener(index)) {
        (Ok(Some(unix)), _) => Socket::Open(unix.into()),
        (_, Ok(Some(tcp))) => Socket::Open(tcp.into()),
        (_, Err(error)) => Socket::Wrong(error.to_string()),
        (_, Ok(None)) => Socket::Wrong("it was not passed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(variables: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let find =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        passed(&find, 77)
    }

    #[test]
    fn names_when_passed_are_those_of_the_sockets() {
        let of = |count: &str, list: &str| {
            names(&[("LISTEN_PID", "77"), ("LISTEN_FDS", count), ("LISTEN_FDNAMES", list)]).unwrap()
        };
        assert_eq!(of("2", "web:api"), ["web", "api"]);
        assert_eq!(of("2", "web.socket"), ["web.socket", "unknown"]);
        assert_eq!(of("2", ":api"), ["unknown", "api"]);
        assert_eq!(of("1", "web:api"), ["web"]);
        assert_eq!(names(&[("LISTEN_PID", "77"), ("LISTEN_FDS", "2")]).unwrap(), ["unknown", "unknown"]);
    }

    #[test]
    fn variables_when_not_for_us_or_malformed_say_why_nothing_is_there() {
        for (variables, because) in [
            (&[][..], "none was passed: LISTEN_FDS is not set"),
            (&[("LISTEN_FDS", "1")], "LISTEN_PID is not set, so LISTEN_FDS may be meant for another process"),
            (
                &[("LISTEN_FDS", "1"), ("LISTEN_PID", "78")],
                "LISTEN_FDS is meant for process 78, and this is 77",
            ),
            (
                &[("LISTEN_FDS", "1"), ("LISTEN_PID", "77"), ("LISTEN_FDS_FIRST_FD", "5")],
                "LISTEN_FDS_FIRST_FD is set, and sockets are passed from 3",
            ),
            (&[("LISTEN_FDS", "0"), ("LISTEN_PID", "77")], "LISTEN_FDS is no number from 1 to 1024"),
            (&[("LISTEN_FDS", "-1"), ("LISTEN_PID", "77")], "LISTEN_FDS is no number from 1 to 1024"),
            (&[("LISTEN_FDS", "4294967295"), ("LISTEN_PID", "77")], "LISTEN_FDS is no number from 1 to 1024"),
            (&[("LISTEN_FDS", "one"), ("LISTEN_PID", "77")], "LISTEN_FDS is no number from 1 to 1024"),
        ] {
            assert_eq!(names(variables).unwrap_err(), because);
        }
    }

    fn inherited(sockets: Vec<(&str, Socket)>) -> Inherited {
        let sockets = (FIRST..)
            .zip(sockets)
            .map(|(number, (name, socket))| Inheritance { number, name: name.into(), socket })
            .collect();
        Inherited { sockets, because: None }
    }

    fn tcp() -> Socket {
        Socket::Open(std::net::TcpListener::bind("127.0.0.1:0").unwrap().into())
    }

    fn by_name(name: &str) -> FdListenSettings {
        FdListenSettings::new(InheritedSocket::Name(name.into()))
    }

    fn by_number(number: i32) -> FdListenSettings {
        FdListenSettings::new(InheritedSocket::Number(number))
    }

    #[tokio::test]
    async fn socket_when_asked_for_is_taken_once() {
        let mut all = inherited(vec![("web", tcp()), ("api", tcp()), ("web", tcp())]);
        assert_eq!(all.listen(&by_name("web")).unwrap().bound().len(), 2);
        assert_eq!(all.left(), ["4 'api'"]);
        assert_eq!(all.listen(&by_number(4)).unwrap().bound().len(), 1);
        for settings in [by_number(4), by_name("api")] {
            let error = all.listen(&settings).err().unwrap();
            assert_eq!(error.to_string(), "inherited descriptor 4 'api': another endpoint has taken it");
        }
        assert!(all.left().is_empty());
    }

    #[tokio::test]
    async fn socket_when_not_there_or_not_usable_says_what_is() {
        let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let wrong = Socket::Wrong("fd 4 is not a valid tcp socket".into());
        let mut all = inherited(vec![("web", Socket::Open(client.into())), ("api", wrong)]);
        for (settings, message) in [
            (by_name("www"), "no inherited descriptor is named 'www': there are 3 'web', 4 'api'"),
            (by_number(5), "no inherited descriptor is 5: there are 3 'web', 4 'api'"),
            (
                by_name("web"),
                "inherited descriptor 3 'web': it does not listen; a socket unit must not say Accept=yes",
            ),
            (by_number(4), "inherited descriptor 4 'api': fd 4 is not a valid tcp socket"),
        ] {
            assert_eq!(all.listen(&settings).err().unwrap().to_string(), message);
        }
        let mut none = Inherited::none("none was passed: LISTEN_FDS is not set");
        assert_eq!(
            none.listen(&by_name("web")).err().unwrap().to_string(),
            "no inherited descriptor is named 'web': none was passed: LISTEN_FDS is not set"
        );
        let settings = FdListenSettings { keepalive: Some(Duration::ZERO), ..by_name("web") };
        assert!(matches!(none.listen(&settings), Err(EndpointError::OutOfRange { .. })));
    }
}
