//! For a terminal.

use softoff_analyzer::Episode;
use textwrap::{Options, WordSplitter, fill};
use unicode_width::UnicodeWidthStr;

use crate::Screen;
use crate::screen::verdict_style;
use crate::story::{Reason, Story, Stretch};
use crate::units::{duration, offset};

/// Lines are wrapped at the terminal's width, but never wider than is pleasant to read.
const WIDTH_AT_MOST: usize = 100;
const WIDTH_AT_LEAST: usize = 40;
const BAR_WIDTH: u16 = 20;

/// The episode as text.
pub fn text(episode: &Episode, screen: Screen) -> String {
    let story = Story::of(episode);
    let width = screen.width.unwrap_or(WIDTH_AT_MOST).clamp(WIDTH_AT_LEAST, WIDTH_AT_MOST);
    let mut page = Page { screen, width, text: String::new() };
    page.opening(&story);
    page.phases(&story);
    page.guest(&story);
    page.evidence(&story);
    page.cause(&story);
    page.advice(&story);
    page.risk(&story);
    page.completeness(&story);
    page.text
}

/// The text so far and how it is laid out.
struct Page {
    screen: Screen,
    width: usize,
    text: String,
}

impl Page {
    fn opening(&mut self, story: &Story) {
        let style = verdict_style(story.verdict).bold();
        for line in textwrap::wrap(&story.headline, self.wrapping()) {
            self.line(&self.screen.paint(style, &line));
        }
        if !story.summary.is_empty() {
            self.hanging("", &story.summary);
        }
        self.line("");
        let label_width = story.facts.iter().map(|fact| fact.label.len()).max().unwrap_or(0);
        for fact in &story.facts {
            self.hanging(&format!("  {:label_width$}  ", fact.label), &fact.text);
        }
    }

    fn phases(&mut self, story: &Story) {
        if story.phases.is_empty() && story.guest.is_some() {
            return;
        }
        self.heading("Where the time went");
        if story.phases.is_empty() {
            return self.hanging("  ", "No phase has both its ends on record.");
        }
        let end = story.phases.iter().map(|phase| phase.start + phase.seconds).fold(0.0, f64::max);
        for phase in &story.phases {
            let bar = bar(phase, end);
            let line = format!("  {:<8}  {:>11}  {bar}", phase.name, duration(phase.seconds));
            let room = self.width.saturating_sub(line.width() + 2);
            let meaning =
                if phase.meaning.len() <= room { self.screen.dim(&phase.meaning) } else { String::new() };
            self.line(format!("{line}  {meaning}").trim_end());
        }
    }

    fn guest(&mut self, story: &Story) {
        let Some(guest) = &story.guest else { return };
        self.heading("What the guest's own log says");
        let label_width = guest.facts.iter().map(|fact| fact.label.len()).max().unwrap_or(0);
        for fact in &guest.facts {
            self.hanging(&format!("  {:label_width$}  ", fact.label), &fact.text);
        }
        for phase in &guest.phases {
            let meaning = self.screen.dim(phase.meaning);
            self.line(&format!("  {:<11}  {:>11}  {meaning}", phase.name, phase.duration));
        }
    }

    fn evidence(&mut self, story: &Story) {
        self.heading("What was seen");
        if story.evidence.is_empty() {
            return self.hanging("  ", "Nothing.");
        }
        let times: Vec<_> = story.evidence.iter().map(|sighting| offset(sighting.at)).collect();
        let time_width = times.iter().map(String::len).max().unwrap_or(0);
        let source_width = story.evidence.iter().map(|sighting| sighting.source.len()).max().unwrap_or(0);
        let mark_width = if story.weighs() { 2 } else { 0 };
        for (sighting, time) in story.evidence.iter().zip(times) {
            let mark = if story.weighs() { sighting.bearing.mark() } else { "" };
            let label =
                format!("  {time:>time_width$}  {:source_width$}  {mark:mark_width$}", sighting.source);
            self.hanging(&label, &sighting.told());
        }
        if story.weighs() {
            self.line(&self.screen.dim("  ● speaks for the cause below, ○ against it"));
        }
    }

    fn cause(&mut self, story: &Story) {
        if !story.asks_why() {
            return;
        }
        self.heading("Why");
        match &story.cause {
            Some(cause) => self.reason(cause),
            None => self.hanging("  ", Story::UNKNOWN_CAUSE),
        }
        if !story.others.is_empty() {
            self.hanging("  ", story.others_title());
            story.others.iter().for_each(|other| self.reason(other));
        }
    }

    fn reason(&mut self, reason: &Reason) {
        let sure = format!("({} sure) ", reason.confidence);
        self.hanging("  ", &format!("{} {sure}{}", reason.code, reason.meaning));
    }

    fn advice(&mut self, story: &Story) {
        if story.advice.is_empty() {
            return;
        }
        self.heading("What to do");
        for (number, advice) in (1..).zip(&story.advice) {
            self.hanging(&format!("  {number}. "), advice);
        }
    }

    fn risk(&mut self, story: &Story) {
        let Some(risk) = &story.risk else { return };
        self.heading("What may be lost");
        self.hanging("  ", &format!("Risk {}: {}", risk.level, risk.text));
        if !risk.measured.is_empty() {
            self.hanging("  ", &format!("Measured: {}.", risk.measured));
        }
    }

    fn completeness(&mut self, story: &Story) {
        self.heading("How much was seen");
        self.hanging("  ", &story.coverage);
        for missing in &story.missing {
            self.hanging("  - ", missing);
        }
    }

    fn heading(&mut self, heading: &str) {
        let heading = self.screen.bold(heading);
        self.line(&format!("\n{heading}"));
    }

    /// `label`, then `text` wrapped beside it.
    fn hanging(&mut self, label: &str, text: &str) {
        let indent = " ".repeat(label.width());
        let options = self.wrapping().initial_indent(label).subsequent_indent(&indent);
        self.line(&fill(text, options));
    }

    /// At spaces only: a date, an id or an option must stay in one piece to be copied.
    fn wrapping(&self) -> Options<'static> {
        Options::new(self.width).word_splitter(WordSplitter::NoHyphenation)
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// The phase's place in the whole, in eighths of a column; never empty.
fn bar(phase: &Stretch, end: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let scale = if end > 0.0 { f64::from(BAR_WIDTH) * 8.0 / end } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most BAR_WIDTH * 8")]
    let eighths = |seconds: f64| (seconds * scale).round() as usize;
    let width = usize::from(BAR_WIDTH);
    let start = (eighths(phase.start) / 8).min(width - 1);
    let length = eighths(phase.seconds).clamp(1, (width - start) * 8);
    let bar = " ".repeat(start) + &"█".repeat(length / 8) + EIGHTHS[length % 8];
    format!("{bar:width$}")
}
