//! A service, and the Tor that it has to do with.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing_subscriber::filter::LevelFilter;
use transom_config::{OnionListenConfig, OnionTarget, Secret};
use transom_endpoint::{Connector, EndpointState, EndpointStatus, Listener};
use transom_testkit::{Answer, FakeControlPort};
use transom_tor::{OnionKey, OnionListener};

pub(crate) const COOKIE: &[u8; 32] = b"a cookie that nobody has to see!";
pub(crate) const PASSWORD: &str = "a \"password\" that\\nobody has to see";

/// Nothing takes longer, in paused time; between tries there are 30 s at most, and as much for every answer.
const PATIENCE: Duration = Duration::from_secs(100);

pub(crate) fn key() -> OnionKey {
    OnionKey::parse(&STANDARD.encode([0x55; 64])).unwrap()
}

/// The address without `.onion`.
pub(crate) fn name() -> String {
    key().address().trim_end_matches(".onion").to_owned()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

pub(crate) fn say(lines: &[&str]) -> Answer {
    Answer::Say(lines.iter().map(|line| (*line).to_owned()).collect())
}

/// A Tor that does all it should and wants its cookie.
pub(crate) struct Tor {
    pub(crate) cookie_file: PathBuf,
    /// Of both sides, from the challenge on.
    nonces: Mutex<(Vec<u8>, Vec<u8>)>,
}

/// What it is asked for, in this order, until the service is published.
pub(crate) const COMMANDS: [&str; 7] = [
    "PROTOCOLINFO 1",
    "AUTHCHALLENGE",
    "AUTHENTICATE",
    "GETINFO process/uid",
    "GETINFO process/pid",
    "SETEVENTS HS_DESC",
    "ADD_ONION",
];

impl Tor {
    /// One that keeps its cookie in this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let cookie_file = folder.join("cookie");
        std::fs::write(&cookie_file, COOKIE).unwrap();
        Tor { cookie_file, nonces: Mutex::default() }
    }

    /// What the side that this key stands for proves itself with.
    fn proof(&self, side: &str) -> String {
        let nonces = self.nonces.lock().unwrap();
        let key = format!("Tor safe cookie authentication {side} hash");
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        [COOKIE, &*nonces.0, &*nonces.1].iter().for_each(|part| mac.update(part));
        hex(&mac.finalize().into_bytes())
    }

    pub(crate) fn lines(&self, command: &str) -> Vec<String> {
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        match word {
            "PROTOCOLINFO" => own(&[
                "250-PROTOCOLINFO 1",
                &format!("250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE=\"{}\"", self.cookie_file.display()),
                "250-VERSION Tor=\"0.4.9.11\"",
                "250 OK",
            ]),
            "AUTHCHALLENGE" => {
                *self.nonces.lock().unwrap() =
                    (unhex(rest.strip_prefix("SAFECOOKIE ").unwrap()), vec![7; 32]);
                let (hash, nonce) = (self.proof("server-to-controller"), hex(&[7; 32]));
                own(&[&format!("250 AUTHCHALLENGE SERVERHASH={hash} SERVERNONCE={nonce}")])
            }
            "AUTHENTICATE" if rest != self.proof("controller-to-server") => own(&["515 It is not the proof"]),
            "AUTHENTICATE" | "SETEVENTS" | "DEL_ONION" => own(&["250 OK"]),
            "ADD_ONION" => {
                let name = name();
                own(&[
                    &format!("250-ServiceID={name}"),
                    "250 OK",
                    &format!("650 HS_DESC UPLOAD {name} UNKNOWN $AA~a x"),
                    &format!("650 HS_DESC UPLOADED {name} UNKNOWN $AA~a"),
                ])
            }
            _ => own(&["552 Unrecognized key"]),
        }
    }

    pub(crate) fn answer(&self, command: &str) -> Answer {
        Answer::Say(self.lines(command))
    }

    /// The bytes of the answer.
    pub(crate) fn bytes(&self, command: &str) -> Vec<u8> {
        self.lines(command).into_iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect()
    }
}

type Answers = Box<dyn Fn(&Tor, &str) -> Answer + Send + Sync>;

/// A service being published, whose log and errors are found to hold no secret when it is dropped.
pub(crate) struct Service {
    _dir: TempDir,
    pub(crate) control: FakeControlPort,
    pub(crate) listener: Option<OnionListener>,
    pub(crate) status: watch::Receiver<EndpointStatus>,
    answers: Arc<Mutex<Answers>>,
    log: Log,
    _logging: tracing::subscriber::DefaultGuard,
}

impl Service {
    /// One with a Tor that answers so.
    pub(crate) fn new(answers: impl Fn(&Tor, &str) -> Answer + Send + Sync + 'static) -> Self {
        Self::with(None, None, answers)
    }

    pub(crate) fn with(
        password: Option<&str>,
        target: Option<OnionTarget>,
        answers: impl Fn(&Tor, &str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let log = Log::default();
        let writer = log.clone();
        let logging = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let logging = tracing::subscriber::set_default(logging);
        let dir = TempDir::new().unwrap();
        let tor = Tor::new(dir.path());
        let answers = Arc::new(Mutex::new(Box::new(answers) as Answers));
        let current = answers.clone();
        let (control, connector) =
            FakeControlPort::in_memory(&name(), move |command| current.lock().unwrap()(&tor, command));
        let listener = listen(dir.path(), password, target, Arc::new(connector));
        let status = listener.status();
        Service { _dir: dir, control, listener: Some(listener), status, answers, log, _logging: logging }
    }

    /// From now on Tor answers so.
    pub(crate) fn tor_now(&self, answers: impl Fn(&Tor, &str) -> Answer + Send + Sync + 'static) {
        *self.answers.lock().unwrap() = Box::new(answers);
    }

    /// Waits for a state that is said with these words.
    pub(crate) async fn says(&mut self, words: &str) -> EndpointState {
        let found = self
            .status
            .wait_for(|status| status.state.as_ref().is_some_and(|state| state.text.contains(words)));
        let found = timeout(PATIENCE, found).await.map(|status| status.unwrap().state.clone().unwrap());
        found.unwrap_or_else(|_| {
            let state = self.status.borrow().state.clone();
            panic!("{words:?} is not said, but {state:?} after\n{}", self.log())
        })
    }

    /// Waits until it is published.
    pub(crate) async fn published(&mut self) {
        assert!(self.says("published in").await.reachable);
    }

    /// That it comes to a bad end that is said with these words; and that all is well once Tor is.
    pub(crate) async fn recovers_from(mut self, words: &str) {
        let state = self.says(words).await;
        assert!(!state.reachable && state.text.starts_with("waiting for Tor: "), "{state:?}");
        self.tor_now(Tor::answer);
        self.published().await;
        self.added();
    }

    /// How often a command that begins so was heard.
    pub(crate) fn heard(&self, begin: &str) -> usize {
        self.control.commands().iter().filter(|command| command.starts_with(begin)).count()
    }

    /// The last service that was added, which has the key.
    pub(crate) fn added(&self) -> String {
        let commands = self.control.commands();
        let add = commands.iter().rfind(|command| command.starts_with("ADD_ONION")).unwrap();
        assert!(add.starts_with(&format!("ADD_ONION {} Port=80,127.0.0.1:", *key().text())), "{add}");
        add.clone()
    }

    pub(crate) async fn close(&mut self) -> Duration {
        let began = Instant::now();
        Box::new(self.listener.take().unwrap()).close().await;
        began.elapsed()
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8(self.log.0.lock().unwrap().clone()).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let key = key();
        let (blob, cookie) = (STANDARD.encode(key.bytes()), std::str::from_utf8(COOKIE).unwrap());
        let said = format!("{}\n{:?}", self.log(), self.status.borrow());
        for secret in [&*blob, &blob[..40], cookie, &hex(COOKIE), PASSWORD, &hex(PASSWORD.as_bytes())] {
            assert!(!said.contains(secret), "{secret} is in\n{said}");
        }
        assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{said:?}");
    }
}

/// A service in this folder.
pub(crate) fn listen(
    folder: &Path,
    password: Option<&str>,
    target: Option<OnionTarget>,
    control: Arc<dyn Connector>,
) -> OnionListener {
    let path = folder.join("onion.key");
    key().save(&path).unwrap();
    let mut config = OnionListenConfig::new(80, path);
    config.control_password = password.map(Secret::new);
    config.target = target;
    OnionListener::listen(&config, control).unwrap()
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
