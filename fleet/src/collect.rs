//! `softoff fleet collect`: the records of many hosts into one store, as often as one likes.
//!
//! A source is a journal, a store (of `softoff export --format parquet`), a file of `softoff export`, or a
//! directory of such. Each file of the store is put there whole or not at all, and always has the same name
//! for the same host, day and boot: twice gives no duplicates, and what was interrupted is done the next time.
//! Nothing ever takes episodes away: where the store has more than the source, that is said and it stays.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use softoff_analyzer::Episode;
use softoff_journal::Reader;
use softoff_reports::{failure, units};
use softoff_store::export::{self, Before, Written};
use softoff_store::{Place, Row};

use crate::progress::Progress;
use crate::warn::Warnings;

/// The longest line of an export that is read, in bytes: an episode with all its evidence.
const LINE: u64 = 16 << 20;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Journals, stores or exported files, or directories of them
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<PathBuf>,
    /// The store: a directory, which is made, or a URL
    #[arg(long, value_name = "DIR|URL", env = "SOFTOFF_STORE", default_value = "softoff-store")]
    store: String,
    /// How long a shutdown may take before it counts as slow
    #[arg(long, value_name = "TIME", env = "SOFTOFF_SLOW_AFTER", default_value = "60s", value_parser = length)]
    slow_after: Duration,
}

fn length(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a length of time such as 90s, 5min or 1h".to_owned())
}

/// What a source is.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Journal,
    Store,
    Lines,
}

/// What became of all sources.
#[derive(Debug, Default)]
struct Tally {
    sources: u64,
    bad: u64,
    files: u64,
    changed: u64,
    kept: u64,
}

impl Args {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let place = Place::create(&self.store)?;
        let mut bad = Warnings::new("sources that could not be collected");
        let mut tally = Tally::default();
        let sources = self.found(&mut bad, &mut tally);
        let progress = Progress::files("collecting", sources.len() as u64);
        for (path, kind) in &sources {
            match self.collect(path, kind, &place, &mut tally).await {
                Ok(()) => tally.sources += 1,
                Err(error) => {
                    tally.bad += 1;
                    bad.say(&format!("{}: {}; the rest goes on", path.display(), failure(error.as_ref())));
                }
            }
            progress.one_more();
        }
        drop((progress, bad));
        eprintln!(
            "softoff-fleet: {} collected, {} could not be; {}, {} of them new or changed, {} kept as they were because they \
             had more; in {}",
            units::counted(tally.sources, "source"),
            tally.bad,
            units::counted(tally.files, "file"),
            tally.changed,
            tally.kept,
            softoff_reports::visible(&self.store)
        );
        if tally.sources == 0 {
            bail!("none of the sources could be collected, see the warnings above");
        }
        Ok(ExitCode::from(if tally.bad > 0 { 2 } else { 0 }))
    }

    /// All sources, those in directories of sources too.
    fn found(&self, bad: &mut Warnings, tally: &mut Tally) -> Vec<(PathBuf, Kind)> {
        let mut found = Vec::new();
        for path in &self.sources {
            match sources(path) {
                Ok(sources) if !sources.is_empty() => found.extend(sources),
                Ok(_) => {
                    tally.bad += 1;
                    bad.say(&format!("{}: no journal, store or export in it", path.display()));
                }
                Err(error) => {
                    tally.bad += 1;
                    bad.say(&format!("{}: {}", path.display(), failure(error.as_ref())));
                }
            }
        }
        found
    }

    async fn collect(
        &self,
        path: &Path,
        kind: &Kind,
        place: &Place,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        match kind {
            Kind::Store => store(path, place, tally).await,
            Kind::Journal => {
                let (episodes, kernels) = self.journal(path)?;
                let kernel =
                    |episode: &Episode| kernels.get(&episode.boot_id.to_string()).map(String::as_str);
                put(place, &episodes, kernel, tally).await
            }
            Kind::Lines => put(place, &lines(path)?, |_| None, tally).await,
        }
    }

    /// The episodes of a journal, and the kernel of each boot.
    fn journal(&self, path: &Path) -> anyhow::Result<(Vec<Episode>, HashMap<String, String>)> {
        let origins = Reader::origins(path)?;
        let kernels = origins
            .iter()
            .map(|origin| (origin.provenance.boot_id.to_string(), origin.provenance.kernel.clone()));
        let kernels = kernels.collect();
        if origins.is_empty() {
            bail!("nothing in this journal can be read");
        }
        let slow = u64::try_from(self.slow_after.as_nanos()).unwrap_or(u64::MAX);
        let analysis = softoff_analyzer::analyze(Reader::open(path)?, None, slow);
        let mut warnings = Warnings::new("defects of this journal");
        analysis.defects.iter().for_each(|defect| warnings.say(&defect.to_string()));
        Ok((analysis.episodes, kernels))
    }
}

/// What there is at a path, or one level below it.
fn sources(path: &Path) -> anyhow::Result<Vec<(PathBuf, Kind)>> {
    if let Some(kind) = kind(path)? {
        return Ok(vec![(path.to_owned(), kind)]);
    }
    let mut found = Vec::new();
    let mut below: Vec<_> = fs::read_dir(path)?.collect::<Result<_, _>>()?;
    below.sort_by_key(fs::DirEntry::path);
    for entry in below {
        let path = entry.path();
        if let Some(kind) = kind(&path).ok().flatten() {
            found.push((path, kind));
        }
    }
    Ok(found)
}

fn kind(path: &Path) -> anyhow::Result<Option<Kind>> {
    let metadata = fs::metadata(path).context("cannot be read")?;
    if metadata.is_file() {
        return Ok(path.extension().is_some_and(|extension| extension == "jsonl").then_some(Kind::Lines));
    }
    let mut kind = None;
    for entry in fs::read_dir(path).context("cannot be listed")? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("date=") {
            return Ok(Some(Kind::Store));
        }
        // Exports have episodes in their lines, journals begin with where they come from.
        if name.ends_with(".jsonl") && !is_export(&entry.path()) {
            kind = Some(Kind::Journal);
        }
    }
    Ok(kind)
}

fn is_export(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(256).read_to_end(&mut start));
    read.is_ok() && String::from_utf8_lossy(&start).contains("\"schema\":\"softoff.episode/")
}

/// The episodes of an exported file.
fn lines(path: &Path) -> anyhow::Result<Vec<Episode>> {
    let mut input = BufReader::new(File::open(path).context("cannot be read")?);
    let mut warnings = Warnings::new("lines that are no episodes");
    let (mut episodes, mut line, mut number) = (Vec::new(), Vec::new(), 0_u64);
    loop {
        line.clear();
        if input.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number += 1;
        match serde_json::from_slice(&line) {
            Ok(episode) => episodes.push(episode),
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(error) => {
                warnings.say(&format!("{}:{number}: no episode ({error}), skipped", path.display()));
            }
        }
    }
    if episodes.is_empty() && number > 0 {
        bail!("none of its {number} lines is an episode; is it of `softoff export`?");
    }
    Ok(episodes)
}

async fn put<'a>(
    place: &Place,
    episodes: &'a [Episode],
    kernel: impl Fn(&'a Episode) -> Option<&'a str>,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    // The last one of an id is the newest.
    let rows: BTreeMap<_, _> =
        episodes.iter().map(|episode| (&episode.id, Row::of(episode, kernel(episode)))).collect();
    for (partition, rows) in export::partitions(rows.into_values()) {
        let count = rows.len() as u64;
        let path = partition.path();
        if fewer_than_there(place, &path, count).await? {
            tally.keep(&place.name(&path));
        } else {
            tally.count(&export::export(place, &partition, rows).await?);
        }
    }
    Ok(())
}

/// Copies the files of another store.
async fn store(path: &Path, place: &Place, tally: &mut Tally) -> anyhow::Result<()> {
    let from = Place::open(&path.display().to_string())?;
    let files = from.list().await?;
    let mut warnings = Warnings::new("files left out");
    for file in &files {
        let footer = match from.footer(file).await {
            Ok(footer) if is_partition(&file.location) => footer,
            Ok(_) => {
                let name = from.name(&file.location);
                warnings.say(&format!("{name}: not at date=…/host=…/ in its store; left out"));
                continue;
            }
            Err(unfit) => {
                warnings.say(&format!("{}: {unfit}; left out", from.name(&file.location)));
                continue;
            }
        };
        if fewer_than_there(place, &file.location, footer.rows).await? {
            tally.keep(&place.name(&file.location));
            continue;
        }
        let bytes = from.get(&file.location).await?.context("it has gone meanwhile")?;
        tally.count(&export::put(place, &file.location, bytes.to_vec(), footer.rows).await?);
    }
    Ok(())
}

/// Whether a file stands where a store has its files.
fn is_partition(path: &object_store::path::Path) -> bool {
    let parts: Vec<_> = path.parts().map(|part| part.as_ref().to_owned()).collect();
    matches!(parts.as_slice(), [date, host, _] if date.starts_with("date=") && host.starts_with("host="))
}

/// Whether the store has a file of this name with more episodes.
async fn fewer_than_there(place: &Place, path: &object_store::path::Path, rows: u64) -> anyhow::Result<bool> {
    let Some(there) = place.get(path).await? else { return Ok(false) };
    let footer = softoff_store::Footer::read(&there, there.len() as u64);
    Ok(footer.is_ok_and(|footer| footer.rows > rows))
}

impl Tally {
    fn count(&mut self, written: &Written) {
        self.files += 1;
        self.changed += u64::from(written.before != Before::Same);
    }

    fn keep(&mut self, name: &str) {
        self.files += 1;
        self.kept += 1;
        let name = softoff_reports::visible(name);
        eprintln!("softoff-fleet: warning: {name} has more episodes than the source; it stays as it is");
    }
}
