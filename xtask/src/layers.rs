//! The layer rule: a crate depends only on crates of a lower level.
//!
//! Levels stand in each manifest as `package.metadata.transom.level`. Dependencies of tests do not count; a
//! test that needs two crates of one level belongs into `tests/`.

use crate::run::{Stop, failed};
use crate::workspace::{Package, Workspace};

const TESTKIT: &str = "transom-testkit";

/// Checks the workspace and prints every wrong edge.
pub(crate) fn step(ws: &Workspace) -> Result<(), Stop> {
    let manifest = std::fs::read_to_string(ws.root.join("Cargo.toml"));
    let manifest = manifest.or_else(|error| failed(format!("Cargo.toml: {error}")))?;
    let findings = check(&ws.packages, &members(&manifest));
    if findings.is_empty() { Ok(()) } else { failed(findings.join("\n")) }
}

/// The folders under `members = [` of the workspace manifest, in their order there.
fn members(manifest: &str) -> Vec<&str> {
    let list = manifest.split_once("\nmembers = [").and_then(|(_, rest)| rest.split_once(']'));
    let list = list.map(|(list, _)| list).unwrap_or_default();
    list.lines().filter_map(|line| line.trim().strip_prefix('"')?.split('"').next()).collect()
}

/// Everything wrong with these packages, `order` being their folders as the workspace manifest lists them.
fn check(packages: &[Package], order: &[&str]) -> Vec<String> {
    let mut findings = Vec::new();
    let by_name = |name: &str| packages.iter().find(|package| package.name == name);
    for package in packages.iter().filter(|package| package.folder.starts_with("crates/")) {
        let Some(level) = package.level else {
            findings.push(format!("{} has no package.metadata.transom.level", package.name));
            continue;
        };
        for other in package.depends_on.iter().filter_map(|name| by_name(name)) {
            match other.level {
                _ if other.name == TESTKIT => {
                    findings.push(format!("{} depends on {TESTKIT} otherwise than for tests", package.name));
                }
                Some(lower) if lower < level => {}
                Some(same) => findings.push(format!(
                    "{} (level {level}) depends on {} (level {same}); it may only depend on lower levels",
                    package.name, other.name
                )),
                None => {
                    findings.push(format!("{} depends on {}, which has no level", package.name, other.name))
                }
            }
        }
    }
    let mut last = (0, "");
    for folder in order.iter().filter(|folder| folder.starts_with("crates/")) {
        match packages.iter().find(|package| package.folder == *folder) {
            Some(Package { level: Some(level), .. }) if *level < last.0 => {
                findings.push(format!("{folder} (level {level}) stands after {} (level {})", last.1, last.0));
            }
            Some(package) => last = (package.level.unwrap_or(last.0), folder),
            None => findings.push(format!("{folder} is a member that cargo does not know")),
        }
    }
    if order.is_empty() {
        findings.push("no members found in Cargo.toml".into());
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::Path;

    fn package(name: &str, level: Option<u64>, dependencies: serde_json::Value) -> Package {
        let json = json!({
            "name": format!("transom-{name}"),
            "manifest_path": format!("/somewhere/crates/{name}/Cargo.toml"),
            "metadata": level.map(|level| json!({"transom": {"level": level}})),
            "dependencies": dependencies,
            "publish": null,
        });
        Package::from_metadata(Path::new("/somewhere"), &json)
    }

    fn on(name: &str) -> serde_json::Value {
        json!([{"name": format!("transom-{name}"), "kind": null}])
    }

    #[test]
    fn workspace_keeps_the_layer_rule() {
        step(&Workspace::load().unwrap()).unwrap();
    }

    #[test]
    fn planted_faults_when_checked_are_each_found() {
        let base = || package("base", Some(0), json!([]));
        let order = ["crates/base", "crates/http"];
        for (what, http, order, want) in [
            ("lower level", package("http", Some(2), on("base")), order, None),
            (
                "same level",
                package("http", Some(0), on("base")),
                order,
                Some("may only depend on lower levels"),
            ),
            (
                "no level",
                package("http", None, on("base")),
                order,
                Some("transom-http has no package.metadata"),
            ),
            (
                "order",
                package("http", Some(2), on("base")),
                ["crates/http", "crates/base"],
                Some("stands after"),
            ),
            (
                "unknown",
                package("web", Some(2), on("base")),
                order,
                Some("crates/http is a member that cargo"),
            ),
        ] {
            let found = check(&[base(), http], &order);
            match want {
                None => assert!(found.is_empty(), "{what}: {found:?}"),
                Some(want) => assert!(found.iter().any(|f| f.contains(want)), "{what}: {found:?}"),
            }
        }
    }

    #[test]
    fn upward_edge_when_it_is_for_tests_is_allowed_unless_normal_or_of_the_build() {
        for (kind, allowed) in [(json!("dev"), true), (json!(null), false), (json!("build"), false)] {
            for other in ["testkit", "router"] {
                let edge = json!([{"name": format!("transom-{other}"), "kind": kind}]);
                let packages = [package("base", Some(0), edge), package(other, Some(9), json!([]))];
                let found = check(&packages, &["crates/base"]);
                assert_eq!(found.is_empty(), allowed, "{kind} {other}: {found:?}");
            }
        }
    }

    #[test]
    fn members_when_listed_one_a_line_come_in_their_order() {
        let manifest = "[workspace]\n# members = no\nmembers = [\n    \"a/b\", # why\n    \"c\",\n]\nexclude = [\"d\"]\n";
        assert_eq!(members(manifest), ["a/b", "c"]);
    }
}
