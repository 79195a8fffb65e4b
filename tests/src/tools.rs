//! Programs of others that some tests need.

/// Whether a program is installed. Where it is not, the test is skipped and says so; with `CI=true` that is a failure.
pub fn has_tool(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Services are outside the path of ordinary users.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let there = folders.into_iter().any(|folder| folder.join(name).is_file());
    if !there {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} is not installed");
        println!("SKIPPED: {name} is not installed; `cargo xtask test-all` installs it");
    }
    there
}
