//! `softoff import qemu-log`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use softoff_import::qemu_log::{self, Imported, LogError, Target};
use softoff_reports::units::counted;
use softoff_reports::visible;

pub const EXAMPLES: &str = "\
Examples:
  softoff import qemu-log /var/log/libvirt/qemu           all logs there, rotated ones too
  softoff import qemu-log web-01.log web-01.log.1.gz      these
  softoff --journal ./try import qemu-log ./logs          without root: a journal of your own,
  softoff --journal ./try list                            which the other verbs then read
What is imported twice, or again after it has grown or was rotated, counts once.
Exit status: 0 all could be read, 2 one could not; the others are imported all the same.";

/// Nothing that is over sooner needs to show how far it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// What to import.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Logs, plain or packed with gzip, or directories of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Args {
    pub fn run(self, journal: &Path, host: &str) -> anyhow::Result<ExitCode> {
        let target = Target { journal, version: env!("CARGO_PKG_VERSION"), host };
        let mut total = Total::default();
        for named in &self.files {
            match logs(named) {
                Ok(paths) => paths.iter().try_for_each(|path| total.import(path, &target))?,
                Err(error) => total.failed(&format!("{error:#}")),
            }
        }
        total.say(journal);
        Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}

/// The logs that are meant: the file itself, or those in a directory.
fn logs(named: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !named.is_dir() {
        return Ok(vec![named.to_owned()]);
    }
    let tried = || format!("cannot list {}; run as root or as a user who may read it", named.display());
    let listed: Result<Vec<_>, _> =
        fs::read_dir(named).with_context(tried)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = listed.with_context(tried)?;
    paths.retain(|path| qemu_log::is_log(path) && path.is_file());
    paths.sort();
    if paths.is_empty() {
        bail!("no *.log in {}; libvirt keeps its domains' logs in /var/log/libvirt/qemu", named.display());
    }
    Ok(paths)
}

/// What all files came to.
#[derive(Debug, Default)]
struct Total {
    files: u64,
    failed: u64,
    starts: u64,
    ends: u64,
}

impl Total {
    /// Imports one file. Only a journal that cannot be written is an error.
    fn import(&mut self, path: &Path, target: &Target<'_>) -> anyhow::Result<()> {
        let mut bar = Bar::new(path);
        let imported = qemu_log::import(path, target, &mut |read, of| bar.show(read, of));
        bar.clear();
        match imported {
            Ok(imported) => {
                self.files += 1;
                self.starts += imported.found.starts;
                self.ends += imported.found.ends;
                say(&told(path, &imported));
            }
            Err(error @ LogError::Write(_)) => {
                return Err(error).context(
                    "nothing more can be imported; `--journal DIR` names a directory of your own, for this and all other verbs",
                );
            }
            Err(error) => self.failed(&error.to_string()),
        }
        Ok(())
    }

    fn failed(&mut self, why: &str) {
        self.failed += 1;
        say(why);
    }

    fn say(&self, journal: &Path) {
        let Self { files, failed, starts, ends } = self;
        let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
        say(&format!(
            "{} imported{failed}: {}, {}, in {}",
            counted(*files, "log"),
            counted(*starts, "start"),
            counted(*ends, "end"),
            journal.display()
        ));
        if *ends > 0 {
            let dir = if journal == Path::new(softoff_journal::DEFAULT_DIR) {
                String::new()
            } else {
                format!("--journal {} ", journal.display())
            };
            say(&format!("`softoff {dir}list` shows how they ended"));
        }
    }
}

/// What was found in a log, and what was not.
fn told(path: &Path, imported: &Imported) -> String {
    let Imported { found, place, .. } = imported;
    let mut parts = vec![counted(found.starts, "start"), counted(found.ends, "end")];
    let mut add = |number: u64, what: &str| {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    };
    add(found.deaths, if found.deaths == 1 { "line on a crash" } else { "lines on crashes" });
    add(found.endless, "without an end before the next start, left out");
    add(u64::from(found.running), "still running where the log ends");
    add(found.left_out, "entries left out: too many in one run, or without a time");
    add(place.too_long, "overlong lines, read in part");
    if place.cut {
        parts.push("the last line has no end and was left out".to_owned());
    }
    if place.bytes == 0 {
        parts = vec!["empty".to_owned()];
    }
    if imported.records.is_none() {
        parts.push("the journal holds more of this log already, which stays".to_owned());
    }
    if let Some(error) = &imported.broken {
        let at = format!("line {}, byte {}", place.lines, place.bytes);
        parts.push(format!("warning: cannot be read after {at} ({error}); what stands before is imported"));
    }
    format!("{}: {}", path.display(), parts.join(", "))
}

/// Names of files are anybody's.
fn say(text: &str) {
    eprintln!("softoff: {}", visible(text));
}

/// How far a long file has been read, where somebody looks.
struct Bar<'a> {
    path: &'a Path,
    since: Instant,
    shown: Option<ProgressBar>,
}

impl<'a> Bar<'a> {
    fn new(path: &'a Path) -> Self {
        Self { path, since: Instant::now(), shown: None }
    }

    fn show(&mut self, read: u64, of: u64) {
        if self.shown.is_none() && self.since.elapsed() < PATIENCE {
            return;
        }
        let path = self.path;
        self.shown
            .get_or_insert_with(|| {
                let style = ProgressStyle::with_template("{msg} {percent} % of {total_bytes}, {eta} to go");
                let bar = ProgressBar::new(of).with_message(visible(&path.display().to_string()).to_string());
                style.map_or(bar.clone(), |style| bar.with_style(style))
            })
            .set_position(read);
    }

    fn clear(&self) {
        if let Some(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
