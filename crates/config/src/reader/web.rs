//! Web transports and their services.

use std::time::Duration;

use super::cursor::{Map, Val, one_of, plain};
use super::finding::Severity;
use super::source::Span;
use super::suggest::nearest;
use super::websocket;
use crate::{
    JsonConfig, NodeInfoConfig, PathConfig, RedirectConfig, StaticConfig, WebConfig, WebOptions, WebPath,
    WebServiceConfig,
};

/// Services that this release runs.
const SERVICES: [&str; 6] = ["static", "websocket", "redirect", "json", "nodeinfo", "path"];

/// Services of the dialect that this release lacks.
const OTHERS: [&str; 13] = [
    "cgi",
    "wsgi",
    "resource",
    "longpoll",
    "publisher",
    "caller",
    "webhook",
    "reverseproxy",
    "websocket-reverseproxy",
    "archive",
    "wap",
    "catalog",
    "none",
];

/// Options that stand under `options`, to recognise them one level too high.
const OPTIONS: [&str; 9] = [
    "access_log",
    "display_tracebacks",
    "hsts",
    "hsts_max_age",
    "client_timeout",
    "header_timeout",
    "max_header_bytes",
    "idle_timeout",
    "allowed_hosts",
];

/// Where `sniff_timeout` stands.
#[derive(Clone, Copy)]
pub(crate) enum SniffTimeout {
    /// In the web transport itself.
    Own,
    /// In the universal transport around it.
    Of(Option<Duration>),
}

/// The keys of a web transport or section in a map that its caller opened and will finish.
pub(crate) fn web(map: &Map<'_>, sniff_timeout: SniffTimeout, paths_needed: bool) -> WebConfig {
    let defaults = WebConfig::default();
    let paths = if paths_needed { map.req("paths") } else { map.get("paths") };
    let options = map.get("options").and_then(|options| options.map("web options"));
    WebConfig {
        place: map.place.clone(),
        paths: paths
            .and_then(|paths| paths.map("web paths"))
            .map(|paths| read_paths(&paths))
            .unwrap_or_default(),
        options: options.map(|options| read_options(&options)).unwrap_or_default(),
        sniff_timeout: match sniff_timeout {
            SniffTimeout::Own => map.ms("sniff_timeout", defaults.sniff_timeout),
            SniffTimeout::Of(timeout) => timeout,
        },
    }
}

/// What was probably meant by a key that web transports do not have.
pub(crate) fn trap(key: &str) -> Option<String> {
    match key {
        _ if OPTIONS.contains(&key) => Some("put it under \"options\"".to_owned()),
        "/" | "ws" => Some("put it under \"paths\"".to_owned()),
        "auth" | "serializers" | "cookie" => Some("put it into the service of type \"websocket\"".to_owned()),
        _ => None,
    }
}

fn read_options(map: &Map<'_>) -> WebOptions {
    let d = WebOptions::default();
    let client_timeout = match map.get("client_timeout") {
        Some(value) if value.node.type_name() != "null" => value.seconds(1..=86_400).flatten(),
        _ => d.client_timeout,
    };
    if client_timeout.is_some() && map.has("idle_timeout") {
        map.ignored(Severity::Warning, "idle_timeout", "\"client_timeout\" means the same and comes first");
    }
    let hsts_max_age = map.int("hsts_max_age", 0..=i64::MAX).and_then(|age| u64::try_from(age).ok());
    let options = WebOptions {
        access_log: map.bool("access_log", d.access_log),
        display_tracebacks: map.bool("display_tracebacks", d.display_tracebacks),
        hsts: map.bool("hsts", d.hsts),
        hsts_max_age: hsts_max_age.unwrap_or(d.hsts_max_age),
        client_timeout,
        header_timeout: map.ms("header_timeout", d.header_timeout),
        max_header_bytes: map.size("max_header_bytes", 1024..=1 << 20, d.max_header_bytes),
        idle_timeout: map.ms("idle_timeout", d.idle_timeout),
        allowed_hosts: map.get("allowed_hosts").and_then(|hosts| allowed_hosts(&hosts)),
    };
    if options.display_tracebacks {
        let why = "pages never tell what went wrong inside the node; the log does";
        map.ignored(Severity::Warning, "display_tracebacks", why);
    }
    if hsts_max_age.is_some() && !options.hsts {
        map.ignored(Severity::Note, "hsts_max_age", "\"hsts\" is not on");
    }
    map.finish(&plain);
    options
}

fn allowed_hosts(value: &Val<'_>) -> Option<Vec<String>> {
    let items = value.list()?;
    if items.is_empty() {
        value
            .invalid_value("with no host at all, nothing would be served", Some("leave it out to serve all"));
    }
    let mut hosts = Vec::new();
    for item in &items {
        let Some(host) = item.non_empty() else { continue };
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if host.contains('/') || (bare.is_none() && host.contains(':')) {
            item.invalid_value(
                "must be a host name without scheme and port, IPv6 addresses in brackets",
                None,
            );
        }
        hosts.push(host.to_ascii_lowercase());
    }
    Some(hosts)
}

/// Reports a key that cannot be a path: one component of `a-zA-Z0-9_-`, or `/`.
pub(crate) fn check_path_key(map: &Map<'_>, key: &str, span: Span) {
    let component = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    if key == "/" || component(key) {
        return;
    }
    let trimmed = key.trim_matches('/');
    let hint = if component(trimmed) {
        Some(format!("write {trimmed:?}, without slashes"))
    } else if trimmed.split('/').count() > 1 {
        Some("use a service of type \"path\" for nesting".to_owned())
    } else {
        None
    };
    let message = format!(
        "invalid value {key:?} for a path: must be one component of letters, digits, _ and -, or \"/\""
    );
    map.cx.note(Severity::Error, &map.place, span, message, hint);
}

fn read_paths(map: &Map<'_>) -> Vec<WebPath> {
    let mut paths = Vec::new();
    for (key, span, value) in map.entries() {
        check_path_key(map, key, span);
        paths.extend(service(key, &value));
    }
    paths
}

/// One web service; `None` if it is wrong or of a type that this release lacks.
fn service(path: &str, value: &Val<'_>) -> Option<WebPath> {
    let map = value.map("web service")?;
    let kind = map.req("type")?;
    kind.has_words(SERVICES.into_iter().chain(OTHERS));
    let type_name = kind.str()?;
    if !SERVICES.contains(&type_name) {
        unknown_service(&kind, type_name);
        return None;
    }
    let map = value.map(format!("{type_name} web service"))?;
    map.get("type");
    let id = map.id("webservice", &map.cx.ids.webservice, true);
    map.ignored(Severity::Note, "id", "services are known by their paths");
    let service = match type_name {
        "static" => static_files(&map).map(WebServiceConfig::Static),
        "websocket" => Some(WebServiceConfig::WebSocket(Box::new(websocket::websocket(&map)))),
        "redirect" => redirect(&map).map(WebServiceConfig::Redirect),
        "json" => json(&map).map(WebServiceConfig::Json),
        "nodeinfo" => {
            Some(WebServiceConfig::NodeInfo(NodeInfoConfig { console: map.bool("console", false) }))
        }
        _ => map
            .req("paths")
            .and_then(|paths| paths.map("paths of a path web service"))
            .map(|paths| WebServiceConfig::Path(PathConfig { paths: read_paths(&paths) })),
    };
    map.finish(&|key| match (type_name, key) {
        ("websocket", "endpoint") => Some("it belongs to the transport".to_owned()),
        (_, "max_connections") => Some("set it on the transport".to_owned()),
        ("websocket", _) => websocket::trap(key),
        ("static", "enable_directory_listing" | "mime_types" | "cache_timeout" | "default_file")
        | ("json", "prettify" | "allow_cross_origin" | "discourage_caching") => {
            Some("put it under \"options\"".to_owned())
        }
        _ => None,
    });
    Some(WebPath { place: map.place.clone(), path: path.to_owned(), id, service: service? })
}

fn unknown_service(kind: &Val<'_>, type_name: &str) {
    if OTHERS.contains(&type_name) {
        return kind.unsupported(&format!("web service type {type_name:?}"), None);
    }
    let known = || SERVICES.into_iter().chain(OTHERS);
    let hint = match type_name {
        "upload" => Some("uploads are not supported".to_owned()),
        "websocket-proxy" | "waprpc" => Some("see workers of type \"proxy\"".to_owned()),
        _ => nearest(type_name, known()).map(|word| format!("did you mean {word:?}?")),
    };
    kind.invalid_value(format!("must be {}", one_of(known())), hint.as_deref());
}

fn static_files(map: &Map<'_>) -> Option<StaticConfig> {
    let directory = map.get("directory").and_then(|directory| directory.non_empty());
    let package = map.get("package");
    let resource = map.get("resource");
    let defaults = StaticConfig::new(map.cx.path(directory.unwrap_or_default()));
    let mut config = defaults;
    if let Some(options) = map.get("options").and_then(|options| options.map("static web service options")) {
        static_options(&options, &mut config);
    }
    match (map.has("directory"), package.or(resource)) {
        (true, Some(_)) => {
            let message =
                "invalid value: give either \"directory\" or \"package\" and \"resource\", not both";
            map.cx.note(Severity::Error, &map.place, map.span, message.to_owned(), None);
            None
        }
        (false, Some(_)) => {
            for key in ["package", "resource"] {
                map.req(key).and_then(|value| value.non_empty());
            }
            map.unsupported("package", Some("give the \"directory\" of the files"));
            None
        }
        (true, None) => directory.map(|_| config),
        (false, None) => {
            map.missing("directory", None);
            None
        }
    }
}

fn static_options(map: &Map<'_>, config: &mut StaticConfig) {
    config.enable_directory_listing = map.bool("enable_directory_listing", config.enable_directory_listing);
    if let Some(types) = map.get("mime_types").and_then(|types| types.map("mime_types")) {
        for (extension, _, value) in types.entries() {
            if let Some(mime) = value.non_empty() {
                let dotted = if extension.starts_with('.') { "" } else { "." };
                config.mime_types.push((format!("{dotted}{extension}"), mime.to_owned()));
            }
        }
    }
    if let Some(value) = map.get("cache_timeout") {
        config.cache_timeout = if value.node.type_name() == "null" {
            None
        } else {
            value
                .int(0..=i64::from(u32::MAX))
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map(Duration::from_secs)
        };
    }
    config.default_file = map.non_empty("default_file");
    map.finish(&plain);
}

fn redirect(map: &Map<'_>) -> Option<RedirectConfig> {
    let value = map.req("url")?;
    let url = value.non_empty()?;
    if !url.bytes().all(|b| b.is_ascii_graphic()) {
        value.invalid_value("must be printable ASCII without blanks", Some("percent-encode the others"));
        return None;
    }
    Some(RedirectConfig { url: url.to_owned() })
}

fn json(map: &Map<'_>) -> Option<JsonConfig> {
    let value = map.req("value");
    let mut config = JsonConfig::new(value.as_ref().map(|value| value.node.to_json()).unwrap_or_default());
    if let Some(options) = map.get("options").and_then(|options| options.map("json web service options")) {
        config.prettify = options.bool("prettify", config.prettify);
        config.allow_cross_origin = options.bool("allow_cross_origin", config.allow_cross_origin);
        config.discourage_caching = options.bool("discourage_caching", config.discourage_caching);
        options.finish(&plain);
    }
    value.map(|_| config)
}
