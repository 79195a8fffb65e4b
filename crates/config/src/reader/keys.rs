//! Which keys there are.
//!
//! Nobody writes the list: the reader is asked. It reads samples that hold every key and every word, and
//! notes which ones it looks for ([`Record`]). What it looks for and the samples lack is in the list too,
//! marked as such; a test fails on it, so the samples stay complete.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::finding::{Finding, Findings};
use super::{Context, Format, read};
use crate::Place;

/// Configurations that hold every key, each with a value at which there is something to be said, and
/// every word of the closed sets.
const SAMPLES: [&str; 2] = [include_str!("keys/every.json"), include_str!("keys/rest.json")];

/// A key that a configuration can have, or a word that its value can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The map it stands in, as findings call it: `listening tcp endpoint`.
    pub within: String,
    /// The key.
    pub name: String,
    /// For the entry of a single value, where the values are a closed set of words.
    pub word: Option<String>,
    /// What the reader says about it, or about an item of the list that is its value. Nothing if it can
    /// be used without a remark.
    pub answer: Option<Finding>,
    /// Whether the samples have it. Always true in a released reader.
    pub sampled: bool,
}

/// Every key and word that the reader knows, in alphabetic order.
///
/// This reads samples each time: it is for tests and for what is generated from the list.
pub fn keys() -> Vec<Key> {
    let mut all: BTreeMap<Entry, (bool, Option<Finding>)> = BTreeMap::new();
    let mut silent = BTreeSet::new();
    for text in SAMPLES {
        let record = RefCell::new(Record::default());
        let context = Context { name: "sample", node_dir: Path::new("/"), env: &|_| None };
        let (loaded, record) = read(text, Format::Json, &context, Some(record));
        let entries = record.map(|record| record.into_inner().entries).unwrap_or_default();
        let with_words: BTreeSet<_> =
            entries.keys().filter(|e| e.word.is_some()).map(|e| (e.within.clone(), e.name.clone())).collect();
        for (entry, places) in entries {
            // What is said about one word is the word's.
            let own =
                entry.word.is_none() && with_words.contains(&(entry.within.clone(), entry.name.clone()));
            let slot = all.entry(entry.clone()).or_default();
            for place in places {
                slot.0 = true;
                match said_about(&loaded.findings, &place, !own) {
                    Some(finding) => slot.1 = Some(finding),
                    None => _ = silent.insert(entry.clone()),
                }
            }
        }
    }
    let key = |(entry, (sampled, answer)): (Entry, _)| {
        let answer = if silent.contains(&entry) { None } else { answer };
        let Entry { within, name, word } = entry;
        Key { within, name, word, answer, sampled }
    };
    all.into_iter().map(key).collect()
}

/// What is said about the thing at that place, or, if `items`, about an item of the list at that place.
fn said_about(findings: &Findings, place: &Place, items: bool) -> Option<Finding> {
    let is_item = |rest: &str| {
        let number = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
    };
    let about = |finding: &&Finding| {
        let rest = finding.place.as_str().strip_prefix(place.as_str());
        rest.is_some_and(|rest| rest.is_empty() || (items && is_item(rest)))
    };
    findings.iter().filter(about).min_by_key(|finding| finding.severity).cloned()
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    within: String,
    name: String,
    word: Option<String>,
}

/// What the reader looked for, and where it found it.
#[derive(Debug, Default)]
pub(crate) struct Record {
    entries: BTreeMap<Entry, Vec<Place>>,
}

impl Record {
    /// The reader looked for that key; `place`: where it stands.
    pub(crate) fn key(&mut self, within: &str, name: &str, place: Option<Place>) {
        let entry = Entry { within: within.to_owned(), name: name.to_owned(), word: None };
        let places = self.entries.entry(entry).or_default();
        places.extend(place.filter(|place| !places.contains(place)));
    }

    /// The value of that key may be one of these words; `found`: the one it is.
    pub(crate) fn words<'w>(
        &mut self,
        within: &str,
        name: &str,
        words: impl IntoIterator<Item = &'w str>,
        found: Option<(&str, &Place)>,
    ) {
        for word in words {
            let entry =
                Entry { within: within.to_owned(), name: name.to_owned(), word: Some(word.to_owned()) };
            let places = self.entries.entry(entry).or_default();
            places.extend(found.filter(|(text, _)| *text == word).map(|(_, place)| place.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Severity, parse_str};

    #[test]
    fn samples_when_read_have_every_key_and_no_mistake() {
        for text in SAMPLES {
            let context = Context { name: "sample", node_dir: Path::new("/"), env: &|_| None };
            let loaded = parse_str(text, Format::Json, &context);
            assert!(!loaded.findings.has_errors(), "{}", loaded.findings);
        }
        let keys = keys();
        let missing: Vec<_> = keys.iter().filter(|key| !key.sampled).collect();
        assert_eq!(missing, Vec::<&Key>::new(), "the samples in reader/keys/ lack them");
    }

    #[test]
    fn keys_when_asked_for_come_with_what_is_said_about_them() {
        let keys = keys();
        let severity = |within: &str, name: &str, word: Option<&str>| {
            let is = |key: &&Key| key.within == within && key.name == name && key.word.as_deref() == word;
            let key = keys.iter().find(is).unwrap_or_else(|| panic!("no key {name} in {within}"));
            key.answer.as_ref().map(|finding| finding.severity)
        };
        assert_eq!(severity("listening tcp endpoint", "port", None), None);
        assert_eq!(severity("listening tcp endpoint", "host", None), Some(Severity::Warning));
        assert_eq!(severity("listening tcp endpoint", "tls", None), Some(Severity::Unsupported));
        assert_eq!(severity("transport", "type", Some("web")), None);
        assert_eq!(severity("transport", "type", Some("mqtt")), Some(Severity::Unsupported));
        assert_eq!(severity("router worker", "components", None), Some(Severity::Unsupported));
        assert_eq!(severity("websocket options", "tcp_nodelay", None), Some(Severity::Warning));
    }
}
