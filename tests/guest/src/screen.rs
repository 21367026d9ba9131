//! The guest's screen: the text that Windows shows, on the VGA console.

use std::fmt::Write;
use std::fs;

use anyhow::Context;

/// The console that is shown. It is there, unseen, in a domain without a screen too.
const CONSOLE: &str = "/dev/tty1";

/// VGA's text mode.
const ROWS: usize = 25;
const COLUMNS: usize = 80;

/// What the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Nothing, as a display that is asleep.
    Blank,
    /// The log-on screen.
    LogOn,
    /// A shutdown in its normal course.
    ShuttingDown,
    /// Services being ended.
    StoppingServices,
    /// A service being waited for.
    WaitingForService,
    /// Updates being installed, in percent.
    Updating(u8),
    /// A first boot.
    GettingReady,
    /// Applications in the way.
    AppsBlock,
    /// The shutdown event tracker's dialog.
    ShutdownTracker,
}

impl Screen {
    /// Shows it, and nothing else.
    pub fn show(self) -> anyhow::Result<()> {
        fs::write(CONSOLE, self.picture()).with_context(|| format!("cannot write to {CONSOLE}"))
    }

    /// The text in the middle of a cleared console without a cursor.
    fn picture(self) -> String {
        let lines = self.lines();
        let mut picture = String::from("\x1b[?25l\x1b[2J");
        // A blank line between two is easier to read, for people and for programs.
        let top = ROWS.saturating_sub(2 * lines.len()) / 2;
        for (number, line) in lines.iter().enumerate() {
            let row = top + 2 * number + 1;
            let column = COLUMNS.saturating_sub(line.len()) / 2 + 1;
            // Writing to a string does not fail.
            let _ = write!(picture, "\x1b[{row};{column}H{line}");
        }
        picture
    }

    fn lines(self) -> Vec<String> {
        let lines: &[&str] = match self {
            Self::Updating(percent) => {
                let complete = format!("{percent}% complete");
                return ["Working on updates", &complete, "Don't turn off your computer"]
                    .map(Into::into)
                    .to_vec();
            }
            Self::Blank => &[],
            Self::LogOn => &["Press Ctrl+Alt+Delete to sign in"],
            Self::ShuttingDown => &["Shutting down"],
            Self::StoppingServices => &["Stopping services"],
            Self::WaitingForService => &["Please wait for the Group Policy Client"],
            Self::GettingReady => &["Getting Windows ready", "Don't turn off your computer"],
            Self::AppsBlock => &[
                "Closing 1 app and shutting down",
                "Notepad - Untitled",
                "This app is preventing you from shutting down",
                "Shut down anyway      Cancel",
            ],
            Self::ShutdownTracker => &[
                "Shutdown Event Tracker",
                "Choose a reason that best describes why you want to shut down this PC",
                "Other (Unplanned)",
                "Continue      Cancel",
            ],
        };
        lines.iter().copied().map(Into::into).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_screen_is_only_cleared() {
        assert_eq!(Screen::Blank.picture(), "\x1b[?25l\x1b[2J");
    }

    #[test]
    fn text_stands_in_the_middle() {
        assert_eq!(Screen::ShuttingDown.picture(), "\x1b[?25l\x1b[2J\x1b[12;34HShutting down");
    }

    #[test]
    fn updates_tell_how_far_they_are() {
        assert!(Screen::Updating(42).picture().contains("42% complete"));
    }
}
