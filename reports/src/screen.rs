//! What the text formats know of the terminal they are written for.

use anstyle::{AnsiColor, Style};
use softoff_analyzer::episode::Verdict;

/// A terminal, or the lack of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Columns; absent where lines may be as long as they like (a pipe, a file).
    pub width: Option<usize>,
    /// Whether escape sequences for colour are welcome.
    pub colour: bool,
}

impl Screen {
    /// No terminal: no colour, no limit.
    pub const PLAIN: Self = Self { width: None, colour: false };

    /// `text` in `style`, where that is welcome.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }
}

/// The colour of a verdict; the word always stands beside it.
pub(crate) fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Clean => AnsiColor::Green.on_default(),
        Verdict::Slow => AnsiColor::Yellow.on_default(),
        Verdict::Failed => AnsiColor::Red.on_default().bold(),
        Verdict::Unknown => AnsiColor::BrightBlack.on_default(),
    }
}
