use transom_config::{CookieFile, CryptosignAuth, CryptosignStatic, CryptosignTrustRoot, Place};

use super::*;

fn config(store: CookieStoreConfig) -> CookieConfig {
    CookieConfig { store, ..CookieConfig::default() }
}

#[test]
fn cookies_when_a_transport_changes_are_those_that_were_given_out() {
    let node = Authentication::new(None);
    let memory = || config(CookieStoreConfig::Memory(Default::default()));
    let first = node.cookies(&memory(), "transport001 0".into()).unwrap();
    let given = first.track([]).unwrap();
    let header = format!("cbtid={}", given.id);
    // Other settings make other cookies of the same store.
    let shorter = CookieConfig { max_age: 60, ..memory() };
    let second = node.cookies(&shorter, "transport001 0".into()).unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    assert_eq!(second.track([&*header]).unwrap().id, given.id);
    assert!(Arc::ptr_eq(&first, &node.cookies(&memory(), "transport001 0".into()).unwrap()));
    // Those of another transport are not known.
    let other = node.cookies(&memory(), "transport002 0".into()).unwrap();
    assert_ne!(other.track([&*header]).unwrap().id, given.id);
    drop((first, second));
    let anew = node.cookies(&memory(), "transport001 0".into()).unwrap();
    assert_ne!(anew.track([&*header]).unwrap().id, given.id);
}

#[test]
fn cookie_file_when_several_transports_name_it_is_one_and_is_free_when_none_does() {
    let dir = tempfile::tempdir().unwrap();
    let filename = dir.path().join("cookies");
    let file = CookieFile { filename, purge_on_startup: false, place: Place::root() };
    let file = config(CookieStoreConfig::File(file));
    let (one, two) = (Authentication::new(None), Authentication::new(None));
    let first = one.cookies(&file, "a 0".into()).unwrap();
    let header = format!("cbtid={}", first.track([]).unwrap().id);
    assert!(Arc::ptr_eq(&first, &one.cookies(&file, "b 0".into()).unwrap()));
    // It is another node's as long as this one has it.
    let error = two.cookies(&file, "a 0".into()).unwrap_err().to_string();
    assert!(error.contains("cookies"), "{error}");
    drop(first);
    let second = two.cookies(&file, "a 0".into()).unwrap();
    assert!(second.track([&*header]).unwrap().set_cookie.is_none(), "it is known");
}

#[test]
fn root_when_its_file_is_not_what_it_should_be_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("root.crt");
    let foreign = dir.path().join("root.pem");
    std::fs::write(&foreign, "-----BEGIN CERTIFICATE-----").unwrap();
    let text = include_str!("../../../auth/tests/logins/certificates.json");
    let all: serde_json::Value = serde_json::from_str(text).unwrap();
    let object = serde_json::json!({"primaryType": "EIP712AuthorityCertificate", "message": all["root"][0]});
    let sound = dir.path().join("root.json");
    std::fs::write(&sound, serde_json::json!([object, all["root"][1]]).to_string()).unwrap();
    let other = "0x1563915e194D8CfBA1943570603F7606A3115508";
    for (certificate, trustroot, text) in [
        (missing, None, "root.crt: No such file"),
        (foreign, None, "root.pem: this is no certificate of a root"),
        (sound, Some(other.to_owned()), "that is 0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"),
    ] {
        let root = CryptosignTrustRoot { certificate: Some(certificate), trustroot, ..Default::default() };
        let roots =
            CryptosignStatic { trustroots: Some(vec![("realm1".into(), root)]), ..Default::default() };
        let auth = AuthConfig { cryptosign: Some(CryptosignAuth::Static(roots)), ..AuthConfig::default() };
        let error = Authentication::new(None).methods(Some(&auth), None, &Limit::new(1)).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn connections_without_a_session_take_half_of_the_places_where_there_are_many() {
    for (places, expected) in [(1, 1024), (1000, 1024), (100_000, 50_000)] {
        assert_eq!(Authentication::unauthenticated(places).max(), expected);
    }
}
