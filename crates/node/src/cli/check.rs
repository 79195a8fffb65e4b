//! `transom check`.

use std::process::ExitCode;

use transom_config::{Purpose, Unsupported, load, locate};

use super::{CheckArgs, complain, say};

pub(super) fn run(args: CheckArgs) -> ExitCode {
    let env = |name: &str| std::env::var(name).ok();
    let cwd = match std::env::current_dir() {
        Ok(cwd) => cwd,
        Err(error) => return failed(&format!("the working directory is gone: {error}")),
    };
    let located = locate(args.place.cbdir.as_deref(), args.place.config.as_deref(), &env, &cwd);
    let file = match located.as_ref().map(|located| located.require_file()) {
        Ok(Ok(file)) => file,
        Ok(Err(error)) => return failed(&error.to_string()),
        Err(error) => return failed(&error.to_string()),
    };
    say(&format!("Checking local node configuration file: {}", file.display()));
    let findings = load(file, &env, Unsupported::Kept).findings;
    if !findings.is_empty() {
        complain(findings.render(Purpose::Check, args.color.on(&std::io::stderr())).trim_end());
    }
    if findings.has_errors() {
        let errors = findings.count(transom_config::Severity::Error);
        let number = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
        return failed(&format!("{number} in {}", file.display()));
    }
    say("Ok, node configuration looks good!");
    ExitCode::SUCCESS
}

fn failed(why: &str) -> ExitCode {
    say(&format!("Error: {why}"));
    ExitCode::FAILURE
}
