//! What came of the runs: one row for each run and tier, and the summary of all.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;
use softoff_analyzer::cause::Cause;
use softoff_analyzer::episode::{Candidate, Outcome};

use crate::answer::{Answer, Found};
use crate::matrix::Matrix;
use crate::runner::Run;
use crate::view::View;

/// A confidence from which on an answer is to be relied on.
const SURE: f64 = 0.9;

/// One run, judged at one tier.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The machine type.
    pub machine: String,
    /// What the durations come from.
    pub seed: u64,
    /// What softoff was shown.
    pub tier: View,
    /// What it must say.
    pub expected: Wanted,
    /// What it says; absent where it knows of no episode, or the run failed.
    pub found: Option<Found>,
    /// How sure it is of the cause.
    pub confidence: f64,
    /// What it has considered, best first.
    pub candidates: Vec<Candidate>,
    /// Whether it is right.
    pub ok: bool,
    /// What is wrong, in words.
    pub faults: Vec<String>,
    /// How long the run took.
    pub seconds: f64,
    /// The cause it names; absent where it says that it does not know.
    #[serde(skip)]
    pub named: Option<Cause>,
}

/// What softoff must say of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Wanted {
    /// How it ended; absent where there must be no episode.
    pub outcome: Option<Outcome>,
    /// Why it was slow or failed.
    pub cause: Cause,
    /// Another code that is as right.
    pub or: Option<Cause>,
    /// What it really was, where that cannot be told from outside.
    pub indistinguishable: &'static [Cause],
}

impl Row {
    /// A judged run.
    pub fn judged(run: &Run, seed: u64, tier: View, answer: Answer, took: Duration) -> Self {
        let ok = answer.is_right();
        // No episode where there must be none: that nothing is wrong was understood.
        let none_due = run.scenario.expected.outcome.is_none() && ok;
        let named = answer.named().or_else(|| none_due.then_some(Cause::None));
        let Answer { found, confidence, candidates, faults } = answer;
        let expected = run.scenario.expected.at(tier);
        Self {
            scenario: run.scenario.name,
            machine: run.machine.to_string(),
            seed,
            tier,
            expected: Wanted {
                outcome: expected.outcome,
                cause: expected.cause,
                or: expected.or,
                indistinguishable: expected.indistinguishable,
            },
            found,
            confidence,
            candidates,
            ok,
            faults,
            seconds: took.as_secs_f64(),
            named,
        }
    }

    /// A run that could not be played to its end.
    pub fn failed(run: &Run, seed: u64, tier: View, error: &anyhow::Error, took: Duration) -> Self {
        let faults = vec![format!("the run failed: {error:#}")];
        let answer = Answer { found: None, confidence: 0.0, candidates: Vec::new(), faults };
        Self::judged(run, seed, tier, answer, took)
    }
}

/// All rows.
#[derive(Debug, Default)]
pub struct Results(Vec<Row>);

impl Results {
    /// Adds the rows of a run.
    pub fn extend(&mut self, rows: Vec<Row>) {
        self.0.extend(rows);
    }

    /// Puts them in the order of their tiers, and within each in that of `runs`.
    pub fn sort(&mut self, runs: &[Run]) {
        let place = |row: &Row| {
            runs.iter()
                .position(|run| run.scenario.name == row.scenario && run.machine.to_string() == row.machine)
        };
        self.0.sort_by_key(|row| (std::cmp::Reverse(row.tier), place(row)));
    }

    /// The rows.
    pub fn rows(&self) -> &[Row] {
        &self.0
    }

    /// Whether all is as it must be.
    pub fn all_right(&self) -> bool {
        self.0.iter().all(|row| row.ok)
    }

    fn tiers(&self) -> Vec<View> {
        let mut tiers: Vec<_> = self.0.iter().map(|row| row.tier).collect();
        tiers.sort_unstable_by(|a, b| b.cmp(a));
        tiers.dedup();
        tiers
    }

    fn at(&self, tier: View) -> Vec<&Row> {
        self.0.iter().filter(|row| row.tier == tier).collect()
    }

    /// What is wrong, and for each tier what was found for what was expected.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for row in self.0.iter().filter(|row| !row.ok) {
            let _ = writeln!(text, "wrong: {}", told(row));
        }
        for tier in self.tiers() {
            let rows = self.at(tier);
            let _ = write!(text, "\nView {}: {}\n\n{}", tier.name(), summary(&rows), Matrix::of(&rows));
        }
        text
    }

    /// The same per tier, as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for tier in self.tiers() {
            let rows = self.at(tier);
            let _ = write!(
                text,
                "\n### View `{}`\n\n{}\n\n{}",
                tier.name(),
                summary(&rows),
                Matrix::of(&rows).markdown()
            );
        }
        text
    }
}

/// A wrong row in a line.
pub fn told(row: &Row) -> String {
    let found = row.found.as_ref().map_or_else(
        || "nothing".to_owned(),
        |found| format!("{:?} {} ({:.2})", found.outcome, found.cause, row.confidence),
    );
    let expected = row.expected.outcome.map_or_else(|| "no episode".to_owned(), |one| format!("{one:?}"));
    format!(
        "{} ({}, tier {}): expected {expected} {}, found {found}: {}",
        row.scenario,
        row.machine,
        row.tier.name(),
        row.expected.cause,
        row.faults.join("; ")
    )
}

fn summary(rows: &[&Row]) -> String {
    let right = rows.iter().filter(|row| row.ok).count();
    let named = rows.iter().filter(|row| row.named == Some(row.expected.cause)).count();
    let sure: Vec<_> = rows.iter().filter(|row| row.confidence >= SURE).collect();
    let sure_and_right = sure.iter().filter(|row| row.ok).count();
    format!(
        "{right} of {} runs without a fault, {named} with the cause named; {sure_and_right} of {} answers \
         with a confidence of at least {SURE} are right.",
        rows.len(),
        sure.len()
    )
}
