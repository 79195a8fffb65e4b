//! Reading configuration files.
//!
//! Three steps: the text becomes a tree with spans (`json`, `yaml`), the definitions of the dialect read the tree, fill the
//! structs and note every mistake (`kind`, `map`, `val`), and a look at the whole finds what single values cannot show
//! (`cross`). Start at [`load`] or [`parse_str`]. What is particular to a part of the dialect stands in the module of its
//! name here; the definitions themselves stand beside this folder.
//!
//! Every function here is total: whatever the text, there is a [`Loaded`] and never a panic.

pub(crate) mod auth;
mod convert;
mod cross;
mod describe;
pub(crate) mod endpoint;
mod files;
mod finding;
mod json;
mod keys;
mod kind;
mod locate;
mod map;
mod network;
pub(crate) mod prelude;
pub(crate) mod proxy;
pub(crate) mod rawsocket;
pub(crate) mod realm;
mod reference;
mod render;
mod schema;
mod source;
mod suggest;
pub(crate) mod tls;
pub(crate) mod top;
pub(crate) mod tor;
pub(crate) mod transport;
mod tree;
pub(crate) mod twisted;
mod upgrade;
mod val;
pub(crate) mod web;
pub(crate) mod websocket;
pub(crate) mod worker;
mod writer;
mod yaml;

use std::cell::{Cell, RefCell};
use std::path::Path;

use kind::{Fields, Kind, Named};

pub use convert::{convert, to_json, to_yaml};
pub use describe::{Definition, KeyDefinition, MapReference, Shape, Status, Variant, WordDefinition};
pub use finding::{Finding, Findings, Purpose, Severity};
pub use keys::{Key, dialect, keys};
pub use locate::{LocateError, Located, locate};
pub use reference::reference;
pub use schema::schema;
pub use source::Span;
pub use upgrade::upgrade;

use crate::{ConnectEndpoint, ConnectTransport, ListenEndpoint, Node, Place};

/// Longest configuration file, bytes.
pub const MAX_FILE_SIZE: usize = 16 << 20;

/// The embedded default node, as a file would say it: what `start` runs when there is no file.
pub const EMBEDDED_JSON: &str = include_str!("embedded.json");

/// The two notations of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Strict JSON (RFC 8259), UTF-8.
    Json,
    /// A safe subset of YAML in one document.
    Yaml,
}

impl Format {
    /// The notation that the extension of a file name stands for: `.json` or `.yaml`.
    pub fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "json" => Some(Self::Json),
            "yaml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// What surrounds a configuration text.
#[derive(Clone, Copy)]
pub struct Context<'c> {
    /// What the findings call it, a file name usually.
    pub name: &'c str,
    /// Where relative paths start.
    pub node_dir: &'c Path,
    /// The environment variables.
    pub env: &'c dyn Fn(&str) -> Option<String>,
    /// What becomes of what this release does not run.
    pub unsupported: Unsupported,
}

impl<'c> Context<'c> {
    /// A surrounding in which everything is read.
    pub fn new(name: &'c str, node_dir: &'c Path, env: &'c dyn Fn(&str) -> Option<String>) -> Self {
        Self { name, node_dir, env, unsupported: Unsupported::Kept }
    }
}

/// What becomes of what this release does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsupported {
    /// It is read like everything else.
    Kept,
    /// It is left out, with the transport, web path, method or role around it, so that the rest can be run.
    LeftOut,
}

/// What became of a configuration.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The node, if the configuration has no errors. With unsupported items in the findings it must not be run, unless
    /// they were left out.
    pub node: Option<Node>,
    /// Everything there is to say.
    pub findings: Findings,
}

impl Node {
    /// The node that runs when there is no configuration file: [`EMBEDDED_JSON`]. Loopback only.
    pub fn embedded_default() -> Self {
        let context = Context::new("embedded.json", Path::new("/"), &|_| None);
        // A test sees to it that the embedded text has nothing to find.
        parse_str(EMBEDDED_JSON, Format::Json, &context).node.unwrap_or_default()
    }
}

impl Node {
    /// The configuration in effect, every default filled in, as a file would say it. Secrets are asterisks.
    pub fn effective(&self) -> serde_json::Value {
        let mut out = writer::Writer::masked();
        self.write_fields(&mut out);
        out.first("version");
        out.done()
    }
}

/// Reads a configuration file. Relative paths in it start at its directory. In contrast to [`parse_str`]
/// this also looks whether the files and folders that the configuration names are there, and who may read secrets, and
/// warns.
pub fn load(file: &Path, env: &dyn Fn(&str) -> Option<String>, unsupported: Unsupported) -> Loaded {
    let name = file.display().to_string();
    let node_dir = file.parent().unwrap_or(Path::new(""));
    match read_text(file) {
        Err(problem) => Loaded { node: None, findings: refused(&name, problem) },
        Ok((text, format)) => {
            let mut loaded = parse_str(&text, format, &Context { name: &name, node_dir, env, unsupported });
            if let Some(node) = &loaded.node {
                files::check(node, file, &mut loaded.findings);
            }
            loaded
        }
    }
}

/// The text of a configuration file and its notation, or what keeps it from being read.
fn read_text(file: &Path) -> Result<(String, Format), String> {
    let Some(format) = Format::of(file) else {
        return Err(LocateError::Extension(file.to_path_buf()).to_string());
    };
    match std::fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(LocateError::Missing(file.to_path_buf()).to_string());
        }
        Err(error) => return Err(format!("configuration file cannot be read: {error}")),
        Ok(meta) if meta.len() > MAX_FILE_SIZE as u64 => return Err(too_large()),
        Ok(_) => {}
    }
    match std::fs::read(file).map(String::from_utf8) {
        Ok(Ok(text)) => Ok((text, format)),
        Ok(Err(error)) => {
            let at = error.utf8_error().valid_up_to();
            Err(format!("configuration file is not UTF-8: byte {at} is wrong"))
        }
        Err(error) => Err(format!("configuration file cannot be read: {error}")),
    }
}

/// Reads a configuration from a text. Total: any text gives an answer.
pub fn parse_str(text: &str, format: Format, context: &Context<'_>) -> Loaded {
    let (node, findings) = parse(text, format, context, false, cross::check);
    Loaded { node, findings }
}

/// A part of a configuration that [`parse_part`] reads alone.
#[allow(private_bounds, reason = "only definitions of the dialect are parts of it")]
pub trait Part: Fields + Named {}

impl Part for ListenEndpoint {}
impl Part for ConnectEndpoint {}
impl Part for ConnectTransport {}

/// Reads a part of a configuration from a text, as it would be read in its place, except that a listening port may be 0,
/// any free one: whoever listens on one endpoint alone can say where. Total, as [`parse_str`] is.
pub fn parse_part<T: Part>(text: &str, format: Format, context: &Context<'_>) -> (Option<T>, Findings) {
    parse(text, format, context, true, |_, _| {})
}

/// What a text says, unless it has errors, and everything there is to say about it. `check` looks at the whole.
fn parse<T: Fields + Named>(
    text: &str,
    format: Format,
    context: &Context<'_>,
    any_port: bool,
    check: impl FnOnce(&T, &val::Cx<'_>),
) -> (Option<T>, Findings) {
    if text.len() > MAX_FILE_SIZE {
        return (None, refused(context.name, too_large()));
    }
    let lines = source::Lines::new(text);
    let mut found = Vec::new();
    let mut tree = match tree::parse(text, format, &lines) {
        Ok(tree) => tree,
        Err(error) => {
            let finding = error.finding(&lines);
            let text = source::masked(text, None);
            let name = context.name.to_owned();
            return (None, Findings::new(name, text, lines.into_index(), None, vec![finding]));
        }
    };
    tree::settle(&mut tree, &Place::root(), &lines, &mut found);
    let cx = val::Cx {
        env: context.env,
        node_dir: context.node_dir,
        lines: &lines,
        findings: RefCell::new(found),
        ids: val::Ids::default(),
        unsupported: Cell::new(0),
        leave_out: context.unsupported == Unsupported::LeftOut,
        any_port,
    };
    let read = kind::map::<T>().read(&val::Val::root(&cx, &tree));
    if let Some(read) = &read {
        check(read, &cx);
    }
    let found = cx.findings.take();
    let masked = source::masked(text, Some(&tree));
    let findings = Findings::new(context.name.to_owned(), masked, lines.into_index(), Some(tree), found);
    (read.filter(|_| !findings.has_errors()), findings)
}

fn too_large() -> String {
    format!("configuration file is larger than {MAX_FILE_SIZE} bytes")
}

/// The findings when there is no text to speak of.
fn refused(name: &str, message: String) -> Findings {
    let finding = Finding::new(Severity::Error, &Place::root(), message);
    Findings::new(name.to_owned(), String::new(), source::Index::default(), None, vec![finding])
}
