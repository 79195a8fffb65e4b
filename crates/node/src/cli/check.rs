//! `transom check`.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use transom_config::{Findings, Purpose, Severity, Unsupported, load, to_json};

use super::{Color, Place, complain, failed, say};

/// Arguments of `transom check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    place: Place,
    /// How to say it.
    #[arg(long, value_enum, default_value_t)]
    format: CheckFormat,
    /// Whether to use colours.
    #[arg(long, value_enum, default_value_t)]
    color: Color,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    /// For people: each finding with its line and a caret under the very token.
    #[default]
    Text,
    /// For machines: one JSON object.
    Json,
}

/// All there is to say about a configuration: by its reader, and by those whose files it names.
pub(super) fn checked(file: &Path) -> Findings {
    let mut loaded = load(file, &super::env, Unsupported::Kept);
    if let Some(node) = &loaded.node {
        crate::endpoints::tls::check(node, &mut loaded.findings);
        crate::endpoints::tor::check(node, &mut loaded.findings);
    }
    loaded.findings
}

pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let file = match super::configuration_file(&args.place) {
        Ok(file) => file,
        Err(problem) if args.format == CheckFormat::Json => {
            say(&serde_json::json!({"ok": false, "error": problem, "findings": []}).to_string());
            return ExitCode::FAILURE;
        }
        Err(problem) => return failed(&problem),
    };
    if args.format == CheckFormat::Text {
        say(&format!("Checking local node configuration file: {}", file.display()));
    }
    let findings = checked(&file);
    let errors = findings.count(Severity::Error);
    if args.format == CheckFormat::Json {
        say(to_json(&findings.to_json(Purpose::Check)).trim_end());
        return if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if !findings.is_empty() {
        complain(findings.render(Purpose::Check, args.color.on(&std::io::stderr())).trim_end());
    }
    if errors > 0 {
        let number = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
        return failed(&format!("{number} in {}", file.display()));
    }
    say("Ok, node configuration looks good!");
    ExitCode::SUCCESS
}
