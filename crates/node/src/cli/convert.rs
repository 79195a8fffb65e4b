//! `transom convert` and `transom upgrade`: the configuration in the other notation, and in version 2.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use transom_config::{Finding, Format, Purpose, Unsupported, convert, load, upgrade};

use super::{Color, Place, complain, failed, say};

/// Arguments of `transom convert`.
#[derive(Debug, Args)]
pub(super) struct ConvertArgs {
    #[command(flatten)]
    place: Place,
    /// Write to this file instead of the one beside the configuration; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Whether to use colours.
    #[arg(long, value_enum, default_value_t)]
    color: Color,
}

/// Arguments of `transom upgrade`.
#[derive(Debug, Args)]
pub(super) struct UpgradeArgs {
    #[command(flatten)]
    place: Place,
    /// Whether to use colours.
    #[arg(long, value_enum, default_value_t)]
    color: Color,
}

pub(super) fn run(args: &ConvertArgs) -> ExitCode {
    let (file, text, format) = match source(&args.place) {
        Ok(source) => source,
        Err(problem) => return failed(&problem),
    };
    let findings = load(&file, &super::env, Unsupported::Kept).findings;
    if findings.has_errors() {
        complain(findings.render(Purpose::Check, args.color.on(&std::io::stderr())).trim_end());
        return failed(&format!("{} is not converted: it is wrong", file.display()));
    }
    let converted = match convert(&text, format) {
        Ok(converted) => converted,
        Err(finding) => return failed(&told(&file, &finding)),
    };
    let to = match &args.to {
        Some(to) if to.as_os_str() == "-" => {
            say(converted.trim_end());
            return ExitCode::SUCCESS;
        }
        Some(to) => to.clone(),
        None => file.with_extension(match format {
            Format::Json => "yaml",
            Format::Yaml => "json",
        }),
    };
    // A configuration may hold secrets: who cannot read the one shall not read the other.
    match write_like(&file, &to, &converted) {
        Ok(()) => say(&format!("{} says the same as {}", to.display(), file.display())),
        Err(problem) => return failed(&format!("{} cannot be written: {problem}", to.display())),
    }
    if args.to.is_none() {
        say("Of the two, a node takes config.yaml.");
    }
    ExitCode::SUCCESS
}

pub(super) fn run_upgrade(args: &UpgradeArgs) -> ExitCode {
    let (file, text, format) = match source(&args.place) {
        Ok(source) => source,
        Err(problem) => return failed(&problem),
    };
    let upgraded = match upgrade(&text, format) {
        Ok(upgraded) => upgraded,
        Err(finding) => return failed(&told(&file, &finding)),
    };
    let kept = kept_name(&file);
    if let Err(problem) = replace(&file, &kept, &upgraded) {
        return failed(&format!("{} cannot be upgraded: {problem}", file.display()));
    }
    say(&format!("{} has version 2 now; as it was it is {}", file.display(), kept.display()));
    let findings = load(&file, &super::env, Unsupported::Kept).findings;
    if !findings.is_empty() {
        complain(findings.render(Purpose::Check, args.color.on(&std::io::stderr())).trim_end());
    }
    if findings.has_errors() { failed("what is left to mend is said above") } else { ExitCode::SUCCESS }
}

/// The configuration file, its text and its notation.
fn source(place: &Place) -> Result<(PathBuf, String, Format), String> {
    let file = super::configuration_file(place)?;
    let format = Format::of(&file).ok_or_else(|| format!("{} has an unknown extension", file.display()))?;
    let text = std::fs::read_to_string(&file)
        .map_err(|problem| format!("{} cannot be read: {problem}", file.display()))?;
    Ok((file, text, format))
}

fn told(file: &Path, finding: &Finding) -> String {
    match finding.span {
        Some(span) => format!("{}:{}:{}: {finding}", file.display(), span.line, span.column),
        None => format!("{}: {finding}", file.display()),
    }
}

/// Where the configuration is kept as it was.
fn kept_name(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".version1");
    file.with_file_name(name)
}

/// Writes a file that must not be there yet, with the permissions of another.
fn write_like(model: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let mode = std::fs::metadata(model)?.permissions().mode() & 0o777;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())
}

/// Replaces a file at once, and keeps it as it was under another name.
fn replace(file: &Path, kept: &Path, text: &str) -> std::io::Result<()> {
    let mut new = file.file_name().unwrap_or_default().to_owned();
    new.push(".new");
    let new = file.with_file_name(new);
    write_like(file, &new, text)?;
    std::fs::hard_link(file, kept).and_then(|()| std::fs::rename(&new, file)).inspect_err(|_| {
        // It is ours, and nobody else knows it.
        let _ = std::fs::remove_file(&new);
    })
}
