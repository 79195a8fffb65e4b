//! Which directory is the node directory, and which file in it the configuration.

use std::path::{Path, PathBuf};

/// The file names looked for, in order, when none is given.
const NAMES: [&str; 2] = ["config.yaml", "config.json"];

/// Where a node lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The node directory, absolute. It may not exist yet: `start` creates it (one level).
    pub node_dir: PathBuf,
    /// The configuration file, if there is one.
    pub file: Option<PathBuf>,
}

/// Why there is no configuration file. The texts are stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// `--config` names a file that is not there.
    #[error("configuration file {} does not exist", .0.display())]
    Missing(PathBuf),
    /// `--config` names a file whose kind is unknown.
    #[error("configuration file {} has an unknown extension: only .json and .yaml are configurations", .0.display())]
    Extension(PathBuf),
    /// None was named and none was found.
    #[error("no configuration file in {}: neither config.yaml nor config.json can be read", .0.display())]
    NoneFound(PathBuf),
}

impl Located {
    /// The configuration file for commands that cannot do without.
    ///
    /// # Errors
    /// [`LocateError::NoneFound`] if there is none.
    pub fn require_file(&self) -> Result<&Path, LocateError> {
        self.file.as_deref().ok_or_else(|| LocateError::NoneFound(self.node_dir.clone()))
    }
}

/// Finds the node directory and the configuration file.
///
/// The directory is `cbdir`, else the environment variable `CROSSBAR_DIR`, else `.crossbar` in `cwd` if
/// that is a directory, else `cwd`. If it names a file, the directory of that file is taken. The file is
/// `config`, relative to the node directory, else the first of `config.yaml` and `config.json` that can
/// be opened; finding neither is no error here.
///
/// # Errors
/// [`LocateError::Missing`] and [`LocateError::Extension`], about `config` only.
pub fn locate(
    cbdir: Option<&Path>,
    config: Option<&str>,
    env: &dyn Fn(&str) -> Option<String>,
    cwd: &Path,
) -> Result<Located, LocateError> {
    let named = cbdir
        .map(Path::to_path_buf)
        .or_else(|| env("CROSSBAR_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from));
    let mut node_dir = match named {
        Some(dir) => cwd.join(dir),
        None if cwd.join(".crossbar").is_dir() => cwd.join(".crossbar"),
        None => cwd.to_path_buf(),
    };
    if node_dir.is_file() {
        node_dir.pop();
    }
    // Without the `.` of `--cbdir .`: people read these paths.
    let node_dir: PathBuf = node_dir.components().collect();
    let file = match config {
        Some(name) => {
            let file = node_dir.join(name);
            if super::Format::of(&file).is_none() {
                return Err(LocateError::Extension(file));
            }
            if !file.is_file() {
                return Err(LocateError::Missing(file));
            }
            Some(file)
        }
        None => NAMES
            .iter()
            .map(|name| node_dir.join(name))
            .find(|file| file.is_file() && std::fs::File::open(file).is_ok()),
    };
    Ok(Located { node_dir, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_and_file_when_named_or_not() {
        let temp = tempfile::tempdir().unwrap();
        let cwd = temp.path();
        let none = |_: &str| None;
        let at = |dir: &str, file: Option<&str>| Located {
            node_dir: cwd.join(dir),
            file: file.map(|file| cwd.join(dir).join(file)),
        };

        let empty = locate(None, None, &none, cwd).unwrap();
        assert_eq!(empty, at("", None));
        let error = empty.require_file().unwrap_err().to_string();
        assert!(error.starts_with("no configuration file in ") && error.contains("config.json"), "{error}");

        std::fs::create_dir(cwd.join(".crossbar")).unwrap();
        std::fs::write(cwd.join(".crossbar/config.json"), "{}").unwrap();
        assert_eq!(locate(None, None, &none, cwd), Ok(at(".crossbar", Some("config.json"))));
        std::fs::write(cwd.join(".crossbar/config.yaml"), "{}").unwrap();
        assert_eq!(locate(None, None, &none, cwd), Ok(at(".crossbar", Some("config.yaml"))));
        let named = locate(None, Some("config.json"), &none, cwd);
        assert_eq!(named, Ok(at(".crossbar", Some("config.json"))));

        std::fs::create_dir(cwd.join("other")).unwrap();
        let env = |name: &str| (name == "CROSSBAR_DIR").then(|| "other".to_owned());
        assert_eq!(locate(None, None, &env, cwd), Ok(at("other", None)));
        let by_file = locate(Some(Path::new(".crossbar/config.json")), None, &env, cwd);
        assert_eq!(by_file, Ok(at(".crossbar", Some("config.yaml"))));
        let missing = locate(Some(Path::new("new")), None, &none, cwd);
        assert_eq!(missing, Ok(at("new", None)));

        let error = |name: &str| locate(None, Some(name), &none, cwd).unwrap_err().to_string();
        assert!(error("no.json").ends_with("no.json does not exist"));
        assert!(error("config.yml").contains("only .json and .yaml"));
    }
}
