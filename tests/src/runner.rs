//! The runner: plays scenarios side by side, has softoff tell of each, and judges it.
//!
//! ```text
//! runs ──▶ workers ── play ──▶ excerpt of the journal ──▶ at each tier: softoff list ──▶ row
//!            │ a lab that all share, or one of their own
//! ```

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use softoff_analyzer::Episode;
use uuid::Uuid;

use crate::answer::Answer;
use crate::excerpt::Excerpt;
use crate::lab::output_of;
use crate::play::Play;
use crate::programs::Programs;
use crate::results::{Results, Row, told};
use crate::scenario::{self, Place, SLOW_AFTER, Scenario};
use crate::spec::Machine;
use crate::stage::Stage;
use crate::view::View;

/// Time for the recorder to write what it has seen, on a busy machine.
const SETTLE_LIMIT: Duration = Duration::from_secs(20);

/// How often the journal is looked at meanwhile.
const SETTLE_INTERVAL: Duration = Duration::from_millis(500);

/// Where evidence is kept, below the output directory.
const FAILED: &str = "failed";
const KEPT: &str = "kept";

/// What to play, and how.
#[derive(Debug, Clone)]
pub struct Order {
    /// Parts of the names of the scenarios to play; none for all.
    pub filters: Vec<String>,
    /// What the durations come from.
    pub seed: u64,
    /// The best tier to judge at; those below come with it.
    pub tier: View,
    /// How many runs at a time.
    pub jobs: usize,
    /// Where to leave the results.
    pub output: PathBuf,
    /// Whether the evidence of runs that are right is kept too.
    pub keep: bool,
}

/// A scenario on a machine type.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// The scenario.
    pub scenario: &'static Scenario,
    /// The machine type.
    pub machine: Machine,
}

impl Order {
    /// The runs that are asked for. Those with a lab of their own come first: they take longest.
    pub fn runs(&self) -> Vec<Run> {
        let chosen = scenario::all().filter(|scenario| self.wants(scenario));
        let mut runs: Vec<_> = chosen
            .flat_map(|scenario| {
                scenario.machines.iter().map(move |machine| Run { scenario, machine: *machine })
            })
            .collect();
        runs.sort_by_key(|run| run.scenario.place == Place::Shared);
        runs
    }

    fn wants(&self, scenario: &Scenario) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|part| scenario.name.contains(part.as_str()))
    }

    fn tiers(&self) -> Vec<View> {
        View::OF_A_PLAY.into_iter().filter(|tier| *tier <= self.tier).collect()
    }
}

/// Plays what is asked for, and leaves the evidence of all that is wrong in the output directory.
pub fn play_all(order: &Order) -> anyhow::Result<Results> {
    let runs = order.runs();
    anyhow::ensure!(!runs.is_empty(), "no scenario has any of {:?} in its name", order.filters);
    let workshop = Workshop {
        order,
        programs: Programs::find()?,
        shared: OnceLock::new(),
        queue: Mutex::new(runs.iter().copied().collect()),
    };
    workshop.prepare(&runs)?;
    let (sender, finished) = mpsc::channel();
    let mut results = Results::default();
    thread::scope(|scope| {
        for _ in 0..order.jobs.clamp(1, runs.len()) {
            let (workshop, sender) = (&workshop, sender.clone());
            scope.spawn(move || workshop.work(&sender));
        }
        drop(sender);
        for (number, rows) in finished.iter().enumerate() {
            report(number + 1, runs.len(), &rows);
            results.extend(rows);
        }
    });
    results.sort(&runs);
    Ok(results)
}

/// A line for each run that is finished.
fn report(number: usize, of: usize, rows: &[Row]) {
    let Some(row) = rows.first() else { return };
    let head = format!("lab: {number}/{of}");
    if rows.iter().all(|row| row.ok) {
        eprintln!("{head} ok    {} ({}), {:.0} s", row.scenario, row.machine, row.seconds);
    }
    for row in rows.iter().filter(|row| !row.ok) {
        eprintln!("{head} WRONG {}, {:.0} s", told(row), row.seconds);
    }
}

/// What the workers share.
struct Workshop<'a> {
    order: &'a Order,
    programs: Programs,
    /// The stage of those that need none of their own, or why there is none.
    shared: OnceLock<Result<[Stage; 1], String>>,
    queue: Mutex<VecDeque<Run>>,
}

impl Workshop<'_> {
    /// Makes room for the results, and sets up the stage that is shared: where that is not possible
    /// nothing else is.
    fn prepare(&self, runs: &[Run]) -> anyhow::Result<()> {
        for old in [FAILED, KEPT].map(|name| self.order.output.join(name)) {
            if old.exists() {
                fs::remove_dir_all(&old).with_context(|| format!("cannot remove {}", old.display()))?;
            }
        }
        fs::create_dir_all(&self.order.output)
            .with_context(|| format!("cannot create {}", self.order.output.display()))?;
        if runs.iter().any(|run| run.scenario.place == Place::Shared) {
            self.shared()?;
        }
        Ok(())
    }

    fn shared(&self) -> anyhow::Result<&[Stage]> {
        let open = || Stage::showing(self.order.tier).map(|stage| [stage]);
        let shared = self.shared.get_or_init(|| open().map_err(|error| format!("{error:#}")));
        match shared {
            Ok(stages) => Ok(stages),
            Err(error) => anyhow::bail!("cannot set up the lab: {error}"),
        }
    }

    /// Takes one run after the other until none is left.
    fn work(&self, finished: &mpsc::Sender<Vec<Row>>) {
        loop {
            let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(run) = next else { return };
            // The receiver outlives the workers.
            let _ = finished.send(self.rows_of(run));
        }
    }

    /// Plays a run and judges it at each tier. An error is a result as well.
    fn rows_of(&self, run: Run) -> Vec<Row> {
        let Order { seed, tier, .. } = *self.order;
        let begun = Instant::now();
        match self.play(run) {
            Ok(answers) => {
                let took = begun.elapsed();
                let judged =
                    answers.into_iter().map(|(tier, answer)| Row::judged(&run, seed, tier, answer, took));
                judged.collect()
            }
            Err(error) => vec![Row::failed(&run, seed, tier, &error, begun.elapsed())],
        }
    }

    fn play(&self, run: Run) -> anyhow::Result<Vec<(View, Answer)>> {
        match run.scenario.place {
            Place::Shared => self.play_on(run, self.shared()?),
            Place::Own => self.play_on(run, &[Stage::showing(self.order.tier)?]),
            // One recorder sees the processes of both.
            Place::Two => self.play_on(run, &[Stage::showing(self.order.tier)?, Stage::without_recorder()?]),
        }
    }

    fn play_on(&self, run: Run, stages: &[Stage]) -> anyhow::Result<Vec<(View, Answer)>> {
        let mut play = Play::begin(run.scenario, run.machine, self.order.seed, stages)?;
        let performed = play.perform();
        let domains: Vec<_> = play.guests().iter().map(|guest| guest.spec().uuid).collect();
        let case = Case { run, stages, domains: &domains, softoff: &self.programs.softoff };
        let judged = performed.and_then(|()| case.judge(&self.order.tiers()));
        let wrong =
            judged.as_ref().map_or(true, |answers| answers.iter().any(|(_, answer)| !answer.is_right()));
        if wrong || self.order.keep {
            self.keep_evidence(if wrong { FAILED } else { KEPT }, &case, &play)?;
        }
        judged
    }

    /// Keeps the journal of a run, what softoff says of it, and what the guests have printed.
    fn keep_evidence(&self, among: &str, case: &Case<'_>, play: &Play<'_>) -> anyhow::Result<()> {
        let name = format!("{}-{}", case.run.scenario.name, case.run.machine);
        let place = self.order.output.join(among).join(name);
        fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
        let keep = |name: &str, content: &[u8]| {
            let path = place.join(name);
            fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
        };
        for guest in play.guests() {
            keep(&format!("{}.console", guest.spec().name), guest.console()?.as_bytes())?;
        }
        for (number, excerpt) in case.excerpts()?.iter().enumerate() {
            let journal = place.join(if number == 0 { "journal" } else { "journal-of-the-other-host" });
            fs::create_dir_all(&journal).with_context(|| format!("cannot create {}", journal.display()))?;
            excerpt.write(&journal)?;
            if number == 0 {
                keep("explained.txt", &case.explain(&journal)?)?;
                keep("episodes.json", &serde_json::to_vec_pretty(&case.episodes(excerpt)?)?)?;
            }
        }
        Ok(())
    }
}

/// A run that was played.
struct Case<'a> {
    run: Run,
    stages: &'a [Stage],
    domains: &'a [Uuid],
    softoff: &'a Path,
}

impl Case<'_> {
    /// Judges the run at all these tiers, once the recorder has written enough to be right at the first.
    fn judge(&self, tiers: &[View]) -> anyhow::Result<Vec<(View, Answer)>> {
        let deadline = Instant::now() + SETTLE_LIMIT;
        loop {
            let excerpts = self.excerpts()?;
            let answers = tiers.iter().map(|tier| Ok((*tier, self.answer(&excerpts, *tier)?)));
            let answers: Vec<_> = answers.collect::<anyhow::Result<_>>()?;
            let right = answers.first().is_some_and(|(_, answer)| answer.is_right());
            if right || Instant::now() > deadline {
                return Ok(answers);
            }
            thread::sleep(SETTLE_INTERVAL);
        }
    }

    /// What each host's journal holds of the run.
    fn excerpts(&self) -> anyhow::Result<Vec<Excerpt>> {
        let recorder = self.stages[0].lab.layout().journal();
        let of = |stage: &Stage| Excerpt::of(self.domains, &stage.lab.layout().journal(), &recorder);
        self.stages.iter().map(of).collect()
    }

    /// What softoff says at one tier. Another host's episodes come first: the first host's are those
    /// the run is about.
    fn answer(&self, excerpts: &[Excerpt], tier: View) -> anyhow::Result<Answer> {
        let told = excerpts.iter().rev().map(|excerpt| self.episodes(&excerpt.at(tier)));
        let episodes: Vec<_> = told.collect::<anyhow::Result<Vec<_>>>()?.into_iter().flatten().collect();
        Ok(Answer::judge(&self.run.scenario.expected, tier, &episodes))
    }

    fn episodes(&self, excerpt: &Excerpt) -> anyhow::Result<Vec<Episode>> {
        let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
        excerpt.write(directory.path())?;
        let mut list = self.softoff(directory.path());
        list.args(["list", "--format", "json"]);
        serde_json::from_slice(&output_of(list)?).context("softoff list printed no episodes")
    }

    fn explain(&self, journal: &Path) -> anyhow::Result<Vec<u8>> {
        let mut explained = Vec::new();
        for domain in self.domains {
            let mut explain = self.softoff(journal);
            // It fails where there is no episode, and says so.
            let output = explain.arg("explain").arg(domain.to_string()).stdin(Stdio::null()).output();
            let output = output.with_context(|| format!("cannot run {explain:?}"))?;
            explained.extend([output.stdout, output.stderr].concat());
        }
        Ok(explained)
    }

    fn softoff(&self, journal: &Path) -> Command {
        let mut softoff = Command::new(self.softoff);
        softoff.arg("--journal").arg(journal).arg("--slow-after").arg(format!("{}s", SLOW_AFTER.as_secs()));
        softoff
    }
}
