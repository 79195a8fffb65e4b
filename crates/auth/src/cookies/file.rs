//! Cookies in a file: a JSON object per line, appended; the last line of a cookie counts. Crossbar.io's file of this
//! kind is read, too.
//!
//! The file is for its owner alone, and for one store at a time. A line that was torn by a crash is passed over. When
//! most lines are out of date it is written anew beside itself and put in its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::fcntl::{Flock, FlockArg};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json, json};
use transom_wamp::{Dict, Payload, Serializer, Shape, Value};

use super::jar::{CAPACITY, Jar, Record};
use super::{CookieStore, Identity, StoreError};
use crate::time::{iso8601, parse_iso8601};

/// The longest line in bytes that is read.
const LONGEST_LINE: u64 = 64 * 1024;

/// So many lines may be out of date before the file is written anew, beside as many as there are cookies.
const SPARE_LINES: usize = 1024;

/// Cookies that outlive the process.
#[derive(Debug)]
pub struct FileCookies {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    jar: Jar,
    file: Flock<File>,
    lines: usize,
}

impl FileCookies {
    /// Opens or creates the file. `purge` writes it anew without the cookies whose time is over
    /// (`purge_on_startup`).
    ///
    /// # Errors
    /// When it cannot be opened, read or locked, as when another store has it.
    pub fn open(path: &Path, purge: bool, now: SystemTime) -> Result<Self, StoreError> {
        let failed = |what| move |source| StoreError { path: path.to_owned(), what, source };
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(failed("opening"))?;
        let file = lock(file).map_err(failed("locking (is another node or transport using it?)"))?;
        private(&file).map_err(failed("taking the rights of others away"))?;
        let mut state = State { jar: Jar::new(CAPACITY), file, lines: 0 };
        state.read(now).map_err(failed("reading"))?;
        // What is put in the place of the file later is not to replace a link to it.
        let path = fs::canonicalize(path).map_err(failed("finding"))?;
        let cookies = FileCookies { path, state: Mutex::new(state) };
        if purge {
            cookies.rewrite(&mut cookies.state.lock(), now)?;
        }
        Ok(cookies)
    }

    /// Changes a cookie and notes what it is now.
    fn change(
        &self,
        id: &str,
        status: &str,
        now: SystemTime,
        change: impl FnOnce(&mut Jar) -> Option<Record>,
    ) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        let Some(record) = change(&mut state.jar) else { return Ok(()) };
        if state.lines > 2 * state.jar.records.len() + SPARE_LINES {
            return self.rewrite(&mut state, now);
        }
        let line = line(id, status, &record, now);
        // One write: lines of others come before or after it.
        state.file.write_all(line.as_bytes()).map_err(|source| self.failed("appending", source))?;
        state.lines += 1;
        Ok(())
    }

    /// Writes the file anew.
    fn rewrite(&self, state: &mut State, now: SystemTime) -> Result<(), StoreError> {
        state.jar.records.retain(|_, record| record.lives(now));
        let file = self.replacement(&state.jar, now).map_err(|source| self.failed("writing anew", source))?;
        state.file = file;
        state.lines = state.jar.records.len();
        Ok(())
    }

    fn replacement(&self, jar: &Jar, now: SystemTime) -> io::Result<Flock<File>> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().append(true).read(true).create_new(true).mode(0o600).open(&beside)?;
        let file = lock(file)?;
        let mut writer = BufWriter::new(&*file);
        for (id, record) in &jar.records {
            writer.write_all(line(id, "created", record, now).as_bytes())?;
        }
        writer.flush()?;
        drop(writer);
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        Ok(file)
    }

    fn failed(&self, what: &'static str, source: io::Error) -> StoreError {
        StoreError { path: self.path.clone(), what, source }
    }
}

fn lock(file: File) -> io::Result<Flock<File>> {
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno.into())
}

/// Takes from everybody but the owner what rights they have.
fn private(file: &File) -> io::Result<()> {
    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o600);
        file.set_permissions(permissions)?;
    }
    Ok(())
}

impl State {
    fn read(&mut self, now: SystemTime) -> io::Result<()> {
        let mut reader = BufReader::new(&*self.file);
        let (mut unreadable, mut ends_whole) = (0_usize, true);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            ends_whole = bytes.last() == Some(&b'\n');
            self.lines += 1;
            match Line::read(&bytes) {
                Some(Line { id, record: Some(record) }) => self.jar.insert(&id, record, now),
                Some(Line { id, record: None }) => drop(self.jar.records.remove(&id)),
                None if bytes.trim_ascii().is_empty() => {}
                None => unreadable += 1,
            }
        }
        if unreadable > 0 {
            tracing::warn!(lines = unreadable, "passed over lines of a cookie file that cannot be read");
        }
        if !ends_whole {
            // A line torn by a crash is not to swallow the next one.
            (&*self.file).write_all(b"\n")?;
        }
        Ok(())
    }
}

/// What a line says.
struct Line {
    id: String,
    /// None when the cookie is deleted.
    record: Option<Record>,
}

impl Line {
    fn read(bytes: &[u8]) -> Option<Self> {
        let all: Map<String, Json> = serde_json::from_slice(bytes).ok()?;
        let text = |key: &str| all.get(key).and_then(Json::as_str);
        let id = text("cbtid").or_else(|| text("id"))?.to_owned();
        if text("status") == Some("deleted") {
            return Some(Line { id, record: None });
        }
        let created = match all.get("created")? {
            Json::String(text) => parse_iso8601(text)?,
            number => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(number.as_u64()?))?,
        };
        let max_age = Duration::from_secs(all.get("max_age")?.as_u64()?);
        let identity = match (text("authrealm"), text("authid"), text("authrole"), text("authmethod")) {
            (Some(realm), Some(authid), Some(role), Some(method)) => Some(Identity {
                realm: realm.into(),
                authid: authid.into(),
                role: role.into(),
                method: method.into(),
                extra: all.get("authextra").map(dict).unwrap_or_default(),
            }),
            _ => None,
        };
        Some(Line { id, record: Some(Record { created, max_age, identity }) })
    }
}

/// A line with its end.
fn line(id: &str, status: &str, record: &Record, now: SystemTime) -> String {
    let identity = record.identity.as_ref();
    let moment = |of: &str| if status == of { json!(iso8601(now)) } else { Json::Null };
    let all = json!({
        "cbtid": id,
        "status": status,
        "created": iso8601(record.created),
        "modified": moment("modified"),
        "deleted": moment("deleted"),
        "max_age": record.max_age.as_secs(),
        "authid": identity.map(|identity| &*identity.authid),
        "authrole": identity.map(|identity| &*identity.role),
        "authmethod": identity.map(|identity| &*identity.method),
        "authrealm": identity.map(|identity| &*identity.realm),
        "authextra": identity.map(|identity| json_of(&identity.extra)),
    });
    format!("{all}\n")
}

/// A map in JSON as WAMP writes it.
fn json_of(dict: &Dict) -> Json {
    let payload = Payload::from_values(Serializer::Json, &[Value::Map(dict.clone())], &Dict::default());
    match serde_json::from_slice::<[Json; 1]>(&payload.bytes) {
        Ok([map]) => map,
        Err(_) => Json::Null,
    }
}

/// The reverse of [`json_of`]; anything but a map is an empty one.
fn dict(json: &Json) -> Dict {
    let bytes = format!("[{json}]").into();
    let payload = Payload { serializer: Serializer::Json, shape: Shape::Args, bytes };
    match payload.to_values().map(|(args, _)| args.into_iter().next()) {
        Ok(Some(Value::Map(dict))) => dict,
        _ => Dict::default(),
    }
}

impl CookieStore for FileCookies {
    fn knows(&self, id: &str, now: SystemTime) -> bool {
        self.state.lock().jar.get(id, now).is_some()
    }

    fn identity(&self, id: &str, now: SystemTime) -> Option<Identity> {
        self.state.lock().jar.get(id, now)?.identity.clone()
    }

    fn add(&self, id: &str, max_age: Duration, now: SystemTime) -> Result<(), StoreError> {
        self.change(id, "created", now, |jar| {
            let record = Record { created: now, max_age, identity: None };
            jar.insert(id, record.clone(), now);
            Some(record)
        })
    }

    fn set_identity(&self, id: &str, identity: Option<Identity>, now: SystemTime) -> Result<(), StoreError> {
        self.change(id, "modified", now, |jar| {
            let record = jar.records.get_mut(id)?;
            record.identity = identity;
            Some(record.clone())
        })
    }

    fn remove(&self, id: &str, now: SystemTime) -> Result<(), StoreError> {
        self.change(id, "deleted", now, |jar| jar.records.remove(id))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    const WEEK: Duration = Duration::from_secs(604_800);

    fn moment(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn identity() -> Identity {
        let extra = Dict(vec![
            ("team".into(), "red".into()),
            ("list".into(), Value::List(vec![1_i64.into(), Value::Null, 0.5.into()])),
            ("bytes".into(), Value::Binary(vec![0, 255].into())),
        ]);
        Identity {
            realm: "realm1".into(),
            authid: "jo\"e\n".into(),
            role: "user".into(),
            method: "ticket".into(),
            extra,
        }
    }

    fn folder() -> (TempDir, PathBuf) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("cookies.dat");
        (folder, path)
    }

    fn open(path: &Path, now: u64) -> FileCookies {
        FileCookies::open(path, false, moment(now)).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn cookies_outlive_the_process() {
        let (_folder, path) = folder();
        let cookies = open(&path, 0);
        assert_eq!(mode(&path), 0o600);
        for id in ["a", "b", "c"] {
            cookies.add(id, WEEK, moment(1)).unwrap();
        }
        cookies.set_identity("a", Some(identity()), moment(2)).unwrap();
        cookies.set_identity("b", Some(identity()), moment(2)).unwrap();
        cookies.set_identity("b", None, moment(3)).unwrap();
        cookies.remove("c", moment(4)).unwrap();
        drop(cookies);
        let cookies = open(&path, 5);
        assert_eq!(cookies.identity("a", moment(5)), Some(identity()));
        assert_eq!(cookies.identity("b", moment(5)), None);
        let known = ["a", "b", "c"].map(|id| cookies.knows(id, moment(5)));
        assert_eq!(known, [true, true, false]);
        assert!(!cookies.knows("a", moment(1) + WEEK));
        let text = fs::read_to_string(&path).unwrap();
        let last: Map<String, Json> = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((&last["status"], &last["cbtid"]), (&json!("deleted"), &json!("c")));
        assert_eq!(last["deleted"], json!("1970-01-01T00:00:04.000Z"));
        assert_eq!(last.len(), 11);
    }

    #[test]
    fn torn_and_foreign_lines_are_passed_over() {
        let (_folder, path) = folder();
        let good =
            line("a", "created", &Record { created: moment(1), max_age: WEEK, identity: None }, moment(1));
        let crossbar = r#"{"id": "b", "status": "created", "created": "1970-01-01T00:00:01.000Z", "max_age": 604800, "authid": "joe", "authrole": "user", "authmethod": "ticket", "authrealm": "realm1", "authextra": {"x": 1}}"#;
        let seconds = r#"{"cbtid": "c", "created": 1, "max_age": 604800, "authid": "joe"}"#;
        let others =
            "not json\n[]\n{}\n{\"cbtid\": 5}\n{\"cbtid\": \"x\", \"created\": \"now\", \"max_age\": 1}\n\n";
        let long = format!("{{\"cbtid\": \"{}\"}}\n", "x".repeat(3 * LONGEST_LINE as usize));
        let torn = &good[..good.len() / 2];
        let mut bytes = format!("{others}{good}{crossbar}\n{long}{seconds}\n{torn}").into_bytes();
        bytes.splice(0..0, *b"\xff\xfe\n");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let cookies = open(&path, 2);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(["a", "b", "c", "x"].map(|id| cookies.knows(id, moment(2))), [true, true, true, false]);
        assert_eq!(cookies.identity("b", moment(2)).unwrap().extra.get("x"), Some(&Value::Int(1)));
        assert_eq!(cookies.identity("c", moment(2)), None);
        // What comes after the torn line is not torn with it.
        cookies.add("d", WEEK, moment(2)).unwrap();
        drop(cookies);
        assert!(open(&path, 3).knows("d", moment(3)));
    }

    #[test]
    fn store_when_purged_has_only_what_lives() {
        let (_folder, path) = folder();
        let cookies = open(&path, 0);
        cookies.add("old", Duration::from_secs(10), moment(0)).unwrap();
        cookies.add("new", WEEK, moment(0)).unwrap();
        drop(cookies);
        let link = path.with_file_name("link");
        symlink(&path, &link).unwrap();
        let cookies = FileCookies::open(&link, true, moment(20)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(mode(&path), 0o600);
        cookies.add("newest", WEEK, moment(20)).unwrap();
        drop(cookies);
        let cookies = open(&path, 21);
        assert_eq!(["old", "new", "newest"].map(|id| cookies.knows(id, moment(21))), [false, true, true]);
    }

    #[test]
    fn file_does_not_grow_without_end() {
        let (_folder, path) = folder();
        let cookies = open(&path, 0);
        cookies.add("a", WEEK, moment(0)).unwrap();
        for second in 0..5000 {
            cookies.set_identity("a", Some(identity()), moment(second)).unwrap();
        }
        assert!(fs::read_to_string(&path).unwrap().lines().count() <= SPARE_LINES + 3);
        drop(cookies);
        assert_eq!(open(&path, 5000).identity("a", moment(5000)), Some(identity()));
    }

    #[test]
    fn file_is_for_one_store_at_a_time() {
        let (_folder, path) = folder();
        let first = open(&path, 0);
        let error = FileCookies::open(&path, true, moment(0)).unwrap_err().to_string();
        assert!(error.contains("cookies.dat") && error.contains("is another node"), "{error}");
        drop(first);
        open(&path, 0);
        let missing = path.with_file_name("no").join("cookies.dat");
        let error = FileCookies::open(&missing, false, moment(0)).unwrap_err().to_string();
        assert!(error.contains("no/cookies.dat: opening"), "{error}");
    }
}
