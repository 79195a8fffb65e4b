//! `transom init`: a node directory to start from.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{failed, say};

/// Arguments of `transom init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The node directory, which is made if it is not there. [default: ./.crossbar]
    #[arg(long, value_name = "DIR")]
    cbdir: Option<PathBuf>,
    /// What to start from.
    #[arg(long, value_enum, default_value_t)]
    template: Template,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Template {
    /// RawSocket, WebSocket and a page about the node on one port of this machine; with comments.
    #[default]
    Default,
    /// Static files with WebSocket beside them, and a Unix socket for local programs; with comments.
    Web,
    /// The least that serves something, in JSON.
    Minimal,
}

impl Template {
    /// The files of it, by their path in the node directory; the first is the configuration.
    pub(super) fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Default => &[("config.yaml", include_str!("templates/default.yaml"))],
            Self::Web => &[
                ("config.yaml", include_str!("templates/web.yaml")),
                ("web/index.html", include_str!("templates/index.html")),
            ],
            Self::Minimal => &[("config.json", include_str!("templates/minimal.json"))],
        }
    }
}

pub(super) fn run(args: &InitArgs) -> ExitCode {
    let dir = args.cbdir.clone().unwrap_or_else(|| PathBuf::from(".crossbar"));
    for name in ["config.yaml", "config.json"] {
        if dir.join(name).exists() {
            return failed(&format!("{} is there already; nothing was written", dir.join(name).display()));
        }
    }
    for (name, text) in args.template.files() {
        let path = dir.join(name);
        if let Err(problem) = write_new(&path, text) {
            return failed(&format!("{} cannot be written: {problem}", path.display()));
        }
        say(&format!("wrote {}", path.display()));
    }
    let place = match &args.cbdir {
        Some(dir) => format!(" --cbdir {}", dir.display()),
        None => String::new(),
    };
    say(&format!("Next: transom check{place}; transom start{place}"));
    ExitCode::SUCCESS
}

/// Writes a file that must not be there yet, and the folders around it.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::File::create_new(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use transom_config::{Context, Format, Severity, parse_str};

    use super::*;

    #[test]
    fn templates_when_read_leave_nothing_to_say() {
        for template in Template::value_variants() {
            let (name, text) = template.files()[0];
            let format = Format::of(Path::new(name)).unwrap();
            let loaded = parse_str(text, format, &Context::new(name, Path::new("/node"), &|_| None));
            let said = loaded.findings.iter().filter(|finding| finding.severity != Severity::Note).count();
            assert_eq!(said, 0, "{}", loaded.findings);
        }
    }
}
