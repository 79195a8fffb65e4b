//! Web services of a Transom node: static files, redirects, JSON values, the node page. Each answers requests as a
//! [`transom_http::WebService`], is made from plain settings, and must not know at which path it is served.
//!
//! Start reading at [`NodeInfo`], the page a node shows of itself, or [`StaticFiles`].

mod cors;
mod error;
mod json_value;
mod nodeinfo;
mod redirect;
mod static_files;
#[cfg(test)]
mod testing;

pub use error::WebError;
pub use json_value::{JsonSettings, JsonValue};
pub use nodeinfo::{Facts, NodeFacts, NodeInfo, NodeInfoSettings, RealmFacts, TransportFacts, UrlFacts};
pub use redirect::Redirect;
pub use static_files::{StaticFiles, StaticSettings};
