use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::Random;

struct Seven;

impl Random for Seven {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        bytes.fill(7);
        Ok(())
    }
}

struct Noon;

impl transom_base::Clock for Noon {
    fn now(&self) -> tokio::time::Instant {
        tokio::time::Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(12 * 3600)
    }
}

fn origin() -> Origin {
    Origin {
        creator: "joe@host".into(),
        machine_id: "5e1c".into(),
        node_authid: "host\nprivate-key-ed25519: 00".into(),
        node_cluster_ip: "127.0.0.1".into(),
    }
}

fn load(folder: &TempDir) -> Result<NodeKey, KeyFileError> {
    let env = Env { clock: Arc::new(Noon), random: Arc::new(Seven) };
    NodeKey::load_or_make(folder.path(), &origin(), &env)
}

/// The text of the error, which has to name the file.
#[track_caller]
fn fails(folder: &TempDir) -> String {
    let text = load(folder).unwrap_err().to_string();
    assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
    text
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn texts(folder: &TempDir) -> (String, String) {
    let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    (read(PRIVATE), read(PUBLIC))
}

fn made() -> TempDir {
    let folder = TempDir::new().unwrap();
    load(&folder).unwrap();
    folder
}

/// Changes a key file's text.
fn edit(folder: &TempDir, name: &str, change: impl FnOnce(String) -> String) {
    let path = folder.path().join(name);
    fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
}

const PUBLIC_HEX: &str = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";

#[test]
fn new_key_is_made_for_an_empty_directory_and_found_again() {
    let folder = TempDir::new().unwrap();
    let first = load(&folder).unwrap();
    assert_eq!(first.done, [Done::Made(folder.path().join(PRIVATE))]);
    assert_eq!(first.key.public().to_string(), PUBLIC_HEX);
    let (private, public) = texts(&folder);
    let tags = format!(
        "\ncreator: joe@host\ncreated-at: 1970-01-01T12:00:00.000Z\nmachine-id: 5e1c\n\
         node-authid: host private-key-ed25519: 00\nnode-cluster-ip: 127.0.0.1\npublic-key-ed25519: {PUBLIC_HEX}\n"
    );
    assert_eq!(public.split_once('\n').unwrap().1, tags);
    assert_eq!(
        private.split_once('\n').unwrap().1,
        format!("{tags}private-key-ed25519: {}\n", "07".repeat(32))
    );
    assert_eq!((mode(&folder.path().join(PRIVATE)), mode(&folder.path().join(PUBLIC))), (0o600, 0o644));
    let again = load(&folder).unwrap();
    assert_eq!((again.key.public(), again.done.len()), (first.key.public(), 0));
    assert_eq!(texts(&folder), (private, public));
}

#[test]
fn public_key_is_written_anew_where_only_the_private_one_is_there() {
    let folder = made();
    let before = texts(&folder);
    fs::remove_file(folder.path().join(PUBLIC)).unwrap();
    assert_eq!(load(&folder).unwrap().done, [Done::PublicWritten(folder.path().join(PUBLIC))]);
    assert_eq!(texts(&folder), before);
}

#[test]
fn public_key_alone_is_an_error_that_says_what_to_do() {
    let folder = made();
    fs::remove_file(folder.path().join(PRIVATE)).unwrap();
    let text = fails(&folder);
    assert!(text.contains("restore") && text.contains("or remove"), "{text}");
    assert!(!folder.path().join(PRIVATE).exists());
}

#[test]
fn wrong_modes_are_put_right_and_nothing_else_is_changed() {
    let folder = made();
    let before = texts(&folder);
    let (private, public) = (folder.path().join(PRIVATE), folder.path().join(PUBLIC));
    fs::set_permissions(&private, Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(&public, Permissions::from_mode(0o666)).unwrap();
    let done = load(&folder).unwrap().done;
    let changed = |path: &Path, from, to| Done::ModeChanged { path: path.to_owned(), from, to };
    assert_eq!(done, [changed(&private, 0o644, 0o600), changed(&public, 0o666, 0o644)]);
    assert!(done[0].to_string().ends_with("from 644 to 600"), "{}", done[0]);
    assert_eq!((mode(&private), mode(&public)), (0o600, 0o644));
    assert_eq!(texts(&folder), before);
}

#[test]
fn key_files_of_crossbar_are_read_and_kept() {
    let folder = TempDir::new().unwrap();
    let tags = format!(
        "creator: oberstet@thinkpad\ncreated-at: 2026-01-01T00:00:00.000Z\nmachine-id: 4e8b\n\
         node-authid: thinkpad\nnode-cluster-ip: 127.0.0.1\npublic-key-ed25519: {}\n\
         public-adr-eth: 0x52d66f36A7927cF9612e1b40bD6549d08E0513Ff\n",
        PUBLIC_HEX.to_uppercase()
    );
    let private = format!(
        "Crossbar.io node private key - KEEP THIS SAFE!\n\n{tags}private-key-ed25519: {}\nprivate-key-eth: {}\n",
        "07".repeat(32),
        "6b08b6e186bd2a3b9b2f36e6ece3f8031fe788ab3dc4a1cfd3a489ea387c496b"
    );
    let public = format!("Crossbar.io node public key\r\n\r\n{}", tags.replace('\n', "\r\n"));
    let write = |name, text: &str, mode| {
        fs::write(folder.path().join(name), text).unwrap();
        fs::set_permissions(folder.path().join(name), Permissions::from_mode(mode)).unwrap();
    };
    write(PRIVATE, &private, 0o600);
    write(PUBLIC, &public, 0o644);
    let node = load(&folder).unwrap();
    assert_eq!((node.key.public().to_string(), node.done), (PUBLIC_HEX.to_owned(), vec![]));
    assert_eq!(texts(&folder), (private, public));
    // What is written anew has the public tags and no other.
    fs::remove_file(folder.path().join(PUBLIC)).unwrap();
    load(&folder).unwrap();
    let public = texts(&folder).1;
    assert!(public.contains("public-adr-eth: 0x52d6") && !public.contains("private"), "{public}");
}

#[test]
fn keys_that_do_not_belong_together_are_told() {
    let other = made();
    edit(&other, PUBLIC, |text| text.replace(PUBLIC_HEX, &"11".repeat(32)));
    let text = fails(&other);
    assert!(text.contains("key.pub: the public key is not that of") && text.contains("remove"), "{text}");
    let own = made();
    edit(&own, PRIVATE, |text| text.replace(PUBLIC_HEX, &"11".repeat(32)));
    assert!(fails(&own).contains("'public-key-ed25519' does not belong to 'private-key-ed25519'"));
}

#[test]
fn broken_key_files_are_told_with_place_and_remedy() {
    let seven = "07".repeat(32);
    let table: [(&str, &str, &str, &str); 9] = [
        (PRIVATE, "creator: joe@host\n", "", "key.priv: 'creator' is missing"),
        (
            PRIVATE,
            "private-key-ed25519",
            "privat-key-ed25519",
            "key.priv, line 9: 'privat-key-ed25519' is no tag",
        ),
        (PUBLIC, "machine-id", "private-key-ed25519", "key.pub, line 5: 'private-key-ed25519' is no tag"),
        (PRIVATE, "machine-id: 5e1c", "creator: x", "key.priv, line 5: 'creator' stands there a second time"),
        (PRIVATE, "machine-id: 5e1c", "machine-id 5e1c", "key.priv, line 5: this is not 'tag: value'"),
        (PRIVATE, &seven, "07", "key.priv: 'private-key-ed25519' is no key: it has 2 characters, not 64"),
        (PRIVATE, &seven, &"zz".repeat(32), "something else than hexadecimal digits"),
        (PUBLIC, PUBLIC_HEX, "", "key.pub: 'public-key-ed25519' is no key"),
        (PUBLIC, "public-key-ed25519", "public-adr-eth", "key.pub: 'public-key-ed25519' is missing"),
    ];
    for (name, from, to, expected) in table {
        let folder = made();
        edit(&folder, name, |text| text.replace(from, to));
        let text = fails(&folder);
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains(&seven), "{text}");
    }
    for (bytes, expected) in [
        (vec![], "'creator' is missing"),
        (b"title\n\n\xff: x".to_vec(), "line 3: this is not"),
        (vec![b'x'; 65 * 1024], "longer than 64 KiB"),
    ] {
        let folder = made();
        fs::write(folder.path().join(PRIVATE), bytes).unwrap();
        let text = fails(&folder);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    let folder = TempDir::new().unwrap();
    let target = folder.path().join("elsewhere");
    symlink(&target, folder.path().join(PRIVATE)).unwrap();
    fails(&folder);
    assert!(!target.exists());
    let folder = made();
    fs::remove_file(folder.path().join(PUBLIC)).unwrap();
    symlink(&target, folder.path().join(PUBLIC)).unwrap();
    fails(&folder);
    assert!(!target.exists());
    // One that leads to a key file is followed.
    let folder = made();
    fs::rename(folder.path().join(PRIVATE), folder.path().join("secret.priv")).unwrap();
    symlink("secret.priv", folder.path().join(PRIVATE)).unwrap();
    assert_eq!(load(&folder).unwrap().key.public().to_string(), PUBLIC_HEX);
}

#[test]
fn what_is_no_file_is_told_and_not_waited_for() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join(PRIVATE)).unwrap();
    assert!(fails(&folder).contains("no regular file"));
    let folder = TempDir::new().unwrap();
    let _socket = UnixListener::bind(folder.path().join(PRIVATE)).unwrap();
    assert!(fails(&folder).contains("no regular file"));
    let missing = TempDir::new().unwrap();
    let path = missing.path().join("no");
    let error = NodeKey::load_or_make(&path, &origin(), &Env::default()).unwrap_err();
    assert!(error.to_string().contains("no/key.priv: creating it"), "{error}");
}

#[test]
fn key_is_not_made_without_randomness() {
    struct None;
    impl Random for None {
        fn fill(&self, _: &mut [u8]) -> Result<(), NoRandomness> {
            Err(NoRandomness("none left".into()))
        }
    }
    let folder = TempDir::new().unwrap();
    let env = Env { random: Arc::new(None), ..Env::default() };
    let error = NodeKey::load_or_make(folder.path(), &origin(), &env).unwrap_err().to_string();
    assert!(error.contains("key.priv: no randomness"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_there_is_never_written_over() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key.priv");
    fs::write(&path, "mine").unwrap();
    let error = write(&path, 0o600, "another").unwrap_err().to_string();
    assert!(error.contains("key.priv: creating it"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}
