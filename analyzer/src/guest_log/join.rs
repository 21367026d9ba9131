//! The join: which cycle of a guest is which stop of the host, and how far the guest's clock is off.
//!
//! ```text
//! stop × cycle ─▶ an interval in which the offset (guest minus host) must lie ─▶ the offset that most
//!                 intervals near in time agree on (Marzullo) ─▶ the pair whose own interval holds it
//!
//!  S5 ended it:     13 was written at most 10 s before    [G13 − S5, G13 − S5 + 10 s]
//!  somebody asked:  1074 was not written before that      at most G1074 − request
//!  it was cut off:  what it wrote, it wrote before        at least G − end
//! ```
//!
//! Stops of other days count with intervals made wider by what a clock may drift until then; a clock that
//! was set in between finds its own majority on either side. Where one pair stands alone it is joined only
//! if the offset is small: anything else could be chance, and is said to be ambiguous.

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use super::Cycle;
use super::phases::seconds;
use super::stop::{Kind, Stop};
use crate::episode::{GuestLogEnd, GuestLogType};

/// Offsets beyond this are not looked for: any time zone taken for another is within it, and a cycle of
/// the day before is not.
const REACH: f64 = 15.0 * 3600.0;
/// An offset that needs no second witness: a guest's clock is mostly right.
const SMALL: f64 = 120.0;
/// How far a clock may drift in a day, in seconds: 58 ppm, more than crystals do.
const DRIFT: f64 = 5.0;
/// Stops this far away still tell of the offset.
const WINDOW: TimeDelta = TimeDelta::days(14);
/// The most stops on either side that are asked.
const NEIGHBOURS: usize = 24;
/// The most cycles that are thought of for a stop, the nearest ones: a guest can write them without end.
const CANDIDATES: usize = 64;
/// The heartbeat is written once a minute; that it is late by a little is no matter.
const HEARTBEAT: f64 = 65.0;

/// How far the guest's clock is ahead of the host's, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offset {
    /// Guest minus host.
    pub seconds: f64,
    /// How far that may be off, to either side.
    pub uncertainty: f64,
}

/// What was found for a stop.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Joined {
    /// The cycle, by its place among the machine's.
    pub cycle: Option<usize>,
    /// The offset at that time, where it is known.
    pub offset: Option<Offset>,
    /// Cycles fit, and nothing tells which of them it is.
    pub ambiguous: bool,
}

/// A stretch of offsets, from and to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Interval {
    from: f64,
    to: f64,
}

impl Interval {
    fn middle(self) -> f64 {
        f64::midpoint(self.from, self.to)
    }

    fn meet(self, other: Self) -> Option<Self> {
        let met = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        (met.from <= met.to).then_some(met)
    }

    fn wider(self, by: f64) -> Self {
        Self { from: self.from - by, to: self.to + by }
    }

    fn offset(self) -> Offset {
        Offset { seconds: self.middle(), uncertainty: (self.to - self.from) / 2.0 }
    }
}

/// A stop and a cycle that may be one.
#[derive(Debug, Clone, Copy)]
struct Pair {
    stop: usize,
    cycle: usize,
    interval: Interval,
}

/// What is found for each stop; a stop has none where it has not ended.
pub fn join(stops: &[Option<Stop>], moments: &[DateTime<Utc>], cycles: &[Cycle]) -> Vec<Joined> {
    let pairs = pairs(stops, cycles);
    let mut taken = vec![false; cycles.len()];
    let mut joined = vec![Joined::default(); stops.len()];
    let mut order: Vec<usize> = (0..stops.len()).collect();
    order.sort_by_key(|stop| moments[*stop]);
    let places: Vec<usize> = places(&order);
    for &stop in &order {
        let Some(at) = stops[stop].map(|stop| stop.end) else { continue };
        let near = |pair: &&Pair| {
            places[pair.stop].abs_diff(places[stop]) <= NEIGHBOURS
                && (moments[pair.stop] - moments[stop]).abs() <= WINDOW
        };
        let voters: Vec<(usize, Interval)> =
            pairs.iter().filter(near).map(|pair| aged(pair, stops, at)).collect();
        let own = pairs.iter().filter(|pair| pair.stop == stop && !taken[pair.cycle]);
        let chosen = choose(own, &voters, stop);
        if let Choice::Pair(cycle, offset) = chosen {
            taken[cycle] = true;
            joined[stop] = Joined { cycle: Some(cycle), offset: Some(offset), ambiguous: false };
        }
        joined[stop].ambiguous = matches!(chosen, Choice::Ambiguous);
    }
    lend(&mut joined, moments);
    joined
}

/// Each stop's place in the order of time.
fn places(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    for (place, stop) in order.iter().enumerate() {
        places[*stop] = place;
    }
    places
}

/// A pair's interval as it counts at another time.
fn aged(pair: &Pair, stops: &[Option<Stop>], at: DateTime<Utc>) -> (usize, Interval) {
    let days = stops[pair.stop].map_or(0.0, |stop| seconds(stop.end, at).abs() / 86_400.0);
    (pair.stop, pair.interval.wider(DRIFT * days))
}

fn pairs(stops: &[Option<Stop>], cycles: &[Cycle]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (index, stop) in stops.iter().enumerate() {
        let Some(stop) = stop else { continue };
        let fits = |(cycle, of): (usize, &Cycle)| Some((cycle, interval(stop, of)?));
        let mut fitting: Vec<(usize, Interval)> = cycles.iter().enumerate().filter_map(fits).collect();
        fitting.sort_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
        let pair = |(cycle, interval)| Pair { stop: index, cycle, interval };
        pairs.extend(fitting.into_iter().take(CANDIDATES).map(pair));
    }
    pairs
}

/// In which the offset must lie if these are one; none where they cannot be.
fn interval(stop: &Stop, cycle: &Cycle) -> Option<Interval> {
    let last = cycle.last_seen()?;
    let gone = seconds(stop.end, last);
    let mut interval = match stop.kind {
        Kind::Off | Kind::Reset => {
            ends_by_itself(stop.kind, cycle)?;
            // Whatever was written after the last mark that is left was lost: a minute is ample.
            let slack = if cycle.marks.stopped.is_some() { seconds_of(stop.slack) } else { 60.0 };
            Interval { from: gone, to: gone + slack }
        }
        Kind::Slept => {
            let at = seconds(stop.end, cycle.slept?.at);
            Interval { from: at, to: at + seconds_of(stop.slack) }
        }
        Kind::Cut if cycle.marks.stopped.is_some() => return None,
        Kind::Cut if cycle.is_bare() => Interval { from: gone, to: gone + HEARTBEAT },
        Kind::Cut => Interval { from: gone, to: f64::INFINITY },
    };
    if last.nanosecond() == 0 {
        interval.to += 1.0;
    }
    if let Some((request, asked)) = stop.asked.zip(cycle.marks.asked) {
        let cut = if asked.nanosecond() == 0 { 1.0 } else { 0.0 };
        interval.to = interval.to.min(seconds(request, asked) + cut);
    } else if interval.to.is_infinite() {
        interval.to = interval.from + 600.0;
    }
    (interval.from <= interval.to).then_some(interval)?;
    interval.meet(Interval { from: -REACH, to: REACH })
}

/// A cycle that can be one that the host saw end by the guest's own doing.
fn ends_by_itself(kind: Kind, cycle: &Cycle) -> Option<()> {
    let restarts = cycle.kind == Some(GuestLogType::Restart);
    let fits = cycle.ended != GuestLogEnd::Unexpected
        && !cycle.is_bare()
        && cycle.slept.is_none()
        && (kind == Kind::Reset || !restarts);
    fits.then_some(())
}

fn seconds_of(delta: TimeDelta) -> f64 {
    seconds(DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + delta)
}

enum Choice {
    Nothing,
    Ambiguous,
    Pair(usize, Offset),
}

/// The pair that most stops agree with. A small offset needs half as many of them.
fn choose<'a>(own: impl Iterator<Item = &'a Pair>, voters: &[(usize, Interval)], stop: usize) -> Choice {
    let found: Vec<(usize, usize, Interval)> = own
        .map(|pair| {
            let (count, best) = agreement(pair.interval, voters, stop);
            (count, pair.cycle, best)
        })
        .collect();
    let most = found.iter().map(|(votes, ..)| *votes).max().unwrap_or(0);
    let is_small = |best: &Interval| distance(*best) <= SMALL;
    let small = found.iter().filter(|(votes, _, best)| is_small(best) && votes * 2 >= most);
    let nearest = |all: Vec<&(usize, usize, Interval)>| {
        all.into_iter().min_by(|a, b| b.0.cmp(&a.0).then(distance(a.2).total_cmp(&distance(b.2)))).copied()
    };
    if let Some((_, cycle, best)) = nearest(small.collect()) {
        return Choice::Pair(cycle, best.offset());
    }
    let best: Vec<_> = found.iter().filter(|(votes, ..)| *votes == most).collect();
    match best.as_slice() {
        [] => Choice::Nothing,
        [(count, cycle, best)] if *count >= 3 => Choice::Pair(*cycle, best.offset()),
        _ => Choice::Ambiguous,
    }
}

/// How far an interval is from no offset at all.
fn distance(interval: Interval) -> f64 {
    if interval.from <= 0.0 && interval.to >= 0.0 { 0.0 } else { interval.from.abs().min(interval.to.abs()) }
}

/// Within a stop's own interval, the stretch on which most stops agree, and how many they are, itself
/// included. Marzullo's algorithm: count beginnings and ends in their order.
fn agreement(own: Interval, voters: &[(usize, Interval)], stop: usize) -> (usize, Interval) {
    let mut edges: Vec<(f64, bool)> = Vec::new();
    for (_, interval) in voters.iter().filter(|(voter, _)| *voter != stop) {
        if let Some(met) = interval.meet(own) {
            edges.extend([(met.from, true), (met.to, false)]);
        }
    }
    // Intervals that only touch agree: beginnings come first.
    edges.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let (mut count, mut best) = (0_usize, (0, own));
    for (index, (at, begins)) in edges.iter().enumerate() {
        if !begins {
            count -= 1;
            continue;
        }
        count += 1;
        let to = edges.get(index + 1).map_or(own.to, |(next, _)| *next);
        let stretch = Interval { from: *at, to };
        let better = count > best.0 || (count == best.0 && distance(stretch) < distance(best.1));
        if better {
            best = (count, stretch);
        }
    }
    (best.0 + 1, best.1)
}

/// What was not joined borrows the offset of the nearest stop that was, as far as a clock may have
/// drifted since.
fn lend(joined: &mut [Joined], moments: &[DateTime<Utc>]) {
    let known: Vec<(DateTime<Utc>, Offset)> = joined
        .iter()
        .zip(moments)
        .filter_map(|(joined, at)| Some((*at, joined.offset.filter(|_| joined.cycle.is_some())?)))
        .collect();
    for (joined, at) in joined.iter_mut().zip(moments).filter(|(joined, _)| joined.offset.is_none()) {
        let nearest = known.iter().min_by_key(|(other, _)| (*other - *at).abs());
        joined.offset = nearest.filter(|(other, _)| (*other - *at).abs() <= WINDOW).map(|(other, offset)| {
            let days = seconds(*other, *at).abs() / 86_400.0;
            Offset { uncertainty: offset.uncertainty + DRIFT * days, ..*offset }
        });
    }
}
