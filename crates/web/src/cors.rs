//! Headers that let pages of any origin read an answer (Fetch standard, §3.2).

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};

/// What a request says about itself across origins.
pub(crate) struct Cors {
    origin: Option<HeaderValue>,
    headers: Option<HeaderValue>,
}

impl Cors {
    pub(crate) fn of(request: &HeaderMap) -> Self {
        Cors {
            origin: request.get(ORIGIN).cloned(),
            headers: request.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned(),
        }
    }

    /// Allows the asking origin, or all when none is named, and the headers it asks for.
    pub(crate) fn allow(self, response: &mut HeaderMap) {
        let any = HeaderValue::from_static("*");
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.unwrap_or(any));
        response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        response.append(VARY, HeaderValue::from_static("origin"));
        if let Some(headers) = self.headers {
            response.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers);
        }
        if let Some(methods) = response.get(ALLOW).cloned() {
            response.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
    }
}
