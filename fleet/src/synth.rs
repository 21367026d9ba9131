//! `softoff fleet synth`: a made-up fleet whose truth is known, for trials, tests and benchmarks.
//!
//! * [`model`] is the truth: which causes, how long each takes, who loses patience, what one upgrade did.
//! * [`draw`] draws the shutdowns of one host and day from it; the seed, the host and the day decide, so
//!   the order of work does not matter.
//!
//! Every row says that it is synthetic, and so does every report of it. The truth is written beside the
//! episodes, as `synthetic-truth.json`.

mod draw;
mod model;

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, bail};
use chrono::{Days, NaiveDate};
use softoff_store::{Partition, file};

use crate::progress::Progress;
use draw::Day;
use model::Model;

/// Where the truth is written, in the store.
pub const TRUTH: &str = "synthetic-truth.json";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many hosts
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    hosts: u32,
    /// How many days
    #[arg(long, value_name = "D", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// What decides all that is random
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Shutdowns of a host on a day
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    per_day: u32,
    /// The first day
    #[arg(long, value_name = "DATE", default_value = "2026-01-01")]
    start: NaiveDate,
    /// The directory of the store; a new or empty one
    #[arg(long, value_name = "DIR", env = "SOFTOFF_STORE", default_value = "softoff-store")]
    store: PathBuf,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = &self.store;
        fs::create_dir_all(store).with_context(|| format!("cannot make {}", store.display()))?;
        if fs::read_dir(store)?.next().is_some() {
            bail!(
                "{} is not empty: what is made up must not come among what was recorded. Name a new directory \
                 with --store",
                store.display()
            );
        }
        let model = Model::new(self.seed, self.start, self.days);
        self.start
            .checked_add_days(Days::new(self.days.into()))
            .context("these days go beyond the calendar")?;
        let counts = self.write_all(&model)?;
        let truth = model.truth(self.hosts, self.days, self.per_day, &counts);
        fs::write(store.join(TRUTH), softoff_reports::to_json(&truth)?)
            .with_context(|| format!("cannot write the truth into {}", store.display()))?;
        eprintln!(
            "softoff-fleet: made up {} shutdowns of {} hosts on {} days; the truth is in {}",
            counts.rows,
            self.hosts,
            self.days,
            store.join(TRUTH).display()
        );
        Ok(ExitCode::SUCCESS)
    }

    /// Writes all files, on all processors.
    fn write_all(&self, model: &Model) -> anyhow::Result<draw::Counts> {
        let files = u64::from(self.hosts) * u64::from(self.days);
        let progress = Progress::rows("making up", files * u64::from(self.per_day));
        let next = AtomicU64::new(0);
        let work = || -> anyhow::Result<draw::Counts> {
            let mut counts = draw::Counts::default();
            loop {
                let file = next.fetch_add(1, Ordering::Relaxed);
                if file >= files {
                    return Ok(counts);
                }
                // By day, so that what is there first is the past of all hosts.
                let host = u32::try_from(file % u64::from(self.hosts))?;
                let day = u32::try_from(file / u64::from(self.hosts))?;
                counts.add(&self.write(&Day::new(model, host, day, self.per_day), &progress)?);
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let mut counts = draw::Counts::default();
            for worker in workers {
                let counted = worker.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
                counts.add(&counted);
            }
            Ok(counts)
        })
    }

    /// Writes the file of one host and day, in row groups.
    fn write(&self, day: &Day, progress: &Progress) -> anyhow::Result<draw::Counts> {
        let partition =
            Partition { date: Some(day.date), host: day.host.clone(), boot_id: day.boot_id.clone() };
        let path = self.store.join(partition.path().as_ref());
        let failed = || format!("cannot write {}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).with_context(failed)?;
        let output = BufWriter::new(File::create(&path).with_context(failed)?);
        let mut writer = file::writer(output, true)?;
        let mut counts = draw::Counts::default();
        for rows in day.batches() {
            counts.count(&rows);
            writer.write(&file::batch(&rows)?).with_context(failed)?;
            progress.more(rows.len() as u64);
        }
        writer.close().with_context(failed)?;
        Ok(counts)
    }
}
