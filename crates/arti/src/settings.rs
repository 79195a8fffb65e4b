//! Where a Tor keeps its state, and the file with settings that arti reads.

use std::error::Error;
use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use arti_client::TorClientConfig;
use tor_config::load::{ConfigResolveOptions, resolve_return_results};
use tor_config::sources::MustRead;
use tor_config::{ConfigurationSource, ConfigurationSources};

use crate::ArtiError;
use crate::error::words;

/// What a Tor is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where guards, keys and the directory of relays are kept, below `state` and `cache`. Made if it is not there, with
    /// mode 0700; nobody else may be able to write to it or to the directories above it. Kept between runs.
    pub state_dir: PathBuf,
    /// A TOML file with settings of arti's client, as for a Tor network of one's own. `storage.state_dir` and
    /// `storage.cache_dir` in it have no effect. Without it: the public network.
    pub settings: Option<PathBuf>,
}

impl Settings {
    /// The configuration of arti's client.
    pub(crate) fn load(&self) -> Result<TorClientConfig, ArtiError> {
        let mut sources = ConfigurationSources::new_empty();
        let mut read =
            |text| sources.push_source(ConfigurationSource::from_verbatim(text), MustRead::MustRead);
        let file = self.settings.clone().unwrap_or_default();
        let wrong = |problem| ArtiError::Settings { file: file.clone(), problem };
        if let Some(file) = &self.settings {
            read(std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?);
        }
        // Read later, so that ours are the ones that count.
        read(self.storage()?);
        let tree = sources.load().map_err(|error| wrong(plain(&error)))?;
        let read = resolve_return_results::<TorClientConfig>(&tree, &ConfigResolveOptions::default());
        let read = read.map_err(|error| wrong(plain(&error)))?;
        if let Some(key) = read.unrecognized.first() {
            return Err(wrong(format!(
                "there is no setting {key}; known are those of arti's client, not of its program"
            )));
        }
        Ok(read.value)
    }

    fn storage(&self) -> Result<String, ArtiError> {
        let absolute = |name| std::path::absolute(self.state_dir.join(name));
        let quoted = |name| {
            let path = absolute(name).map_err(|error| self.unusable(error))?;
            quoted(&path).ok_or_else(|| self.unusable("its name is not UTF-8"))
        };
        Ok(format!(
            "[storage]\nstate_dir = {{ literal = {} }}\ncache_dir = {{ literal = {} }}\n",
            quoted("state")?,
            quoted("cache")?,
        ))
    }

    /// Makes the state directory and takes it for as long as the file is open.
    pub(crate) fn lock(&self) -> Result<File, ArtiError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        for name in ["state", "cache"] {
            builder.create(self.state_dir.join(name)).map_err(|error| self.unusable(error))?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(self.state_dir.join("lock"));
        let file = file.map_err(|error| self.unusable(error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(ArtiError::InUse { dir: self.state_dir.clone() }),
            Err(TryLockError::Error(error)) => Err(self.unusable(error)),
        }
    }

    pub(crate) fn unusable(&self, problem: impl ToString) -> ArtiError {
        ArtiError::StateDir { dir: self.state_dir.clone(), problem: problem.to_string() }
    }
}

/// What arti says of a file, without what it says of all of them and without the picture of the line.
fn plain(error: &dyn Error) -> String {
    let text = words(error).replace("\"default.", "\"").replace(" in TOML source string", "");
    let text = text.trim_start_matches("Config contents not as expected: ");
    let text = text.trim_start_matches("Couldn't load configuration: ");
    text.split("; ").filter(|part| !part.contains('|')).collect::<Vec<_>>().join("; ")
}

/// A path as a TOML string.
fn quoted(path: &Path) -> Option<String> {
    let mut text = String::from("\"");
    for c in path.to_str()?.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => text += &format!("\\u{:04X}", u32::from(c)),
            c => text.push(c),
        }
    }
    text.push('"');
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<TorClientConfig, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("arti.toml");
        std::fs::write(&file, text).unwrap();
        let settings = Settings { state_dir: dir.path().join("tor"), settings: Some(file.clone()) };
        settings.load().map_err(|error| {
            let text = error.to_string();
            let of_file = text.strip_prefix(&format!("{}: ", file.display()));
            of_file.unwrap_or_else(|| panic!("names no file: {text}")).to_owned()
        })
    }

    #[test]
    fn settings_when_wrong_are_told_with_file_and_place() {
        for (text, want) in [
            ("[tor_network\n", "TOML parse error at line 1, column 13; invalid table header; expected"),
            ("a = 1\na = 2\n", "line 2"),
            (
                "[path_rules]\nipv4_subnet_family_prefix = \"wide\"\n",
                "for key \"path_rules.ipv4_subnet_family_prefix\"",
            ),
            ("[path_rules]\nipv4_subnet_family = 1\n", "there is no setting path_rules.ipv4_subnet_family;"),
            ("[proxy]\nsocks_listen = 9050\n", "there is no setting proxy"),
            ("[[tor_network.fallback_caches]]\norports = [\"x\"]\n", "orports"),
        ] {
            let problem = load(text).expect_err(text);
            assert!(problem.contains(want), "{text:?}: {problem}");
            assert!(!problem.contains('\n'), "{problem}");
        }
    }

    #[test]
    fn settings_when_file_is_missing_name_it() {
        let file = Some(PathBuf::from("/nowhere/arti.toml"));
        let error = Settings { state_dir: "tor".into(), settings: file }.load().unwrap_err();
        assert_eq!(error.to_string(), "/nowhere/arti.toml: No such file or directory (os error 2)");
    }

    #[test]
    fn settings_when_storage_is_set_keep_the_state_directory() {
        let config = load("[storage]\nstate_dir = \"/elsewhere\"\ncache_dir = \"/elsewhere\"\n").unwrap();
        let text = format!("{config:?}");
        assert!(!text.contains("/elsewhere") && text.contains("/tor/state"), "{text}");
    }

    #[test]
    fn paths_when_quoted_come_back_from_toml() {
        for name in ["plain", "with space", "a\"b\\c", "$HOME/~", "tab\tbell\u{7}del\u{7f}", "ü"] {
            let settings = Settings { state_dir: Path::new("/").join(name), settings: None };
            let text = format!("{:?}", settings.load().unwrap());
            let want = format!("{:?}", Path::new("/").join(name).join("state"));
            assert!(text.contains(&want), "{want} in {text}");
        }
    }

    #[test]
    fn state_directory_when_it_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let dir = file.path().join("tor");
        let error = Settings { state_dir: dir.clone(), settings: None }.lock().unwrap_err();
        assert!(error.to_string().starts_with(&format!("state directory {}: ", dir.display())), "{error}");
    }

    #[test]
    fn state_directory_when_made_is_for_its_owner_alone_and_is_taken_once() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { state_dir: dir.path().join("a/tor"), settings: None };
        let lock = settings.lock().unwrap();
        for name in ["", "state", "cache"] {
            let mode = settings.state_dir.join(name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{name}");
        }
        assert!(matches!(settings.lock(), Err(ArtiError::InUse { .. })));
        drop(lock);
        settings.lock().unwrap();
    }
}
