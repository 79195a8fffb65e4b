//! A Tor that is none: a control port and a SOCKS port that answer as they are told and note what they hear.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use transom_base::{BoxFuture, Stream};
use transom_endpoint::Listener;

use crate::{MemoryConnector, memory_listener};

/// What is done with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// What a Tor without authentication would do.
    Usual,
    /// These lines are sent, each ended as the protocol wants.
    Say(Vec<String>),
    /// These bytes are sent as they are.
    Bytes(Vec<u8>),
    /// These bytes are sent, then the connection ends.
    Last(Vec<u8>),
    /// The connection ends.
    Cut,
    /// Nothing is ever said.
    Nothing,
}

impl Answer {
    /// One line.
    pub fn line(text: impl Into<String>) -> Self {
        Answer::Say(vec![text.into()])
    }
}

type Answers = dyn Fn(&str) -> Answer + Send + Sync;
type Serve = Box<dyn Fn(Box<dyn Stream>) -> BoxFuture<'static, ()> + Send>;

/// A control port on 127.0.0.1, or in memory.
pub struct FakeControlPort {
    /// Where it listens; in memory it says nothing.
    pub addr: SocketAddr,
    heard: watch::Receiver<Vec<String>>,
    said: broadcast::Sender<Option<String>>,
    task: JoinHandle<()>,
}

impl FakeControlPort {
    /// One that answers commands so. The usual answer to `ADD_ONION` needs the address of the service, without `.onion`;
    /// it is followed by the event that the service is published.
    pub async fn start(address: &str, answers: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), address, answers)
    }

    /// The same where one was before.
    pub async fn start_again(
        addr: SocketAddr,
        address: &str,
        answers: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::on(TcpListener::bind(addr).await.unwrap(), address, answers)
    }

    /// The same without a socket, for paused time, and what connects to it. A connector cannot know that it has ended.
    pub fn in_memory(
        address: &str,
        answers: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> (Self, MemoryConnector) {
        let (mut listener, connector) = memory_listener();
        let (mut port, serve) = Self::new(address, answers);
        port.task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok(accepted) = listener.accept().await {
                serving.spawn(serve(accepted.into_connection().io));
            }
        });
        (port, connector)
    }

    fn on(
        listener: TcpListener,
        address: &str,
        answers: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let (mut port, serve) = Self::new(address, answers);
        port.addr = listener.local_addr().unwrap();
        port.task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                serving.spawn(serve(Box::new(stream)));
            }
        });
        port
    }

    /// One that takes no connections yet, and what serves one.
    fn new(address: &str, answers: impl Fn(&str) -> Answer + Send + Sync + 'static) -> (Self, Serve) {
        let (note, heard) = watch::channel(Vec::new());
        let (said, _) = broadcast::channel(64);
        let (note, answers): (_, Arc<Answers>) = (Arc::new(note), Arc::new(answers));
        let (address, events) = (address.trim_end_matches(".onion").to_owned(), said.clone());
        let serve: Serve = Box::new(move |stream| {
            let (note, answers) = (note.clone(), answers.clone());
            let (address, events) = (address.clone(), events.subscribe());
            Box::pin(async move {
                control(stream, &note, &*answers, &address, events).await;
            })
        });
        let addr = SocketAddr::from(([0, 0, 0, 0], 0));
        (FakeControlPort { addr, heard, said, task: tokio::spawn(std::future::ready(())) }, serve)
    }

    /// All commands so far, of all connections.
    pub fn commands(&self) -> Vec<String> {
        self.heard.borrow().clone()
    }

    /// Waits for command number `count`, from 1, that begins so.
    pub async fn command(&self, count: usize, begin: &str) -> String {
        let mut heard = self.heard.clone();
        let found = |heard: &Vec<String>| {
            heard.iter().filter(|command| command.starts_with(begin)).nth(count - 1).cloned()
        };
        let heard = heard.wait_for(|heard| found(heard).is_some()).await.unwrap();
        found(&heard).unwrap()
    }

    /// Sends a line to whoever is connected.
    pub fn say(&self, line: &str) {
        let _ = self.said.send(Some(line.to_owned()));
    }

    /// Cuts all connections, and takes new ones.
    pub fn cut(&self) {
        let _ = self.said.send(None);
    }

    /// Connects as Tor does for a client of the service: to the target of the last `ADD_ONION`.
    pub async fn client(&self) -> Box<dyn Stream> {
        let commands = self.commands();
        let add = commands.iter().rfind(|command| command.starts_with("ADD_ONION")).unwrap();
        let target = add.split(' ').find_map(|word| word.strip_prefix("Port=")).unwrap();
        let target = target.split_once(',').unwrap().1;
        match target.strip_prefix("unix:") {
            Some(path) => Box::new(UnixStream::connect(path).await.unwrap()),
            None => Box::new(TcpStream::connect(target).await.unwrap()),
        }
    }

    /// Ends it and all its connections; its port is free then.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

async fn control(
    stream: Box<dyn Stream>,
    note: &watch::Sender<Vec<String>>,
    answers: &Answers,
    address: &str,
    mut events: broadcast::Receiver<Option<String>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        tokio::select! {
            event = events.recv() => {
                let event = event.ok()??;
                stream.write_all(format!("{event}\r\n").as_bytes()).await.ok()?;
            }
            read = stream.read_line(&mut line) => {
                if read.ok()? == 0 {
                    return None;
                }
                let command = std::mem::take(&mut line).trim_end().to_owned();
                let answer = match answers(&command) {
                    Answer::Usual => usual(&command, address),
                    other => other,
                };
                note.send_modify(|heard| heard.push(command));
                match answer {
                    Answer::Say(lines) => {
                        let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
                        stream.write_all(text.as_bytes()).await.ok()?;
                    }
                    Answer::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
                    Answer::Last(bytes) => {
                        stream.write_all(&bytes).await.ok()?;
                        return None;
                    }
                    Answer::Cut => return None,
                    Answer::Usual | Answer::Nothing => {}
                }
            }
        }
    }
}

fn usual(command: &str, address: &str) -> Answer {
    let lines: &[&str] = match command.split(' ').next().unwrap_or_default() {
        "PROTOCOLINFO" => {
            &["250-PROTOCOLINFO 1", "250-AUTH METHODS=NULL", "250-VERSION Tor=\"0.4.9.11\"", "250 OK"]
        }
        "AUTHENTICATE" | "SETEVENTS" | "DEL_ONION" => &["250 OK"],
        "GETINFO" => &["552 Unrecognized key"],
        "ADD_ONION" => {
            return Answer::Say(vec![
                format!("250-ServiceID={address}"),
                "250 OK".to_owned(),
                format!("650 HS_DESC UPLOAD {address} UNKNOWN $AA~a x"),
                format!("650 HS_DESC UPLOADED {address} UNKNOWN $AA~a"),
            ]);
        }
        _ => &["510 Unrecognized command"],
    };
    Answer::Say(lines.iter().map(|line| (*line).to_owned()).collect())
}

/// What a SOCKS port says, step by step. An empty step ends the connection.
#[derive(Debug, Clone)]
pub struct SocksScript {
    /// After the greeting.
    pub method: Vec<u8>,
    /// After user name and password.
    pub login: Vec<u8>,
    /// After the request. When it grants it, bytes go to and from `target` afterwards.
    pub reply: Vec<u8>,
    /// Where connections are carried to; none: they are sent back.
    pub target: Option<SocketAddr>,
}

impl SocksScript {
    /// Grants everything.
    pub fn granted(target: Option<SocketAddr>) -> Self {
        SocksScript { method: vec![5, 2], login: vec![1, 0], reply: reply(0), target }
    }

    /// Refuses with this code.
    pub fn refused(code: u8) -> Self {
        SocksScript { reply: reply(code), ..Self::granted(None) }
    }
}

fn reply(code: u8) -> Vec<u8> {
    vec![5, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

/// What somebody asked a SOCKS port for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocksRequest {
    /// The user name and password.
    pub login: (String, String),
    /// The bytes from the kind of address to the port.
    pub target: Vec<u8>,
}

/// A SOCKS port on 127.0.0.1.
pub struct FakeSocksPort {
    /// Where it listens.
    pub addr: SocketAddr,
    requests: Arc<Mutex<Vec<SocksRequest>>>,
    task: JoinHandle<()>,
}

impl FakeSocksPort {
    /// One that follows this script with everybody.
    pub async fn start(script: SocksScript) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<SocksRequest>>>::default();
        let noted = requests.clone();
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                serving.spawn(socks(stream, script.clone(), noted.clone()));
            }
        });
        FakeSocksPort { addr, requests, task }
    }

    /// What was asked for so far.
    pub fn requests(&self) -> Vec<SocksRequest> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for FakeSocksPort {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Drop for FakeControlPort {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn socks(
    mut stream: TcpStream,
    script: SocksScript,
    noted: Arc<Mutex<Vec<SocksRequest>>>,
) -> Option<()> {
    let methods = bytes(&mut stream, 2).await?;
    bytes(&mut stream, usize::from(methods[1])).await?;
    said(&mut stream, &script.method).await?;
    bytes(&mut stream, 1).await?;
    let mut login = Vec::new();
    for _ in 0..2 {
        let length = bytes(&mut stream, 1).await?[0];
        login.push(String::from_utf8(bytes(&mut stream, usize::from(length)).await?).ok()?);
    }
    said(&mut stream, &script.login).await?;
    let request = bytes(&mut stream, 4).await?;
    let mut target = vec![request[3]];
    let length = match request[3] {
        1 => 4,
        4 => 16,
        _ => {
            target.extend(bytes(&mut stream, 1).await?);
            usize::from(target[1])
        }
    };
    target.extend(bytes(&mut stream, length + 2).await?);
    let (user, password) = (login[0].clone(), login[1].clone());
    noted.lock().unwrap().push(SocksRequest { login: (user, password), target });
    said(&mut stream, &script.reply).await?;
    if script.reply.get(1) != Some(&0) {
        return None;
    }
    match script.target {
        Some(target) => {
            let mut target = TcpStream::connect(target).await.ok()?;
            copy_bidirectional(&mut stream, &mut target).await.ok()?;
        }
        None => {
            let (mut reading, mut writing) = stream.split();
            tokio::io::copy(&mut reading, &mut writing).await.ok()?;
        }
    }
    Some(())
}

async fn bytes(stream: &mut TcpStream, count: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

async fn said(stream: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    if bytes.is_empty() {
        return None;
    }
    stream.write_all(bytes).await.ok()
}
