//! The HTML page: one file with everything in it, no script and nothing fetched from elsewhere, so
//! that it can be mailed, archived and printed.

use askama::Template;
use softoff_analyzer::Episode;
use softoff_analyzer::episode::Verdict;

use crate::ReportError;
use crate::pictures::{self, Pictures, Shot};
use crate::plot::{self, Colour};
use crate::story::Story;
use crate::units::counted;
use crate::visible::visible;

/// The episodes as a page, in the order they come.
pub fn page(episodes: &[&Episode]) -> Result<String, ReportError> {
    page_with(episodes, &Pictures::default())
}

/// The same with the pictures that were taken of the guests' screens.
pub fn page_with(episodes: &[&Episode], pictures: &Pictures) -> Result<String, ReportError> {
    let shutdowns = episodes.iter().map(|episode| Shutdown::new(episode, pictures));
    let shutdowns = shutdowns.collect::<Result<Vec<_>, _>>()?;
    let page = Page {
        title: title(episodes),
        period: period(episodes),
        totals: totals(episodes),
        shutdowns,
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(page.render()? + "\n")
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    title: String,
    period: String,
    totals: Vec<Total>,
    shutdowns: Vec<Shutdown>,
    version: &'static str,
}

struct Total {
    count: usize,
    verdict: &'static str,
}

struct Shutdown {
    story: Story,
    verdict: &'static str,
    /// SVG for wide screens and paper, and for narrow screens.
    wide: String,
    narrow: String,
    shots: Vec<Shot>,
}

impl Shutdown {
    fn new(episode: &Episode, pictures: &Pictures) -> Result<Self, ReportError> {
        let story = Story::of(episode);
        let (wide, narrow) = (plot::untitled(&story, plot::WIDE)?, plot::untitled(&story, plot::NARROW)?);
        let shots = pictures::shots(episode, &story, pictures);
        Ok(Self { verdict: episode.verdict.as_str(), wide, narrow, shots, story })
    }
}

fn title(episodes: &[&Episode]) -> String {
    let mut hosts: Vec<_> = episodes.iter().map(|episode| &episode.host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    match hosts.as_slice() {
        [host] => format!("Shutdowns on {}", visible(host)),
        hosts => format!("Shutdowns on {}", counted(hosts.len() as u64, "host")),
    }
}

/// `2026-11-20 to 2026-11-23`.
fn period(episodes: &[&Episode]) -> String {
    let days = || episodes.iter().filter_map(|episode| episode.at()).map(|at| at.date_naive());
    match (days().min(), days().max()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(day), _) => day.to_string(),
        _ => String::new(),
    }
}

fn totals(episodes: &[&Episode]) -> Vec<Total> {
    let total = |verdict| Total {
        count: episodes.iter().filter(|episode| episode.verdict == verdict).count(),
        verdict: verdict.as_str(),
    };
    let unknown = Some(total(Verdict::Unknown)).filter(|total| total.count > 0);
    [Verdict::Clean, Verdict::Slow, Verdict::Failed].map(total).into_iter().chain(unknown).collect()
}
