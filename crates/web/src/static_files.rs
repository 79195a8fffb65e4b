//! The files below a directory. Nothing outside of it is served, by whatever path or symbolic link.
//!
//! [`tower_http`] reads the files and knows ranges and conditions; this module decides which file it is.

mod listing;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{CACHE_CONTROL, CONTENT_TYPE, EXPIRES};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tower_http::services::ServeFile;
use transom_base::{BoxFuture, ConnInfo};
use transom_http::{
    Body, BodyError, Reply, Request, Response, Rest, WebService, allowed, method_not_allowed, options, page,
    redirect,
};

use crate::WebError;
use crate::cors::Cors;

const METHODS: [Method; 2] = [Method::GET, Method::OPTIONS];

/// Files that stand for their directory, the first one found.
const INDEX: [&str; 3] = ["index", "index.html", "index.htm"];

/// What must be encoded in a path component (RFC 3986 §2.3).
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Which files are served, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticSettings {
    /// The directory.
    pub directory: PathBuf,
    /// Answer a directory without index file with a listing, otherwise 404. Default false.
    pub enable_directory_listing: bool,
    /// Further media types by extension, with the leading dot. The last one for an extension counts.
    pub mime_types: Vec<(String, String)>,
    /// `max-age` of answers. Default 12 h; `None` = no caching headers.
    pub cache_timeout: Option<Duration>,
    /// Served with 200, relative to the directory, for anything not found. Default `None`: 404.
    pub default_file: Option<String>,
}

impl StaticSettings {
    /// The files below `directory`, everything else at its default.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        StaticSettings {
            directory: directory.into(),
            enable_directory_listing: false,
            mime_types: Vec::new(),
            cache_timeout: Some(Duration::from_secs(12 * 3600)),
            default_file: None,
        }
    }
}

/// Serves the files below a directory.
#[derive(Debug)]
pub struct StaticFiles {
    /// The directory without any symbolic link in its path.
    root: PathBuf,
    mime_types: HashMap<String, HeaderValue>,
    listing: bool,
    cache: Option<Cache>,
    default_file: Option<PathBuf>,
}

#[derive(Debug)]
struct Cache {
    control: HeaderValue,
    time: Duration,
}

/// What a path leads to.
enum Found {
    File(PathBuf),
    Listing(PathBuf),
    /// A directory that was asked for without the slash that makes its relative links work.
    NeedsSlash,
    Nothing,
}

impl StaticFiles {
    /// Serves as `settings` say.
    ///
    /// # Errors
    ///
    /// [`WebError::Directory`] when the directory cannot be found or is none; [`WebError::MediaType`].
    pub fn new(settings: StaticSettings) -> Result<Self, WebError> {
        let StaticSettings { directory, enable_directory_listing, mime_types, cache_timeout, default_file } =
            settings;
        let root = directory.canonicalize().and_then(|root| match root.metadata()?.is_dir() {
            true => Ok(root),
            false => Err(io::ErrorKind::NotADirectory.into()),
        });
        let root = root.map_err(|source| WebError::Directory { path: directory, source })?;
        let built_in = [(".svg", "image/svg+xml"), (".jgz", "text/javascript")];
        let mut types = HashMap::new();
        let given = mime_types.iter().map(|(extension, name)| (extension.as_str(), name.as_str()));
        for (extension, name) in built_in.into_iter().chain(given) {
            let value = HeaderValue::from_str(name).ok().filter(|_| name.contains('/'));
            let value = value.ok_or_else(|| WebError::MediaType {
                extension: extension.to_owned(),
                media_type: name.to_owned(),
            })?;
            types.insert(extension.to_lowercase(), value);
        }
        let cache = cache_timeout.map(|time| {
            let control = format!("max-age={}, public", time.as_secs());
            let control = HeaderValue::from_str(&control).unwrap_or(HeaderValue::from_static("public"));
            Cache { control, time }
        });
        Ok(StaticFiles {
            root,
            mime_types: types,
            listing: enable_directory_listing,
            cache,
            default_file: default_file.map(|file| Path::new(file.trim_start_matches('/')).to_owned()),
        })
    }

    async fn answer(&self, request: http::Request<()>) -> Response {
        if *request.method() == Method::OPTIONS {
            return options(&METHODS);
        }
        if !allowed(request.method(), &METHODS) {
            return method_not_allowed(&METHODS);
        }
        let rest = request.extensions().get::<Rest>().map(|rest| rest.0.as_slice()).unwrap_or_default();
        let slash = request.uri().path().ends_with('/');
        match self.find(rest, slash).await {
            Found::File(path) => self.file(&path, &request).await,
            Found::Listing(path) => match listing::read(&path, rest).await {
                Ok(html) => listing::response(html),
                Err(error) => failed(&path, &error),
            },
            Found::NeedsSlash => with_slash(&request),
            Found::Nothing => match self.default_path().await {
                Some(path) => self.file(&path, &request).await,
                None => not_found(),
            },
        }
    }

    async fn find(&self, rest: &[String], slash: bool) -> Found {
        if !rest.iter().all(|part| is_name(part)) {
            return Found::Nothing;
        }
        let mut path = self.root.clone();
        path.extend(rest);
        let Some((path, meta)) = self.inside(&path).await else { return Found::Nothing };
        if meta.is_file() {
            return Found::File(path);
        }
        if !meta.is_dir() {
            return Found::Nothing;
        }
        for name in INDEX {
            if let Some((file, meta)) = self.inside(&path.join(name)).await
                && meta.is_file()
            {
                return if slash { Found::File(file) } else { Found::NeedsSlash };
            }
        }
        match (self.listing, slash) {
            (false, _) => Found::Nothing,
            (true, true) => Found::Listing(path),
            (true, false) => Found::NeedsSlash,
        }
    }

    async fn default_path(&self) -> Option<PathBuf> {
        let (path, meta) = self.inside(&self.root.join(self.default_file.as_ref()?)).await?;
        meta.is_file().then_some(path)
    }

    /// What stands at a path, with all links followed, if that is still below the root.
    async fn inside(&self, path: &Path) -> Option<(PathBuf, std::fs::Metadata)> {
        let path = tokio::fs::canonicalize(path).await.ok()?;
        if !path.starts_with(&self.root) {
            return None;
        }
        let meta = tokio::fs::metadata(&path).await.ok()?;
        Some((path, meta))
    }

    async fn file(&self, path: &Path, request: &http::Request<()>) -> Response {
        let mut asked = http::Request::new(());
        *asked.method_mut() = request.method().clone();
        *asked.headers_mut() = request.headers().clone();
        let response = match ServeFile::new(path).try_call(asked).await {
            Ok(response) => response,
            Err(error) => return failed(path, &error),
        };
        if response.status() == StatusCode::NOT_FOUND {
            return not_found();
        }
        let mut response = response.map(|body| Body::new(body.map_err(|error| BodyError(Box::new(error)))));
        let extension = path.extension().and_then(|extension| extension.to_str());
        let media_type =
            extension.and_then(|extension| self.mime_types.get(&format!(".{}", extension.to_lowercase())));
        let has_content = matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT);
        let headers = response.headers_mut();
        if let Some(media_type) = media_type.filter(|_| has_content) {
            headers.insert(CONTENT_TYPE, media_type.clone());
        }
        self.cache(headers);
        response
    }

    fn cache(&self, headers: &mut HeaderMap) {
        let Some(cache) = &self.cache else { return };
        headers.insert(CACHE_CONTROL, cache.control.clone());
        let expires = SystemTime::now().checked_add(cache.time).map(httpdate::fmt_http_date);
        if let Some(Ok(expires)) = expires.map(HeaderValue::try_from) {
            headers.insert(EXPIRES, expires);
        }
    }
}

impl WebService for StaticFiles {
    fn call(&self, request: Request, _conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let cors = Cors::of(request.headers());
            let mut response = self.answer(request.map(drop)).await;
            cors.allow(response.headers_mut());
            response.into()
        })
    }
}

/// Whether a decoded path component can be the name of something in a directory.
fn is_name(part: &str) -> bool {
    !matches!(part, "" | "." | "..") && !part.contains(['/', '\\', '\0'])
}

/// To the same path with a slash at its end, said relatively, so that it holds behind a proxy that changes paths.
fn with_slash(request: &http::Request<()>) -> Response {
    let path = request.uri().path();
    let last = path.rsplit('/').next().unwrap_or_default();
    let mut place = format!("./{last}/");
    if let Some(query) = request.uri().query() {
        place.push('?');
        place.push_str(query);
    }
    HeaderValue::try_from(place).map_or_else(|_| not_found(), redirect)
}

fn not_found() -> Response {
    page(StatusCode::NOT_FOUND, "There is nothing at this path.")
}

fn failed(path: &Path, error: &io::Error) -> Response {
    match error.kind() {
        // It went away since it was found, or is not for us to read.
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => not_found(),
        _ => {
            tracing::error!(path = %path.display(), %error, "cannot read a file that is to be served");
            page(StatusCode::INTERNAL_SERVER_ERROR, "The file could not be read.")
        }
    }
}

fn encode(component: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(component, COMPONENT)
}

#[cfg(test)]
mod tests;
