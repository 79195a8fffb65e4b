//! `transom schema`: the dialect for editors and for people.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::say;

/// Arguments of `transom schema`.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// How to say it.
    #[arg(long, value_enum, default_value_t)]
    format: SchemaFormat,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum SchemaFormat {
    /// A JSON Schema, draft 2020-12.
    #[default]
    Json,
    /// The reference, every key with its values and default.
    Markdown,
}

pub(super) fn run(args: &SchemaArgs) -> ExitCode {
    let text = match args.format {
        SchemaFormat::Json => transom_config::to_json(&transom_config::schema()),
        SchemaFormat::Markdown => transom_config::reference(),
    };
    say(text.trim_end());
    ExitCode::SUCCESS
}
