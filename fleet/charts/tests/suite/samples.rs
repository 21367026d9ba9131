//! Values to draw: a fleet of some size, made up by formulas.

use chrono::{Days, NaiveDate};
use softoff_charts::change::{Change, Difference, Percentile, Period};
use softoff_charts::curves::Curve;
use softoff_charts::hosts::{Host, Hosts, Share, Spread};
use softoff_charts::lost::{self, Lost};
use softoff_charts::percentiles::{Percentiles, Point};
use softoff_charts::phases::{self, Phases};
use softoff_charts::survival::Survival;
use softoff_charts::times::Times;
use softoff_charts::{Chart, ChartError, Context, Count, Quantile};

/// How large the fleet is and what its parts are called.
#[derive(Debug, Clone)]
pub struct Size {
    pub days: u64,
    pub hosts: u64,
    pub per_day: u64,
    pub names: Vec<String>,
}

impl Size {
    pub fn of(days: u64, hosts: u64, per_day: u64) -> Self {
        let names = [
            "none",
            "guest.update",
            "guest.slow-services",
            "host.storage",
            "guest.app-blocked",
            "host.cpu",
            "guest.hung",
            "host.teardown",
            "guest.first-boot",
            "host.libvirt",
        ];
        Self { days, hosts, per_day, names: names.map(str::to_owned).into() }
    }
}

pub fn context() -> Context {
    Context { scope: "50 hosts, 2026-01-01 to 2026-01-30".to_owned(), synthetic: true }
}

fn real(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The charts of a fleet.
pub fn charts(size: &Size) -> Result<Vec<Chart>, ChartError> {
    let context = context();
    Ok(vec![
        percentiles(size).chart(&context)?,
        survival(size).chart(&context)?,
        lost(size).chart(&context)?,
        hosts(size).chart(&context)?,
        phases(size).chart(&context)?,
        change(size).chart(&context)?,
    ])
}

fn first() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 1).expect("a date")
}

fn day(index: u64) -> NaiveDate {
    first().checked_add_days(Days::new(index)).expect("a date")
}

fn times(size: &Size) -> Times {
    Times::spanning(first(), day(size.days.saturating_sub(1)))
}

/// A number from 0 to 1 that looks random.
fn noise(seed: u64) -> f64 {
    real(seed.wrapping_mul(2_654_435_761) % 1000) / 1000.0
}

pub fn percentiles(size: &Size) -> Percentiles {
    let point = |index: u64| {
        let timed = size.hosts * size.per_day * if index % 9 == 4 { 1 } else { 7 } / 7;
        let slower = 1.0 + noise(index) / 4.0 + real(index) / real(size.days);
        let p99 =
            if index.is_multiple_of(3) { Quantile::Beyond(3600.0) } else { Quantile::At(2000.0 * slower) };
        let values = [Quantile::At(6.0 * slower), Quantile::At(80.0 * slower), p99];
        let values = if timed == 0 { [Quantile::Unknown; 3] } else { values };
        Point { day: day(index), count: Count { timed, cut_off: timed / 9 }, values }
    };
    let times = times(size);
    let mut points: Vec<_> = (0..size.days).filter(|index| index % 11 != 7).map(point).collect();
    points.dedup_by_key(|point| times.index(point.day));
    Percentiles { times, points }
}

fn curve(name: &str, timed: u64, median: f64, never: f64) -> Curve {
    let at = |index: u64| 0.5 * 1.02_f64.powf(real(index) * 1.2);
    let mut curve = Curve { name: name.to_owned(), ..Curve::default() };
    let spread = 1.0 / real(timed.max(1)).sqrt();
    for index in 0..380.min(timed) {
        let seconds = at(index);
        let share = never + (1.0 - never) / (1.0 + (seconds / median).powi(2));
        curve.steps.push((seconds, share));
        curve.low.push((seconds, (share - spread).clamp(0.0, 1.0)));
        curve.high.push((seconds, (share + spread).clamp(0.0, 1.0)));
        let cut_off = u64::from(index % 5 == 0);
        curve.ends.push((seconds, Count { timed: timed / 380 + cut_off, cut_off }));
    }
    curve.count = Count {
        timed: curve.ends.iter().map(|(_, count)| count.timed).sum::<u64>().max(timed),
        cut_off: curve.ends.iter().map(|(_, count)| count.cut_off).sum(),
    };
    curve
}

pub fn survival(size: &Size) -> Survival {
    let timed = size.hosts * size.per_day * size.days;
    let groups = size.names.iter().take(6).enumerate().map(|(index, name)| {
        let index = index as u64;
        curve(name, timed >> index, 5.0 * 2.5_f64.powf(real(index)), 0.1 * real(index % 3))
    });
    Survival {
        by: "cause".to_owned(),
        groups: groups.collect(),
        others: Some((8, curve("others", timed / 50, 50.0, 0.3))),
    }
}

pub fn lost(size: &Size) -> Lost {
    let cause = |(rank, name): (u64, &String)| lost::Cause {
        name: name.clone(),
        hours: (0..size.days)
            .map(|index| (day(index), real(size.hosts) * (0.5 + noise(index * 31 + rank)) / real(rank + 1)))
            .collect(),
    };
    Lost {
        times: times(size),
        causes: (0..).zip(&size.names).map(cause).collect(),
        shutdowns: size.hosts * size.per_day * size.days,
    }
}

pub fn hosts(size: &Size) -> Hosts {
    let many = size.hosts > 60;
    let share = |host: u64, index: u64| {
        let part = 0.1 + 0.5 * noise(host * 7 + index * 13) * if host.is_multiple_of(5) { 1.0 } else { 0.3 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let bad = (part * real(size.per_day)).round() as u64;
        Share { timed: size.per_day, bad: bad.min(size.per_day) }
    };
    let host = |host: u64| Host {
        name: size
            .names
            .get(usize::try_from(host).expect("small"))
            .filter(|_| host > 2)
            .cloned()
            .unwrap_or(format!("kvm-{host:04}.example")),
        cells: (0..size.days)
            .filter(|index| (index + host) % 17 != 3)
            .map(|index| (day(index), share(host, index)))
            .collect(),
    };
    let spread = |index: u64| Spread {
        day: day(index),
        hosts: (0..20)
            .map(|band| (u8::try_from(band * 3).unwrap_or(0), (size.hosts >> (band / 3)) + 1))
            .collect(),
        timed: size.hosts * size.per_day,
    };
    let mut hosts: Vec<_> = (0..size.hosts.min(if many { 40 } else { 60 })).map(host).collect();
    hosts.sort_by_key(|host| std::cmp::Reverse(host.total().bad));
    Hosts {
        times: times(size),
        all: size.hosts,
        hosts,
        spread: if many { (0..size.days).map(spread).collect() } else { vec![] },
    }
}

pub fn phases(size: &Size) -> Phases {
    let cause = |(rank, name): (u64, &String)| phases::Cause {
        name: name.clone(),
        count: size.hosts * size.per_day * size.days / (rank + 1) / 40,
        means: [
            Some(0.01),
            Some(3.0 + real(rank)),
            Some(90.0 * noise(rank + 3)),
            if rank == 2 { None } else { Some(20.0 + 40.0 * noise(rank * 3)) },
            Some(6.0),
            Some(2.0),
        ],
    };
    Phases { causes: (0..).zip(&size.names).map(cause).collect() }
}

pub fn change(size: &Size) -> Change {
    let timed = size.hosts * size.per_day * size.days / 2;
    let period = |name: &str, median: f64| Period {
        curve: curve(name, timed, median, 0.03),
        percentiles: [("p50", 1.0), ("p90", 12.0), ("p99", 600.0)]
            .map(|(name, factor)| Percentile {
                name,
                value: if factor > 500.0 { Quantile::Beyond(3600.0) } else { Quantile::At(median * factor) },
                low: Quantile::At(median * factor * 0.8),
                high: if factor > 500.0 {
                    Quantile::Beyond(3600.0)
                } else {
                    Quantile::At(median * factor * 1.2)
                },
            })
            .into(),
    };
    let difference = Difference {
        seconds: 4.56,
        low: 2.15,
        high: 6.97,
        before: 33.1,
        after: 37.66,
        horizon: 300.0,
        p_value: 0.000_01,
    };
    Change {
        before: period("2026-01-01..2026-01-15", 6.0),
        after: period("2026-01-16..2026-01-30", 8.1),
        difference: Some(difference),
    }
}
