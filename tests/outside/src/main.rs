//! One public thing of each crate that people depend on singly, used from a package that is no member of the
//! workspace. It fails to compile when a crate needs something of the workspace around it.

use bytes::{Bytes, BytesMut};
use transom_config::TcpListenConfig;
use transom_demux::{HttpSniff, RawSocketSniff, Sniff, Verdict};
use transom_endpoint::{BoundAddr, Listener, TcpListener};
use transom_rawsocket::{MaxLength, handshake};
use transom_wamp::{Message, Serializer};
use transom_websocket::{Data, Decoder, Event, Framing, Parts, Role, Rules};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    listen()?;
    let request = handshake::Request {
        max_length: MaxLength::at_least(1 << 20),
        serializer: Serializer::Cbor.rawsocket_id(),
    };
    assert_eq!(RawSocketSniff.sniff(&request.to_octets()), Verdict::Yes);
    assert_eq!(HttpSniff.sniff(&request.to_octets()), Verdict::No);

    // A HELLO in a frame of a WebSocket client, as a server reads it.
    let hello = Bytes::from_static(br#"[1,"realm1",{"roles":{"caller":{}}}]"#);
    let mut wire = Vec::new();
    Framing::new(Role::Client).message(Data::Text, Parts { head: b"", body: &hello, tail: b"" }, &mut wire);
    match Decoder::new(Rules::new(Role::Server)).decode(&mut BytesMut::from(&wire[..]))? {
        Some(Event::Message { text: true, data }) => {
            let message = transom_wamp::decode(Serializer::Json, &data)?;
            assert!(matches!(message, Message::Hello(_)));
            Ok(())
        }
        other => Err(format!("no message but {other:?}").into()),
    }
}

/// Any free port of this machine.
fn listen() -> Result<(), Box<dyn std::error::Error>> {
    let config =
        TcpListenConfig { interface: Some("127.0.0.1".into()), ports: 0..=0, ..TcpListenConfig::new(1) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(&config))?;
    assert!(matches!(listener.bound()[..], [BoundAddr::Tcp(address)] if address.port() != 0));
    Ok(())
}
