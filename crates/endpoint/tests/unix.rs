//! Unix socket endpoints in folders of their own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transom_base::{Address, Deadline, ErrorKind};
use transom_config::{UnixAddress, UnixConnectConfig, UnixListenConfig};
use transom_endpoint::{
    BoundAddr, ConnectFailure, Connector, EndpointError, Listener, UnixConnector, UnixListener,
};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.sock");
    (folder, path)
}

fn at(path: &Path) -> UnixListenConfig {
    UnixListenConfig::new(UnixAddress::Path(path.to_owned()))
}

fn to(path: &Path) -> UnixConnector {
    UnixConnector::new(UnixConnectConfig::new(UnixAddress::Path(path.to_owned())))
}

fn entries(folder: &TempDir) -> usize {
    fs::read_dir(folder.path()).unwrap().count()
}

#[tokio::test]
async fn listener_when_connected_to_knows_the_peer_and_carries_bytes() {
    let (folder, path) = folder();
    let mut listener = UnixListener::bind(&at(&path)).unwrap();
    assert_eq!(listener.bound(), [BoundAddr::Unix(UnixAddress::Path(path.clone()))]);
    assert_eq!(entries(&folder), 1);
    let mut there = to(&path).connect(Deadline::NEVER).await.unwrap();
    let accepted = listener.accept().await.unwrap();
    assert_eq!(accepted.info.local, Address::Unix(Some(path.clone())));
    assert_eq!(there.info.peer, Address::Unix(Some(path)));
    let peer = accepted.info.unix.unwrap();
    let me = fs::metadata(folder.path()).unwrap();
    assert_eq!((peer.uid, peer.gid), (me.uid(), me.gid()));
    assert_eq!(peer.pid, Some(std::process::id() as i32));
    let mut here = accepted.into_connection();
    there.io.write_all(b"hi").await.unwrap();
    assert_eq!(here.io.read_u16().await.unwrap(), u16::from_be_bytes(*b"hi"));
}

#[tokio::test]
async fn file_when_the_listener_closes_is_removed() {
    let (folder, path) = folder();
    let listener = UnixListener::bind(&at(&path)).unwrap();
    Box::new(listener).close().await;
    assert_eq!(entries(&folder), 0);
}

#[tokio::test]
async fn file_when_replaced_by_another_is_left_alone() {
    let (folder, path) = folder();
    let listener = UnixListener::bind(&at(&path)).unwrap();
    fs::remove_file(&path).unwrap();
    let second = UnixListener::bind(&at(&path)).unwrap();
    drop(listener);
    to(&path).connect(Deadline::NEVER).await.unwrap();
    drop(second);
    assert_eq!(entries(&folder), 0);
}

#[tokio::test]
async fn stale_socket_is_replaced() {
    let (folder, path) = folder();
    // Its file stays when it is closed, as after a crash.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let mut listener = UnixListener::bind(&at(&path)).unwrap();
    to(&path).connect(Deadline::NEVER).await.unwrap();
    listener.accept().await.unwrap();
    assert_eq!(entries(&folder), 1);
}

#[tokio::test]
async fn socket_when_somebody_answers_is_an_error_and_stays_usable() {
    let (_folder, path) = folder();
    let mut first = UnixListener::bind(&at(&path)).unwrap();
    let error = UnixListener::bind(&at(&path)).unwrap_err();
    assert!(matches!(error, EndpointError::InUse { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Bind);
    if cfg!(target_os = "linux") {
        let message = format!("binding unix:{}: this process itself listens there", path.display());
        assert_eq!(error.to_string(), message);
    }
    // The look whether somebody answers is a connection too; the real one comes after it.
    first.accept().await.unwrap();
    to(&path).connect(Deadline::NEVER).await.unwrap();
    first.accept().await.unwrap();
}

#[tokio::test]
async fn replacement_when_published_takes_the_place_and_the_replaced_one_still_serves_who_waits() {
    let (folder, path) = folder();
    let mut first = UnixListener::bind(&at(&path)).unwrap();
    let id = first.socket_id().unwrap();
    let tighter = UnixListenConfig { mode: 0o600, ..at(&path) };
    let replacement = UnixListener::replace(&tighter, id).unwrap().unwrap();
    let mut waiting = to(&path).connect(Deadline::NEVER).await.unwrap();
    let mut second = replacement.publish().unwrap();
    assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    waiting.io.write_all(b"hi").await.unwrap();
    let mut accepted = first.accept().await.unwrap().into_connection();
    assert_eq!(accepted.io.read_u16().await.unwrap(), u16::from_be_bytes(*b"hi"));
    drop(first);
    assert_eq!(entries(&folder), 1);
    to(&path).connect(Deadline::NEVER).await.unwrap();
    second.accept().await.unwrap();
    drop(second);
    assert_eq!(entries(&folder), 0);
}

#[tokio::test]
async fn replacement_when_not_published_leaves_all_as_it_was() {
    let (folder, path) = folder();
    let mut first = UnixListener::bind(&at(&path)).unwrap();
    let replacement = UnixListener::replace(&at(&path), first.socket_id().unwrap()).unwrap();
    assert_eq!(entries(&folder), 2);
    drop(replacement);
    assert_eq!(entries(&folder), 1);
    to(&path).connect(Deadline::NEVER).await.unwrap();
    first.accept().await.unwrap();
}

#[tokio::test]
async fn replacement_when_another_took_the_place_meanwhile_is_an_error() {
    let (folder, path) = folder();
    let first = UnixListener::bind(&at(&path)).unwrap();
    let replacement = UnixListener::replace(&at(&path), first.socket_id().unwrap()).unwrap().unwrap();
    fs::remove_file(&path).unwrap();
    let mut other = UnixListener::bind(&at(&path)).unwrap();
    let error = replacement.publish().unwrap_err();
    assert!(matches!(error, EndpointError::InUse { .. }), "{error}");
    // The look whether somebody answers.
    other.accept().await.unwrap();
    to(&path).connect(Deadline::NEVER).await.unwrap();
    other.accept().await.unwrap();
    assert_eq!(entries(&folder), 1);
}

#[tokio::test]
async fn anything_but_a_socket_is_an_error_and_untouched() {
    let (folder, path) = folder();
    fs::write(&path, "precious").unwrap();
    let error = UnixListener::bind(&at(&path)).unwrap_err();
    assert!(matches!(error, EndpointError::NotASocket(_)), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");

    let directory = folder.path().join("directory");
    fs::create_dir(&directory).unwrap();
    assert!(matches!(UnixListener::bind(&at(&directory)), Err(EndpointError::NotASocket(_))));

    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(UnixListener::bind(&at(&link)), Err(EndpointError::NotASocket(_))));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[tokio::test]
async fn mode_and_group_when_configured_are_those_of_the_file() {
    let (folder, path) = folder();
    let gid = fs::metadata(folder.path()).unwrap().gid();
    for (mode, group) in [(0o666, None), (0o600, None), (0o660, Some(gid.to_string())), (0o777, None)] {
        let listener = UnixListener::bind(&UnixListenConfig { mode, group, ..at(&path) }).unwrap();
        let file = fs::symlink_metadata(&path).unwrap();
        assert_eq!(file.permissions().mode() & 0o7777, mode, "{mode:o}");
        assert_eq!(file.gid(), gid);
        drop(listener);
    }
}

#[tokio::test]
async fn owner_when_configured_is_that_of_the_file() {
    let (folder, path) = folder();
    let me = fs::metadata(folder.path()).unwrap();
    // Only root can give a file away.
    let (owner, group) = if me.uid() == 0 { (12345, 54321) } else { (me.uid(), me.gid()) };
    let config = UnixListenConfig {
        owner: Some(owner.to_string()),
        group: Some(group.to_string()),
        mode: 0o660,
        ..at(&path)
    };
    let _listener = UnixListener::bind(&config).unwrap();
    let file = fs::symlink_metadata(&path).unwrap();
    assert_eq!((file.uid(), file.gid(), file.permissions().mode() & 0o7777), (owner, group, 0o660));
}

#[tokio::test]
async fn owner_when_unknown_is_an_error_and_leaves_nothing() {
    let (folder, path) = folder();
    let nobody = "no-such-user-or-group";
    let owner = UnixListenConfig { owner: Some(nobody.into()), ..at(&path) };
    let group = UnixListenConfig { group: Some(nobody.into()), ..at(&path) };
    for (config, what) in [(owner, "user"), (group, "group")] {
        let error = UnixListener::bind(&config).unwrap_err();
        assert_eq!(error.to_string(), format!("there is no {what} '{nobody}'"));
        assert_eq!(error.kind(), ErrorKind::Config);
    }
    assert_eq!(entries(&folder), 0);
}

#[tokio::test]
async fn folder_when_missing_is_an_error_that_names_the_path() {
    let (folder, _) = folder();
    let path = folder.path().join("no/such/folder.sock");
    let error = UnixListener::bind(&at(&path)).unwrap_err();
    assert_eq!(error.to_string(), format!("binding unix:{}", path.display()));
}

#[tokio::test]
async fn path_when_too_long_is_an_error_and_at_the_limit_is_not() {
    let (folder, _) = folder();
    let room = 107 - folder.path().as_os_str().len() - 1;
    let fits = folder.path().join("s".repeat(room));
    let listener = UnixListener::bind(&at(&fits)).unwrap();
    to(&fits).connect(Deadline::NEVER).await.unwrap();
    drop(listener);
    let longer = folder.path().join("s".repeat(room + 1));
    let error = UnixListener::bind(&at(&longer)).unwrap_err();
    assert!(matches!(error, EndpointError::PathTooLong { max: 107, .. }), "{error}");
}

#[tokio::test]
async fn name_when_short_in_a_long_folder_still_binds() {
    let (folder, _) = folder();
    let room = 107 - folder.path().as_os_str().len() - 1 - 2;
    let deep = folder.path().join("d".repeat(room));
    fs::create_dir(&deep).unwrap();
    let path = deep.join("s");
    assert_eq!(path.as_os_str().len(), 107);
    let _listener = UnixListener::bind(&at(&path)).unwrap();
    to(&path).connect(Deadline::NEVER).await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn abstract_name_when_bound_has_no_file() {
    let address = UnixAddress::Abstract(format!("transom-test-{}", std::process::id()));
    let mut listener = UnixListener::bind(&UnixListenConfig::new(address.clone())).unwrap();
    let connector = UnixConnector::new(UnixConnectConfig::new(address.clone()));
    assert_eq!(connector.target(), format!("unix:{address}"));
    let _there = connector.connect(Deadline::NEVER).await.unwrap();
    let accepted = listener.accept().await.unwrap();
    assert_eq!(accepted.info.local, Address::Unix(Some(address.to_string().into())));
    let error = UnixListener::bind(&UnixListenConfig::new(address.clone())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bind);
    assert_eq!(error.to_string(), format!("binding unix:{address}: this process itself listens there"));
    Box::new(listener).close().await;
    let error = connector.connect(Deadline::NEVER).await.unwrap_err();
    assert_eq!(error.connect_failure(), Some(ConnectFailure::Refused));
}

#[tokio::test]
async fn path_when_relative_is_that_of_the_folder_of_the_process() {
    let (folder, path) = folder();
    let up = std::env::current_dir().unwrap().components().skip(1).map(|_| "../").collect::<String>();
    let relative = PathBuf::from(format!("{up}{}", path.strip_prefix("/").unwrap().display()));
    let listener = UnixListener::bind(&at(&relative)).unwrap();
    to(&relative).connect(Deadline::NEVER).await.unwrap();
    to(&path).connect(Deadline::NEVER).await.unwrap();
    drop(listener);
    assert_eq!(entries(&folder), 0);
}

#[tokio::test]
async fn settings_when_out_of_range_are_refused_by_name_and_value() {
    let (folder, path) = folder();
    for (config, message) in [
        (UnixListenConfig { backlog: 0, ..at(&path) }, "backlog is 0; allowed is 1 to 65535"),
        (
            UnixListenConfig { mode: 0o1666, ..at(&path) },
            "mode is 0o1666; allowed is permission bits from 0 to 0o777",
        ),
        (at(Path::new("")), "path is ''; allowed is the path of a file"),
        (at(Path::new("/")), "path is '/'; allowed is the path of a file"),
        (
            UnixListenConfig::new(UnixAddress::Abstract(String::new())),
            "path is '@'; allowed is '@' with a name behind it",
        ),
    ] {
        let error = UnixListener::bind(&config).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Config, message));
    }
    let long = UnixAddress::Abstract("x".repeat(107));
    let error = UnixListener::bind(&UnixListenConfig::new(long)).unwrap_err();
    assert!(matches!(error, EndpointError::PathTooLong { max: 107, .. }), "{error}");
    assert_eq!(entries(&folder), 0);
}

#[tokio::test(start_paused = true)]
async fn connector_when_the_queue_is_full_waits_for_its_turn_and_no_longer_than_it_may() {
    let (_folder, path) = folder();
    let mut listener = UnixListener::bind(&UnixListenConfig { backlog: 1, ..at(&path) }).unwrap();
    // The system lets one more in than it is told.
    let mut waiting = vec![to(&path).connect(Deadline::NEVER).await.unwrap()];
    waiting.push(to(&path).connect(Deadline::NEVER).await.unwrap());
    let before = tokio::time::Instant::now();
    let error = to(&path).connect(Deadline::NEVER).await.unwrap_err();
    assert_eq!(error.connect_failure(), Some(ConnectFailure::TimedOut));
    assert_eq!(before.elapsed(), Duration::from_secs(10));

    let connecting = tokio::spawn(async move { to(&path).connect(Deadline::NEVER).await });
    tokio::task::yield_now().await;
    assert!(!connecting.is_finished());
    listener.accept().await.unwrap();
    connecting.await.unwrap().unwrap();
}

#[tokio::test]
async fn connector_when_nothing_is_there_says_where() {
    let (_folder, path) = folder();
    let error = to(&path).connect(Deadline::NEVER).await.unwrap_err();
    assert_eq!(error.to_string(), format!("connecting to unix:{}", path.display()));
}
