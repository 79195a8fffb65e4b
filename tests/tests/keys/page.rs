//! The pages that are made from the definitions of the dialect: the committed ones are as the program would print them.
//!
//! With `TRANSOM_BLESS=1` in the environment they are written anew.

use std::path::Path;

fn is_fresh(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/src").join(name);
    if std::env::var_os("TRANSOM_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(text.lines()).position(|(old, new)| old != new);
    assert!(
        committed == text,
        "docs/src/{name} is not what the program says, from line {}: TRANSOM_BLESS=1 writes it anew",
        differs.unwrap_or(committed.lines().count().min(text.lines().count())) + 1
    );
}

#[test]
fn reference_is_fresh() {
    is_fresh("reference.md", &transom_config::reference());
}

#[test]
fn schema_is_fresh() {
    is_fresh("transom.schema.json", &transom_config::to_json(&transom_config::schema()));
}
