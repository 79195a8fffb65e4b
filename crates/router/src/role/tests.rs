use transom_config::{Allow, Disclose};

use super::*;

/// Marks a rule, so that a decision shows which one was used.
fn marked(uri: &str, match_policy: MatchPolicy, mark: u8) -> Permission {
    let bit = |n: u8| mark & (1 << n) != 0;
    Permission {
        uri: uri.to_owned(),
        match_policy,
        allow: Allow { call: bit(0), register: bit(1), publish: bit(2), subscribe: bit(3) },
        disclose: Disclose { caller: bit(4), publisher: bit(5) },
        ..Permission::default()
    }
}

fn mark(decision: Decision) -> u8 {
    let Decision { allow, disclose } = decision;
    [allow.call, allow.register, allow.publish, allow.subscribe, disclose.caller, disclose.publisher]
        .into_iter()
        .enumerate()
        .fold(0, |mark, (n, bit)| mark | u8::from(bit) << n)
}

fn role(rules: Vec<Permission>) -> Terms {
    let authorization = Authorization::Permissions(rules);
    Terms::new(&transom_config::Role { name: "user".into(), authorization, ..Default::default() })
}

fn decide(terms: &Terms, uri: &Text) -> Decision {
    terms.decide(Action::Call, Match::Exact, uri).unwrap()
}

const EXACT: MatchPolicy = MatchPolicy::Exact;
const PREFIX: MatchPolicy = MatchPolicy::Prefix;
const WILDCARD: MatchPolicy = MatchPolicy::Wildcard;

fn rules() -> Vec<Permission> {
    vec![
        marked("com.app", EXACT, 1),
        marked("com.", PREFIX, 2),
        marked("com.app.", PREFIX, 3),
        marked("com..add", WILDCARD, 4),
        marked("com.app.", WILDCARD, 5),
        marked("com.app.mul", EXACT, 6),
        marked("com.app.mul", EXACT, 7),
        marked("net..x", WILDCARD, 8),
        marked("net.a.", WILDCARD, 9),
        marked("org.", PREFIX, 10),
        marked("org.", PREFIX, 11),
        marked("..", WILDCARD, 12),
    ]
}

#[test]
fn rule_that_decides_is_the_exact_then_the_wildcard_then_the_longest_prefix_then_the_later() {
    let table = [
        ("com.app", 1),
        // An exact rule for another URI hides nothing.
        ("com.app2", 2),
        ("com.x", 2),
        // Two wildcard rules match: the longer one.
        ("com.zzz.add", 4),
        // Three match, two of one length: the later of those.
        ("com.app.add", 5),
        ("com.app.sub", 5),
        // Of two exact rules the later.
        ("com.app.mul", 7),
        ("com.app.sub.more", 3),
        ("com.other.sub.more", 2),
        // Equally long wildcard rules: the later.
        ("net.a.x", 9),
        ("net.b.x", 8),
        ("org.a", 11),
        ("org.a.b", 12),
        ("edu.a.b", 12),
        ("edu.a", 0),
        ("edu", 0),
        ("co", 0),
    ];
    let role = role(rules());
    for round in ["decided", "remembered"] {
        for (uri, rule) in table {
            assert_eq!(mark(decide(&role, &uri.into())), rule, "{uri}, {round}");
        }
    }
}

#[test]
fn prefixes_are_compared_as_text_and_the_empty_one_matches_all() {
    let role = role(vec![marked("com.a", PREFIX, 1), marked("", PREFIX, 2), marked("x", EXACT, 0)]);
    for (uri, rule) in [("com.a", 1), ("com.abc", 1), ("com.a.b", 1), ("com", 2), ("y", 2), ("x", 0)] {
        assert_eq!(mark(decide(&role, &uri.into())), rule, "{uri}");
    }
}

#[test]
fn decisions_that_are_remembered_are_bounded() {
    let role = role(rules());
    for n in 0..3 * REMEMBERED {
        assert_eq!(mark(decide(&role, &format!("com.app.sub.{n}").into())), 3);
    }
    let Rules::Table(table) = &role.rules else { panic!("a table") };
    assert!(table.remembered.read().len() <= REMEMBERED);
    let long = format!("com.app.sub.{}", "x".repeat(LONG));
    let before = table.remembered.read().len();
    assert_eq!(mark(decide(&role, &long.into())), 3);
    assert_eq!(table.remembered.read().len(), before);
}

#[test]
fn role_without_rules_answers_the_same_for_all() {
    let always = |answer| {
        let authorization = Authorization::Always(answer);
        Role::new(&transom_config::Role { authorization, ..Default::default() }).terms()
    };
    assert_eq!(decide(&always(true), &"a.b".into()), Decision::ALLOW);
    assert_eq!(decide(&always(false), &"a.b".into()), Decision::DENY);
    assert_eq!(decide(&Role::trusted().terms(), &"wamp.x".into()), Decision::TRUST);
    assert_eq!(decide(&Role::denied("anonymous").terms(), &"a.b".into()), Decision::DENY);
}

#[test]
fn terms_when_set_hold_for_who_asks_then() {
    let role = Role::new(&transom_config::Role { name: "user".into(), ..Default::default() });
    let before = role.terms();
    let authorization = Authorization::Always(true);
    role.set(&transom_config::Role { name: "user".into(), authorization, ..Default::default() });
    assert_eq!(decide(&before, &"a.b".into()), Decision::DENY);
    assert_eq!(decide(&role.terms(), &"a.b".into()), Decision::ALLOW);
    role.deny();
    assert_eq!(decide(&role.terms(), &"a.b".into()), Decision::DENY);
}
