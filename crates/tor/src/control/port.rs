//! A connection to a control port: commands one at a time, events in between.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transom_base::{Connection, Deadline, Stream};
use transom_config::Secret;
use transom_endpoint::EndpointError;
use zeroize::Zeroizing;

use super::authenticate::{Credentials, Method};
use super::reply::{Nonsense, Replies, Reply, shown};
use crate::OnionKey;

/// How long a port may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// So many events, and bytes in them, are kept while a reply is waited for; a port that sends more has lost its mind.
const MOST_EVENTS: usize = 1000;
const MOST_BYTES: usize = 1024 * 1024;

/// Why a control port does not do what we ask for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// It cannot be reached.
    #[error("Tor's control port cannot be reached: {}", .0.chain())]
    Connect(EndpointError),
    /// The connection broke.
    #[error("the connection to Tor's control port broke: {0}")]
    Io(#[source] io::Error),
    /// It closed the connection.
    #[error("Tor closed the connection to its control port")]
    Closed,
    /// It does not answer.
    #[error("Tor's control port does not answer {0}")]
    Late(&'static str),
    /// What it says is no reply of Tor.
    #[error("what answers is no control port of Tor: {0}")]
    Nonsense(#[from] Nonsense),
    /// It sends so many events that nothing else gets through.
    #[error("Tor's control port floods us with events")]
    Flood,
    /// A reply that does not say what it should.
    #[error("Tor's control port answers otherwise than it should: {0}")]
    Unexpected(&'static str),
    /// The file with the cookie cannot be used.
    #[error(
        "Tor's control port wants its cookie, and {} cannot be read: {source}; let the node's user read it (CookieAuthFileGroupReadable), or set control_password",
        shown(&path.to_string_lossy())
    )]
    Cookie {
        /// The file, as the port names it.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// It wants a password, and there is none.
    #[error("Tor's control port wants a password: set control_password")]
    NoPassword,
    /// It wants something that we do not know.
    #[error("Tor's control port wants to be authenticated to by \"{}\", which is not known here", shown(.0))]
    NoMethod(String),
    /// It claims to know the cookie and does not.
    #[error("what answers at the control port does not know Tor's cookie: it is not the Tor that wrote it")]
    Impostor,
    /// It does not believe us.
    #[error("Tor's control port refuses us: {0}")]
    Denied(Reply),
    /// It has the service already.
    #[error(
        "Tor has a service with this key already: another node, or another endpoint of this one, uses the same key file"
    )]
    Collision,
    /// It refuses a command. What repeats a secret of the command is left out of what it says.
    #[error("Tor refuses {command}: {reply}")]
    Refused {
        /// The command, without what is secret about it.
        command: &'static str,
        /// What it says.
        reply: Reply,
    },
    /// The system has no randomness.
    #[error("no randomness: {0}")]
    NoRandomness(String),
}

/// An onion service to be added.
#[derive(Debug)]
pub struct NewService<'a> {
    /// Its key.
    pub key: &'a OnionKey,
    /// The port that clients see.
    pub port: u16,
    /// Where Tor hands connections over, as in `127.0.0.1:80` or `unix:/run/x/s`.
    pub target: &'a str,
    /// Public keys of the clients that find it, in base32; nobody else does then. None at all: everybody.
    pub clients: &'a [String],
}

/// A control port, connected.
pub struct ControlPort {
    io: Box<dyn Stream>,
    replies: Replies,
    events: VecDeque<Reply>,
}

impl ControlPort {
    /// Takes a connection to a control port, on which nothing has been said yet.
    pub fn new(conn: Connection) -> Self {
        ControlPort { io: conn.io, replies: Replies::default(), events: VecDeque::new() }
    }

    /// Proves that we may use it. Tor's version, where it says it.
    ///
    /// # Errors
    /// What is missing, or who refuses. The connection is of no use then.
    pub async fn authenticate(&mut self, credentials: &Credentials) -> Result<Option<String>, ControlError> {
        let info = self.command("PROTOCOLINFO", "PROTOCOLINFO 1", &[]).await?;
        if info.line("AUTH").is_none() {
            return Err(ControlError::Unexpected("PROTOCOLINFO tells no methods of authentication"));
        }
        let proof = match Method::choose(&info, credentials)? {
            Method::SafeCookie(cookie) => {
                let mut nonce = [0; 32];
                getrandom::fill(&mut nonce).map_err(|error| ControlError::NoRandomness(error.to_string()))?;
                let challenge = format!("AUTHCHALLENGE SAFECOOKIE {}", hex(&nonce));
                let reply = self.command("AUTHCHALLENGE", &challenge, &[]).await?;
                cookie.proofs(&nonce, &reply)?
            }
            Method::Cookie(cookie) => cookie.shown(),
            // In hexadecimal digits any password goes; in quotes Tor takes no line feed, whatever stands for it.
            Method::Password(secret) => Zeroizing::new(hex(secret.expose().as_bytes())),
            Method::Null => Zeroizing::default(),
        };
        let command = Zeroizing::new(format!("AUTHENTICATE {}", *proof));
        let password = credentials.password.as_ref().map_or("", Secret::expose);
        match self.command("AUTHENTICATE", command.trim_end(), &[&proof, password]).await {
            Ok(_) => {}
            Err(ControlError::Refused { reply, .. }) => return Err(ControlError::Denied(reply)),
            Err(other) => return Err(other),
        }
        let version = info.line("VERSION").and_then(|line| super::Keywords::text(line, "Tor"));
        Ok(version.map(|version| version.chars().filter(|c| !c.is_control()).take(64).collect()))
    }

    /// Asks for these events from now on.
    ///
    /// # Errors
    /// When it refuses or the connection is gone.
    pub async fn set_events(&mut self, names: &str) -> Result<(), ControlError> {
        self.command("SETEVENTS", &format!("SETEVENTS {names}"), &[]).await.map(drop)
    }

    /// Adds a service, which lasts as long as the connection. Its address without `.onion`.
    ///
    /// # Errors
    /// When it refuses or the connection is gone.
    pub async fn add_onion(&mut self, service: &NewService<'_>) -> Result<String, ControlError> {
        let key = service.key.text();
        let mut command = Zeroizing::new(format!("ADD_ONION {}", *key));
        if !service.clients.is_empty() {
            command.push_str(" Flags=V3Auth");
        }
        let _ = write!(command, " Port={},{}", service.port, service.target);
        for client in service.clients {
            let _ = write!(command, " ClientAuthV3={client}");
        }
        let secret = key.split_once(':').map_or("", |(_, blob)| blob);
        match self.command("ADD_ONION", &command, &[secret]).await {
            Ok(reply) => reply
                .line("ServiceID")
                .map(str::to_owned)
                .ok_or(ControlError::Unexpected("ADD_ONION gives no address")),
            Err(ControlError::Refused { reply, .. }) if reply.status == 550 => Err(ControlError::Collision),
            Err(other) => Err(other),
        }
    }

    /// Withdraws a service. Its open connections go on.
    ///
    /// # Errors
    /// When it refuses or the connection is gone.
    pub async fn del_onion(&mut self, address: &str) -> Result<(), ControlError> {
        let name = address.trim_end_matches(".onion");
        self.command("DEL_ONION", &format!("DEL_ONION {name}"), &[]).await.map(drop)
    }

    /// Asks for a value. None where this Tor does not know it.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn info(&mut self, key: &str) -> Result<Option<String>, ControlError> {
        match self.command("GETINFO", &format!("GETINFO {key}"), &[]).await {
            Ok(reply) => Ok(reply.line(key).map(str::to_owned)),
            Err(ControlError::Refused { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The next event. Cancel-safe.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn event(&mut self) -> Result<Reply, ControlError> {
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        loop {
            let reply = self.reply().await?;
            // An answer that nobody waits for any more.
            if reply.is_event() {
                return Ok(reply);
            }
        }
    }

    /// Sends a command and waits for its reply. `name` is what may be told of it, `secrets` what may not.
    async fn command(
        &mut self,
        name: &'static str,
        command: &str,
        secrets: &[&str],
    ) -> Result<Reply, ControlError> {
        let line = Zeroizing::new(format!("{command}\r\n"));
        let answer = async {
            self.io.write_all(line.as_bytes()).await.map_err(broken)?;
            self.io.flush().await.map_err(broken)?;
            let mut bytes = 0;
            loop {
                let reply = self.reply().await?;
                if !reply.is_event() {
                    return Ok(reply);
                }
                bytes += reply.lines.iter().map(String::len).sum::<usize>();
                if self.events.len() >= MOST_EVENTS || bytes > MOST_BYTES {
                    return Err(ControlError::Flood);
                }
                self.events.push_back(reply);
            }
        };
        match Deadline::after(ANSWER).run(answer).await.unwrap_or(Err(ControlError::Late(name)))? {
            reply if reply.is_ok() => Ok(reply),
            mut reply => {
                // Whoever refuses may repeat what it was told.
                let repeats = |secret: &&str| {
                    !secret.is_empty() && reply.lines.iter().any(|line| line.contains(secret))
                };
                if secrets.iter().any(repeats) {
                    reply.lines = vec!["(it repeats what is secret)".to_owned()];
                }
                Err(ControlError::Refused { command: name, reply })
            }
        }
    }

    /// The next reply of any kind. Cancel-safe.
    async fn reply(&mut self) -> Result<Reply, ControlError> {
        loop {
            if let Some(reply) = self.replies.next_reply()? {
                return Ok(reply);
            }
            let mut bytes = [0; 4096];
            match self.io.read(&mut bytes).await {
                Ok(0) => return Err(ControlError::Closed),
                Ok(read) => self.replies.push(bytes.get(..read).unwrap_or_default()),
                Err(error) => return Err(broken(error)),
            }
        }
    }
}

impl std::fmt::Debug for ControlPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPort").field("events", &self.events.len()).finish_non_exhaustive()
    }
}

fn broken(error: io::Error) -> ControlError {
    match error.kind() {
        // A Tor that is killed says no goodbye.
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => ControlError::Closed,
        _ => ControlError::Io(error),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    bytes.iter().for_each(|byte| {
        let _ = write!(text, "{byte:02x}");
    });
    text
}
