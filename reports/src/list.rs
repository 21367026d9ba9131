//! Episodes as a table, one a line, oldest first as they come.

use softoff_analyzer::Episode;
use softoff_analyzer::episode::Verdict;
use unicode_width::UnicodeWidthStr;

use crate::Screen;
use crate::screen::verdict_style;
use crate::story::Story;
use crate::units::counted;
use crate::visible::fit;

const HEADINGS: [&str; COLUMNS] = ["WHEN", "DOMAIN", "OUTCOME", "VERDICT", "DURATION", "CAUSE", "ID"];
const COLUMNS: usize = 7;
const DOMAIN: usize = 1;
const VERDICT: usize = 3;
const DURATION: usize = 4;
const GAP: usize = 2;
/// The domain column is cut to the terminal, but never to less than this.
const DOMAIN_AT_LEAST: usize = 12;
/// Nor is it wider than this where there is no terminal.
const DOMAIN_AT_MOST: usize = 256;

type Row = [String; COLUMNS];

/// The table and, below it, how many of each verdict it holds.
pub fn list(episodes: &[Episode], screen: Screen) -> String {
    let mut rows: Vec<Row> = episodes.iter().map(|episode| row(&Story::of(episode))).collect();
    let widths = fit_domains(&mut rows, screen.width);
    let mut text = screen.bold(line(&HEADINGS.map(str::to_owned), &widths, screen, None).trim_end());
    text.push('\n');
    for (row, episode) in rows.iter().zip(episodes) {
        text.push_str(line(row, &widths, screen, Some(episode.verdict)).trim_end());
        text.push('\n');
    }
    text + "\n" + &totals(episodes) + "\n"
}

fn row(story: &Story) -> Row {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    [
        or_dash(&story.when),
        story.name.clone(),
        story.outcome.to_owned(),
        story.verdict.as_str().to_owned(),
        or_dash(&story.duration),
        or_dash(&story.cause_in_short),
        story.id.clone(),
    ]
}

/// Cuts the domains so that the rows fit `screen_width`; the width of each column.
fn fit_domains(rows: &mut [Row], screen_width: Option<usize>) -> [usize; COLUMNS] {
    let mut widths = HEADINGS.map(str::len);
    for row in rows.iter() {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let others = widths.iter().sum::<usize>() - widths[DOMAIN] + GAP * (COLUMNS - 1);
    let room = screen_width.map_or(DOMAIN_AT_MOST, |width| width.saturating_sub(others).max(DOMAIN_AT_LEAST));
    widths[DOMAIN] = widths[DOMAIN].min(room);
    for row in rows {
        row[DOMAIN] = fit(&row[DOMAIN], widths[DOMAIN]);
    }
    widths
}

fn line(row: &Row, widths: &[usize; COLUMNS], screen: Screen, verdict: Option<Verdict>) -> String {
    let mut line = String::new();
    for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
        let padding = " ".repeat(width.saturating_sub(cell.width()));
        let shown = match verdict {
            Some(verdict) if column == VERDICT => screen.paint(verdict_style(verdict), cell),
            _ => cell.clone(),
        };
        let parts = if column == DURATION { [&padding, &shown] } else { [&shown, &padding] };
        line.extend(parts.map(String::as_str));
        line.push_str(&" ".repeat(GAP));
    }
    line
}

fn totals(episodes: &[Episode]) -> String {
    let of = |verdict| episodes.iter().filter(|episode| episode.verdict == verdict).count();
    let counts: Vec<_> = Verdict::ALL
        .iter()
        .copied()
        .filter(|verdict| of(*verdict) > 0)
        .map(|verdict| format!("{} {}", of(verdict), verdict.as_str()))
        .collect();
    format!("{}: {}", counted(episodes.len() as u64, "shutdown"), counts.join(", "))
}
