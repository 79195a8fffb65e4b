//! Reading configuration files.
//!
//! Three steps: the text becomes a tree with spans (`json`, `yaml`), a typed walk over the tree fills the
//! structs and notes every mistake (`cursor` and one module per part of the dialect), and a look at the
//! whole finds what single values cannot show (`cross`). Start at [`load`] or [`parse_str`].
//!
//! Every function here is total: whatever the text, there is a [`Loaded`] and never a panic.

mod auth;
mod cross;
mod cursor;
mod endpoint;
mod files;
mod finding;
mod json;
mod keys;
mod locate;
mod rawsocket;
mod realm;
mod render;
mod source;
mod suggest;
mod top;
mod transport;
mod tree;
mod web;
mod websocket;
mod worker;
mod yaml;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

pub use finding::{Finding, Findings, Purpose, Severity};
pub use keys::{Key, keys};
pub use locate::{LocateError, Located, locate};
pub use source::Span;

use crate::{Node, Place};

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
}

/// What became of a configuration.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The node, if the configuration has no errors. With unsupported items in the findings it lacks
    /// those, so it must not be run unless [`Findings::refuse_start`] is false.
    pub node: Option<Node>,
    /// Everything there is to say.
    pub findings: Findings,
}

impl Node {
    /// The node that runs when there is no configuration file: [`EMBEDDED_JSON`]. Loopback only.
    pub fn embedded_default() -> Self {
        let context = Context { name: "embedded.json", node_dir: Path::new("/"), env: &|_| None };
        // A test sees to it that the embedded text has nothing to find.
        parse_str(EMBEDDED_JSON, Format::Json, &context).node.unwrap_or_default()
    }
}

/// Reads a configuration file. Relative paths in it start at its directory. In contrast to [`parse_str`]
/// this also looks whether the folders that the configuration names are there, and warns if not.
pub fn load(file: &Path, env: &dyn Fn(&str) -> Option<String>) -> Loaded {
    let name = file.display().to_string();
    let node_dir = file.parent().unwrap_or(Path::new(""));
    let Some(format) = Format::of(file) else {
        return refused(&name, LocateError::Extension(file.to_path_buf()).to_string());
    };
    match std::fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return refused(&name, LocateError::Missing(file.to_path_buf()).to_string());
        }
        Err(error) => return refused(&name, format!("configuration file cannot be read: {error}")),
        Ok(meta) if meta.len() > MAX_FILE_SIZE as u64 => return refused(&name, too_large()),
        Ok(_) => {}
    }
    match std::fs::read(file).map(String::from_utf8) {
        Ok(Ok(text)) => {
            let mut loaded = parse_str(&text, format, &Context { name: &name, node_dir, env });
            if let Some(node) = &loaded.node {
                files::check(node, &mut loaded.findings);
            }
            loaded
        }
        Ok(Err(error)) => {
            let at = error.utf8_error().valid_up_to();
            refused(&name, format!("configuration file is not UTF-8: byte {at} is wrong"))
        }
        Err(error) => refused(&name, format!("configuration file cannot be read: {error}")),
    }
}

/// Reads a configuration from a text. Total: any text gives an answer.
pub fn parse_str(text: &str, format: Format, context: &Context<'_>) -> Loaded {
    read(text, format, context, None).0
}

/// Reads, and hands the record of keys back.
fn read(
    text: &str,
    format: Format,
    context: &Context<'_>,
    record: Option<RefCell<keys::Record>>,
) -> (Loaded, Option<RefCell<keys::Record>>) {
    if text.len() > MAX_FILE_SIZE {
        return (refused(context.name, too_large()), record);
    }
    let lines = source::Lines::new(text);
    let tree = match format {
        Format::Json => json::parse(text, &lines),
        Format::Yaml => yaml::parse(text, &lines),
    };
    let mut tree = match tree {
        Ok(tree) => tree,
        Err(error) => {
            let finding = Finding {
                severity: Severity::Error,
                place: Place::root(),
                span: Some(error.span),
                message: error.message,
                hint: error.hint,
            };
            let text = source::masked(text, None);
            let findings = Findings::new(context.name.to_owned(), text, BTreeMap::new(), vec![finding]);
            return (Loaded { node: None, findings }, record);
        }
    };
    let mut places = BTreeMap::new();
    let mut found = Vec::new();
    tree::settle(&mut tree, &Place::root(), &mut places, &mut found);
    let cx = cursor::Cx {
        env: context.env,
        node_dir: context.node_dir,
        findings: RefCell::new(found),
        ids: cursor::Ids::default(),
        record,
    };
    let node = top::node(&cursor::Val::root(&cx, &tree));
    let text = source::masked(text, Some(&tree));
    let findings = Findings::new(context.name.to_owned(), text, places, cx.findings.take());
    (Loaded { node: node.filter(|_| !findings.has_errors()), findings }, cx.record)
}

fn too_large() -> String {
    format!("configuration file is larger than {MAX_FILE_SIZE} bytes")
}

/// The answer when there is no text to speak of.
fn refused(name: &str, message: String) -> Loaded {
    let finding = Finding::new(Severity::Error, &Place::root(), message);
    Loaded {
        node: None,
        findings: Findings::new(name.to_owned(), String::new(), BTreeMap::new(), vec![finding]),
    }
}
