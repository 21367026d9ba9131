//! The verbs and their options: parsed here, carried out in the module of the same name.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::episodes::Recorded;
use crate::{completions, demo, explain, export, fleet, import, list, man, plot, report, schema};

const EXAMPLES: &str = "\
Exit status: 0 all is well, 1 a shutdown among those shown was slow or failed, 2 an error.
All times are UTC, as in the logs of libvirt and QEMU.

Examples:
  softoff import qemu-log /var/log/libvirt/qemu  what libvirt's logs tell already
  softoff list --since 2days                   what was shut down lately, and how it went
  softoff explain                              the last one that was slow or failed, told in full
  softoff explain web-01                       the last one of domain web-01
  softoff plot web-01 -o web-01.png            where its time went, as a picture
  softoff report --failed -o failed.html       a page with all that went wrong, to pass on
  softoff list --format json | jq '.[].cause'  for programs; `softoff schema episode` documents it
  softoff --journal ./copy list                a journal that was copied from another host
  softoff --slow-after 5min list --failed      only what took longer than that, or failed";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  softoff explain                          the last shutdown that was slow or failed
  softoff explain last                     the last one of all
  softoff explain web-01                   the last one of domain web-01
  softoff explain 3f2a9c                   the one whose id, as in `softoff list`, begins like this
  softoff explain --format markdown        for a ticket";

const LIST_EXAMPLES: &str = "\
Examples:
  softoff list --failed                    only what was slow or failed
  softoff list --domain web-01             only this domain
  softoff list --since '2026-11-23 09:00'  since then (UTC)
  softoff list --format json               an array of episodes";

const PLOT_EXAMPLES: &str = "\
Examples:
  softoff plot                             the last slow or failed one into softoff-timeline.svg
  softoff plot web-01 web-02 -o both.png   the last ones of two domains, one below the other
  softoff plot last -o - > last.svg        SVG to standard output";

const REPORT_EXAMPLES: &str = "\
Examples:
  softoff report                           all shutdowns into softoff-report.html
  softoff report --since 7days --failed    what went wrong in the last week
  softoff report 3f2a9c web-01 -o two.html two shutdowns
The page holds everything it shows: it can be mailed, archived and printed.";

const TRACE_EXAMPLES: &str = "\
While a shutdown lasts, softoff-witness looks at the guest through libvirt: QEMU writes a picture of
its screen, and the guest's agent, where there is one, is asked whether it answers and which system
it is. Nothing is changed in the guest. Pictures and the text on them are kept with the journal,
which only root can read. A domain that is paused, or that libvirt has a job on, is left alone.

Examples:
  softoff trace                       looks at guests that have not shut down after 20 s
  softoff trace --look-after 2min     looks later
  softoff trace --ask-settings        runs reg query and powercfg /q in Windows guests, to know why
  softoff trace --never-look          keeps no pictures and asks no agent";

const EXPORT_EXAMPLES: &str = "\
Examples:
  softoff export | jq -r .cause.code           one episode a line, as `softoff schema episode` says
  softoff export --format parquet -o /srv/episodes
                                               this host's part of a fleet's store: again and again
  softoff export --format prometheus -o /var/lib/prometheus/node-exporter/softoff.prom
                                               metrics for node_exporter, from a timer: every minute
  softoff export --format prometheus-rules -o /etc/prometheus/softoff.rules.yml
  softoff export --format grafana-dashboard -o softoff-dashboard.json
Metrics have no name of a VM in them, and a shutdown is counted a minute after libvirt released it (ten where
that was not seen); docs/metrics.md has their table, and how to set all this up.
Episodes as Parquet are in date=YYYY-MM-DD/host=NAME/, one flat row each; docs/fleet.md has the columns.";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  softoff schema episode > episode.schema.json
  softoff schema | jq .journal";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  softoff completions bash > /etc/bash_completion.d/softoff
  softoff completions zsh > /usr/local/share/zsh/site-functions/_softoff
  softoff completions fish > ~/.config/fish/completions/softoff.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  softoff man | man -l -
  softoff man --to /usr/local/share/man/man1";

/// Explains how libvirt/KVM virtual machines shut down: where the time went, and why one failed
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_long_help = EXAMPLES)]
pub struct Cli {
    /// The directory of the journal
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        value_name = "DIR",
        env = "SOFTOFF_JOURNAL",
        default_value = softoff_journal::DEFAULT_DIR
    )]
    journal: PathBuf,
    /// How long a shutdown may take before it counts as slow, e.g. 90s or 5min
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        value_name = "TIME",
        env = "SOFTOFF_SLOW_AFTER",
        default_value = "60s",
        value_parser = length
    )]
    slow_after: Duration,
    #[command(flatten, next_help_heading = "Global options")]
    colour: colorchoice_clap::Color,
    #[command(subcommand)]
    verb: Verb,
}

/// A length of time as people type it.
pub fn length(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a length of time such as 90s, 5min or 1h".to_owned())
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tells three recorded shutdowns, anywhere: without root, libvirt or BPF
    Demo(demo::Args),
    /// Lists the recorded shutdowns, oldest first
    #[command(after_long_help = LIST_EXAMPLES)]
    List(list::Args),
    /// Tells one shutdown: what happened, where the time went, why, and what to do
    #[command(after_long_help = EXPLAIN_EXAMPLES)]
    Explain(explain::Args),
    /// Draws timelines of shutdowns as SVG or PNG
    #[command(after_long_help = PLOT_EXAMPLES)]
    Plot(plot::Args),
    /// Writes shutdowns as one self-contained HTML page
    #[command(after_long_help = REPORT_EXAMPLES)]
    Report(report::Args),
    /// Adds evidence that is there already: years of libvirt's logs, event logs of Windows guests
    #[command(subcommand)]
    Import(import::Import),
    /// Writes shutdowns for other programs: lines of JSON, Parquet for a fleet, metrics for Prometheus
    #[command(after_long_help = EXPORT_EXAMPLES)]
    Export(export::Args),
    /// Many hosts: percentiles, causes, regressions (the program softoff-fleet)
    #[command(disable_help_flag = true)]
    Fleet(fleet::Args),
    /// Puts the hook where libvirt runs it
    Install(crate::install::Install),
    /// Takes away what `install` put in place; the records stay
    Uninstall(crate::install::Uninstall),
    /// Records what QEMU, KVM and the kernel do during shutdowns, until SIGINT or SIGTERM
    #[command(after_long_help = TRACE_EXAMPLES)]
    Trace(crate::trace::Args),
    /// Prints the JSON Schema of the journal's records and of the episode
    #[command(after_long_help = SCHEMA_EXAMPLES)]
    Schema(schema::Args),
    /// Prints the completion script of a shell
    #[command(after_long_help = COMPLETIONS_EXAMPLES)]
    Completions(completions::Args),
    /// Prints the manual page
    #[command(after_long_help = MAN_EXAMPLES)]
    Man(man::Args),
}

impl Cli {
    /// Carries out what was asked.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        self.colour.write_global();
        let journal = &self.journal;
        let recorded = &Recorded { dir: journal, slow_after: self.slow_after };
        match self.verb {
            Verb::Demo(args) => args.run(),
            Verb::List(args) => args.run(recorded),
            Verb::Explain(args) => args.run(recorded),
            Verb::Plot(args) => args.run(recorded),
            Verb::Report(args) => args.run(recorded),
            Verb::Import(import) => import.run(journal),
            Verb::Export(args) => args.run(recorded),
            Verb::Fleet(args) => args.run(journal, self.slow_after),
            Verb::Install(install) => install.run(journal),
            Verb::Uninstall(uninstall) => uninstall.run(),
            Verb::Trace(args) => args.run(journal),
            Verb::Schema(args) => args.run(),
            Verb::Completions(args) => args.run(),
            Verb::Man(args) => args.run(),
        }
    }
}
