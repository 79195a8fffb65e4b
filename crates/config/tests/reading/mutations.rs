//! Sound configurations with one thing changed: what is said about them is said at the changed place, and schema and
//! reader agree.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use serde_json::{Map as JsonMap, Value as Json, json};
use transom_config::{
    Definition, Finding, Format, Loaded, Purpose, Severity, Shape, convert, schema, to_yaml,
};

use super::conversion::in_effect_again;
use super::sites::{Path, Site, SiteKind, Sites, Step, fitting};
use super::support::{read, samples};

/// What the reader finds by looking at several values, at the environment, or more closely than the schema can, so that
/// the schema does not say it: parts of messages.
const ONLY_THE_READER: &[&str] = &[
    // Several values at once: names and addresses used twice, realms and routes that do not exist, contradictions.
    "invalid value: ",
    "there is no connection of this name",
    "give either",
    "give one of",
    "a role has either",
    "it differs from",
    "must end at",
    "must be above 0",
    "the container ends before it could restart",
    "clients without a subprotocol speak json",
    "cannot be verified without",
    // What another value asks for.
    "missing mandatory attribute \"iterations\" in wampcra user",
    "missing mandatory attribute \"keylen\" in wampcra user",
    "missing mandatory attribute \"salt\" in wampcra user",
    "missing mandatory attribute \"key\" in http bridge options",
    "missing mandatory attribute \"certificate\" in tls of a connecting endpoint",
    "missing mandatory attribute \"origin\" in archive",
    "missing mandatory attribute \"resource\" in static",
    "missing mandatory attribute \"tor_control_endpoint\"",
    "missing mandatory attribute \"tor_socks_port\"",
    // The environment and the system.
    "the environment variable",
    "the system takes at most",
    // Numbers: a float without a fraction is an integer for a schema.
    "invalid type float",
    "must be an even number",
    "Tor has dropped version 2",
    // Texts: a pattern cannot count so well.
    "must be a network",
    "must have a port of 1..65535",
    "must not contain a NUL",
];

/// What becomes of a value.
#[derive(Debug, Clone)]
enum Change {
    Rename { from: String, to: String },
    Delete(String),
    Replace(Json),
}

/// A changed configuration.
struct Changed {
    config: Json,
    /// The value that was replaced, the value under the key that was renamed, or the map that lacks a key.
    target: Path,
    change: Change,
}

/// A text and where in it a value stands, those around it first.
struct Marked {
    text: String,
    tokens: Vec<Tokens>,
}

#[derive(Clone)]
struct Tokens {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

impl Marked {
    fn new(config: &Json, target: &[Step]) -> Self {
        let mut marked = Self { text: String::new(), tokens: Vec::new() };
        marked.write(config, Some(target), None, 0);
        marked.tokens.reverse();
        marked
    }

    /// Writes a value. `rest`: the steps from here to what is marked, if it is inside or is this.
    fn write(&mut self, value: &Json, rest: Option<&[Step]>, key: Option<Range<usize>>, indent: usize) {
        let start = self.text.len();
        let line = format!("\n{}", "  ".repeat(indent + 1));
        let inner = |step: Step| {
            rest.and_then(|rest| rest.split_first()).filter(|(s, _)| **s == step).map(|(_, r)| r)
        };
        match value {
            Json::Object(map) => {
                self.text.push('{');
                for (index, (key, value)) in map.iter().enumerate() {
                    self.text += if index > 0 { "," } else { "" };
                    self.text += &line;
                    let key_start = self.text.len();
                    self.text += &Json::from(key.as_str()).to_string();
                    let token = key_start..self.text.len();
                    self.text += ": ";
                    self.write(value, inner(Step::Key(key.clone())), Some(token), indent + 1);
                }
                self.text.push('}');
            }
            Json::Array(items) => {
                self.text.push('[');
                for (index, value) in items.iter().enumerate() {
                    self.text += if index > 0 { ", " } else { "" };
                    self.write(value, inner(Step::Index(index)), None, indent + 1);
                }
                self.text.push(']');
            }
            scalar => self.text += &scalar.to_string(),
        }
        if rest.is_some() {
            self.tokens.push(Tokens { key, value: start..self.text.len() });
        }
    }
}

/// The value at a path.
fn at<'j>(config: &'j Json, path: &[Step]) -> &'j Json {
    path.iter().fold(config, |value, step| match step {
        Step::Key(key) => &value[key.as_str()],
        Step::Index(index) => &value[*index],
    })
}

fn at_mut<'j>(config: &'j mut Json, path: &[Step]) -> &'j mut Json {
    path.iter().fold(config, |value, step| match step {
        Step::Key(key) => &mut value[key.as_str()],
        Step::Index(index) => &mut value[*index],
    })
}

/// What can be done to a map.
fn changes_of_map(definition: &Definition, map: &JsonMap<String, Json>) -> Vec<Change> {
    let mut changes = Vec::new();
    for key in map.keys() {
        let swapped = {
            let mut chars: Vec<char> = key.chars().collect();
            let last = chars.len() - 1;
            chars.swap(last, last - 1);
            chars.into_iter().collect::<String>()
        };
        for to in [
            format!("{key}x"),
            swapped,
            key.to_uppercase(),
            "größe".to_owned(),
            "options".to_owned(),
            String::new(),
        ] {
            if to != *key && !map.contains_key(&to) {
                changes.push(Change::Rename { from: key.clone(), to });
            }
        }
    }
    for key in definition.keys.iter().filter(|key| map.contains_key(key.name)) {
        if key.required || definition.one_of.contains(&key.name) {
            changes.push(Change::Delete(key.name.to_owned()));
        }
    }
    changes
}

/// What can be put in the place of a value.
fn replacements(value: &Json, shape: &Shape) -> Vec<Json> {
    let mut values = vec![
        Json::Null,
        true.into(),
        false.into(),
        0.into(),
        (-7).into(),
        1.5.into(),
        8080.0.into(),
        12_345_678_901_u64.into(),
        u64::MAX.into(),
        "".into(),
        "  ".into(),
        "größe \u{1}".into(),
        "8080".into(),
        "${NOT_SET}".into(),
        "x".repeat(300).into(),
        json!([]),
        json!({}),
        json!([[]]),
        json!({"größe": {}}),
        json!([value]),
        json!({"x": value}),
        json!({"type": "websocket"}),
        deep(20, value),
        deep(150, value),
        match value {
            Json::Object(map) => map.values().cloned().collect(),
            Json::Array(items) => {
                items.iter().enumerate().map(|(i, item)| (i.to_string(), item.clone())).collect()
            }
            other => other.to_string().into(),
        },
    ];
    match fitting(value, shape) {
        Shape::Int { least, most, .. } => {
            values.extend([*least, *most].map(Json::from));
            values.extend(least.checked_sub(1).map(Json::from));
            values.extend(most.checked_add(1).map(Json::from));
        }
        Shape::Words(words) => {
            values.extend(words.iter().map(|word| word.word.into()));
            values.extend(words.iter().map(|word| format!("{}s", word.word).into()));
        }
        Shape::Values(known) => values.extend(known.iter().cloned()),
        _ => {}
    }
    values.retain(|other| other != value);
    values
}

fn deep(levels: usize, value: &Json) -> Json {
    (0..levels)
        .fold(value.clone(), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({"a": inner}) })
}

fn changes(config: &Json, site: &Site) -> Vec<Change> {
    let value = at(config, &site.path);
    match (&site.kind, value) {
        (SiteKind::Map(definition), Json::Object(map)) => changes_of_map(definition, map),
        (SiteKind::Map(_), _) => Vec::new(),
        (SiteKind::Value(shape), value) => {
            replacements(value, shape).into_iter().map(Change::Replace).collect()
        }
    }
}

fn changed(config: &Json, site: &Site, change: Change) -> Changed {
    let mut config = config.clone();
    let mut target = site.path.clone();
    match (&change, at_mut(&mut config, &site.path)) {
        (Change::Replace(new), value) => *value = new.clone(),
        (Change::Delete(key), Json::Object(map)) => _ = map.shift_remove(key),
        (Change::Rename { from, to }, Json::Object(map)) => {
            let renamed = |(key, value)| (if key == *from { to.clone() } else { key }, value);
            *map = std::mem::take(map).into_iter().map(renamed).collect();
            target.push(Step::Key(to.clone()));
        }
        _ => {}
    }
    Changed { config, target, change }
}

fn errors(loaded: &Loaded) -> impl Iterator<Item = &Finding> {
    loaded.findings.iter().filter(|finding| finding.severity == Severity::Error)
}

/// What is said, apart from where.
fn said(loaded: &Loaded) -> Vec<(Severity, String, String, Option<String>)> {
    let said = |f: &Finding| (f.severity, f.place.to_string(), f.message.clone(), f.hint.clone());
    let mut said: Vec<_> = loaded.findings.iter().map(said).collect();
    // What stands at the head of a map comes before its first key in JSON, but in YAML that key is its head.
    said.sort();
    said
}

/// Whether only the reader can find it.
fn is_cross(message: &str) -> bool {
    ONLY_THE_READER.iter().any(|known| message.contains(known))
}

#[derive(Debug, Default)]
struct Counts {
    changes: usize,
    refused_by_schema: usize,
    errors: usize,
    by_kind: BTreeMap<&'static str, (usize, usize)>,
}

/// A sound configuration, and where it can be changed.
struct Sound {
    name: String,
    config: Json,
    sites: Vec<Site>,
}

fn sound_files() -> Vec<Sound> {
    let mut sound = Vec::new();
    for sample in samples() {
        if read(&sample.text, sample.format).findings.has_errors() {
            continue;
        }
        let text = match sample.format {
            Format::Json => sample.text,
            Format::Yaml => convert(&sample.text, Format::Yaml).unwrap(),
        };
        let config: Json = serde_json::from_str(&text).unwrap();
        let mut sites = Sites::of(&config);
        // Many workers that are all the same.
        sites.retain(|site| !matches!(site.path.get(1), Some(Step::Index(6..))));
        sound.push(Sound { name: sample.path.display().to_string(), config, sites });
    }
    sound
}

/// Some changes; with `TRANSOM_ALL_CHANGES=1` in the environment all.
#[test]
fn sound_files_when_changed_in_one_place() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let files = sound_files();
    for file in &files {
        assert!(validator.is_valid(&file.config), "{}", file.name);
    }
    let mut counts = Counts::default();
    if std::env::var_os("TRANSOM_ALL_CHANGES").is_some() {
        let mut failures = BTreeMap::new();
        for file in &files {
            for site in &file.sites {
                for change in changes(&file.config, site) {
                    let changed = changed(&file.config, site, change);
                    let valid = validator.is_valid(&changed.config);
                    if let Err((why, what)) = check(&changed, valid, &mut counts) {
                        failures.entry(why).or_insert((0, what)).0 += 1;
                    }
                }
            }
        }
        for (why, (count, what)) in &failures {
            println!("{count} times: {why}\n{}\n", what.chars().take(400).collect::<String>());
        }
        println!("{counts:?}");
        assert!(failures.is_empty(), "{}", failures.len());
    } else {
        let cell = std::cell::RefCell::new(&mut counts);
        let config =
            ProptestConfig { failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() };
        let strategy = (any::<Index>(), any::<Index>(), any::<Index>());
        let result = TestRunner::new(config).run(&strategy, |(file, site, choose)| {
            let file = file.get(&files);
            let site = site.get(&file.sites);
            let changes = changes(&file.config, site);
            if !changes.is_empty() {
                let changed = changed(&file.config, site, choose.get(&changes).clone());
                let checked = check(&changed, validator.is_valid(&changed.config), &mut cell.borrow_mut());
                checked.map_err(|(why, what)| TestCaseError::fail(format!("{why}\n{what}")))?;
            }
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(counts.errors * 10 > counts.changes * 7, "{counts:?}");
}

/// Why it is not as it should be, and on what.
type Failure = (String, String);

fn check(changed: &Changed, valid: bool, counts: &mut Counts) -> Result<(), Failure> {
    let marked = Marked::new(&changed.config, &changed.target);
    let text = &marked.text;
    let loaded = read(text, Format::Json);
    let fail = |why: &str| {
        let what = format!("{:?} at {:?}\n{}\n{}", changed.change, changed.target, loaded.findings, text);
        Err((why.to_owned(), what))
    };
    let deep = errors(&loaded).any(|e| e.message.contains("recursion limit") || e.message.contains("deeply"));

    // The changed token, its key, the head of what it stands in.
    let target = marked.tokens.last().unwrap().clone();
    let parent_key =
        marked.tokens.len().checked_sub(2).and_then(|index| marked.tokens.get(index)?.key.clone());
    let parent = marked
        .tokens
        .len()
        .checked_sub(2)
        .and_then(|index| marked.tokens.get(index))
        .map(|t| t.value.clone());
    let head = |range: &Range<usize>| range.start..range.start + 1;
    let is_type = matches!(changed.target.last(), Some(Step::Key(key)) if key == "type")
        || matches!(&changed.change, Change::Delete(key) if key == "type")
        || matches!(&changed.change, Change::Rename { from, .. } if from == "type");
    let around = match (&changed.change, &parent) {
        (Change::Delete(_), _) => Some(target.value.clone()),
        (_, parent) => parent.clone(),
    };
    let here = |span: Range<usize>| {
        let inside = |range: &Range<usize>| range.start <= span.start && span.end <= range.end;
        let at_target = match &changed.change {
            Change::Delete(_) => span == head(&target.value),
            Change::Rename { .. } | Change::Replace(_) => inside(&target.value),
        };
        at_target
            || target.key.as_ref() == Some(&span)
            || around.as_ref().is_some_and(|parent| span == head(parent))
            || parent_key.as_ref() == Some(&span)
            || (is_type && around.as_ref().is_some_and(inside))
    };
    let mut said_before = HashSet::new();
    for finding in &loaded.findings {
        if !said_before.insert((finding.span, finding.place.as_str(), finding.message.as_str())) {
            return fail(&format!("said twice: {}", finding.message));
        }
    }
    for error in errors(&loaded) {
        let key = error
            .message
            .strip_prefix("missing mandatory attribute \"")
            .and_then(|rest| rest.split_once('"'));
        if key.is_some_and(|(key, _)| loaded.findings.span_of(&error.place.key(key)) != error.span) {
            return fail(&format!("it is there, {}", error.message));
        }
    }
    let mut found_here = false;
    for error in errors(&loaded) {
        let span = error.span.unwrap();
        let is_here = here(span.start..span.end);
        found_here |= is_here;
        if !is_here && !is_cross(&error.message) {
            return fail(&format!("an error elsewhere, {}", error.message));
        }
        if valid && !is_cross(&error.message) && !deep {
            return fail(&format!("the schema does not say {}", error.message));
        }
    }
    if !valid && !found_here {
        return fail("nothing is found, but the schema refuses it");
    }
    for purpose in [Purpose::Check, Purpose::Start] {
        assert_eq!(loaded.findings.render(purpose, false).is_empty(), loaded.findings.is_empty());
    }

    if let Some(Err(why)) = loaded.node.as_ref().map(in_effect_again) {
        let first = why.lines().find(|line| line.contains(": error: ")).unwrap_or_default();
        return fail(&format!("what is in effect says something else, {first}"));
    }

    // JSON is YAML, and says the same in the block style too.
    if !deep {
        let flow = read(text, Format::Yaml);
        if said(&loaded) != said(&flow)
            || !loaded.findings.iter().map(|f| f.span).eq(flow.findings.iter().map(|f| f.span))
        {
            return fail(&format!("YAML says something else:\n{}", flow.findings));
        }
        let block = read(&to_yaml(&changed.config), Format::Yaml);
        if said(&loaded) != said(&block) {
            return fail(&format!(
                "YAML in block style says something else:\n{}\n{}",
                to_yaml(&changed.config),
                block.findings
            ));
        }
    }

    counts.changes += 1;
    counts.refused_by_schema += usize::from(!valid);
    let wrong = loaded.findings.has_errors();
    counts.errors += usize::from(wrong);
    let kind = match changed.change {
        Change::Rename { .. } => "rename",
        Change::Delete(_) => "delete",
        Change::Replace(_) => "replace",
    };
    let (all, errors) = counts.by_kind.entry(kind).or_default();
    *all += 1;
    *errors += usize::from(wrong);
    Ok(())
}
