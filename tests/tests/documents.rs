//! What the documents and the examples show works: every configuration in them loads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use transom_config::{ConnectTransport, Context, Format, parse_part, parse_str};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files below a folder with one of these extensions.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if extensions.iter().any(|e| path.extension().is_some_and(|x| x == *e)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The fenced blocks of a Markdown text: language and content.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let content: Vec<_> = lines.by_ref().take_while(|l| !l.trim_start().starts_with("```")).collect();
            blocks.push((language.trim().to_owned(), content.join("\n")));
        }
    }
    blocks
}

fn loads(text: &str, format: Format, place: &str, dir: &Path) {
    // Where an example takes its port from the environment, any will do.
    let env = |name: &str| (name == "PORT").then(|| "8080".to_owned());
    let loaded = parse_str(text, format, &Context::new(place, dir, &env));
    assert!(loaded.node.is_some() && !loaded.findings.refuse_start(), "{place}: {:#?}", loaded.findings);
}

#[test]
fn every_configuration_in_the_documents_loads() {
    let root = root();
    let mut texts = files(&root.join("docs/src"), &["md"]);
    texts.push(root.join("README.md"));
    let mut count = 0;
    for path in texts {
        let text = std::fs::read_to_string(&path).unwrap();
        for (language, content) in blocks(&text) {
            let format = match language.as_str() {
                "json" => Format::Json,
                "yaml" => Format::Yaml,
                "json,transport" => {
                    let context = Context::new("transport", &root, &|_| None);
                    let (transport, findings) =
                        parse_part::<ConnectTransport>(&content, Format::Json, &context);
                    let sound = transport.is_some() && findings.is_empty();
                    assert!(sound, "{}: {findings:#?}", path.display());
                    continue;
                }
                _ => continue,
            };
            loads(&content, format, &path.display().to_string(), &root);
            count += 1;
        }
    }
    assert!(count > 0, "no document shows a configuration");
}

#[test]
fn every_example_node_directory_loads() {
    let found = files(&root().join("configs"), &["json", "yaml"]);
    let configs: Vec<_> = found.iter().filter(|p| p.file_stem().is_some_and(|s| s == "config")).collect();
    assert!(configs.len() >= 4, "{configs:?}");
    for path in configs {
        let format = if path.extension().is_some_and(|e| e == "json") { Format::Json } else { Format::Yaml };
        let text = std::fs::read_to_string(path).unwrap();
        loads(&text, format, &path.display().to_string(), path.parent().unwrap());
    }
}
