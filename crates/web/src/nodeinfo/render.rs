//! Puts facts into the pages. Whatever comes from outside this file is escaped here.

use std::fmt::Write;
use std::time::Duration;

use transom_http::escape;

use super::Facts;
use super::assets::{LIVE, PLAIN};

/// The relative path from the page that was asked for at `path` to its parts. `below` components of the path lie below
/// the page's own. Relative, because a proxy in front may serve the page at a path of its own.
pub(super) fn base(path: &str, below: usize, parts: &str) -> String {
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let own = segments.iter().filter(|segment| !segment.is_empty()).count().saturating_sub(below);
    // How many segments lead to the page, empty ones between them included.
    let mut left = own;
    let used = segments.iter().take_while(|segment| {
        let more = left > 0;
        if more && !segment.is_empty() {
            left -= 1;
        }
        more
    });
    let used = used.count();
    if used == segments.len() {
        // No slash behind: relative paths start from the directory above.
        let last = segments.last().copied().unwrap_or_default();
        return format!("./{last}/{parts}");
    }
    format!("./{}{parts}", "../".repeat(segments.len() - 1 - used))
}

/// Fills the places of a template, each `{{name}}`, with what is HTML already.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len() + 1024);
    let mut pieces = template.split("{{");
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (name, after) = piece.split_once("}}").unwrap_or((piece, ""));
        let value = values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        out.push_str(value);
        out.push_str(after);
    }
    out
}

fn documentation(facts: &Facts) -> String {
    let url = facts.documentation.as_deref();
    match url.filter(|url| url.starts_with("https://") || url.starts_with("http://")) {
        Some(url) => format!("<a href=\"{}\" rel=\"noreferrer\">Documentation</a>", escape(url)),
        None => "The documentation is the folder <code>docs</code> of the sources; \
                 <code>transom help</code> lists the commands."
            .to_owned(),
    }
}

/// The page without live data.
pub(super) fn plain(facts: &Facts, base: &str) -> String {
    let product = escape(&facts.product);
    fill(
        PLAIN,
        &[
            ("base", &escape(base)),
            ("product", &product),
            ("version", &escape(&facts.version)),
            ("documentation", &documentation(facts)),
        ],
    )
}

/// The live page.
pub(super) fn live(facts: &Facts, base: &str) -> String {
    let total = |count: fn(&super::RealmFacts) -> u64| -> String {
        facts.realms.iter().map(count).fold(0, u64::saturating_add).to_string()
    };
    let open = facts.transports.iter().map(|transport| transport.open).fold(0, u64::saturating_add);
    let realm = facts.realms.first().map_or("", |realm| &realm.name);
    let url = facts.first_url(["ws://", "wss://"]).unwrap_or_default();
    fill(
        LIVE,
        &[
            ("base", &escape(base)),
            ("product", &escape(&facts.product)),
            ("version", &escape(&facts.version)),
            ("documentation", &documentation(facts)),
            ("uptime", &uptime(facts.started.elapsed().unwrap_or_default())),
            ("path", &escape(facts.websocket_path.as_deref().unwrap_or_default())),
            ("url", &escape(url)),
            ("realm", &escape(realm)),
            ("realm_options", &realm_options(facts)),
            ("endpoints", &endpoints(facts)),
            ("realms", &realms(facts)),
            ("sessions", &total(|realm| realm.sessions)),
            ("subscriptions", &total(|realm| realm.subscriptions)),
            ("registrations", &total(|realm| realm.registrations)),
            ("connections", &open.to_string()),
        ],
    )
}

fn realm_options(facts: &Facts) -> String {
    let mut html = String::new();
    for realm in &facts.realms {
        let _ = write!(html, "<option value=\"{}\"></option>", escape(&realm.name));
    }
    html
}

fn endpoints(facts: &Facts) -> String {
    let mut html = String::new();
    for transport in &facts.transports {
        for url in &transport.urls {
            let (label, text) = (escape(&url.label), escape(&url.url));
            let _ = write!(
                html,
                "<li class=\"endpoint\"><span class=\"endpoint-label\">{label}</span>\
                 <code class=\"endpoint-url\">{text}</code>\
                 <button type=\"button\" class=\"copy\" data-copy=\"{text}\" aria-label=\"Copy {text}\" \
                 hidden>Copy</button></li>"
            );
        }
        if let Some(state) = &transport.state {
            let (id, state) = (escape(&transport.id), escape(state));
            let _ = write!(
                html,
                "<li class=\"endpoint\"><span class=\"endpoint-label\">State</span>\
                 <span class=\"endpoint-state\" data-transport=\"{id}\">{state}</span></li>"
            );
        }
    }
    html
}

fn realms(facts: &Facts) -> String {
    let mut html = String::new();
    for realm in &facts.realms {
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&realm.name),
            realm.sessions,
            realm.subscriptions,
            realm.registrations
        );
    }
    html
}

/// A time as people say it, with its two largest units.
fn uptime(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_from_wherever_the_page_was_asked_for() {
        for (path, below, expected) in [
            ("/", 0, "./_t"),
            ("//", 0, "./../_t"),
            ("/info", 0, "./info/_t"),
            ("/info/", 0, "./_t"),
            ("/a/info", 0, "./info/_t"),
            ("/a/info/", 0, "./_t"),
            ("/x", 1, "./_t"),
            ("/x/y", 2, "./../_t"),
            ("/info/x", 1, "./_t"),
            ("/info/x/", 1, "./../_t"),
            ("/info//x", 1, "./../_t"),
            ("/info/x/y/z", 3, "./../../_t"),
            ("//info", 0, "./info/_t"),
            ("", 0, "./_t"),
        ] {
            assert_eq!(base(path, below, "_t"), expected, "{path} {below}");
        }
    }

    #[test]
    fn time_is_told_with_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h 0 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(uptime(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn places_are_filled_once() {
        assert_eq!(fill("a{{x}}b{{y}}c", &[("x", "{{y}}"), ("y", "1")]), "a{{y}}b1c");
    }
}
