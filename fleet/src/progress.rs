//! Progress on stderr: how much is done, how fast, how long it takes yet. Only on a terminal, and only for
//! what takes more than a second.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{self, Interval, MissedTickBehavior};

/// Work of this length and less is not worth a word.
const WORTH_SAYING: Duration = Duration::from_secs(1);

/// How often it is worth looking.
const EVERY: Duration = Duration::from_millis(100);

/// A bar that appears when the work turns out to be long, and goes away with it.
pub struct Progress {
    bar: ProgressBar,
    began: Instant,
}

impl Progress {
    /// When it is worth looking.
    pub fn ticks() -> Interval {
        let mut ticks = time::interval_at(time::Instant::now() + WORTH_SAYING, EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }

    /// Work on rows.
    pub fn rows(what: &'static str, total: u64) -> Self {
        Self::new(what, total, "episodes")
    }

    /// Work on files.
    pub fn files(what: &'static str, total: u64) -> Self {
        Self::new(what, total, "files")
    }

    /// Work that does not tell how far it is.
    pub fn waiting(what: &'static str) -> Self {
        Self::styled(what, None, "{spinner} {msg}, {elapsed} so far")
    }

    fn new(what: &'static str, total: u64, unit: &str) -> Self {
        let template =
            format!("{{msg}} {{wide_bar}} {{human_pos}}/{{human_len}} {unit}, {{per_sec:0}}, {{eta}} left");
        Self::styled(what, Some(total), &template)
    }

    fn styled(what: &'static str, total: Option<u64>, template: &str) -> Self {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        bar.set_style(style);
        bar.set_message(what);
        Self { bar, began: Instant::now() }
    }

    /// So much is done.
    pub fn at(&self, done: u64) {
        self.appear();
        self.bar.set_position(done);
    }

    /// One more is done.
    pub fn one_more(&self) {
        self.more(1);
    }

    /// So much more is done.
    pub fn more(&self, done: u64) {
        self.appear();
        self.bar.inc(done);
    }

    /// Says a line above it.
    pub fn say(&self, text: &str) {
        self.bar.suspend(|| eprintln!("softoff-fleet: {}", softoff_reports::visible(text)));
    }

    /// Whether anybody would see it.
    pub fn is_watched() -> bool {
        std::io::stderr().is_terminal()
    }

    fn appear(&self) {
        if self.bar.is_hidden() && self.began.elapsed() > WORTH_SAYING {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
