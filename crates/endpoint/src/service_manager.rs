//! Telling the service manager how far this process is (sd_notify(3)), and that it is alive (sd_watchdog_enabled(3)).
//!
//! `READY` is for the moment when every listener is bound, and not before: whoever waits for it connects then.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use transom_base::DrainWatch;

/// How long a service manager may take to take a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The service manager that started this process, if one did that wants to be told.
#[derive(Debug, Clone, Default)]
pub struct ServiceManager {
    socket: Option<SocketAddr>,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// Whoever stands in the environment: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    ///
    /// # Errors
    ///
    /// `NOTIFY_SOCKET` is nothing that a message can be sent to.
    pub fn from_env() -> io::Result<Self> {
        Self::from(&|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    fn from(env: &dyn Fn(&str) -> Option<String>) -> io::Result<Self> {
        let Some(socket) = env("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else {
            return Ok(ServiceManager::default());
        };
        let meant = env("WATCHDOG_PID").is_none_or(|pid| pid.parse() == Ok(std::process::id()));
        let micros = env("WATCHDOG_USEC").filter(|_| meant).and_then(|micros| micros.parse().ok());
        let watchdog = micros.filter(|micros| *micros > 0).map(Duration::from_micros);
        Ok(ServiceManager { socket: Some(address(&socket)?), watchdog })
    }

    /// Whether anybody wants to be told.
    pub fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// Every listener is bound; also after a reload. `status` is a line for people.
    pub fn ready(&self, status: &str) -> io::Result<()> {
        self.send(&format!("READY=1\n{}", status_line(status)))
    }

    /// A reload begins; [`ready`](Self::ready) ends it.
    pub fn reloading(&self) -> io::Result<()> {
        // The moment tells this reload's READY from the one before (systemd.service(5), notify-reload).
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\n"))
    }

    /// The end has begun.
    pub fn stopping(&self) -> io::Result<()> {
        self.send("STOPPING=1\n")
    }

    /// A line for people, whatever the phase.
    pub fn status(&self, status: &str) -> io::Result<()> {
        self.send(&status_line(status))
    }

    /// How long this process may be silent before it counts as dead; none when nobody watches.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Says that this process is alive, twice in the time it may be silent, until the node has drained. Returns at
    /// once when nobody watches. To be run by the runtime that serves, so that it falls silent with it.
    pub async fn keep_alive(&self, drain: &mut DrainWatch) -> io::Result<()> {
        let Some(silence) = self.watchdog else { return Ok(()) };
        let mut every = tokio::time::interval(silence / 2);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut aborting = std::pin::pin!(drain.reached(transom_base::Phase::Aborting));
        loop {
            tokio::select! {
                biased;
                () = &mut aborting => return Ok(()),
                _ = every.tick() => self.send("WATCHDOG=1\n")?,
            }
        }
    }

    fn send(&self, message: &str) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let datagram = UnixDatagram::unbound()?;
        datagram.set_write_timeout(Some(SEND_TIMEOUT))?;
        datagram.send_to_addr(message.as_bytes(), socket).map(drop)
    }
}

fn status_line(status: &str) -> String {
    format!("STATUS={}\n", status.replace('\n', " "))
}

/// A path, or an abstract name behind an `@`.
fn address(socket: &str) -> io::Result<SocketAddr> {
    match socket.strip_prefix('@') {
        None if socket.starts_with('/') => SocketAddr::from_pathname(socket),
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)
        }
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("NOTIFY_SOCKET is '{socket}', and neither a path nor an abstract name"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manager that listens on a socket, and this process's view of it.
    fn manager(name: &str, watchdog: &[(&'static str, String)]) -> (UnixDatagram, ServiceManager) {
        let socket = UnixDatagram::bind_addr(&address(name).unwrap()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let env = |key: &str| match key {
            "NOTIFY_SOCKET" => Some(name.to_owned()),
            _ => watchdog.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone()),
        };
        (socket, ServiceManager::from(&env).unwrap())
    }

    fn heard(socket: &UnixDatagram) -> String {
        let mut octets = [0; 4096];
        let len = socket.recv(&mut octets).unwrap();
        String::from_utf8(octets[..len].to_vec()).unwrap()
    }

    #[test]
    fn manager_when_told_hears_the_phases_on_a_path_and_on_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify").to_str().unwrap().to_owned();
        let mut names = vec![path];
        if cfg!(target_os = "linux") {
            names.push(format!("@transom-notify-{}", std::process::id()));
        }
        for name in names {
            let (socket, manager) = manager(&name, &[]);
            assert!(manager.is_there());
            manager.ready("listening on tcp4:127.0.0.1:8080\nREADY=2").unwrap();
            assert_eq!(heard(&socket), "READY=1\nSTATUS=listening on tcp4:127.0.0.1:8080 READY=2\n");
            manager.reloading().unwrap();
            let text = heard(&socket);
            let micros = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().trim_end();
            assert!(micros.parse::<u64>().unwrap() > 0);
            manager.stopping().unwrap();
            assert_eq!(heard(&socket), "STOPPING=1\n");
            manager.status("3 sessions").unwrap();
            assert_eq!(heard(&socket), "STATUS=3 sessions\n");
            assert_eq!(manager.watchdog(), None);
        }
    }

    #[test]
    fn manager_when_there_is_none_is_told_nothing() {
        let nobody = ServiceManager::from(&|_| None).unwrap();
        assert!(!nobody.is_there());
        nobody.ready("").unwrap();
        nobody.stopping().unwrap();
        let error = ServiceManager::from(&|_| Some("vsock:2:1234".into())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "NOTIFY_SOCKET is 'vsock:2:1234', and neither a path nor an abstract name"
        );
        let gone = ServiceManager::from(&|name| (name == "NOTIFY_SOCKET").then(|| "/no/such/socket".into()));
        assert_eq!(gone.unwrap().ready("").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test(start_paused = true)]
    async fn watchdog_when_set_hears_twice_in_its_time_until_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify").to_str().unwrap().to_owned();
        let (socket, manager) = manager(&path, &[("WATCHDOG_USEC", "3000000".into())]);
        assert_eq!(manager.watchdog(), Some(Duration::from_secs(3)));
        let (drain, mut watch) = transom_base::Drain::new();
        let alive = tokio::spawn(async move { manager.keep_alive(&mut watch).await });
        for _ in 0..3 {
            let before = tokio::time::Instant::now();
            tokio::time::sleep(Duration::from_millis(1500)).await;
            assert_eq!(heard(&socket), "WATCHDOG=1\n");
            assert_eq!(before.elapsed(), Duration::from_millis(1500));
        }
        drain.drain();
        tokio::task::yield_now().await;
        assert!(!alive.is_finished());
        drain.abort();
        alive.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn watchdog_when_for_another_process_or_malformed_is_none() {
        let folder = tempfile::tempdir().unwrap();
        for (at, variables) in [
            &[("WATCHDOG_USEC", "3000000".to_owned()), ("WATCHDOG_PID", "1".to_owned())][..],
            &[("WATCHDOG_USEC", "0".to_owned())],
            &[("WATCHDOG_USEC", "soon".to_owned())],
            &[],
        ]
        .iter()
        .enumerate()
        {
            let path = folder.path().join(at.to_string());
            let (_socket, manager) = manager(path.to_str().unwrap(), variables);
            assert_eq!(manager.watchdog(), None);
            manager.keep_alive(&mut DrainWatch::never()).await.unwrap();
        }
    }
}
