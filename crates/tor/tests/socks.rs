//! Connections through a SOCKS port that does what a test tells it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use transom_base::{Address, BoxFuture, ConnInfo, Connection, Deadline, ErrorKind, UnixCredentials};
use transom_config::TorConnectConfig;
use transom_endpoint::{ConnectFailure, Connector, EndpointError};
use transom_testkit::{ScriptedStream, Step, memory_listener};
use transom_tor::SocksConnector;

/// The address of an onion service.
const SERVICE: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";

/// Says the same to everybody, and notes what it hears.
struct Port {
    script: Vec<Vec<u8>>,
    /// It ends after what it says, or else falls silent.
    ends: bool,
    heard: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
}

impl Port {
    fn new(script: &[&[u8]], ends: bool) -> Arc<Self> {
        Arc::new(Port {
            script: script.iter().map(|step| step.to_vec()).collect(),
            ends,
            heard: Mutex::default(),
        })
    }

    /// What connection number `number` wrote, from 0.
    fn heard(&self, number: usize) -> Vec<u8> {
        self.heard.lock().unwrap()[number].lock().unwrap().clone()
    }
}

impl Connector for Port {
    fn connect(&self, _: Deadline) -> BoxFuture<'_, Result<Connection, EndpointError>> {
        let steps = self.script.iter().filter(|step| !step.is_empty()).cloned().map(Step::Read);
        let stream = ScriptedStream::new(steps);
        let stream = if self.ends { stream } else { stream.stay_open() };
        self.heard.lock().unwrap().push(stream.written());
        let mut info = ConnInfo::new(Address::Memory(1), Address::Memory(2));
        info.unix = Some(UnixCredentials { uid: 1, gid: 2, pid: Some(3) });
        Box::pin(std::future::ready(Ok(Connection::new(stream, info))))
    }

    fn target(&self) -> String {
        "the port".to_owned()
    }
}

const METHOD: &[u8] = &[5, 2];
const LOGIN: &[u8] = &[1, 0];
const GRANTED: &[u8] = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

fn to(host: &str, port: &Arc<Port>) -> SocksConnector {
    SocksConnector::new(&TorConnectConfig::new(host.to_owned(), 80), port.clone()).unwrap()
}

/// What comes of this script, after which the port ends.
async fn after(script: &[&[u8]]) -> Result<Connection, EndpointError> {
    to(SERVICE, &Port::new(script, true)).connect(Deadline::NEVER).await
}

async fn error_after(script: &[&[u8]]) -> EndpointError {
    after(script).await.map(drop).unwrap_err()
}

#[tokio::test]
async fn every_refusal_is_told_in_words_and_has_its_reason_and_kind() {
    use ConnectFailure::*;
    let mut words = std::collections::HashSet::new();
    for (code, failure, kind) in [
        (0x01, Other, ErrorKind::PeerClosed),
        (0x02, Other, ErrorKind::PeerClosed),
        (0x03, Unreachable, ErrorKind::PeerClosed),
        (0x04, Unreachable, ErrorKind::PeerClosed),
        (0x05, Refused, ErrorKind::PeerClosed),
        (0x06, TimedOut, ErrorKind::Timeout),
        (0x07, Other, ErrorKind::PeerClosed),
        (0x08, Other, ErrorKind::PeerClosed),
        (0xf0, Unreachable, ErrorKind::PeerClosed),
        (0xf1, Unreachable, ErrorKind::PeerClosed),
        (0xf2, Unreachable, ErrorKind::PeerClosed),
        (0xf3, Unreachable, ErrorKind::PeerClosed),
        (0xf4, Other, ErrorKind::PeerClosed),
        (0xf5, Other, ErrorKind::PeerClosed),
        (0xf6, Other, ErrorKind::PeerClosed),
        (0xf7, TimedOut, ErrorKind::Timeout),
        (0x09, Other, ErrorKind::PeerClosed),
        (0x7f, Other, ErrorKind::PeerClosed),
        (0xf8, Other, ErrorKind::PeerClosed),
        (0xff, Other, ErrorKind::PeerClosed),
    ] {
        // Who refuses need not say an address.
        for rest in [&[0, 1, 0, 0, 0, 0, 0, 0][..], &[0, 99]] {
            let error = error_after(&[METHOD, LOGIN, &[5, code], rest]).await;
            assert_eq!((error.connect_failure(), error.kind()), (Some(failure), kind), "{code:#x}");
            let text = error.chain();
            assert!(text.starts_with(&format!("connecting to tor:{SERVICE}:80: ")), "{text}");
            let unknown = matches!(code, 0x09 | 0x7f | 0xf8 | 0xff);
            assert_eq!(text.contains(&format!("the unknown code {code:#04x}")), unknown, "{text}");
            words.insert(text);
        }
    }
    assert_eq!(words.len(), 20);
}

#[tokio::test]
async fn exchange_when_cut_after_any_byte_is_told_and_bytes_behind_it_are_not_lost() {
    let name: &[u8] = &[5, 0, 0, 3, 4, b'h', b'o', b's', b't', 0, 80];
    let longest = [&[5, 0, 0, 3, 255][..], &[b'x'; 257]].concat();
    for answer in [GRANTED, &[&[5, 0, 0, 4][..], &[0; 18]].concat(), name, &[5, 0, 0, 3, 0, 0, 80], &longest]
    {
        let all = [METHOD, LOGIN, answer].concat();
        for cut in 0..all.len() {
            let error = error_after(&[&all[..cut]]).await;
            let text =
                format!("connecting to tor:{SERVICE}:80: Tor closed the connection before it answered");
            assert_eq!(
                (error.chain().as_str(), error.connect_failure()),
                (text.as_str(), Some(ConnectFailure::Other)),
                "{cut}"
            );
            // The same in single bytes.
            let single: Vec<&[u8]> = all[..cut].chunks(1).collect();
            assert_eq!(error_after(&single).await.chain(), text, "{cut}");
        }
        let behind = [&all[..], b"what the peer says first"].concat();
        for script in [vec![&behind[..]], behind.chunks(1).collect()] {
            let mut conn = after(&script).await.unwrap();
            let mut first = String::new();
            conn.io.read_to_string(&mut first).await.unwrap();
            assert_eq!(first, "what the peer says first");
        }
    }
}

#[tokio::test]
async fn proxy_that_breaks_or_hangs_up_while_it_is_written_to_is_told_as_what_it_is() {
    for (kind, words) in [
        (io::ErrorKind::ConnectionReset, "Tor closed the connection before it answered"),
        (io::ErrorKind::BrokenPipe, "Tor closed the connection before it answered"),
        (io::ErrorKind::ConnectionAborted, "aborted"),
    ] {
        let (theirs, ours) = tokio::io::duplex(1);
        drop(ours);
        let streams = [
            Box::new(ScriptedStream::new([Step::Fail(kind)])) as Box<dyn transom_base::Stream>,
            Box::new(theirs),
        ];
        for (stream, words) in
            streams.into_iter().zip([words, "Tor closed the connection before it answered"])
        {
            let once = Once(Mutex::new(Some(stream)));
            let connector =
                SocksConnector::new(&TorConnectConfig::new("a".into(), 1), Arc::new(once)).unwrap();
            let error = connector.connect(Deadline::NEVER).await.map(drop).unwrap_err();
            assert!(error.chain().contains(words), "{}", error.chain());
        }
    }
}

/// Connects once, to this.
struct Once(Mutex<Option<Box<dyn transom_base::Stream>>>);

impl Connector for Once {
    fn connect(&self, _: Deadline) -> BoxFuture<'_, Result<Connection, EndpointError>> {
        let info = ConnInfo::new(Address::Memory(1), Address::Memory(2));
        let conn = match self.0.lock().unwrap().take() {
            Some(io) => Ok(Connection { io, info }),
            None => Err(EndpointError::ConnectTimeout { target: self.target() }),
        };
        Box::pin(std::future::ready(conn))
    }

    fn target(&self) -> String {
        "the port".to_owned()
    }
}

#[tokio::test]
async fn port_that_is_none_of_tor_is_told_with_what_it_may_be() {
    let no_socks = "no SOCKS 5 port (its first byte is";
    for (script, words) in [
        (&[b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice()][..], "its first byte is 72)"),
        (&[b"\0\x5b\0\0\0\0\0\0"], "its first byte is 0)"),
        (&[b"\x16\x03\x01\x00\x02"], no_socks),
        (&[&[4, 2]], no_socks),
        (&[&[5, 0]], "takes no user name"),
        (&[&[5, 1]], "takes no user name"),
        (&[&[5, 0xff]], "takes no user name"),
        (&[METHOD, &[1, 1]], "refuses the user name"),
        (&[METHOD, &[1, 0xff]], "refuses the user name"),
        (&[METHOD, &[5, 0]], "refuses the user name"),
        (&[METHOD, LOGIN, &[4, 0, 0, 1]], no_socks),
        (&[METHOD, LOGIN, b"HTTP"], "its first byte is 72)"),
        (&[METHOD, LOGIN, &[5, 0, 0, 0]], "unknown kind 0"),
        (&[METHOD, LOGIN, &[5, 0, 0, 2]], "unknown kind 2"),
        (&[METHOD, LOGIN, &[5, 0, 0, 255]], "unknown kind 255"),
    ] {
        let error = error_after(script).await;
        assert!(error.chain().contains(words), "{}", error.chain());
        assert_eq!(
            (error.connect_failure(), error.kind()),
            (Some(ConnectFailure::Other), ErrorKind::PeerClosed)
        );
    }
}

#[tokio::test]
async fn target_goes_on_the_wire_as_what_it_is_behind_a_password_of_its_connector() {
    let (long, port) = ("x".repeat(255), Port::new(&[METHOD, LOGIN, GRANTED], true));
    for (number, (host, target)) in [
        (SERVICE, [&[3, 62][..], SERVICE.as_bytes()].concat()),
        ("192.0.2.1", vec![1, 192, 0, 2, 1]),
        ("2001:db8::1", vec![4, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ("::ffff:1.2.3.4", vec![4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4]),
        ("1.2.3", [&[3, 5][..], b"1.2.3"].concat()),
        ("b\u{fc}cher.example", [&[3, 15][..], "b\u{fc}cher.example".as_bytes()].concat()),
        (&*long, [&[3, 255][..], long.as_bytes()].concat()),
    ]
    .into_iter()
    .enumerate()
    {
        let connector = to(host, &port);
        assert_eq!(connector.target(), format!("tor:{host}:80"));
        let conn = connector.connect(Deadline::NEVER).await.unwrap();
        assert_eq!(conn.info.peer, Address::Tor(Some(format!("{host}:80").into())));
        assert!(conn.info.unix.is_none(), "the process is that of Tor");
        connector.connect(Deadline::NEVER).await.unwrap();
        let (one, two) = (port.heard(2 * number), port.heard(2 * number + 1));
        // Version, one method, user name and password; version, CONNECT, and the target.
        assert_eq!(one[..12], [&[5, 1, 2, 1, 7][..], b"transom"].concat());
        let password = &one[13..13 + usize::from(one[12])];
        assert!(password.len() >= 13 && password.is_ascii());
        assert_eq!(one[13 + password.len()..], [&[5, 1, 0][..], &target, &[0, 80]].concat());
        assert_eq!(one, two, "connections of one connector may share circuits");
    }
    let passwords: std::collections::HashSet<_> =
        (0..7).map(|number| port.heard(2 * number)[13..26].to_vec()).collect();
    assert_eq!(passwords.len(), 7);
    for host in [String::new(), "x".repeat(256)] {
        let error = SocksConnector::new(&TorConnectConfig::new(host, 80), port.clone()).unwrap_err();
        assert!(error.to_string().contains("allowed is 1 to 255 bytes"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_at_any_step_ends_by_the_earlier_of_both_limits() {
    let ms = Duration::from_millis;
    for script in
        [&[][..], &[&[5][..]], &[METHOD], &[METHOD, &[1]], &[METHOD, LOGIN], &[METHOD, LOGIN, &GRANTED[..9]]]
    {
        let port = Port::new(script, false);
        for (timeout, callers, ends) in [
            (None, Some(ms(90_000)), 60_000),
            (None, Some(ms(1500)), 1500),
            (None, None, 60_000),
            (Some(Some(ms(2000))), None, 2000),
            (Some(Some(ms(2000))), Some(ms(1000)), 1000),
            (Some(None), Some(ms(500_000)), 500_000),
        ] {
            let mut config = TorConnectConfig::new(SERVICE.to_owned(), 80);
            config.timeout = timeout.unwrap_or(config.timeout);
            let connector = SocksConnector::new(&config, port.clone()).unwrap();
            let began = Instant::now();
            let error = connector.connect(Deadline::after(callers)).await.map(drop).unwrap_err();
            assert_eq!(error.chain(), format!("connecting to tor:{SERVICE}:80: no answer in time"));
            assert_eq!(
                (error.connect_failure(), error.kind()),
                (Some(ConnectFailure::TimedOut), ErrorKind::Timeout)
            );
            assert_eq!(began.elapsed(), ms(ends));
        }
        // Without any limit it waits.
        let mut config = TorConnectConfig::new(SERVICE.to_owned(), 80);
        config.timeout = None;
        let connector = SocksConnector::new(&config, port).unwrap();
        let day = Duration::from_secs(86_400);
        assert!(tokio::time::timeout(day, connector.connect(Deadline::NEVER)).await.is_err());
    }
}

#[tokio::test]
async fn port_that_is_not_there_is_told_from_a_target_that_is_not_there() {
    let (listener, gone) = memory_listener();
    drop(listener);
    let late = Once(Mutex::new(None));
    for (proxy, words, failure) in [
        (Arc::new(gone) as Arc<dyn Connector>, "connecting to memory:", ConnectFailure::Unreachable),
        (Arc::new(late), "connecting to the port: no answer in time", ConnectFailure::TimedOut),
    ] {
        let connector = SocksConnector::new(&TorConnectConfig::new("a".into(), 1), proxy).unwrap();
        let error = connector.connect(Deadline::NEVER).await.map(drop).unwrap_err();
        let text = format!("connecting to tor:a:1: Tor's SOCKS port cannot be reached: {words}");
        assert!(error.chain().starts_with(&text), "{}", error.chain());
        assert_eq!(error.connect_failure(), Some(failure));
    }
}
