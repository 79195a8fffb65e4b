//! Connecting transports: an endpoint to connect to and what is spoken over it.

use crate::define::{choice, map, words};
use crate::{ConnectEndpoint, RawSocketOptions, Serializer, WebSocketOptions};

choice! {
    /// How a client side connects.
    pub enum ConnectTransport = "connecting transport", trap = reader::transport::connecting_type_trap;
    /// WAMP over WebSocket.
    "websocket" => WebSocket(Box<WebSocketConnect>) = "connecting websocket transport";
    /// WAMP over RawSocket.
    "rawsocket" => RawSocket(Box<RawSocketConnect>) = "connecting rawsocket transport";
}

map! {
    /// WAMP over WebSocket, from the client's side.
    pub struct WebSocketConnect = "connecting websocket transport",
        check = reader::transport::check_websocket_connect, trap = reader::transport::websocket_connect_trap;
    required {
        /// Where it connects to.
        endpoint: ConnectEndpoint => map();
        /// The `ws://` or `wss://` URL: it gives host, port and path of the request.
        url: String => reader::websocket::client_url();
    }
    optional {
        /// A name for it.
        id: Option<String> = None => some(name_of(true));
        /// What is offered, the preferred first.
        serializers: Vec<Serializer> = Serializer::OFFERED.to_vec() =>
            words_list(word().hint(reader::websocket::serializer_trap));
        /// Further settings; those about listening have no effect.
        options: WebSocketOptions = WebSocketOptions::default() => map();
    }
}

map! {
    /// WAMP over RawSocket, from the client's side.
    pub struct RawSocketConnect = "connecting rawsocket transport",
        trap = reader::transport::rawsocket_connect_trap;
    required {
        /// Where it connects to.
        endpoint: ConnectEndpoint => map();
        /// What is spoken.
        serializer: ConnectSerializer => word();
    }
    optional {
        /// A name for it.
        id: Option<String> = None => some(name_of(true));
        /// The `rs://` or `rss://` URL; only its form is checked.
        url: Option<String> = None => some_or_null(reader::websocket::rawsocket_url());
        /// Further settings.
        options: RawSocketOptions = RawSocketOptions::default() => map();
        /// Log more of this transport.
        debug: bool = false => flag();
    }
}

words! {
    /// The serializer of a connecting RawSocket.
    pub enum ConnectSerializer;
    /// JSON.
    "json" => Json;
    /// MessagePack.
    "msgpack" => MsgPack;
    /// CBOR.
    "cbor" => Cbor;
    /// UBJSON.
    "ubjson" => UbJson;
}
