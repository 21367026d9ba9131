//! The time axis: which seconds it spans, where they lie, and where its ticks are.

use crate::story::Story;

/// What lies before the request or after the end may take this share of the episode's length;
/// what is farther away stands at the edge with an arrow.
const MARGIN: f64 = 0.2;
const TICK_GAP: f64 = 90.0;

/// Seconds to pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    from: f64,
    to: f64,
    left: i32,
    right: i32,
}

/// Where a moment lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    At(i32),
    Before(i32),
    After(i32),
}

impl Axis {
    /// An axis for `story` from pixel `left` to pixel `right`.
    pub fn new(story: &Story, left: i32, right: i32) -> Self {
        let ends = story.phases.iter().map(|phase| phase.start + phase.seconds);
        let core = ends.chain(story.seconds).fold(0.0, f64::max);
        let times = || story.evidence.iter().map(|sighting| sighting.at);
        let (earliest, latest) = (times().fold(0.0, f64::min), times().fold(core, f64::max));
        let (from, to) = if core > 0.0 {
            (earliest.max(-MARGIN * core), latest.min(core * (1.0 + MARGIN)))
        } else {
            (earliest, latest)
        };
        let to = if to > from { to } else { from + 1.0 };
        Self { from, to, left, right }
    }

    /// The pixel of a moment within the axis; those outside are moved to its ends.
    pub fn x(&self, seconds: f64) -> i32 {
        let share = ((seconds - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, reason = "between left and right")]
        let pixels = (share * f64::from(self.right - self.left)).round() as i32;
        self.left + pixels
    }

    pub fn spot(&self, seconds: f64) -> Spot {
        match seconds {
            s if s < self.from => Spot::Before(self.left),
            s if s > self.to => Spot::After(self.right),
            s => Spot::At(self.x(s)),
        }
    }

    /// Pixels and labels of the ticks.
    pub fn ticks(&self) -> Vec<(i32, String)> {
        let step = self.step();
        let first = (self.from / step).ceil();
        let last = (self.to / step).floor();
        let mut ticks = Vec::new();
        let mut tick = first;
        while tick <= last && ticks.len() < 64 {
            ticks.push((self.x(tick * step), label(tick * step, step)));
            tick += 1.0;
        }
        ticks
    }

    /// The smallest round step whose labels have room.
    fn step(&self) -> f64 {
        let least = (self.to - self.from) * TICK_GAP / f64::from(self.right - self.left);
        let decades = (-7..=1).map(|power| 10_f64.powi(power));
        let decimal = decades.flat_map(|decade| [decade, 2.0 * decade, 5.0 * decade]);
        let clock = [30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 21_600.0, 86_400.0];
        let steps = decimal.take_while(|step| *step < 30.0).chain(clock);
        steps.into_iter().find(|step| *step >= least).unwrap_or(least)
    }
}

/// `0.5 s`, `120 s`; below ten milliseconds `2 ms` and `50 µs`.
fn label(seconds: f64, step: f64) -> String {
    let (amount, step, unit) = match step {
        step if step < 0.000_1 => (seconds * 1e6, step * 1e6, "µs"),
        step if step < 0.005 => (seconds * 1e3, step * 1e3, "ms"),
        step => (seconds, step, "s"),
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 3")]
    let decimals = (-step.log10()).ceil().clamp(0.0, 3.0) as usize;
    format!("{:.decimals$} {unit}", amount + 0.0)
}
