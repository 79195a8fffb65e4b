//! One public thing of each crate that people depend on singly, used from a package that is no member of the
//! workspace. It fails to compile when a crate needs something of the workspace around it.

use transom_config::TcpListenConfig;
use transom_wamp::Serializer;
use {transom_demux as _, transom_endpoint as _, transom_rawsocket as _, transom_websocket as _};

fn main() {
    let endpoint = TcpListenConfig::new(8080);
    assert_eq!(endpoint.backlog, 50, "the default of the dialect");
    assert_eq!(Serializer::Cbor.subprotocol(), "wamp.2.cbor");
}
