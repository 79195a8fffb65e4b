//! Kinds, checks and hints of web transports and their services.

use serde_json::Value as Json;

use super::describe::Shape;
use super::finding::Severity;
use super::kind::{
    Dict, Kind, MapOf, SecretText, Text, Whole, dict, filled, folder, map, regular, secret, whole,
};
use super::map::Map;
use super::source::Token;
use super::val::Val;
use super::writer::Writer;
use crate::{
    ArchiveConfig, BridgeOptions, Secret, StaticConfig, WapPackage, WapTemplates, WebOptions, WebPath,
    WebService, WebSocketReverseProxyConfig,
};

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

/// What was probably meant by a key that web transports do not have.
pub(crate) fn trap(key: &str) -> Option<String> {
    match key {
        _ if OPTIONS.contains(&key) => Some("put it under \"options\"".to_owned()),
        "/" | "ws" => Some("put it under \"paths\"".to_owned()),
        "auth" | "serializers" | "cookie" => Some("put it into the service of type \"websocket\"".to_owned()),
        _ => None,
    }
}

pub(crate) fn check_options(options: &mut WebOptions, map: &Map<'_>) {
    if options.client_timeout.is_some() && map.has("idle_timeout") {
        map.ignored(Severity::Warning, "idle_timeout", "\"client_timeout\" means the same and comes first");
    }
    if map.has("hsts_max_age") && !options.hsts {
        map.ignored(Severity::Note, "hsts_max_age", "\"hsts\" is not on");
    }
}

/// A host name, without port.
pub(crate) fn host_name() -> HostName {
    HostName
}

pub(crate) struct HostName;

impl Kind for HostName {
    type Value = String;

    fn read(&self, value: &Val<'_>) -> Option<String> {
        let host = value.non_empty()?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if host.contains('/') || (bare.is_none() && host.contains(':')) {
            let why = "must be a host name without scheme and port, IPv6 addresses in brackets";
            value.invalid_value(why, None);
        }
        Some(host.to_ascii_lowercase())
    }

    fn write(&self, value: &String, _: &Writer) -> Option<Json> {
        Some(value.as_str().into())
    }

    fn shape(&self) -> Shape {
        Shape::Text {
            rule: "a host name without scheme and port, IPv6 addresses in brackets",
            pattern: Some(r"^(\[[^/\]]*\]|[^/:]*[^\s/:][^/:]*)$"),
        }
    }
}

/// What a path may be, for people and as a regular expression.
pub(crate) const PATH_NAMES: (&str, Option<&str>) =
    ("a path: one component of letters, digits, `_` and `-`, or `/`", Some("^([a-z0-9A-Z_-]+|/)$"));

/// Reports a key that cannot be a path: one component of `a-zA-Z0-9_-`, or `/`.
pub(crate) fn check_path_key(map: &Map<'_>, key: &str, token: Token) -> bool {
    let component = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    if key == "/" || component(key) {
        return true;
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
    map.cx.note(Severity::Error, map.place.clone(), token, message, hint);
    false
}

/// The services of a level.
pub(crate) struct Paths;

impl Paths {
    fn kind() -> Dict<Whole<MapOf<WebService>>> {
        dict("web paths", PATH_NAMES, check_path_key, whole(map()))
    }
}

impl Kind for Paths {
    type Value = Vec<WebPath>;

    fn read(&self, value: &Val<'_>) -> Option<Vec<WebPath>> {
        let paths = Self::kind().read(value)?;
        Some(paths.into_iter().map(|(path, service)| WebPath { path, service }).collect())
    }

    fn write(&self, value: &Vec<WebPath>, out: &Writer) -> Option<Json> {
        let paths: Vec<_> = value.iter().map(|path| (path.path.clone(), path.service.clone())).collect();
        Self::kind().write(&paths, out)
    }

    fn shape(&self) -> Shape {
        Self::kind().shape()
    }
}

pub(crate) fn type_trap(word: &str) -> Option<String> {
    match word {
        "upload" => Some("uploads are not supported".to_owned()),
        "websocket-proxy" | "waprpc" => Some("see workers of type \"proxy\"".to_owned()),
        _ => None,
    }
}

pub(crate) fn service_trap(key: &str) -> Option<String> {
    match key {
        "endpoint" => Some("it belongs to the transport".to_owned()),
        "max_connections" => Some("set it on the transport".to_owned()),
        _ => None,
    }
}

pub(crate) fn static_trap(key: &str) -> Option<String> {
    match key {
        "enable_directory_listing" | "mime_types" | "cache_timeout" | "default_file" => {
            Some("put it under \"options\"".to_owned())
        }
        _ => None,
    }
}

pub(crate) fn json_trap(key: &str) -> Option<String> {
    match key {
        "prettify" | "allow_cross_origin" | "discourage_caching" => {
            Some("put it under \"options\"".to_owned())
        }
        _ => None,
    }
}

pub(crate) fn check_static(_: &mut StaticConfig, map: &Map<'_>) {
    match (map.has("directory"), map.has("package") || map.has("resource")) {
        (true, true) => {
            let other = if map.has("package") { "package" } else { "resource" };
            let why = "give either \"directory\" or \"package\" and \"resource\", not both";
            map.conflict(other, why, None);
        }
        (false, true) => {
            for key in ["package", "resource"].into_iter().filter(|key| !map.has(key)) {
                map.missing(key, None);
            }
        }
        (false, false) => map.missing("directory", None),
        (true, false) => {}
    }
}

/// Media types by extension. The dot of an extension may be left out.
pub(crate) fn mime_types() -> MimeTypes {
    MimeTypes(dict("mime_types", ("an extension", None), |_, _, _| true, filled()))
}

pub(crate) struct MimeTypes(Dict<Text>);

impl Kind for MimeTypes {
    type Value = Vec<(String, String)>;

    fn read(&self, value: &Val<'_>) -> Option<Self::Value> {
        let dotted = |extension: String| match extension.starts_with('.') {
            true => extension,
            false => format!(".{extension}"),
        };
        Some(self.0.read(value)?.into_iter().map(|(extension, mime)| (dotted(extension), mime)).collect())
    }

    fn write(&self, value: &Self::Value, out: &Writer) -> Option<Json> {
        self.0.write(value, out)
    }

    fn shape(&self) -> Shape {
        self.0.shape()
    }
}

/// Where a redirect leads to.
pub(crate) fn location() -> Location {
    Location
}

pub(crate) struct Location;

impl Kind for Location {
    type Value = String;

    fn read(&self, value: &Val<'_>) -> Option<String> {
        let url = value.str()?;
        if url.is_empty() {
            value.warn("this leads to itself, over and over", None);
        }
        if !url.bytes().all(|b| b.is_ascii_graphic()) {
            value.invalid_value("must be printable ASCII without blanks", Some("percent-encode the others"));
            return None;
        }
        Some(url.to_owned())
    }

    fn write(&self, value: &String, _: &Writer) -> Option<Json> {
        Some(value.as_str().into())
    }

    fn shape(&self) -> Shape {
        Shape::Text { rule: "printable ASCII without blanks", pattern: Some("^[!-~]*$") }
    }
}

/// A network in the notation of CIDR, or an address.
pub(crate) fn network() -> Text {
    regular("a network such as `10.0.0.0/8`", Some("^[0-9A-Fa-f.:]+(/[0-9.]+)?$"), |text| {
        super::network::network(text).is_none().then_some("must be a network such as \"10.0.0.0/8\"")
    })
}

pub(crate) fn http_url() -> Text {
    regular("an `http://` or `https://` URL", Some("^https?://[!-~]+$"), |url| {
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let sound = rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic()));
        (!sound).then_some("must be an http:// or https:// URL")
    })
}

/// The secret of GitHub: an empty one would be known to everybody.
pub(crate) fn github_secret() -> GithubSecret {
    GithubSecret(secret(false))
}

pub(crate) struct GithubSecret(SecretText);

impl Kind for GithubSecret {
    type Value = Secret;

    fn read(&self, value: &Val<'_>) -> Option<Secret> {
        value.non_empty()?;
        self.0.read(value)
    }

    fn write(&self, value: &Secret, out: &Writer) -> Option<Json> {
        self.0.write(value, out)
    }

    fn shape(&self) -> Shape {
        Shape::Text { rule: "not empty", pattern: Some(r"\S") }
    }
}

/// Towards the other server a proxy says what it is.
pub(crate) fn check_reverse_proxy(service: &mut WebSocketReverseProxyConfig, map: &Map<'_>) {
    let written = map.peek("options").is_some_and(|options| {
        options.map("websocket options").is_some_and(|o| o.has("show_server_version"))
    });
    if !written {
        service.options.show_server_version = true;
    }
}

/// A secret and its name belong together.
pub(crate) fn check_bridge(_: &mut BridgeOptions, map: &Map<'_>) {
    match (map.has("key"), map.has("secret")) {
        (false, true) => map.missing("key", Some("with a \"secret\" alone every request would be denied")),
        (true, false) => {
            map.ignored(Severity::Warning, "key", "without a \"secret\" requests are not signed")
        }
        _ => {}
    }
}

pub(crate) fn check_archive(archive: &mut ArchiveConfig, map: &Map<'_>) {
    if archive.download && !map.has("origin") {
        map.missing("origin", Some("\"download\" needs it"));
    }
}

/// `templates`: a directory, or a package.
pub(crate) struct Templates;

impl Kind for Templates {
    type Value = WapTemplates;

    fn read(&self, value: &Val<'_>) -> Option<WapTemplates> {
        if value.is_map() {
            return map::<WapPackage>().read(value).map(WapTemplates::Package);
        }
        folder().read(&value.or("map")).map(WapTemplates::Directory)
    }

    fn write(&self, value: &WapTemplates, out: &Writer) -> Option<Json> {
        match value {
            WapTemplates::Directory(directory) => folder().write(directory, out),
            WapTemplates::Package(package) => map::<WapPackage>().write(package, out),
        }
    }

    fn shape(&self) -> Shape {
        Shape::Either(vec![folder().shape(), map::<WapPackage>().shape()])
    }
}
