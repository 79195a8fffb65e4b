//! What a run found, as a table for people and as JSON for comparing runs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cases::{Case, IDLE_MEMORY_MIB, Load, Metric};
use crate::figures::{Figures, Verdict, scaled};

/// Names of the contenders as they stand in table and JSON.
pub(crate) const RELAY: &str = "relay";
/// The router the run is about.
pub(crate) const NODE: &str = "node";
/// The router it is compared to.
pub(crate) const AGAINST: &str = "against";

/// One case in one mode.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) pinned: bool,
    /// All runs by contender.
    pub(crate) runs: BTreeMap<&'static str, Vec<Figures>>,
    /// What failed, by contender.
    pub(crate) errors: Vec<(&'static str, String)>,
}

impl Row {
    pub(crate) fn new(case: &Case, pinned: bool) -> Self {
        Self { case: case.clone(), pinned, runs: BTreeMap::new(), errors: Vec::new() }
    }

    fn figures(&self, contender: &str) -> Option<Figures> {
        Figures::median(self.runs.get(contender)?)
    }

    fn ratio(&self, over: &str) -> Option<f64> {
        let over = self.figures(over)?.main;
        (over > 0.0).then_some(self.figures(NODE)?.main / over)
    }

    /// Targets are set for pinned runs; what does not depend on it counts in any.
    fn judged(&self) -> bool {
        self.pinned || matches!(self.case.load, Load::Idle | Load::Start)
    }

    fn verdict(&self) -> Option<Verdict> {
        let target = self.case.target.filter(|_| self.judged())?;
        let node = self.figures(NODE)?;
        let verdict = Verdict::of(node.metric(target.metric)?, target.at_most);
        let memory = node.memory.filter(|_| self.case.load == Load::Start);
        Some(match memory.map(|memory| Verdict::of(memory, IDLE_MEMORY_MIB)) {
            Some(Verdict::Missed) => Verdict::Missed,
            Some(Verdict::WithinTwice) if verdict == Verdict::Met => Verdict::WithinTwice,
            _ => verdict,
        })
    }

    fn scaled_target(&self) -> Option<f64> {
        scaled(self.case.target.filter(|_| self.judged())?, self.figures(RELAY).as_ref())
    }

    fn scaled_verdict(&self) -> Option<Verdict> {
        let target = self.case.target?;
        Some(Verdict::of(self.figures(NODE)?.metric(target.metric)?, self.scaled_target()?))
    }

    fn json(&self) -> Value {
        let contenders: BTreeMap<_, _> = self
            .runs
            .iter()
            .map(|(name, runs)| {
                let all: Vec<_> = runs.iter().map(Figures::json).collect();
                (*name, json!({"median": self.figures(name).map(|figures| figures.json()), "runs": all}))
            })
            .collect();
        let errors: Vec<_> =
            self.errors.iter().map(|(name, error)| json!({"contender": name, "error": error})).collect();
        json!({
            "case": self.case.name,
            "unit": self.case.unit(),
            "pinned": self.pinned,
            "contenders": contenders,
            "ratio_to_relay": self.ratio(RELAY),
            "ratio_to_against": self.ratio(AGAINST),
            "target": self.case.target.filter(|_| self.judged()).map(|target| json!({
                "metric": if target.metric == Metric::P50 { "p50_us" } else { "main" },
                "at_most": target.at_most,
                "scaled": self.scaled_target(),
                "verdict": self.verdict().map(Verdict::label),
                "scaled_verdict": self.scaled_verdict().map(Verdict::label),
            })),
            "errors": errors,
        })
    }
}

/// The whole run as JSON.
pub(crate) fn json(machine: &Value, settings: &Value, rows: &[Row]) -> Value {
    let rows: Vec<_> = rows.iter().map(Row::json).collect();
    json!({"machine": machine, "settings": settings, "cases": rows})
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(value) if value >= 1000.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

fn target_text(row: &Row) -> String {
    match row.case.target.filter(|_| row.judged()) {
        None => "-".into(),
        Some(target) => {
            let what = if target.metric == Metric::P50 { "p50 " } else { "" };
            let memory =
                if row.case.load == Load::Start { format!(", {IDLE_MEMORY_MIB} MiB") } else { String::new() };
            format!("{what}{}{memory}", target.at_most)
        }
    }
}

/// The table, and below it what failed.
pub(crate) fn table(rows: &[Row]) -> String {
    let against = rows.iter().any(|row| row.runs.contains_key(AGAINST));
    let mut columns = vec![
        "case",
        "unit",
        "mode",
        "relay",
        "node",
        "node/relay",
        "spread",
        "rate/s",
        "p50 µs",
        "p99 µs",
        "relay p50",
    ];
    if against {
        columns.extend(["against", "node/against"]);
    }
    columns.extend(["MiB", "target", "verdict", "scaled to relay"]);
    let mut lines = vec![columns.into_iter().map(String::from).collect::<Vec<_>>()];
    for row in rows {
        let figures = |name| row.figures(name);
        let node = figures(NODE);
        let of_node = |field: fn(&Figures) -> Option<f64>| number(node.as_ref().and_then(field));
        let verdict = |verdict: Option<Verdict>| verdict.map_or("-", Verdict::label).to_string();
        let mut line = vec![
            row.case.name.clone(),
            row.case.unit().into(),
            if row.pinned { "pinned" } else { "free" }.into(),
            number(figures(RELAY).map(|relay| relay.main)),
            of_node(|node| Some(node.main)),
            number(row.ratio(RELAY)),
            number(row.runs.get(NODE).and_then(|runs| Figures::spread(runs))),
            of_node(|node| node.rate),
            of_node(|node| node.p50),
            of_node(|node| node.p99),
            number(figures(RELAY).and_then(|relay| relay.p50)),
        ];
        if against {
            line.extend([number(figures(AGAINST).map(|other| other.main)), number(row.ratio(AGAINST))]);
        }
        let scaled = match (row.scaled_target(), row.scaled_verdict()) {
            (Some(target), Some(verdict)) => format!("{} {}", number(Some(target)), verdict.label()),
            _ => "-".into(),
        };
        line.extend([of_node(|node| node.memory), target_text(row), verdict(row.verdict()), scaled]);
        lines.push(line);
    }
    let mut text = align(&lines);
    for row in rows {
        for (contender, error) in &row.errors {
            text.push_str(&format!("FAILED {} ({}): {error}\n", row.case.name, contender));
        }
    }
    text
}

/// Left the first three columns, right the others.
fn align(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<_> = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                0..3 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    fn row(name: &str, pinned: bool, node: f64, relay: f64) -> Row {
        let case = cases::all(&[name.into()]).remove(0);
        let mut row = Row::new(&case, pinned);
        let figures =
            |main| Figures { main, rate: Some(1e6), p50: Some(30.0), p99: Some(90.0), memory: None };
        row.runs.insert(NODE, vec![figures(node)]);
        row.runs.insert(RELAY, vec![figures(relay)]);
        row
    }

    #[test]
    fn table_when_pinned_shows_ratio_target_and_verdicts() {
        let text = table(&[row("pubsub/1x1/w64/rs-msgpack/32B", true, 0.6, 0.28)]);
        let line: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(
            line[4..],
            [
                "0.28", "0.60", "2.14", "-", "1000000", "30.0", "90.0", "30.0", "-", "0.5", "within", "2x",
                "1.00", "met"
            ]
        );
    }

    #[test]
    fn table_when_unpinned_judges_nothing() {
        let text = table(&[row("pubsub/1x1/w64/rs-msgpack/32B", false, 0.6, 0.28)]);
        assert!(!text.contains("within") && !text.contains("met"), "{text}");
    }

    #[test]
    fn json_holds_every_run_and_the_error_of_a_failed_one() {
        let mut row = row("rpc/w1/rs-msgpack/32B", true, 20.0, 10.0);
        row.errors.push((AGAINST, "no progress".into()));
        let value = json(&json!({"cores": 2}), &json!({}), &[row]);
        assert_eq!(value["cases"][0]["contenders"]["node"]["runs"][0]["main"], 20.0);
        assert_eq!(value["cases"][0]["ratio_to_relay"], 2.0);
        assert_eq!(value["cases"][0]["target"]["verdict"], "met");
        assert_eq!(value["cases"][0]["errors"][0]["contender"], AGAINST);
    }

    #[test]
    fn start_when_fast_but_fat_is_not_met() {
        let mut row = row("start", false, 10.0, 1.0);
        for (memory, verdict) in [(7.0, Verdict::Met), (15.0, Verdict::WithinTwice), (20.0, Verdict::Missed)]
        {
            row.runs.get_mut(NODE).unwrap()[0].memory = Some(memory);
            assert_eq!(row.verdict(), Some(verdict));
        }
    }
}
