//! The shutdowns of one made-up host on one day.

use std::borrow::Cow;
use std::f64::consts::TAU;

use chrono::{DateTime, Days, NaiveDate, Utc};
use fastrand::Rng;
use softoff_analyzer::Cause;
use softoff_store::Row;

use super::model::{self, KINDS, Kind, Model};

/// Rows that are drawn at a time.
const BATCH: u32 = 8192;
/// Virtual machines of a host.
const MACHINES: u32 = 40;
/// A day in microseconds.
const DAY: i64 = 86_400_000_000;
/// The guests' systems, by how many tenths of the machines have them.
const SYSTEMS: [(&str, u32); 4] = [
    ("http://microsoft.com/win/2k22", 4),
    ("http://microsoft.com/win/2k19", 2),
    ("http://debian.org/debian/12", 3),
    ("http://redhat.com/rhel/9.4", 1),
];
/// From here on a shutdown is slow, as softoff's default has it, in seconds.
const SLOW: f64 = 60.0;

/// How many were drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub rows: u64,
    /// Those with an observed time.
    pub timed: u64,
    /// Those of them that were cut off.
    pub censored: u64,
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.timed += other.timed;
        self.censored += other.censored;
    }

    /// Counts rows.
    pub fn count(&mut self, rows: &[Row<'_>]) {
        for row in rows {
            let timed = u64::from(row.observed_seconds.is_some());
            self.add(&Self { rows: 1, timed, censored: timed * u64::from(row.censored) });
        }
    }
}

/// One host on one day.
#[derive(Debug)]
pub struct Day {
    /// The day.
    pub date: NaiveDate,
    /// The host's name.
    pub host: String,
    /// The host's boot.
    pub boot_id: String,
    machines: Vec<Machine>,
    qemu: &'static str,
    factor: f64,
    count: u32,
    random: u64,
}

/// A virtual machine.
#[derive(Debug)]
struct Machine {
    name: String,
    uuid: String,
    os: &'static str,
}

impl Day {
    /// Day and host are counted from 0.
    pub fn new(model: &Model, host: u32, day: u32, count: u32) -> Self {
        let upgraded = model.is_upgraded(host, day);
        let mut of_host = Rng::with_seed(mix(model.seed, u64::from(host), u64::MAX));
        // An upgrade means a new boot.
        let boots = [uuid(&mut of_host), uuid(&mut of_host)];
        let machines = (0..MACHINES).map(|number| Machine::new(host, number, &mut of_host)).collect();
        Self {
            date: model.start.checked_add_days(Days::new(day.into())).unwrap_or(model.start),
            host: format!("host-{host:05}.synthetic"),
            boot_id: boots[usize::from(upgraded)].clone(),
            machines,
            qemu: if upgraded { model::NEW_QEMU } else { model::OLD_QEMU },
            factor: if upgraded { model::REGRESSION } else { 1.0 },
            count,
            random: mix(model.seed, u64::from(host), u64::from(day)),
        }
    }

    /// All shutdowns, in the order of time.
    pub fn batches(&self) -> impl Iterator<Item = Vec<Row<'_>>> {
        let mut random = Rng::with_seed(self.random);
        let starts = (0..self.count).step_by(BATCH as usize);
        starts.map(move |start| {
            let end = start.saturating_add(BATCH).min(self.count);
            (start..end).map(|number| self.row(number, &mut random)).collect()
        })
    }

    fn row(&self, number: u32, random: &mut Rng) -> Row<'_> {
        let kind = kind(random.f64());
        let machine = &self.machines[random.usize(..self.machines.len())];
        let end = End::draw(kind, self.factor, random);
        let destroyed = kind.cause == Cause::OperatorDestroy;
        Row {
            id: format!("{:012x}", random.u64(..1 << 48)).into(),
            host_name: Cow::from(&self.host),
            boot_id: Cow::from(&self.boot_id),
            domain_name: Some(Cow::from(&machine.name)),
            domain_uuid: Some(Cow::from(&machine.uuid)),
            os: Some(Cow::from(machine.os)),
            qemu_version: Some(Cow::from(self.qemu)),
            qemu_build_id: None,
            kernel: Some("6.12.0-synthetic".into()),
            requested_at: self.moment(number),
            request_path: if destroyed { "destroy" } else { "acpi" }.into(),
            presses: i32::from(!destroyed),
            requested_by: Some("libvirtd".into()),
            outcome: end.outcome.into(),
            verdict: end.verdict().into(),
            escalated: end.outcome == "hard" && !destroyed,
            duration_seconds: (end.outcome != "ignored").then_some(end.seconds),
            observed_seconds: (!destroyed).then_some(end.seconds),
            censored: end.outcome != "soft" && !destroyed,
            phase_seconds: end.phases(kind, random),
            cause: kind.cause.code().into(),
            confidence: f64::from(random.u32(70..100)) / 100.0,
            scenario: kind.cause.scenario().map(i32::from),
            risk: (end.outcome == "hard").then_some("medium".into()),
            tier: "probe".into(),
            lost_events: 0,
            bad_lines: 0,
            clock_uncertainty_seconds: 0.0,
            synthetic: true,
            softoff_version: env!("CARGO_PKG_VERSION").into(),
        }
    }

    /// Evenly over the day.
    fn moment(&self, number: u32) -> Option<DateTime<Utc>> {
        let midnight = self.date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros();
        DateTime::from_timestamp_micros(midnight + DAY * i64::from(number) / i64::from(self.count.max(1)))
    }
}

impl Machine {
    fn new(host: u32, number: u32, random: &mut Rng) -> Self {
        let mut tenth = random.u32(..10);
        let system = SYSTEMS.iter().find(|(_, tenths)| {
            let found = tenth < *tenths;
            tenth = tenth.saturating_sub(*tenths);
            found
        });
        Self {
            name: format!("vm-{host:05}-{number:02}"),
            uuid: uuid(random),
            os: system.map_or(SYSTEMS[0].0, |(os, _)| os),
        }
    }
}

/// How one ended.
#[derive(Debug, Clone, Copy)]
struct End {
    outcome: &'static str,
    seconds: f64,
}

impl End {
    /// What comes first: the end, the end of patience, or giving up.
    fn draw(kind: &Kind, factor: f64, random: &mut Rng) -> Self {
        let natural =
            kind.median.map_or(f64::INFINITY, |median| factor * median * (kind.sigma * gauss(random)).exp());
        if kind.cause == Cause::OperatorDestroy {
            return Self { outcome: "hard", seconds: rounded(natural) };
        }
        let impatient = random.f64() < model::IMPATIENT;
        let patience = model::PATIENCE_MEDIAN * (model::PATIENCE_SIGMA * gauss(random)).exp();
        let cut = if impatient { patience } else { f64::INFINITY };
        if natural <= cut && natural <= model::GIVEN_UP {
            Self { outcome: "soft", seconds: rounded(natural) }
        } else if cut <= model::GIVEN_UP {
            Self { outcome: "hard", seconds: rounded(cut) }
        } else {
            Self { outcome: "ignored", seconds: model::GIVEN_UP }
        }
    }

    fn verdict(self) -> &'static str {
        match self.outcome {
            "soft" if self.seconds < SLOW => "clean",
            "soft" => "slow",
            _ => "failed",
        }
    }

    /// Small shares for all phases, the rest for the one that takes long; none beyond where it was cut off.
    fn phases(self, kind: &Kind, random: &mut Rng) -> [Option<f64>; 6] {
        let mut phases = [0.0; 6];
        for (phase, seconds) in phases.iter_mut().enumerate() {
            let small = self.seconds * 0.02 * random.f64();
            *seconds = if phase == kind.phase { 0.0 } else { rounded(small) };
        }
        let ended = self.outcome == "soft" || kind.cause == Cause::OperatorDestroy;
        let last = if ended { 5 } else { kind.phase };
        let others: f64 = phases[..=last].iter().sum();
        phases[kind.phase] = rounded((self.seconds - others).max(0.0));
        let mut index = 0;
        phases.map(|seconds| {
            index += 1;
            (index <= last + 1).then_some(seconds)
        })
    }
}

/// To a millisecond, as clocks tell it.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

fn kind(mut share: f64) -> &'static Kind {
    let found = KINDS.iter().find(|kind| {
        let found = share < kind.share;
        share -= kind.share;
        found
    });
    found.unwrap_or(&KINDS[0])
}

/// A normal variate (Box and Muller).
fn gauss(random: &mut Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (TAU * random.f64()).cos()
}

fn uuid(random: &mut Rng) -> String {
    let bits = random.u128(..);
    let hex = format!("{bits:032x}");
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// One seed of three numbers (the finaliser of SplitMix64).
fn mix(a: u64, b: u64, c: u64) -> u64 {
    [b, c].into_iter().fold(a, |seed, next| {
        let mut z = seed.wrapping_add(next).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model::new(7, NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day"), 30)
    }

    fn rows(model: &Model, host: u32, day: u32, count: u32) -> Vec<Row<'static>> {
        let day: &'static Day = Box::leak(Box::new(Day::new(model, host, day, count)));
        day.batches().flatten().collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_shutdowns_and_another_one_others() {
        assert_eq!(rows(&model(), 3, 4, 100), rows(&model(), 3, 4, 100));
        let other = Model { seed: 8, ..model() };
        assert_ne!(rows(&model(), 3, 4, 100), rows(&other, 3, 4, 100));
    }

    #[test]
    fn every_row_says_that_it_is_made_up_and_keeps_the_rules_of_the_schema() {
        for row in rows(&model(), 0, 20, 5000) {
            assert!(row.synthetic);
            assert_eq!(row.censored, row.observed_seconds.is_some() && row.outcome != "soft", "{row:?}");
            let phases: f64 = row.phase_seconds.iter().flatten().sum();
            let whole = row.duration_seconds.unwrap_or(model::GIVEN_UP);
            assert!((phases - whole).abs() < 0.01 + 0.001 * whole, "{row:?}");
        }
    }

    #[test]
    fn the_upgrade_touches_every_second_host_from_its_day_on() {
        let version = |host, day| rows(&model(), host, day, 1)[0].qemu_version.clone().expect("a version");
        assert_eq!((&*version(0, 14), &*version(0, 15), &*version(1, 15)), ("9.1.0", "9.2.0", "9.1.0"));
    }

    #[test]
    fn shutdowns_of_a_day_are_in_the_order_of_time_and_within_the_day() {
        let rows = rows(&model(), 1, 2, 20_000);
        assert!(rows.is_sorted_by_key(|row| row.requested_at));
        assert!(rows.iter().all(|row| row.date() == NaiveDate::from_ymd_opt(2026, 1, 3)));
    }
}
