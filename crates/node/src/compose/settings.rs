//! The configuration's words in the terms of the crates that act on them. The crates know nothing of the configuration,
//! so that each can be used alone.

use std::time::Duration;

use transom_config::{
    Deflate, RawSocketConfig, RawSocketConnect, RawSocketOptions, Serializer as Configured, StaticConfig,
    TesteeConfig, WebConfig, WebSocketConfig, WebSocketConnect, WebSocketOptions,
};
use transom_http::HttpSettings;
use transom_rawsocket::MaxLength;
use transom_wamp::Serializer;
use transom_web::StaticSettings;
use transom_websocket::{DeflateSettings, WebSocketSettings};

/// The serializers that a name stands for, which for `ubjson` are two. FlatBuffers has been refused by the reader.
fn serializers(configured: &[Configured]) -> Vec<Serializer> {
    let named = |name| Serializer::ALL.into_iter().filter(move |serializer| serializer.name() == name);
    configured.iter().flat_map(|serializer| named(serializer.name())).collect()
}

pub(super) fn rawsocket(config: &RawSocketConfig) -> transom_rawsocket::Settings {
    transom_rawsocket::Settings {
        serializers: serializers(&config.serializers),
        ..rawsocket_options(&config.options)
    }
}

pub(super) fn rawsocket_connect(config: &RawSocketConnect) -> transom_rawsocket::Settings {
    rawsocket_options(&config.options)
}

fn rawsocket_options(options: &RawSocketOptions) -> transom_rawsocket::Settings {
    transom_rawsocket::Settings {
        max_message_size: MaxLength::at_least(options.max_message_size),
        hello_timeout: options.hello_timeout,
        max_send_queue: options.max_send_queue,
        ping_interval: options.ping_interval,
        ping_timeout: options.ping_timeout,
        ..transom_rawsocket::Settings::default()
    }
}

pub(super) fn websocket(config: &WebSocketConfig) -> WebSocketSettings {
    WebSocketSettings {
        serializers: serializers(&config.serializers),
        url: config.url.clone(),
        ..options(&config.options)
    }
}

pub(super) fn websocket_connect(config: &WebSocketConnect) -> WebSocketSettings {
    WebSocketSettings { serializers: serializers(&config.serializers), ..options(&config.options) }
}

pub(super) fn testee(config: &TesteeConfig) -> WebSocketSettings {
    options(&config.options)
}

fn options(configured: &WebSocketOptions) -> WebSocketSettings {
    // Every field by name: a new option must be given its place here, or the compiler complains.
    let WebSocketOptions {
        allowed_origins,
        allow_null_origin,
        external_port,
        enable_hybi10,
        enable_rfc6455,
        // The HTTP server's; see `http`.
        open_handshake_timeout: _,
        close_handshake_timeout,
        enable_webstatus,
        validate_utf8,
        mask_server_frames,
        require_masked_client_frames,
        apply_mask,
        max_frame_size,
        max_message_size,
        auto_fragment_size,
        fail_by_drop,
        echo_close_codereason,
        // Always on: the reader says so when it is switched off.
        tcp_nodelay: _,
        auto_ping_interval,
        auto_ping_timeout,
        auto_ping_size,
        auto_ping_restart_on_any_traffic,
        require_websocket_subprotocol,
        show_server_version,
        hello_timeout,
        max_send_queue,
        compression,
        // Ignored, which the reader says.
        enable_flash_policy: _,
        flash_policy: _,
        place: _,
    } = configured.clone();
    WebSocketSettings {
        allowed_origins,
        allow_null_origin,
        external_port,
        enable_hybi10,
        enable_rfc6455,
        close_handshake_timeout,
        enable_webstatus,
        validate_utf8,
        mask_server_frames,
        require_masked_client_frames,
        apply_mask,
        max_frame_size,
        max_message_size,
        auto_fragment_size,
        fail_by_drop,
        echo_close_codereason,
        auto_ping_interval,
        auto_ping_timeout,
        auto_ping_size,
        auto_ping_restart_on_any_traffic,
        require_websocket_subprotocol,
        show_server_version,
        hello_timeout,
        max_send_queue,
        compression: compression.deflate.as_ref().map(deflate),
        ..WebSocketSettings::default()
    }
}

fn deflate(config: &Deflate) -> DeflateSettings {
    let Deflate {
        request_no_context_takeover,
        request_max_window_bits,
        no_context_takeover,
        max_window_bits,
        memory_level,
        place: _,
    } = *config;
    DeflateSettings {
        request_no_context_takeover,
        request_max_window_bits,
        no_context_takeover,
        max_window_bits,
        memory_level,
        ..DeflateSettings::default()
    }
}

/// The settings of an HTTP port with these web options and WebSocket services. Which path a request is for is known only
/// when its head is there, so the shortest time for a head holds for all.
pub(super) fn http<'a>(
    web: Option<&WebConfig>,
    sockets: impl IntoIterator<Item = &'a WebSocketConfig>,
) -> HttpSettings {
    let mut settings = HttpSettings::default();
    let mut header_timeouts: Vec<_> =
        sockets.into_iter().map(|socket| socket.options.open_handshake_timeout).collect();
    if let Some(web) = web {
        let options = &web.options;
        header_timeouts.push(options.header_timeout);
        settings.idle_timeout = options.client_timeout.or(options.idle_timeout);
        settings.max_header_bytes = options.max_header_bytes;
        settings.access_log = options.access_log;
        settings.hsts = options.hsts.then_some(options.hsts_max_age);
    }
    settings.header_timeout = header_timeouts.into_iter().flatten().min();
    settings
}

/// Nothing for files in a package, which the reader refuses.
pub(super) fn static_files(config: &StaticConfig) -> Option<StaticSettings> {
    let options = &config.options;
    Some(StaticSettings {
        directory: config.directory.clone()?,
        enable_directory_listing: options.enable_directory_listing,
        mime_types: options.mime_types.clone(),
        cache_timeout: options.cache_timeout.map(|seconds| Duration::from_secs(seconds.into())),
        default_file: options.default_file.clone(),
    })
}
