//! One Tor: its start, and its end when the last of its users is gone.

use std::fs::File;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arti_client::{ErrorKind, HasKind, TorClient};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use tor_rtcompat::tokio::TokioRustlsRuntime;

use crate::error::words;
use crate::progress::{Progress, bootstrap};
use crate::{ArtiError, Settings};

/// How long the threads may take to end.
const SHUTDOWN: Duration = Duration::from_secs(10);

pub(crate) type Client = TorClient<TokioRustlsRuntime>;

/// A Tor inside the process. Clones are the same one. It ends, with all that it does in the background, when the last
/// clone, [`OnionService`](crate::OnionService) and stream of it are dropped.
#[derive(Clone)]
pub struct Tor {
    inner: Arc<Inner>,
}

// Dropped in this order.
struct Inner {
    client: Arc<Client>,
    progress: watch::Receiver<Progress>,
    stopped: watch::Receiver<()>,
    threads: Threads,
}

impl Tor {
    /// Starts. It bootstraps in the background, and goes on trying; streams can be asked for and services started at
    /// once.
    ///
    /// # Errors
    /// If no provider for rustls is installed, the settings are wrong, or the state directory cannot be used or is in
    /// use by another Tor.
    pub fn start(settings: &Settings) -> Result<Tor, ArtiError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(ArtiError::NoTlsProvider);
        }
        let config = settings.load()?;
        let lock = settings.lock()?;
        let (sender, stopped) = watch::channel(());
        let threads = Threads::start(lock, sender).map_err(|error| ArtiError::Start(words(&error)))?;
        let client = threads.enter(|| {
            let runtime = TokioRustlsRuntime::current().map_err(|error| ArtiError::Start(words(&error)))?;
            let client = TorClient::with_runtime(runtime).config(config).create_unbootstrapped();
            client.map_err(|error| match error.kind() {
                ErrorKind::FsPermissions
                | ErrorKind::PersistentStateAccessFailed
                | ErrorKind::PersistentStateCorrupted
                | ErrorKind::CacheAccessFailed
                | ErrorKind::CacheCorrupted => settings.unusable(words(&error)),
                _ => ArtiError::Start(words(&error)),
            })
        })?;
        let (sender, progress) = watch::channel(Progress::default());
        let of_task = Arc::clone(&client);
        threads.handle().spawn(async move { bootstrap(&of_task, &sender).await });
        Ok(Tor { inner: Arc::new(Inner { client, progress, stopped, threads }) })
    }

    /// What bootstrapping is at. Changes are told as they come.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.inner.progress.clone()
    }

    /// Completes when this Tor has ended and let go of its state directory, so that another can be started in it. Does
    /// not keep it running.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopped = self.inner.stopped.clone();
        async move {
            // An error is what it waits for: the sender is gone.
            let _ = stopped.changed().await;
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.inner.client
    }

    /// Where its tasks run.
    pub(crate) fn handle(&self) -> &Handle {
        self.inner.threads.handle()
    }
}

/// The runtime of one Tor. Arti leaves tasks behind that wait for minutes before they notice that nobody needs them; they
/// end with their runtime.
struct Threads {
    /// Taken when it is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
    /// The lock of the state directory, and who waits for its end.
    held: Option<(File, watch::Sender<()>)>,
}

impl Threads {
    fn start(lock: File, stopped: watch::Sender<()>) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name("tor").enable_all().build()?;
        let handle = runtime.handle().clone();
        Ok(Threads { runtime: Some(runtime), handle, held: Some((lock, stopped)) })
    }

    fn enter<T>(&self, run: impl FnOnce() -> T) -> T {
        let _context = self.handle.enter();
        run()
    }

    fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let (Some(runtime), held) = (self.runtime.take(), self.held.take()) else { return };
        // It may be dropped by a task of its own, which cannot wait for itself.
        std::thread::spawn(move || {
            runtime.shutdown_timeout(SHUTDOWN);
            drop(held);
        });
    }
}

impl std::fmt::Debug for Tor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tor").field("progress", &*self.inner.progress.borrow()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;
    use crate::Isolation;

    /// Settings for a network whose only known relay closes every connection.
    fn settings(dir: &Path) -> Settings {
        let relay = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = relay.local_addr().unwrap();
        std::thread::spawn(move || relay.incoming().for_each(drop));
        let id = "B".repeat(40);
        let text = format!(
            "tor_network.authorities.v3idents = [\"{id}\"]\n[[tor_network.fallback_caches]]\nrsa_identity = \"{id}\"\n\
             ed_identity = \"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo\"\norports = [\"{address}\"]\n"
        );
        std::fs::write(dir.join("arti.toml"), text).unwrap();
        Settings { state_dir: dir.join("tor"), settings: Some(dir.join("arti.toml")) }
    }

    // One test, since the provider of cryptography belongs to the process.
    #[tokio::test(flavor = "multi_thread")]
    async fn tor_when_started_tells_what_is_missing_and_lets_go_at_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        assert!(matches!(Tor::start(&settings), Err(ArtiError::NoTlsProvider)));
        rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();

        let open = Settings { state_dir: dir.path().join("open"), ..settings.clone() };
        std::fs::create_dir_all(open.state_dir.join("state")).unwrap();
        std::fs::set_permissions(open.state_dir.join("state"), PermissionsExt::from_mode(0o777)).unwrap();
        let error = Tor::start(&open).unwrap_err();
        assert!(matches!(error, ArtiError::StateDir { .. }), "{error:?}");
        assert!(error.to_string().contains("ermission"), "{error}");

        let tor = Tor::start(&settings).unwrap();
        assert!(matches!(Tor::start(&settings), Err(ArtiError::InUse { .. })));
        assert!(!tor.progress().borrow().ready);

        for host in ["nothing.onion", "no host", "127.0.0.1", "[::1]"] {
            let error = tor.connect(host, 80, &Isolation::new()).await.err().expect(host);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{host}: {error}");
        }

        let service = tor.serve(&[7; 64], 80, &[[9; 32]]).unwrap();
        assert!(!service.status().borrow().reachable);
        assert_eq!(service.status().borrow().text, "waiting for the Tor network");
        assert!(service.address().ends_with(".onion"));
        let error = tor.serve(&[7; 64], 80, &[[9; 32]; 161]).unwrap_err();
        assert!(error.to_string().contains("160 clients, not 161"), "{error}");

        let stopped = tor.stopped();
        drop(tor);
        assert!(matches!(Tor::start(&settings), Err(ArtiError::InUse { .. })), "the service still runs");
        drop(service);
        stopped.await;
        Tor::start(&settings).unwrap();
    }
}
