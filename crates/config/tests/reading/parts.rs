//! Parts of the dialect that are read alone.

use std::path::Path;

use transom_config::{
    ConnectEndpoint, ConnectTransport, Context, Format, ListenEndpoint, Part, Purpose, UnixAddress,
    parse_part,
};

/// What is read, and what is said about it without the file name.
fn part<T: Part>(text: &str, format: Format) -> (Option<T>, Vec<String>) {
    let context = Context::new("c", Path::new("/node"), &super::support::env);
    let (part, findings) = parse_part(text, format, &context);
    let lines = findings.iter().map(|finding| findings.line(finding, Purpose::Start)[2..].to_owned());
    (part, lines.collect())
}

#[test]
fn part_when_sound_is_what_it_would_be_in_a_whole() {
    let (listening, said) = part::<ListenEndpoint>(r#"{"type": "unix", "path": "s"}"#, Format::Json);
    let Some(ListenEndpoint::Unix(unix)) = listening else { panic!("{said:?}") };
    assert_eq!(unix.address, UnixAddress::Path("/node/s".into()));

    let yaml = "type: tcp\nhost: localhost\nport: 80\n";
    let (connecting, said) = part::<ConnectEndpoint>(yaml, Format::Yaml);
    let Some(ConnectEndpoint::Tcp(tcp)) = connecting else { panic!("{said:?}") };
    assert_eq!((tcp.host.as_str(), tcp.port), ("localhost", 80));

    let text = r#"{"type": "rawsocket", "endpoint": {"type": "unix", "path": "/s"}, "serializer": "cbor"}"#;
    let (transport, said) = part::<ConnectTransport>(text, Format::Json);
    assert!(matches!(transport, Some(ConnectTransport::RawSocket(_))), "{said:?}");
    assert_eq!(said, [""; 0]);
}

#[test]
fn part_when_wrong_is_said_in_full_and_with_its_place() {
    let (endpoint, said) = part::<ConnectEndpoint>(r#"{"type": "tcp", "port": 0, "x": 1}"#, Format::Json);
    assert_eq!(endpoint, None);
    let (hint, all) = ("known: host, keepalive_s, port, timeout, tls, type, version", said.join("\n"));
    for text in
        ["missing mandatory attribute \"host\"", "1:25: error: port: ", "unknown attribute \"x\"", hint]
    {
        assert!(all.contains(text), "{text}\n{all}");
    }
    for text in ["", "[]", "7", "{", r#"{"type": "onion"}"#] {
        let (endpoint, said) = part::<ConnectEndpoint>(text, Format::Json);
        assert!(endpoint.is_none() && !said.is_empty(), "{text}");
    }
}

/// Whoever listens on one endpoint alone says where.
#[test]
fn port_of_a_listening_part_may_be_any() {
    let text = r#"{"type": "tcp", "port": 0}"#;
    let (endpoint, said) = part::<ListenEndpoint>(text, Format::Json);
    let Some(ListenEndpoint::Tcp(tcp)) = endpoint else { panic!("{said:?}") };
    assert_eq!(tcp.ports, 0..=0);
    for text in [r#"{"type": "tcp", "port": -1}"#, r#"{"type": "tcp", "port": 65536}"#] {
        let (endpoint, said) = part::<ListenEndpoint>(text, Format::Json);
        assert!(endpoint.is_none() && said.join("\n").contains("0..65535"), "{said:?}");
    }
}
