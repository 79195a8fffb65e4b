use super::*;

/// The seed of the first test of RFC 8032 §7.1, whose public key stands there.
fn known() -> OnionKey {
    let seed: Vec<u8> = (0..32)
        .map(|i| {
            let hex = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
            u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()
        })
        .collect();
    let mut key = <[u8; 64]>::from(Sha512::digest(seed));
    key[0] &= 248;
    key[31] = key[31] & 63 | 64;
    OnionKey(Zeroizing::new(key))
}

#[test]
fn address_of_a_known_key_holds_its_public_key_checksum_and_version() {
    let address = known().address();
    let bytes = base32::decode(address.strip_suffix(".onion").unwrap()).unwrap();
    let public: String = bytes[..32].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(public, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    assert_eq!((bytes.len(), bytes[34]), (35, 3));
    assert_eq!(address.len(), 62);
}

#[test]
fn address_of_public_keys_has_the_checksum_that_others_expect() {
    for address in [
        "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion",
        "sp3k262uwy4r2k3ycr5awluarykdpag6a7y33jxop4cs2lu5uz5sseqd.onion",
        "xa4r2iadxm55fbnqgwwi5mymqdcofiu3w6rpbtqn7b2dyn7mgwj64jyd.onion",
    ] {
        let bytes = base32::decode(address.strip_suffix(".onion").unwrap()).unwrap();
        assert_eq!(address_of(bytes.first_chunk().unwrap()), address);
    }
}

#[test]
fn text_when_read_again_is_the_same_key_with_or_without_type_padding_and_space() {
    let key = known();
    let text = key.text();
    assert_eq!(text.len(), 99);
    for form in [
        text.to_string(),
        format!(" {}\n", *text),
        text.trim_end_matches('=').to_owned(),
        text.split_once(':').unwrap().1.to_owned(),
    ] {
        assert_eq!(OnionKey::parse(&form).unwrap().bytes(), key.bytes(), "{form}");
    }
    assert!(!format!("{key:?}").contains(&text[11..40]));
}

#[test]
fn text_that_is_no_key_is_refused_with_the_reason() {
    let short = format!("ED25519-V3:{}", STANDARD.encode([1; 63]));
    for (text, why) in [
        ("", "empty"),
        (" \n", "empty"),
        ("RSA1024:abc", "version 2"),
        ("RSA:abc", "ED25519-V3"),
        ("ED25519-V3:", "64 bytes"),
        ("ED25519-V3:%%%", "base64"),
        (&short, "64 bytes"),
        ("-----BEGIN PRIVATE KEY-----", "base64"),
    ] {
        let error = OnionKey::parse(text).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn file_when_made_is_private_whole_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("onion.key");
    let (key, new) = OnionKey::load_or_make(&path).unwrap();
    assert!(new);
    let facts = path.metadata().unwrap();
    assert_eq!((facts.permissions().mode() & 0o7777, facts.len()), (0o600, 99));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    let (again, new) = OnionKey::load_or_make(&path).unwrap();
    assert!(!new);
    assert_eq!(again.address(), key.address());
    let error = key.save(&path).unwrap_err().to_string();
    assert!(error.contains("onion.key"), "{error}");
}

#[test]
fn file_that_is_damaged_or_exposed_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("onion.key");
    for (content, mode, why) in [
        (b"".as_slice(), 0o600, "it is empty"),
        (b"ED25519-V3:abc", 0o600, "64 bytes"),
        (b"\xff\xfe", 0o600, "no text"),
        (&[b'a'; 5000], 0o600, "too long"),
        (known().text().as_bytes(), 0o644, "chmod 600"),
        (known().text().as_bytes(), 0o640, "chmod 600"),
    ] {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = OnionKey::load_or_make(&path).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("onion.key"), "{error}");
        assert!(!error.contains(&known().text()[11..40]));
        assert_eq!(fs::read(&path).unwrap(), content);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode);
    }
    let error = OnionKey::load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("no file"), "{error}");
    std::os::unix::fs::symlink("nowhere", dir.path().join("link")).unwrap();
    assert!(OnionKey::load_or_make(&dir.path().join("link")).is_err());
}
