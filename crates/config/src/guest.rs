//! Guest workers: any program, supervised.

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::WorkerEnvironment;
use crate::define::{choice, map, words};

map! {
    /// Any program, supervised.
    pub struct GuestWorker = "guest worker";
    required {
        /// The program: a path relative to its working directory, else a name looked for in `PATH`.
        executable: String => text();
    }
    optional {
        /// Unique in the node.
        id: String = String::new() => id("worker", |ids| &ids.worker, false);
        /// What it is started with.
        arguments: Vec<String> = Vec::new() => list(unchecked_text());
        /// Further settings.
        options: GuestOptions = GuestOptions::default() => map();
    }
}

map! {
    /// Further settings of a guest.
    pub struct GuestOptions = "guest worker options";
    optional {
        /// The environment of the process.
        env: Option<WorkerEnvironment> = None => some(map());
        /// The directory it is started in; without it, the node directory.
        workdir: Option<PathBuf> = None => some(folder());
        /// What it reads as its standard input.
        stdin: GuestInput = GuestInput::Close => reader::worker::Stdin;
        /// What becomes of its standard output.
        stdout: GuestOutput = GuestOutput::Log => word();
        /// What becomes of its standard error output.
        stderr: GuestOutput = GuestOutput::Log => word();
        /// Files whose changes restart it.
        watch: Option<GuestWatch> = None => some(map());
    }
}

/// What a guest reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuestInput {
    /// Nothing: it is closed.
    Close,
    /// A value.
    Value(GuestValue),
}

choice! {
    /// A value that a guest reads, by its notation.
    pub enum GuestValue = "guest standard input";
    /// JSON.
    "json" => Json(GuestJson) = "guest standard input of type \"json\"";
}

map! {
    /// A value that a guest reads as JSON.
    pub struct GuestJson = "guest standard input";
    required {
        /// The value.
        value: Json => any();
    }
    optional {
        /// Close it afterwards.
        close: bool = true => flag();
    }
}

words! {
    /// What becomes of the output of a guest.
    pub enum GuestOutput;
    /// It is closed.
    "close" => Close;
    /// It is logged.
    "log" => Log;
    /// It is read and forgotten.
    "drop" => Drop;
}

map! {
    /// Files whose changes restart a guest.
    pub struct GuestWatch = "guest watch", open = true;
    optional {
        /// Directories that are watched.
        directories: Vec<PathBuf> = Vec::new() => list(folder());
        /// What is done on a change.
        action: WatchAction = WatchAction::Restart => word();
        /// Seconds to wait for more changes.
        timeout: Json = Json::from(1) => reader::proxy::number();
    }
}

words! {
    /// What is done when a watched file changes.
    pub enum WatchAction;
    /// The guest is restarted.
    "restart" => Restart;
}
