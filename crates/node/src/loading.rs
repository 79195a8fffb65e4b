//! Reading a configuration for a node that is to run it, at its start and when it reloads.

use std::path::{Path, PathBuf};

use transom_config::{Findings, Node, Purpose, Severity, Unsupported, load, locate};

/// Where the configuration of a node is.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The node directory.
    pub(crate) node_dir: PathBuf,
    /// The configuration file; without one, the embedded default node runs.
    pub(crate) file: Option<PathBuf>,
    /// A node may leave out what the file asks for and this release does not have.
    pub(crate) ignore_unsupported: bool,
}

/// A configuration file that was read.
pub(crate) struct Reading {
    /// The node, where it may be run.
    pub(crate) node: Option<Node>,
    /// What there is to say.
    pub(crate) findings: Findings,
}

impl Source {
    /// The same, with the file that was written since, if there was none.
    pub(crate) fn again(&self) -> Source {
        let file = self.file.clone().or_else(|| {
            let located = locate(Some(&self.node_dir), None, &|_| None, Path::new("/"));
            located.ok().and_then(|located| located.file)
        });
        Source { file, ..self.clone() }
    }

    /// Reads the file; none where there is none.
    pub(crate) fn read(&self) -> Option<Reading> {
        let unsupported = if self.ignore_unsupported { Unsupported::LeftOut } else { Unsupported::Kept };
        let loaded = load(self.file.as_ref()?, &|name| std::env::var(name).ok(), unsupported);
        let findings = loaded.findings;
        // What is skipped fails closed: a transport, method or role that cannot be had in full admits nobody.
        let refused = findings.has_errors() || (findings.refuse_start() && !self.ignore_unsupported);
        Some(Reading { node: loaded.node.filter(|_| !refused), findings })
    }
}

impl Reading {
    /// Whether something unsupported is an error.
    pub(crate) fn purpose(&self) -> Purpose {
        if self.node.is_some() { Purpose::Check } else { Purpose::Start }
    }

    /// The findings as text; none where there are none.
    pub(crate) fn text(&self, colors: bool) -> Option<String> {
        let text = || self.findings.render(self.purpose(), colors).trim_end().to_owned();
        (!self.findings.is_empty()).then(text)
    }

    /// How much is wrong, as in `2 things are wrong`.
    pub(crate) fn verdict(&self) -> String {
        let count = self.findings.count(Severity::Error) + self.findings.count(Severity::Unsupported);
        if count == 1 { "1 thing is wrong".to_owned() } else { format!("{count} things are wrong") }
    }
}
