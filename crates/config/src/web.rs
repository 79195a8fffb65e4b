//! Web: a tree of paths with a service at each.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;

use crate::define::{choice, map, words};
use crate::{Secret, WebSocketConfig, WebSocketConnect, WebSocketOptions};

map! {
    /// HTTP with services at paths.
    pub struct WebConfig = "web", trap = reader::web::trap;
    optional {
        /// The services, by path: one component, or `/` for the root.
        paths: Vec<WebPath> = Vec::new() => reader::web::Paths;
        /// Further settings.
        options: WebOptions = WebOptions::default() => map();
    }
}

map! {
    /// Further settings of HTTP.
    pub struct WebOptions = "web options", check = reader::web::check_options;
    optional {
        /// Log each request.
        access_log: bool = false => flag();
        /// Show details of an internal error on its page.
        display_tracebacks: bool = false => flag(),
            warned_of("pages never tell what went wrong inside the node; the log does");
        /// Send `Strict-Transport-Security`.
        hsts: bool = false => flag();
        /// Seconds that it holds; 0 tells browsers to forget.
        hsts_max_age: u64 = 31_536_000 => count();
        /// Seconds that a kept-alive connection may be idle. If set, it takes the place of `idle_timeout`.
        client_timeout: Option<Duration> = None => or_null(seconds(1..=86_400));
        /// Time for a request head; 0: no limit.
        header_timeout: Option<Duration> = Some(Duration::from_secs(10)) => ms();
        /// Size of a request head.
        max_header_bytes: usize = 32_768 => size(1_024..=1_048_576);
        /// Time that a kept-alive connection may be idle; 0: no limit.
        idle_timeout: Option<Duration> = Some(Duration::from_secs(60)) => ms();
        /// Host names, without port, that are served; any other gets 421. Without it, all are.
        allowed_hosts: Option<Vec<String>> = None => some(list_of_at_least(
            1, "with no host at all, nothing would be served", reader::web::host_name()));
    }
}

/// A path of a web transport (or of a `path` service) and what answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebPath {
    /// One path component without slashes, or `/` for the root of this level.
    pub path: String,
    /// What answers.
    pub service: WebService,
}

map! {
    /// What answers a path.
    pub struct WebService = "web service", trap = reader::web::service_trap;
    optional {
        /// A name for it.
        id: String = String::new() => id("webservice", |ids| &ids.webservice, true),
            always_noted("services are known by their paths");
    }
    parts {
        /// What it does.
        kind: WebServiceConfig = WebServiceConfig::NodeInfo(NodeInfoConfig::default()) => inside();
    }
}

choice! {
    /// What answers a path.
    pub enum WebServiceConfig = "web service", trap = reader::web::type_trap;
    /// The files below a directory.
    "static" => Static(StaticConfig) = "static web service";
    /// WAMP over WebSocket.
    "websocket" => WebSocket(Box<WebSocketConfig>) = "websocket web service";
    /// 302 to a fixed place.
    "redirect" => Redirect(RedirectConfig) = "redirect web service";
    /// A fixed JSON value.
    "json" => Json(JsonConfig) = "json web service";
    /// A page about the node.
    "nodeinfo" => NodeInfo(NodeInfoConfig) = "nodeinfo web service";
    /// One more level of paths.
    "path" => Path(PathConfig) = "path web service";
    /// WAMP over requests that wait for their answer.
    "longpoll" => LongPoll(LongPollConfig) = "longpoll web service", unsupported();
    /// Requests that publish.
    "publisher" => Publisher(BridgeConfig) = "publisher web service", unsupported();
    /// Requests that call.
    "caller" => Caller(BridgeConfig) = "caller web service", unsupported();
    /// Requests of other services that are published.
    "webhook" => WebHook(WebHookConfig) = "webhook web service", unsupported();
    /// Another HTTP server.
    "reverseproxy" => ReverseProxy(ReverseProxyConfig) = "reverseproxy web service", unsupported();
    /// Another WebSocket server.
    "websocket-reverseproxy" => WebSocketReverseProxy(Box<WebSocketReverseProxyConfig>)
        = "websocket-reverseproxy web service", unsupported();
    /// The files in a ZIP archive.
    "archive" => Archive(ArchiveConfig) = "archive web service", unsupported();
    /// Programs that make pages.
    "cgi" => Cgi(CgiConfig) = "cgi web service", unsupported();
    /// Pages from procedures and templates.
    "wap" => Wap(WapConfig) = "wap web service", unsupported();
    /// A Python WSGI application.
    "wsgi" => Wsgi(WsgiConfig) = "wsgi web service",
        unsupported_but("it is Python code: run it as a server of its own");
    /// A Python web resource.
    "resource" => Resource(ResourceConfig) = "resource web service",
        unsupported_but("it is Python code: run it as a server of its own");
    /// Pages about FlatBuffers schemas.
    "catalog" => Catalog(CatalogConfig) = "catalog web service", unsupported();
    /// Nothing: 404.
    "none" => Nothing(NothingConfig) = "none web service", unsupported_but("leave the path out");
}

map! {
    /// The files below a directory.
    pub struct StaticConfig = "static web service",
        check = reader::web::check_static, trap = reader::web::static_trap, one_of = &["directory", "package"];
    optional {
        /// The directory.
        directory: Option<PathBuf> = None => some(folder());
        /// Instead of a directory, a Python package that holds the files.
        package: Option<String> = None => some(text()), unsupported_but("give the \"directory\" of the files");
        /// Where they are in the package.
        resource: Option<String> = None => some(text());
        /// Further settings.
        options: StaticOptions = StaticOptions::default() => map();
    }
}

impl StaticConfig {
    /// The files below `directory`, everything else at its default.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory: Some(directory), ..Self::default() }
    }
}

map! {
    /// Further settings of files.
    pub struct StaticOptions = "static web service options";
    optional {
        /// Answer a directory without index file with a listing, otherwise 404.
        enable_directory_listing: bool = false => flag();
        /// Further media types by extension.
        mime_types: Vec<(String, String)> = Vec::new() => reader::web::mime_types();
        /// Seconds that answers may be cached; `null`: no headers about caching.
        cache_timeout: Option<u32> = Some(43_200) => or_null(some(int(0..=4_294_967_295)));
        /// Served with 200, relative to the directory, for anything not found.
        default_file: Option<String> = None => some(filled());
    }
}

map! {
    /// 302 to a fixed place.
    pub struct RedirectConfig = "redirect web service";
    required {
        /// The `Location`, verbatim: printable ASCII.
        url: String => reader::web::location();
    }
}

map! {
    /// A fixed JSON value.
    pub struct JsonConfig = "json web service", trap = reader::web::json_trap;
    required {
        /// The value.
        value: Json => any();
    }
    optional {
        /// Further settings.
        options: JsonOptions = JsonOptions::default() => map();
    }
}

map! {
    /// Further settings of a JSON value.
    pub struct JsonOptions = "json web service options";
    optional {
        /// Indent the text.
        prettify: bool = false => flag();
        /// Send headers that let any origin read it.
        allow_cross_origin: bool = true => flag();
        /// Send headers against caching.
        discourage_caching: bool = false => flag();
    }
}

map! {
    /// A page about the node.
    pub struct NodeInfoConfig = "nodeinfo web service";
    optional {
        /// Show live data, and a console that joins as a WAMP client.
        console: bool = false => flag();
    }
}

map! {
    /// One more level of paths.
    pub struct PathConfig = "path web service";
    required {
        /// The services, by path: one component, or `/` for the root of this level.
        paths: Vec<WebPath> => reader::web::Paths;
    }
}

map! {
    /// WAMP over requests that wait for their answer.
    pub struct LongPollConfig = "longpoll web service";
    optional {
        /// Further settings.
        options: LongPollOptions = LongPollOptions::default() => map();
    }
}

map! {
    /// Further settings of WAMP over requests.
    pub struct LongPollOptions = "longpoll web service options";
    optional {
        /// Seconds that a request waits; 0: no limit.
        request_timeout: Option<Duration> = Some(Duration::from_secs(10)) => seconds(0..=86_400);
        /// Seconds without a request after which the session ends; 0: no limit.
        session_timeout: Option<Duration> = Some(Duration::from_secs(30)) => seconds(0..=86_400);
        /// Bytes that may wait for the client; 0: no limit.
        queue_limit_bytes: Option<usize> = Some(131_072) => size_or_none(1_073_741_824);
        /// Messages that may wait for the client; 0: no limit.
        queue_limit_messages: Option<u32> = Some(100) => limit(1_000_000);
        /// A fixed transport ID, for debugging.
        debug_transport_id: Option<String> = None => some(filled());
        /// Log more.
        debug: bool = false => flag();
    }
}

map! {
    /// Requests that publish or call.
    pub struct BridgeConfig = "http bridge web service";
    required {
        /// The realm.
        realm: String => text();
        /// The role whose permissions hold.
        role: String => filled();
    }
    optional {
        /// Further settings.
        options: BridgeOptions = BridgeOptions::default() => map();
    }
}

map! {
    /// Further settings of requests that publish or call.
    pub struct BridgeOptions = "http bridge options", check = reader::web::check_bridge;
    optional {
        /// The name of the secret, which requests give.
        key: Option<String> = None => some(text());
        /// The secret that requests are signed with.
        secret: Option<Secret> = None => some(secret(false));
        /// Answer requests without TLS 400.
        require_tls: bool = false => flag();
        /// Networks that requests may come from, such as `10.0.0.0/8`.
        require_ip: Vec<String> = Vec::new() => list(reader::web::network());
        /// Longest body; 0: no limit.
        post_body_limit: Option<usize> = None => size_or_none(1_048_576);
        /// Seconds that the clock of a request may differ; 0: any.
        timestamp_delta_limit: Option<Duration> = Some(Duration::from_secs(300)) => seconds(0..=86_400);
        /// Log more.
        debug: bool = false => flag();
    }
}

map! {
    /// Requests of other services that are published.
    pub struct WebHookConfig = "webhook web service";
    required {
        /// The realm.
        realm: String => text();
        /// The role whose permissions hold.
        role: String => filled();
        /// Further settings.
        options: WebHookOptions => map();
    }
}

map! {
    /// Further settings of requests that are published.
    pub struct WebHookOptions = "webhook web service options";
    required {
        /// The topic.
        topic: String => text();
    }
    optional {
        /// Longest body; 0: no limit.
        post_body_limit: Option<usize> = None => size_or_none(1_048_576);
        /// The body of the answer when it was published.
        success_response: String = "OK".to_owned() => unchecked_text();
        /// The body of the answer when it could not be.
        error_response: String = "NOT OK".to_owned() => unchecked_text();
        /// The secret that GitHub signs requests with.
        github_secret: Option<Secret> = None => some(reader::web::github_secret());
        /// Log more.
        debug: bool = false => flag();
    }
}

map! {
    /// Another HTTP server.
    pub struct ReverseProxyConfig = "reverseproxy web service";
    required {
        /// Its host name or address.
        host: String => filled();
    }
    optional {
        /// Its port.
        port: u16 = 80 => port();
        /// Put in front of the path of requests.
        path: String = String::new() => unchecked_text();
        /// The port that it is told requests came to.
        forwarded_port: u16 = 80 => port();
        /// The scheme that it is told requests came by.
        forwarded_proto: ForwardedScheme = ForwardedScheme::Http => word();
    }
}

words! {
    /// A scheme of HTTP.
    pub enum ForwardedScheme;
    /// Without TLS.
    "http" => Http;
    /// With TLS.
    "https" => Https;
}

map! {
    /// Another WebSocket server.
    pub struct WebSocketReverseProxyConfig = "websocket-reverseproxy web service",
        check = reader::web::check_reverse_proxy;
    required {
        /// How it is connected to: a connecting WebSocket transport.
        backend: Box<WebSocketConnect> => reader::transport::backend();
    }
    optional {
        /// The `ws://` or `wss://` URL shown on the status page.
        url: Option<String> = None => some(reader::websocket::server_url());
        /// Further settings of this side; `show_server_version` is on unless it says otherwise.
        options: WebSocketOptions = WebSocketOptions::default() => map();
    }
}

map! {
    /// The files in a ZIP archive.
    pub struct ArchiveConfig = "archive web service", check = reader::web::check_archive;
    required {
        /// The file.
        archive: PathBuf => path();
    }
    optional {
        /// Where it can be fetched from.
        origin: Option<String> = None => some(reader::web::http_url());
        /// Fetch it if it is not there.
        download: bool = false => flag();
        /// Keep its contents in memory.
        cache: bool = false => flag();
        /// Served for a path that ends in `/`.
        default_object: Option<String> = None => some(unchecked_text());
        /// Put in front of paths.
        object_prefix: Option<String> = None => some(unchecked_text());
        /// Further media types by extension.
        mime_types: Vec<(String, String)> = Vec::new() => reader::web::mime_types();
        /// SHA-256 digests of files that are accepted, hex.
        hashes: Vec<String> = Vec::new() => list(text());
        /// Further settings.
        options: ArchiveOptions = ArchiveOptions::default() => map();
    }
}

map! {
    /// Further settings of an archive.
    pub struct ArchiveOptions = "archive web service options", open = true;
    optional {
        /// Served for anything not found.
        default_file: Option<String> = None => some_or_null(filled());
    }
}

map! {
    /// Programs that make pages.
    pub struct CgiConfig = "cgi web service";
    required {
        /// The directory of the scripts.
        directory: PathBuf => folder();
        /// The interpreter that runs them: an absolute path.
        processor: String => filled();
    }
}

map! {
    /// Pages from procedures and templates.
    pub struct WapConfig = "wap web service";
    required {
        /// The directory of the templates.
        templates: WapTemplates => reader::web::Templates;
        /// What answers which request.
        routes: Vec<WapRoute> => list(map());
        /// Where procedures are called.
        wamp: WapSession => map();
    }
    optional {
        /// Keep templates from doing harm.
        sandbox: bool = true => flag();
        /// The path that pages believe they are at.
        path: Option<String> = None => some(unchecked_text());
    }
}

/// Where templates are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WapTemplates {
    /// In a directory.
    Directory(PathBuf),
    /// In a Python package.
    Package(WapPackage),
}

map! {
    /// A Python package that holds templates.
    pub struct WapPackage = "wap templates package";
    required {
        /// The package.
        package: String => text();
        /// Where they are in it.
        resource: String => text();
    }
}

map! {
    /// What answers a request.
    pub struct WapRoute = "wap route";
    required {
        /// The path, `<name>` standing for what becomes an argument.
        path: String => text();
        /// The method.
        method: WapMethod => word();
        /// The template.
        render: String => text();
    }
    optional {
        /// The procedure that is called.
        call: Option<String> = None => or_null(some(filled()));
    }
}

words! {
    /// A method of HTTP.
    pub enum WapMethod;
    /// GET
    "GET" => Get;
    /// POST
    "POST" => Post;
}

map! {
    /// Where procedures are called.
    pub struct WapSession = "wap session";
    required {
        /// The realm.
        realm: String => text();
    }
    optional {
        /// The role whose permissions hold.
        authrole: String = "anonymous".to_owned() => filled();
    }
}

map! {
    /// A Python WSGI application.
    pub struct WsgiConfig = "wsgi web service";
    required {
        /// The module.
        module: String => text();
        /// The application in it.
        object: String => text();
    }
    optional {
        /// The fewest threads.
        minthreads: u32 = 0 => int(0..=65_535);
        /// The most threads.
        maxthreads: u32 = 20 => int(1..=65_535);
    }
}

map! {
    /// A Python web resource.
    pub struct ResourceConfig = "resource web service";
    required {
        /// The class.
        classname: String => text();
    }
    optional {
        /// Passed to it as it is.
        extra: Option<Json> = None => some(any());
    }
}

map! {
    /// Pages about FlatBuffers schemas.
    pub struct CatalogConfig = "catalog web service";
    required {
        /// The file.
        filename: PathBuf => path();
    }
    optional {
        /// The path that pages believe they are at.
        path: Option<String> = None => some(unchecked_text());
    }
}

map! {
    /// Nothing.
    pub struct NothingConfig = "none web service";
    optional {}
}
