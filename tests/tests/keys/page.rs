//! The page about configuration against the reader: it names every key, and none that there is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The maps of a line such as `<!-- keys: MAP; MAP -->`.
fn maps_of(line: &str) -> Option<Vec<String>> {
    let maps = line.strip_prefix("<!-- keys:")?.strip_suffix("-->")?;
    Some(maps.split(';').map(|map| map.trim().to_owned()).collect())
}

/// The maps named in lines before a table in the page, with the keys in its first column.
fn tables(text: &str) -> Vec<(Vec<String>, BTreeSet<String>)> {
    let mut tables = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(named) = maps_of(line) else { continue };
        let mut maps = named;
        while let Some(more) = lines.peek().and_then(|line| maps_of(line)) {
            maps.extend(more);
            lines.next();
        }
        let (mut keys, mut rows) = (BTreeSet::new(), 0);
        while let Some(line) = lines.next_if(|line| line.is_empty() || line.starts_with('|')) {
            rows += usize::from(!line.is_empty());
            // The first two are the head of the table.
            if rows > 2 {
                let first = line.split('|').nth(1).unwrap_or_default();
                keys.extend(first.split('`').skip(1).step_by(2).map(str::to_owned));
            }
        }
        tables.push((maps, keys));
    }
    tables
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/src/configuration.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_key_is_on_the_page_and_no_other() {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for key in transom_config::keys().into_iter().filter(|key| key.word.is_none()) {
        known.entry(key.within).or_default().insert(key.name);
    }
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (maps, keys) in tables(&page()) {
        assert!(!keys.is_empty(), "a table without keys: {maps:?}");
        for map in maps {
            let of_map = known.get(&map).unwrap_or_else(|| panic!("there is no {map:?}"));
            let unknown: Vec<_> = keys.difference(of_map).collect();
            assert!(unknown.is_empty(), "{map:?} has no {unknown:?}");
            told.entry(map).or_default().extend(keys.clone());
        }
    }
    let mut missing = Vec::new();
    for (map, keys) in &known {
        let told = told.get(map).cloned().unwrap_or_default();
        missing.extend(keys.difference(&told).map(|key| format!("{map} / {key}")));
    }
    assert!(missing.is_empty(), "not on the page: {missing:#?}");
}

#[test]
fn every_word_of_a_key_is_on_the_page() {
    let page = page();
    for key in transom_config::keys() {
        let Some(word) = key.word else { continue };
        let shown = [format!("`{word}`"), format!("\"{word}\"")].iter().any(|form| page.contains(form));
        assert!(shown, "{:?}, a value of {:?} in {:?}, is not on the page", word, key.name, key.within);
    }
}
