//! WebSocket: a transport of its own, a section of a universal one, or a web service.

use std::path::PathBuf;
use std::time::Duration;

use crate::define::{choice, map, words};
use crate::{AuthConfig, Serializer};

map! {
    /// WAMP over WebSocket.
    pub struct WebSocketConfig = "websocket", check = reader::websocket::check, trap = reader::websocket::trap;
    optional {
        /// The `ws://` or `wss://` URL shown on the status page. Its scheme says whether the outside is secure; it does
        /// not select the path.
        url: Option<String> = None => some(reader::websocket::server_url());
        /// What is offered; which is taken, clients decide.
        serializers: Vec<Serializer> = Serializer::OFFERED.to_vec() =>
            words_list(word().hint(reader::websocket::serializer_trap));
        /// Who may join. Absent or empty: everybody, as `anonymous`.
        auth: Option<AuthConfig> = None => reader::auth::auth();
        /// Recognise clients that come again by a cookie.
        cookie: Option<CookieConfig> = None => some(map());
        /// Log more of this transport.
        debug: bool = false => flag(),
            without_effect("how much is logged is set for the whole node, by --loglevel");
        /// Further settings.
        options: WebSocketOptions = WebSocketOptions::default() => map();
    }
}

map! {
    /// Further settings of a WebSocket.
    pub struct WebSocketOptions = "websocket options",
        check = reader::websocket::check_options, trap = reader::websocket::options_trap;
    optional {
        /// Origins that may connect, `*` standing for any run of characters; compared to `scheme://host:port`, and to the
        /// form without port where it is the scheme's default. A request without `Origin` always passes; any other
        /// mismatch is answered 400.
        allowed_origins: Vec<String> = vec!["*".to_owned()] => list(filled());
        /// Accept `Origin: null` and `file:` origins; `false` refuses them even with `["*"]`.
        allow_null_origin: bool = true => flag();
        /// A port in the `Host` header must equal this, else 400; 0: any.
        external_port: Option<u16> = None => port_or_none();
        /// Accept `Sec-WebSocket-Version: 8`.
        enable_hybi10: bool = true => flag();
        /// Accept `Sec-WebSocket-Version: 13`, which is RFC 6455.
        enable_rfc6455: bool = true => flag();
        /// Time for the upgrade; 0: no limit.
        open_handshake_timeout: Option<Duration> = Some(Duration::from_secs(10)) => ms().of_at_least_a_second();
        /// Time for the peer to answer a close frame; 0: no limit.
        close_handshake_timeout: Option<Duration> = Some(Duration::from_secs(5)) => ms().of_at_least_a_second();
        /// Answer a plain GET with a status page, otherwise with 426.
        enable_webstatus: bool = true => flag();
        /// Text that is not UTF-8 closes the connection with 1007.
        validate_utf8: bool = true => flag();
        /// Mask frames that the server sends, against RFC 6455.
        mask_server_frames: bool = false => flag();
        /// An unmasked client frame closes the connection with 1002.
        require_masked_client_frames: bool = true => flag();
        /// Really mask payloads; `false` leaves them as they are while the mask bit stays.
        apply_mask: bool = true => flag();
        /// Longest incoming frame on the wire; beyond it the connection is closed with 1009; 0: no limit.
        max_frame_size: Option<usize> = None => size_or_none(67_108_864);
        /// Longest incoming message after decompression; beyond it the connection is closed with 1009; 0: no limit.
        max_message_size: Option<usize> = Some(16_777_216) => size_or_none(67_108_864);
        /// Split outgoing messages into frames of at most this payload; 0: never.
        auto_fragment_size: Option<usize> = None => size_or_none(4_294_967_295);
        /// Drop the connection on a protocol violation instead of closing it properly.
        fail_by_drop: bool = false => flag();
        /// Answer a close with the peer's code and reason instead of 1000.
        echo_close_codereason: bool = false => flag();
        /// Send small packets at once.
        tcp_nodelay: bool = true => flag(),
            warned_of("it is always on; what is to be sent together leaves in one write anyway");
        /// Ping this long after open and after each pong; 0: never.
        auto_ping_interval: Option<Duration> = Some(Duration::from_secs(30)) => ms().of_at_least_a_second();
        /// Drop the connection when no pong came by then; 0: never.
        auto_ping_timeout: Option<Duration> = Some(Duration::from_secs(30)) => ms().of_at_least_a_second();
        /// Payload of a ping.
        auto_ping_size: usize = 12 => size(12..=125);
        /// Any data frame counts as a pong.
        auto_ping_restart_on_any_traffic: bool = true => flag();
        /// Compress messages; `{}`: do not.
        compression: Compression = Compression::default() => map();
        /// Without a common subprotocol the upgrade is answered 400; `false`: such clients speak `wamp.2.json`.
        require_websocket_subprotocol: bool = true => flag();
        /// Name the version in the `Server` header.
        show_server_version: bool = false => flag();
        /// Serve a Flash policy file on the same port.
        enable_flash_policy: bool = false => flag(), warned_of("no browser runs Flash any more");
        /// That policy file.
        flash_policy: Option<String> = None => some_or_null(unchecked_text()), warned_of("no browser runs Flash any more");
        /// From the upgrade to HELLO; 0: no limit.
        hello_timeout: Option<Duration> = Some(Duration::from_secs(5)) => ms();
        /// Bytes queued towards one session before events are held back.
        max_send_queue: usize = 16_777_216 => size(1..=1_073_741_824);
    }
}

map! {
    /// Compression of messages.
    pub struct Compression = "compression";
    optional {
        /// permessage-deflate, RFC 7692.
        deflate: Option<Deflate> = None => some(map());
    }
}

map! {
    /// permessage-deflate, RFC 7692.
    pub struct Deflate = "deflate";
    optional {
        /// Ask clients not to keep their window between messages; an offer that does not allow it is declined.
        request_no_context_takeover: bool = false => flag();
        /// Ask clients for a window of so many bits; 0: do not ask. An offer that does not allow it is declined.
        request_max_window_bits: Option<u8> = None => reader::websocket::requested_bits();
        /// Start a new window with each message sent.
        no_context_takeover: bool = false => flag();
        /// Bits of the window for what is sent.
        max_window_bits: u8 = 15 => int(9..=15);
        /// Memory for compression.
        memory_level: u8 = 8 => int(1..=9);
    }
}

map! {
    /// Cookies by which clients are recognised that come again.
    pub struct CookieConfig = "cookie";
    optional {
        /// The name of the cookie.
        name: String = "cbtid".to_owned() => reader::auth::cookie_name();
        /// Characters of its value.
        length: usize = 24 => int(6..=64);
        /// Seconds that it lives.
        max_age: u32 = 604_800 => int(1..=311_040_000);
        /// Where cookies are kept.
        store: CookieStoreConfig = CookieStoreConfig::Memory(MemoryCookies::default()) => map();
        /// Only over TLS.
        secure: bool = false => flag();
        /// Out of reach for scripts.
        http_strict: bool = false => flag();
        /// Whether it is sent with requests from other sites.
        same_site: Option<SameSite> = None => some(word());
    }
}

words! {
    /// Whether a cookie is sent with requests from other sites.
    pub enum SameSite;
    /// Never.
    "Strict" => Strict;
    /// When a link is followed.
    "Lax" => Lax;
    /// Always.
    "None" => None;
}

choice! {
    /// Where cookies are kept.
    pub enum CookieStoreConfig = "cookie store";
    /// In memory.
    "memory" => Memory(MemoryCookies) = "cookie store of type \"memory\"";
    /// In a file, one JSON object a line.
    "file" => File(CookieFile) = "cookie store of type \"file\"";
    /// In a database.
    "database" => Database(CookieDatabase) = "cookie store of type \"database\"", unsupported_but("use a store of type \"file\"");
}

map! {
    /// Cookies in memory.
    pub struct MemoryCookies = "cookie store";
    optional {}
}

map! {
    /// Cookies in a file.
    pub struct CookieFile = "cookie store";
    required {
        /// The file.
        filename: PathBuf => path();
    }
    optional {
        /// Drop expired cookies at start.
        purge_on_startup: bool = false => flag();
    }
}

map! {
    /// Cookies in a database.
    pub struct CookieDatabase = "cookie store";
    required {
        /// The directory of the database.
        path: PathBuf => folder();
    }
    optional {
        /// Drop expired cookies at start.
        purge_on_startup: bool = false => flag();
        /// Largest size.
        maxsize: u64 = 1_073_741_824 => size(131_072..=137_438_953_472);
        /// Do not change it.
        readonly: bool = false => flag();
        /// Wait until what is written is on disk.
        sync: bool = true => flag();
    }
}
