//! A redirect to a fixed place.

use std::sync::Arc;

use http::{HeaderValue, Method};
use transom_base::{BoxFuture, ConnInfo};
use transom_http::{Reply, Request, WebService, allowed, method_not_allowed, redirect};

use crate::WebError;

/// Answers 302 to a fixed place, whatever path or query was asked for.
#[derive(Debug)]
pub struct Redirect {
    location: HeaderValue,
}

impl Redirect {
    /// Redirects to `url`, verbatim: relative, an absolute path, or a full URL.
    ///
    /// # Errors
    ///
    /// [`WebError::Location`] when it is not printable ASCII.
    pub fn new(url: &str) -> Result<Self, WebError> {
        let printable = url.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        match HeaderValue::from_str(url) {
            Ok(location) if printable => Ok(Redirect { location }),
            _ => Err(WebError::Location(url.to_owned())),
        }
    }
}

impl WebService for Redirect {
    fn call(&self, request: Request, _conn: Arc<ConnInfo>) -> BoxFuture<'_, Reply> {
        let response = if allowed(request.method(), &[Method::GET]) {
            redirect(self.location.clone())
        } else {
            method_not_allowed(&[Method::GET])
        };
        Box::pin(async move { response.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Asked, ask, request};

    #[tokio::test]
    async fn place_is_given_verbatim() {
        for place in ["/there", "there", "https://example.com/a?b=c#d"] {
            let service = Redirect::new(place).unwrap();
            for method in ["GET", "HEAD"] {
                let Asked { status, headers, body } = ask(&service, request(method, "/x/y?z")).await;
                assert_eq!((status, body.as_str()), (302, ""), "{place}");
                assert_eq!(headers["location"], place);
            }
            assert_eq!(ask(&service, request("POST", "/")).await.status, 405);
        }
    }

    #[test]
    fn place_that_cannot_stand_in_a_header_is_refused() {
        for place in ["/ä", "/a b", "/a\r\nx: y", "/\u{7f}"] {
            assert!(matches!(Redirect::new(place), Err(WebError::Location(_))), "{place:?}");
        }
    }
}
