//! Which service answers which path. A tree is itself a service, so trees nest.

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;
use percent_encoding::percent_decode_str;
use transom_base::{BoxFuture, ConnInfo};

use crate::{Reply, Request, Response, Rest, WebService, page};

/// A path component is not UTF-8 after percent-decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path is not UTF-8")]
pub struct BadPath;

/// The components of a path: split at `/`, without empty ones, percent-decoded. A decoded component may hold a slash.
///
/// # Errors
///
/// [`BadPath`] when one is not UTF-8.
pub fn components(path: &str) -> Result<Vec<String>, BadPath> {
    path.split('/')
        .filter(|part| !part.is_empty())
        .map(|part| percent_decode_str(part).decode_utf8().map(Into::into).map_err(|_| BadPath))
        .collect()
}

/// The components that are left for a service: those a tree above left, or all of the request's path.
pub(crate) fn rest(request: &Request) -> Result<Vec<String>, BadPath> {
    match request.extensions().get::<Rest>() {
        Some(rest) => Ok(rest.0.clone()),
        None => components(request.uri().path()),
    }
}

/// One level of paths: a service by its first component, with the components behind it as [`Rest`]; anything else goes
/// to the root service with all components, or is not found.
///
/// A service by name wins over the root service, whatever that is, and the longest chain of names wins when the
/// services are trees themselves.
#[derive(Default)]
pub struct PathTree {
    root: Option<Arc<dyn WebService>>,
    names: HashMap<String, Arc<dyn WebService>>,
}

impl PathTree {
    /// A tree in which nothing is found.
    pub fn new() -> Self {
        PathTree::default()
    }

    /// Puts a service at a component, or at the root with `/`. The last one at a place stays.
    #[must_use]
    pub fn with(mut self, component: &str, service: Arc<dyn WebService>) -> Self {
        if component == "/" {
            self.root = Some(service);
        } else {
            self.names.insert(component.to_owned(), service);
        }
        self
    }
}

impl std::fmt::Debug for PathTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut names: Vec<_> = self.names.keys().collect();
        names.sort();
        f.debug_struct("PathTree").field("root", &self.root.is_some()).field("names", &names).finish()
    }
}

impl WebService for PathTree {
    fn call(&self, mut request: Request, conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        let mut rest = match rest(&request) {
            Ok(rest) => rest,
            Err(BadPath) => return Box::pin(async { bad_path().into() }),
        };
        let named = rest.first().and_then(|first| self.names.get(first));
        let service = match named {
            Some(service) => {
                rest.remove(0);
                Some(service)
            }
            None => self.root.as_ref(),
        };
        match service {
            Some(service) => {
                request.extensions_mut().insert(Rest(rest));
                service.call(request, conn)
            }
            None => NotFound.call(request, conn),
        }
    }
}

pub(crate) fn bad_path() -> Response {
    page(StatusCode::BAD_REQUEST, "The path is not UTF-8.")
}

/// Answers 404 to everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NotFound;

impl WebService for NotFound {
    fn call(&self, _request: Request, _conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        Box::pin(async { page(StatusCode::NOT_FOUND, "There is nothing at this path.").into() })
    }
}

#[cfg(test)]
pub(crate) mod tests;
