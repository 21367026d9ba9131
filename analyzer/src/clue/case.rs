//! The case: one attempt with all that is known around it, and the moments that clues are about.

use softoff_journal::record::{Coverage, LibvirtCall, Sign};

use crate::activity::Totals;
use crate::agent::Port;
use crate::attempt::{self, Attempt};
use crate::episode::{Path, Verdict};
use crate::limits;
use crate::marks::Marks;
use crate::outcome::End;
use crate::run::{Fact, Run};
use crate::sight::{Sight, lacks};

/// The share of a span of time that must have been measured for its totals to mean anything.
const MEASURED: f64 = 0.5;

/// All that classification looks at.
#[derive(Debug)]
pub struct Case<'a> {
    /// The run it belongs to.
    pub run: &'a Run,
    /// The attempt.
    pub attempt: &'a Attempt<'a>,
    /// Its marks.
    pub marks: &'a Marks,
    /// How it ended.
    pub end: &'a End,
    /// Which way the request took.
    pub path: Path,
    /// How it is judged.
    pub verdict: Verdict,
    /// What could have been seen.
    pub sight: &'a Sight,
    /// The agent's port, where the domain has one.
    pub port: Option<&'a Port>,
    /// The guest's own event log, where one was imported.
    pub inside: Option<super::Inside<'a>>,
    /// Boot clock up to which the attempt is known.
    pub until: u64,
}

impl Case<'_> {
    /// When the guest took the request: the button acknowledged, or the agent asked.
    pub fn heard(&self) -> Option<u64> {
        let by_agent = self.path == Path::Agent && !self.attempt.any(is_refusal);
        self.marks.acknowledged.or_else(|| by_agent.then_some(self.marks.request))
    }

    /// When the guest's time was over: it powered off, it was cut off, or that is all there is.
    pub fn guests_end(&self) -> u64 {
        let destroyed = self
            .attempt
            .signs()
            .find(|(_, sign)| matches!(sign, Sign::LibvirtCall { call: LibvirtCall::Destroy, .. }));
        let cut = destroyed.map(|(fact, _)| fact.boot_ns).into_iter().chain(self.marks.told).min();
        self.marks.s5.or(cut).unwrap_or(self.until)
    }

    /// Whether what happened up to the guest's end can explain the whole: it lasted, and of a shutdown
    /// that worked it was not the smaller part.
    pub fn guest_had_time(&self) -> bool {
        let (request, end) = (self.marks.request, self.guests_end());
        let (guests, whole) = (end.saturating_sub(request), self.until.saturating_sub(request));
        guests >= limits::LONG && (self.marks.s5.is_none() || guests * 2 >= whole)
    }

    /// The guest had written S5, and QEMU was killed before its disks were flushed.
    pub fn was_cut_in_flush(&self) -> bool {
        let killed = self.attempt.any(|sign| matches!(sign, Sign::Exit { signal: Some(_), .. }));
        killed && self.never_flushed()
    }

    /// After S5 QEMU did not come to the end of draining and flushing, as far as it is watched.
    pub fn never_flushed(&self) -> bool {
        let watched =
            self.run.watched.as_ref().is_some_and(|(_, process)| {
                process.coverage == Coverage::Symbols && !lacks(process, "vm_stop")
            });
        let flushed = self.attempt.any(|sign| matches!(sign, Sign::VmStop { .. }));
        self.marks.s5.is_some() && self.sight.intact && watched && !flushed
    }

    /// What was measured in this span; none where less than half of it was.
    pub fn totals(&self, from: u64, to: u64) -> Option<Totals> {
        let length = crate::phases::seconds(to.checked_sub(from)?);
        self.run.activity.during(from, to).filter(|totals| totals.seconds >= MEASURED * length)
    }

    /// The moment of the first fact with such a sign.
    pub fn first(&self, test: impl Fn(&Sign) -> bool) -> Option<u64> {
        self.attempt.signs().find(|(_, sign)| test(sign)).map(|(fact, _)| fact.boot_ns)
    }

    /// Facts of the run up to the end of the attempt that lie at most so many nanoseconds before it.
    pub fn recent(&self, nanos: u64) -> impl Iterator<Item = &Fact> {
        let since = self.attempt.began().saturating_sub(nanos);
        let all = self.attempt.before().iter().chain(&self.attempt.facts).copied();
        all.filter(move |fact| fact.boot_ns >= since)
    }

    /// The beginnings of presses: what shows one press on several stretches of its way counts once.
    pub fn presses(&self) -> Vec<u64> {
        let mut presses = Vec::new();
        let mut last: Option<u64> = None;
        for (fact, _) in self.attempt.signs().filter(|(_, sign)| attempt::is_press(sign)) {
            // The stretches of one press follow each other within milliseconds.
            if last.is_none_or(|last| fact.boot_ns - last > 100_000_000) {
                presses.push(fact.boot_ns);
            }
            last = Some(fact.boot_ns);
        }
        presses
    }
}

/// libvirt refused to pass a shutdown on.
fn is_refusal(sign: &Sign) -> bool {
    matches!(sign, Sign::LibvirtReturn { call: LibvirtCall::Shutdown | LibvirtCall::Reboot, failed: true })
}
