//! Which episodes are meant: by filter, or by name.

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use clap::Args;
use softoff_analyzer::Episode;
use softoff_journal::Stamp;
use softoff_reports::{moment, visible};

use crate::episodes::is_finding;

/// The shortest beginning of an id that stands for the whole.
const PREFIX_AT_LEAST: usize = 4;
/// How many names an error message lists.
const NAMES_AT_MOST: usize = 10;
/// How similar (0 to 1) a name must be to be suggested.
const SIMILAR: f64 = 0.75;

/// Which episodes are wanted.
#[derive(Debug, Args)]
pub struct Filter {
    /// Only shutdowns of this domain (name or UUID)
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// Only shutdowns since TIME: 2026-11-23, "2026-11-23 09:12" (UTC), or so long ago: 2h, 3days
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<DateTime<Utc>>,
    /// Only shutdowns that were not clean
    #[arg(long)]
    failed: bool,
}

fn since(text: &str) -> Result<DateTime<Utc>, String> {
    moment::parse(text, Stamp::now().wall)
}

impl Filter {
    /// Whether all are wanted.
    pub fn is_empty(&self) -> bool {
        self.domain.is_none() && self.since.is_none() && !self.failed
    }

    /// Leaves only what is wanted.
    pub fn apply(&self, episodes: &mut Vec<Episode>) {
        episodes.retain(|episode| self.wants(episode));
    }

    fn wants(&self, episode: &Episode) -> bool {
        let domain = self.domain.as_ref().is_none_or(|domain| is_of(episode, domain));
        // Without a time of its own an episode may well be recent: better shown than lost.
        let since = self.since.zip(episode.at()).is_none_or(|(since, at)| at >= since);
        domain && since && (!self.failed || is_finding(episode))
    }
}

/// The episode that tells most when none is named: the last that was slow or failed, or else the
/// last of all.
pub fn most_telling(episodes: &[Episode]) -> Option<&Episode> {
    episodes.iter().rfind(|episode| is_finding(episode)).or(episodes.last())
}

/// The episode that `wanted` names: `last`, an id or its beginning, or a domain, whose last episode
/// is meant.
pub fn named<'a>(episodes: &'a [Episode], wanted: &str) -> anyhow::Result<&'a Episode> {
    let found = if wanted == "last" {
        episodes.last()
    } else {
        let by_id = episodes.iter().find(|episode| episode.id == wanted);
        let by_domain = || episodes.iter().rfind(|episode| is_of(episode, wanted));
        by_id.or_else(by_domain).or_else(|| by_prefix(episodes, wanted))
    };
    found.ok_or_else(|| unknown(episodes, wanted))
}

/// As the domain is called, or as the reports show its name.
fn is_of(episode: &Episode, domain: &str) -> bool {
    let name = episode.domain.name.as_ref();
    name.is_some_and(|name| name == domain || visible(name) == domain)
        || episode.domain.uuid.is_some_and(|uuid| uuid.to_string() == domain)
}

/// The only episode whose id begins with `prefix`.
fn by_prefix<'a>(episodes: &'a [Episode], prefix: &str) -> Option<&'a Episode> {
    let mut found = episodes.iter().filter(|episode| episode.id.starts_with(prefix));
    let first = found.next()?;
    (prefix.len() >= PREFIX_AT_LEAST && found.next().is_none()).then_some(first)
}

fn unknown(episodes: &[Episode], wanted: &str) -> anyhow::Error {
    let wanted = visible(wanted);
    let mut names: Vec<_> = episodes.iter().filter_map(|episode| episode.domain.name.as_deref()).collect();
    names.sort_unstable();
    names.dedup();
    let similar: Vec<_> =
        names.iter().copied().filter(|name| strsim::jaro_winkler(name, &wanted) >= SIMILAR).collect();
    let hint = match (similar.as_slice(), names.as_slice()) {
        (_, []) => {
            "none is recorded for any domain; `softoff install` and `softoff trace` record them".to_owned()
        }
        ([], names) => format!("there are some of {}; `softoff list` shows their ids", listed(names)),
        (similar, _) => format!("did you mean {}? `softoff list` shows all", listed(similar)),
    };
    anyhow!("no shutdown or domain is called \"{wanted}\": {hint}")
}

fn listed(names: &[&str]) -> String {
    let shown: Vec<_> =
        names.iter().take(NAMES_AT_MOST).map(|name| format!("\"{}\"", visible(name))).collect();
    let more = names.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    shown.join(", ") + &more
}
