//! The table `tests/keys.txt` against the definitions of the dialect and against the tests that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use transom_config::{Definition, Key, MapReference, Shape, Status, dialect};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What a row says.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    /// `test NAME[, NAME]`
    Test(Vec<String>),
    /// `refused at start`
    Refused,
    /// `ignored: WHY`
    Ignored(String),
    /// `silent: WHY`
    Silent,
    /// `holds: MAP`
    Holds(String),
    /// `with: MAP / KEY`
    With(String),
}

/// The table: rows by `MAP / KEY` or `MAP / KEY = WORD`, and the row that leads to a map without rows of its own.
#[derive(Default)]
struct Table {
    rows: BTreeMap<String, Verdict>,
    with: BTreeMap<String, String>,
}

fn table() -> Table {
    let text = std::fs::read_to_string(root().join("tests/keys.txt")).unwrap();
    let (mut table, mut map) = (Table::default(), "");
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some((name, with)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            map = name;
            if let Some(row) = with.trim().strip_prefix("with:") {
                for name in name.split("; ") {
                    let before = table.with.insert(name.to_owned(), row.trim().to_owned());
                    assert!(before.is_none(), "[{name}] stands twice");
                }
            } else {
                assert!(with.is_empty(), "{line:?}");
            }
            continue;
        }
        let (key, verdict) = line.split_once("  ").unwrap_or_else(|| panic!("no verdict: {line:?}"));
        let verdict = verdict.trim();
        let after = |word: &str| verdict.strip_prefix(word).map(|rest| rest.trim().to_owned());
        let verdict = if let Some(names) = after("test ") {
            Verdict::Test(names.split(", ").map(str::to_owned).collect())
        } else if let Some(why) = after("ignored:") {
            Verdict::Ignored(why)
        } else if after("silent:").is_some() {
            Verdict::Silent
        } else if let Some(map) = after("holds:") {
            Verdict::Holds(map)
        } else if let Some(row) = after("with:") {
            Verdict::With(row)
        } else {
            assert_eq!(verdict, "refused at start", "{line:?}");
            Verdict::Refused
        };
        let row = format!("{map} / {key}");
        assert!(table.rows.insert(row.clone(), verdict).is_none(), "{row} has two rows");
    }
    table
}

fn row(key: &Key) -> String {
    match &key.word {
        None => format!("{} / {}", key.within, key.name),
        Some(word) => format!("{} / {} = {word}", key.within, key.name),
    }
}

/// The maps that a value of that shape can be or hold.
fn inside(shape: &Shape) -> Vec<MapReference> {
    match shape {
        Shape::Map(map) => vec![*map],
        Shape::List { item: inner, .. } | Shape::Dict { value: inner, .. } => inside(inner),
        Shape::Either(shapes) => shapes.iter().flat_map(inside).collect(),
        _ => Vec::new(),
    }
}

/// The maps that can be reached from one, itself included: those that work, or all of them.
fn reached(from: MapReference, all: bool) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    reach(from.what, &from.definition(), all, &mut found);
    found
}

fn reach(what: &'static str, definition: &Definition, all: bool, found: &mut BTreeSet<&'static str>) {
    if !found.insert(what) {
        return;
    }
    for key in definition.keys.iter().filter(|key| all || key.status == Status::Works) {
        for map in inside(&key.shape) {
            reach(map.what, &map.definition(), all, found);
        }
    }
    for variant in definition.variants.iter().filter(|variant| all || variant.status == Status::Works) {
        reach(variant.map.what, &definition.of_variant(variant), all, found);
    }
}

/// Where a row leads to if it has no effect here: everything inside the value of its key.
fn behind(row: &str) -> Option<BTreeSet<&'static str>> {
    let (map, rest) = row.split_once(" / ")?;
    let (key, word) = match rest.split_once(" = ") {
        Some((key, word)) => (key, Some(word)),
        None => (rest, None),
    };
    let mut found = BTreeSet::new();
    for (what, definition) in all_maps() {
        if what != map {
            continue;
        }
        match word {
            None => {
                let key = definition.keys.iter().find(|known| known.name == key)?;
                for map in inside(&key.shape) {
                    found.extend(reached(map, true));
                }
            }
            Some(word) => {
                let variant = definition.variants.iter().find(|variant| variant.word == word)?;
                reach(variant.map.what, &definition.of_variant(variant), true, &mut found);
            }
        }
    }
    Some(found)
}

/// Every map with its definition.
fn all_maps() -> Vec<(&'static str, Definition)> {
    fn add(what: &'static str, definition: Definition, out: &mut Vec<(&'static str, Definition)>) {
        if out.iter().any(|(known, _)| *known == what) {
            return;
        }
        out.push((what, definition.clone()));
        for map in definition.keys.iter().flat_map(|key| inside(&key.shape)) {
            add(map.what, map.definition(), out);
        }
        for variant in &definition.variants {
            add(variant.map.what, definition.of_variant(variant), out);
        }
    }
    let mut out = Vec::new();
    add(dialect().what, dialect().definition(), &mut out);
    out
}

/// The keys that need a row: those of maps that work, and of their words those of keys that work.
fn keys() -> Vec<Key> {
    let works = reached(dialect(), false);
    let all = transom_config::keys();
    let status = |key: &Key| {
        let whole = all
            .iter()
            .find(|other| other.within == key.within && other.name == key.name && other.word.is_none());
        whole.map_or(Status::Works, |key| key.status)
    };
    let needed =
        |key: &&Key| works.contains(key.within) && (key.word.is_none() || status(key) == Status::Works);
    all.iter().filter(needed).cloned().collect()
}

#[test]
fn every_key_has_a_row_and_every_row_a_key() {
    let keys: BTreeSet<String> = keys().iter().map(row).collect();
    let rows: BTreeSet<String> = table().rows.into_keys().collect();
    let missing: Vec<_> = keys.difference(&rows).collect();
    let unknown: Vec<_> = rows.difference(&keys).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "no row for: {missing:#?}\nno such key: {unknown:#?}");
}

#[test]
fn every_map_that_does_not_work_stands_with_what_leads_to_it() {
    let table = table();
    let works = reached(dialect(), false);
    let all = reached(dialect(), true);
    let needed: BTreeSet<&str> = all.difference(&works).copied().collect();
    let given: BTreeSet<&str> = table.with.keys().map(String::as_str).collect();
    let missing: Vec<_> = needed.difference(&given).collect();
    let unknown: Vec<_> = given.difference(&needed).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "no line for: {missing:#?}\nno such map: {unknown:#?}");
    for (map, row) in &table.with {
        let verdict = table.rows.get(row);
        assert!(
            matches!(verdict, Some(Verdict::Refused | Verdict::Ignored(_))),
            "[{map}] stands with {row:?}, which is {verdict:?}"
        );
        assert!(behind(row).unwrap().contains(map.as_str()), "{row:?} does not lead to [{map}]");
    }
}

#[test]
fn rows_say_what_the_definitions_say() {
    let Table { rows, .. } = table();
    let maps = all_maps();
    for key in keys() {
        let name = row(&key);
        let Some(verdict) = rows.get(&name) else { panic!("no row for {name}") };
        let agrees = match (verdict, key.status) {
            (Verdict::Refused, Status::Unsupported { .. }) => true,
            (Verdict::Ignored(said), Status::Ignored { why, .. }) => said == why,
            (Verdict::Test(_) | Verdict::Silent, Status::Works) => true,
            (Verdict::With(other), Status::Works) => {
                matches!(rows.get(other), Some(Verdict::Refused | Verdict::Ignored(_)))
            }
            (Verdict::Holds(map), Status::Works) => {
                let (_, within) = maps.iter().find(|(what, _)| *what == key.within).unwrap();
                let shape = within.keys.iter().find(|known| known.name == key.name).map(|known| &known.shape);
                shape.is_some_and(|shape| inside(shape).iter().any(|held| held.what == map))
            }
            _ => false,
        };
        assert!(agrees, "{name}: the table says {verdict:?}, the definition {:?}", key.status);
    }
}

#[test]
fn silence_about_a_key_without_effect_is_rare() {
    let rows = table().rows;
    let silent: Vec<_> =
        rows.into_iter().filter(|(_, verdict)| *verdict == Verdict::Silent).map(|(row, _)| row).collect();
    assert_eq!(silent, ["permission / cache", "the configuration / $schema"]);
}

#[test]
fn every_test_that_a_row_names_exists() {
    let mut folders = BTreeMap::from([("transom-tests".to_owned(), root().join("tests"))]);
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        folders.insert(format!("transom-{name}"), path.clone());
    }
    let mut count = 0;
    for (row, verdict) in table().rows {
        let Verdict::Test(names) = verdict else { continue };
        for name in names {
            assert!(is_a_test(&folders, &name), "{row} names {name}, which is no test");
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

/// Whether `PACKAGE::PATH::NAME` is a test: PATH leads to a file, and maybe on to a module in it.
fn is_a_test(folders: &BTreeMap<String, PathBuf>, name: &str) -> bool {
    let mut parts: Vec<&str> = name.split("::").collect();
    let function = parts.pop().unwrap();
    let Some((package, path)) = parts.split_first() else { return false };
    let Some(folder) = folders.get(*package) else { return false };
    (1..=path.len()).rev().any(|length| {
        let (file, modules) = path.split_at(length);
        let file = file.join("/");
        let candidates = [format!("src/{file}.rs"), format!("tests/{file}.rs")];
        candidates.iter().filter_map(|file| std::fs::read_to_string(folder.join(file)).ok()).any(|text| {
            modules.iter().all(|module| text.contains(&format!("mod {module} {{")))
                && has_test(&text, function)
        })
    })
}

/// Whether a source has that function with the attribute of a test on it.
fn has_test(text: &str, function: &str) -> bool {
    let mut attribute = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            attribute = true;
        } else if line.contains("fn ") {
            let name = line.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            if attribute && name == Some(function) {
                return true;
            }
            attribute = false;
        }
    }
    false
}

#[test]
fn test_that_does_not_exist_is_none() {
    let folders = BTreeMap::from([("transom-tests".to_owned(), root().join("tests"))]);
    let this = "transom-tests::keys::table::test_that_does_not_exist_is_none";
    assert!(is_a_test(&folders, this));
    for other in [
        "transom-tests::keys::table::has_test",
        "transom-tests::keys::table::nothing",
        "transom-tests::keys::nothing::test_that_does_not_exist_is_none",
        "transom-none::keys::table::test_that_does_not_exist_is_none",
        "transom-tests",
    ] {
        assert!(!is_a_test(&folders, other), "{other}");
    }
}
