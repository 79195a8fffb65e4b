use std::os::unix::fs::symlink;

use super::*;

#[test]
fn folders_when_links_are_on_the_way_are_those_of_each_link_and_of_the_file() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    for folder in ["etc", "live", "archive", "data/1"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("archive/cert1.pem"), "").unwrap();
    fs::write(root.join("data/1/tls.crt"), "").unwrap();
    // As certbot does it, with a link of the operator's own before it.
    symlink("../archive/cert1.pem", root.join("live/cert.pem")).unwrap();
    symlink(root.join("live/cert.pem"), root.join("etc/cert.pem")).unwrap();
    // As Kubernetes does it.
    symlink("1", root.join("data/..data")).unwrap();
    symlink("..data/tls.crt", root.join("data/tls.crt")).unwrap();
    for (path, expected) in [
        ("archive/cert1.pem", &["archive"] as &[_]),
        ("etc/cert.pem", &["archive", "etc", "live"]),
        ("data/tls.crt", &["data", "data/1"]),
        ("nowhere/cert.pem", &[""]),
        ("etc/nothing.pem", &["etc"]),
    ] {
        let expected: BTreeSet<PathBuf> = expected.iter().map(|folder| root.join(folder)).collect();
        let found = folders(&[root.join(path)]);
        let found: BTreeSet<PathBuf> = found.into_iter().map(|folder| folder.join("")).collect();
        let expected: BTreeSet<PathBuf> = expected.into_iter().map(|folder| folder.join("")).collect();
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn folders_when_links_lead_in_a_circle_come_to_an_end() {
    let root = tempfile::tempdir().unwrap();
    symlink("b", root.path().join("a")).unwrap();
    symlink("a", root.path().join("b")).unwrap();
    assert!(!folders(&[root.path().join("a")]).is_empty());
}

#[test]
fn stamps_when_a_file_changes_or_goes_are_others() {
    let root = tempfile::tempdir().unwrap();
    let paths = [root.path().join("file")];
    let none = Stamps::of(&paths);
    fs::write(&paths[0], "1").unwrap();
    let first = Stamps::of(&paths);
    assert_ne!(none, first);
    assert_eq!(first, Stamps::of(&paths));
    fs::write(root.path().join("other"), "2").unwrap();
    fs::rename(root.path().join("other"), &paths[0]).unwrap();
    assert_ne!(first, Stamps::of(&paths));
}
