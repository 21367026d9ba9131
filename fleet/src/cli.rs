//! The verbs and their options: parsed here, carried out in the module of the same name.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::{charts, collect, compare, query, summary, synth, top};

const EXAMPLES: &str = "\
Exit status: 0 all is well, 1 a comparison found that it got worse, 2 an error. All times are UTC.

Examples:
  softoff fleet collect /srv/journals/* --store fleet     the journals of many hosts into one store
  softoff fleet summary --store fleet                     how long shutdowns take, by cause
  softoff fleet summary --by host --since 2026-11-01      by host, since then
  softoff fleet top                                       what costs the most hours
  softoff fleet compare --before 2026-11-01..2026-11-14 --after 2026-11-15..
                                                          did the upgrade of the 15th make it worse?
  softoff fleet compare --by qemu.version                 did a version of QEMU?
  softoff fleet charts -o charts --since 2026-11-01       pictures, and a page with all of them: charts/index.html
  softoff fleet query \"SELECT cause, count(*) FROM episodes GROUP BY cause\"
  softoff fleet synth --hosts 100 --days 30 --seed 7 --store synthetic
                                                          a made-up fleet, to try it out";

/// Many hosts: how long their virtual machines take to shut down, what costs most, did it get worse
#[derive(Debug, Parser)]
#[command(name = "softoff fleet", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten, next_help_heading = "Global options")]
    colour: colorchoice_clap::Color,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Brings journals and exports of many hosts together in one store
    Collect(collect::Args),
    /// How many shutdowns, how they ended and how long they took
    Summary(summary::Args),
    /// What costs the most hours
    Top(top::Args),
    /// Did it get worse? Two times, or versions one after the other
    Compare(compare::Args),
    /// Pictures, and a page with all of them
    Charts(charts::Args),
    /// SQL over the episodes
    Query(query::Args),
    /// Makes up a fleet whose truth is known, for trials and benchmarks
    Synth(synth::Args),
}

impl Cli {
    /// Carries out what was asked.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        self.colour.write_global();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.context("cannot start the threads that queries run on")?;
        runtime.block_on(async {
            match self.verb {
                Verb::Collect(args) => args.run().await,
                Verb::Summary(args) => args.run().await,
                Verb::Top(args) => args.run().await,
                Verb::Compare(args) => args.run().await,
                Verb::Charts(args) => args.run().await,
                Verb::Query(args) => args.run().await,
                Verb::Synth(args) => args.run(),
            }
        })
    }
}
