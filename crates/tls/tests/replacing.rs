//! Certificates that are replaced while the endpoint listens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use common::{Folder, LONG, connect, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;
use transom_base::{Address, Clock, ConnInfo, Connection, Deadline, SystemClock};
use transom_endpoint::Upgrade;
use transom_testkit::{Issued, TestCa, TestCert, memory_connection};
use transom_tls::{KeyPairSettings, TlsListenSettings, TlsServer};

/// The serial number of the certificate that a client is shown that was never here before: one that resumes a session
/// is shown none.
async fn shown(server: &TlsServer, folder: &Folder, hostname: &str) -> Vec<u8> {
    connect(server, &folder.client(hostname)).await.1.peer().unwrap().serial.clone()
}

/// Maintains a server in a task of its own.
fn maintain(server: &TlsServer) -> JoinHandle<()> {
    let maintaining = server.maintain("test".into(), Arc::new(SystemClock));
    tokio::spawn(async move {
        maintaining.await;
    })
}

/// Does something to files, and sees the new certificate before anybody would look at them without being told.
async fn replaced_by(server: &TlsServer, folder: &Folder, change: impl FnOnce()) {
    let before = shown(server, folder, "a.example").await;
    let mut replaced = server.replaced();
    replaced.mark_unchanged();
    change();
    tokio::time::timeout(LONG, replaced.changed()).await.expect("it is noticed").unwrap();
    assert_ne!(shown(server, folder, "a.example").await, before);
}

#[tokio::test]
async fn certificate_when_written_anew_is_shown_soon() {
    let folder = Folder::new();
    let server = server(folder.listening(&["a.example"]));
    let _task = maintain(&server);
    for _ in 0..2 {
        replaced_by(&server, &folder, || {
            folder.write("server", &folder.ca.server(&["a.example"]));
        })
        .await;
    }
}

#[tokio::test]
async fn certificate_when_links_are_turned_as_certbot_does_is_shown_soon() {
    let folder = Folder::new();
    let (live, archive) = (folder.path().join("live/a.example"), folder.path().join("archive/a.example"));
    fs::create_dir_all(&live).unwrap();
    fs::create_dir_all(&archive).unwrap();
    let put = |number: usize, issued: &Issued| {
        common::private(issued.write(&archive, &format!("cert{number}")));
        for (link, ending) in [("privkey.pem", "key"), ("fullchain.pem", "pem")] {
            let target = format!("../../archive/a.example/cert{number}.{ending}");
            turn(&target, &live.join(link));
        }
    };
    put(1, &folder.ca.server(&["a.example"]));
    // The operator has links of their own to certbot's.
    let (key, certificate) = (folder.path().join("our.key"), folder.path().join("our.pem"));
    symlink(live.join("privkey.pem"), &key).unwrap();
    symlink(live.join("fullchain.pem"), &certificate).unwrap();
    let server = server(TlsListenSettings::new(key, certificate));
    let _task = maintain(&server);
    for number in 2..4 {
        replaced_by(&server, &folder, || put(number, &folder.ca.server(&["a.example"]))).await;
    }
}

#[tokio::test]
async fn certificate_when_a_folder_is_exchanged_as_kubernetes_does_is_shown_soon() {
    let folder = Folder::new();
    let secret = folder.path().join("secret");
    let put = |version: usize| {
        let data = secret.join(format!("..{version}"));
        fs::create_dir_all(&data).unwrap();
        common::private(folder.ca.server(&["a.example"]).write(&data, "tls"));
        turn(&format!("..{version}"), &secret.join("..data"));
        if version > 1 {
            fs::remove_dir_all(secret.join(format!("..{}", version - 1))).unwrap();
        }
    };
    put(1);
    symlink("..data/tls.key", secret.join("tls.key")).unwrap();
    symlink("..data/tls.pem", secret.join("tls.pem")).unwrap();
    let server = server(TlsListenSettings::new(secret.join("tls.key"), secret.join("tls.pem")));
    let _task = maintain(&server);
    for version in 2..5 {
        replaced_by(&server, &folder, || put(version)).await;
    }
}

#[tokio::test]
async fn certificate_when_its_whole_folder_is_replaced_is_shown_soon() {
    let folder = Folder::new();
    let (here, next) = (folder.path().join("tls"), folder.path().join("next"));
    let put = |into: &Path| {
        fs::create_dir(into).unwrap();
        common::private(folder.ca.server(&["a.example"]).write(into, "server"))
    };
    let files = put(&here);
    let server = server(TlsListenSettings::new(files.key, files.certificate));
    let _task = maintain(&server);
    replaced_by(&server, &folder, || {
        put(&next);
        fs::rename(&here, folder.path().join("old")).unwrap();
        fs::rename(&next, &here).unwrap();
    })
    .await;
}

/// Puts a link in the place of another, as `ln -sf` cannot: at one stroke.
fn turn(target: &str, link: &Path) {
    let new = link.with_file_name("turning");
    symlink(target, &new).unwrap();
    fs::rename(new, link).unwrap();
}

#[tokio::test]
async fn connections_when_the_certificate_is_replaced_are_left_alone() {
    let folder = Folder::new();
    let server = server(folder.listening(&["a.example"]));
    let client = folder.client("a.example");
    let _task = maintain(&server);
    let mut open = Vec::new();
    for _ in 0..500 {
        let (near, far) = memory_connection(4096);
        let far = Connection::new(far, ConnInfo::new(Address::Memory(0), Address::Memory(1)));
        let (near, far) =
            tokio::join!(server.apply(near, Deadline::after(LONG)), client.apply(far, Deadline::after(LONG)));
        open.push((near.unwrap(), far.unwrap()));
    }
    replaced_by(&server, &folder, || {
        folder.write("server", &folder.ca.server(&["a.example"]));
    })
    .await;
    let mut heard = [0; 5];
    for (near, far) in &mut open {
        near.io.write_all(b"still").await.unwrap();
        near.io.flush().await.unwrap();
        far.io.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"still");
        far.io.write_all(b"there").await.unwrap();
        far.io.flush().await.unwrap();
        near.io.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"there");
    }
}

#[tokio::test]
async fn pair_when_it_is_bad_keeps_the_old_one_and_the_others_are_replaced() {
    let folder = Folder::new();
    let mut settings = folder.listening(&["a.example"]);
    let second = folder.write("second", &folder.ca.server(&["b.example"]));
    settings.certificates = vec![KeyPairSettings {
        key: second.key.clone(),
        certificate: second.certificate,
        chain_certificates: Vec::new(),
    }];
    let server = server(settings);
    let before = (shown(&server, &folder, "a.example").await, shown(&server, &folder, "b.example").await);
    folder.write("server", &folder.ca.server(&["a.example"]));
    fs::write(&second.key, "rubbish").unwrap();
    let reloaded = server.reload();
    assert!(reloaded.changed);
    assert_eq!(reloaded.findings.len(), 1);
    assert_eq!(reloaded.findings[0].key, "certificates[0].key");
    assert_ne!(shown(&server, &folder, "a.example").await, before.0);
    assert_eq!(shown(&server, &folder, "b.example").await, before.1);
    assert!(!server.reload().changed);
    folder.write("second", &folder.ca.server(&["b.example"]));
    let reloaded = server.reload();
    assert_eq!((reloaded.changed, reloaded.findings.len()), (true, 0));
    assert_ne!(shown(&server, &folder, "b.example").await, before.1);
}

#[tokio::test]
async fn authorities_when_bad_stay_as_they_were() {
    let folder = Folder::new();
    let mut settings = folder.listening(&["a.example"]);
    let authorities = TestCa::new("Clients");
    let file = authorities.write(folder.path(), "clients.pem");
    settings.ca_certificates = vec![file.clone()];
    let server = server(settings);
    fs::write(&file, "rubbish").unwrap();
    let reloaded = server.reload();
    assert!(!reloaded.changed);
    assert!(reloaded.findings.iter().any(|finding| finding.key == "ca_certificates[0]"), "{reloaded:?}");
    let files = folder.write("client", &authorities.client("alice"));
    let mut asking = folder.connecting("a.example");
    (asking.key, asking.certificate) = (Some(files.key), Some(files.certificate));
    let (here, _) = connect(&server, &common::client(asking)).await;
    assert_eq!(here.peer().unwrap().common_name(), Some("alice"));
}

/// The log, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Log, tracing::subscriber::DefaultGuard) {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// Waits until it has this text.
    async fn has(&self, text: &str) {
        let has = async {
            while !self.text().contains(text) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, has).await.unwrap_or_else(|_| panic!("no {text:?} in {}", self.text()));
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        self.clone()
    }
}

#[tokio::test]
async fn log_when_a_pair_is_bad_says_so_once_and_says_when_it_is_good_again() {
    let (log, _guard) = Log::start();
    let folder = Folder::new();
    let settings = folder.listening(&["a.example"]);
    let key = settings.key.clone();
    // What was said when it was loaded is not said again by the watch.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o604)).unwrap();
    let (server, findings) = TlsServer::new(settings).unwrap();
    assert!(findings[0].message.starts_with("everybody on this machine may read"));
    fs::write(&key, "rubbish").unwrap();
    let _task = maintain(&server);
    log.has("what was loaded before stays in use").await;
    let text = log.text();
    assert!(text.contains("WARN"), "{text}");
    assert!(!text.contains("everybody"), "{text}");
    assert!(text.contains(&format!("key: '{}' holds no private key", key.display())), "{text}");
    // It is looked at again, and is bad in the same way.
    fs::write(&key, "other rubbish").unwrap();
    let before = server.replaced();
    folder.write("server", &folder.ca.server(&["a.example"]));
    log.has("certificates replaced").await;
    assert!(before.has_changed().unwrap());
    let text = log.text();
    assert_eq!(text.matches("holds no private key").count(), 1, "{text}");
    assert!(text.contains("INFO"), "{text}");
    // For SIGHUP it is said each time.
    fs::write(&key, "rubbish").unwrap();
    server.reload().log("web");
    assert!(log.text().matches("holds no private key").count() > 1);
}

/// A clock whose wall time goes with tokio's.
struct Shifted(Instant, SystemTime);

impl Clock for Shifted {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        self.1 + self.0.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn certificate_when_it_ends_is_warned_of_30_7_and_1_days_before_and_then() {
    let (log, _guard) = Log::start();
    let folder = Folder::new();
    let files = folder.write("server", &folder.ca.issue(TestCert::server(&["a.example"]).valid(-1, 40)));
    let mut settings = TlsListenSettings::new(files.key, files.certificate);
    settings.watch = false;
    let server = server(settings);
    let clock = Shifted(Instant::now(), SystemTime::now() + Duration::from_secs(60));
    let maintaining = server.maintain("web".into(), Arc::new(clock));
    let days = Duration::from_secs(24 * 60 * 60);
    let _ = tokio::time::timeout(60 * days, maintaining).await;
    let text = log.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    for (line, expected) in
        lines.iter().zip([", in 29 days;", ", in 6 days;", ", in 23 hours;", " expired at "])
    {
        assert!(line.contains("WARN") && line.contains(expected), "{line}");
        assert!(line.contains("the certificate of 'CN=a.example' in '"), "{line}");
    }
}
