//! HTTP/1.1 and HTTP/2 connections with limits and deadlines, the path tree of web services, and upgrades.
//! It must not know WAMP.
//!
//! Start reading at [`WebService`], which answers requests; [`HttpHandler`] is what calls it, and [`PathTree`],
//! [`UpgradeOr`], [`FirstComponent`] and [`HostFilter`] are services that choose between others.

mod body;
mod choose;
mod handler;
mod host;
mod page;
mod path;
mod reply;
mod service;

pub use body::{Body, BodyError, BodyTooLarge, BodyTooSlow, empty, full, read_body};
pub use choose::{FirstComponent, UpgradeOr};
pub use handler::{HttpHandler, HttpSettings};
pub use host::HostFilter;
pub use page::{escape, page};
pub use path::{BadPath, NotFound, PathTree, components};
pub use reply::{allowed, method_not_allowed, options, redirect, wants_websocket};
pub use service::{Reply, Request, Response, Rest, Upgraded, WebService};
