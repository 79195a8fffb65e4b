//! What cargo knows of this workspace: its root, its members, where builds land.

use crate::run::{Cmd, Stop, failed};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The workspace as `cargo metadata` describes it.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds (`CARGO_TARGET_DIR` is respected).
    pub(crate) build: PathBuf,
    /// The members, as cargo lists them.
    pub(crate) packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its folder, relative to the root, with `/`.
    pub(crate) folder: String,
    /// `package.metadata.transom.level`.
    pub(crate) level: Option<u64>,
    pub(crate) publish: bool,
    /// Names of what it depends on otherwise than for tests.
    pub(crate) depends_on: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self, Stop> {
        let xtask = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
        let Some(root) = Path::new(&xtask).parent() else { return failed("xtask has no parent folder") };
        let json =
            Cmd::new("cargo").args(["metadata", "--no-deps", "--format-version=1"]).dir(root).stdout()?;
        match serde_json::from_str::<Value>(&json) {
            Ok(value) => Self::from_metadata(root, &value),
            Err(error) => failed(format!("cargo metadata: {error}")),
        }
    }

    fn from_metadata(root: &Path, json: &Value) -> Result<Self, Stop> {
        let build = json["target_directory"].as_str().unwrap_or_default().into();
        let packages = json["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let packages = packages.iter().map(|json| Package::from_metadata(root, json)).collect();
        Ok(Self { root: root.to_owned(), build, packages })
    }

    /// A cargo command in the root, its words split at spaces.
    pub(crate) fn cargo(&self, words: &str) -> Cmd {
        Cmd::new("cargo").args(words.split(' ')).dir(&self.root)
    }

    /// Where tools and their packages are kept between runs. Not below [`build`](Self::build): it outlives a
    /// change of build folder.
    pub(crate) fn cache(&self, name: &str) -> PathBuf {
        self.root.join("target").join(name)
    }
}

impl Package {
    pub(crate) fn from_metadata(root: &Path, json: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let manifest = text(&json["manifest_path"]);
        let folder = Path::new(&manifest).parent().unwrap_or(Path::new(""));
        let dependencies = json["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            name: text(&json["name"]),
            version: text(&json["version"]),
            folder: folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().into_owned(),
            level: json["metadata"]["transom"]["level"].as_u64(),
            // `publish = false` is an empty list of registries.
            publish: json["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
            depends_on: dependencies
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(&dependency["name"]))
                .collect(),
        }
    }
}
