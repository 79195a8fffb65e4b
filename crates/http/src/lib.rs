//! HTTP/1.1 connections with limits and deadlines, the path tree of web services, and upgrades.
//! It must not know WAMP.
//!
//! Start reading at [`WebService`], which answers requests.

mod body;
mod service;

pub use body::{Body, BodyError, empty, full};
pub use service::{Reply, Request, Response, Rest, Upgraded, WebService};
