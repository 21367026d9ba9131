//! Phases: the stretches between the marks of an attempt; contiguous, in order, never negative.

use crate::attempt::{self, Attempt, Close};
use crate::episode::{Phase, PhaseName};
use crate::marks::Marks;

/// Where phases stand among all.
const DELIVER: usize = 0;
const GUEST: usize = 2;
const TEARDOWN: usize = 4;

/// Which phase comes first: a request through the agent, or of the guest's own, presses no button; one
/// that never reached the guest was not delivered; and where nobody asked there is only the end.
fn begins_in(attempt: &Attempt<'_>, marks: &Marks, through_agent: bool) -> usize {
    if attempt.any(attempt::is_press) {
        DELIVER
    } else if marks.s5.is_some() || through_agent {
        GUEST
    } else if attempt.any(attempt::is_soft_request) {
        DELIVER
    } else {
        TEARDOWN
    }
}

/// The phases of an attempt, and sentences on the marks that are missing between them.
pub fn phases(attempt: &Attempt<'_>, marks: &Marks, through_agent: bool) -> (Vec<Phase>, Vec<String>) {
    let mut walk = Walk {
        from: marks.request,
        origin: marks.request,
        next: begins_in(attempt, marks, through_agent),
        phases: Vec::new(),
        missing: Vec::new(),
    };
    for (index, (_, at)) in marks.ends().into_iter().enumerate() {
        if let Some(at) = at {
            walk.step(index, at, marks);
        }
    }
    // The end lies in a sign, or in a mark of a phase that this attempt did not begin with.
    let end = ended_otherwise(attempt, marks).unwrap_or(marks.last());
    if end > walk.from {
        walk.phases.push(walk.phase(walk.next, end));
    }
    (walk.phases, walk.missing)
}

/// Attempts that end with the machine running on have their end in a sign, not in a mark.
fn ended_otherwise(attempt: &Attempt<'_>, marks: &Marks) -> Option<u64> {
    let ended = matches!(attempt.close, Close::Reset | Close::Suspended);
    let end = attempt.facts.last()?.boot_ns;
    (ended && end > marks.last()).then_some(end)
}

struct Walk {
    from: u64,
    origin: u64,
    /// The phase that is going on: the first one whose end was not reached.
    next: usize,
    phases: Vec<Phase>,
    missing: Vec<String>,
}

impl Walk {
    /// The mark that ends phase `index` was seen `at` this moment.
    fn step(&mut self, index: usize, at: u64, marks: &Marks) {
        if index < self.next && self.phases.is_empty() {
            return;
        }
        let is_request = at == self.from && self.phases.is_empty() && index > 0;
        if !is_request {
            let named = if self.was_cut_off(index, marks) { self.next } else { index };
            self.note_gap(named);
            self.phases.push(self.phase(named, at));
        }
        self.from = at;
        self.next = index + 1;
    }

    fn note_gap(&mut self, named: usize) {
        if named > self.next {
            let name = |index: usize| PhaseName::ALL[index].as_str();
            self.missing.push(format!(
                "the end of {} was not seen: its time is counted in {}",
                name(self.next),
                name(named)
            ));
        }
    }

    /// A guest that was told to end without having written S5 never got past the phase it was in.
    fn was_cut_off(&self, index: usize, marks: &Marks) -> bool {
        const POWEROFF: usize = 3;
        let reached_s5 = marks.s5.is_some();
        !reached_s5
            && (index == POWEROFF || (index == TEARDOWN && marks.told.is_none()))
            && self.next < POWEROFF
    }

    fn phase(&self, index: usize, end: u64) -> Phase {
        Phase {
            name: PhaseName::ALL[index.min(PhaseName::ALL.len() - 1)],
            start_seconds: seconds(self.from - self.origin),
            seconds: seconds(end - self.from),
        }
    }
}

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "spans of 100 days are exact to the nanosecond")]
pub fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
