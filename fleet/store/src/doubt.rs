//! What in a store cannot be true of one fleet: two hosts with one name, clocks years apart.
//!
//! One host has one boot at a time. Where two boots of one name overlap, there are two hosts of that
//! name, or a clock was set back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// A gap of so many days parts the files of clocks that are right from those that are not.
const YEAR: i64 = 366;
/// So far in the future a clock may be off before that is said, in days.
const AHEAD: i64 = 2;

/// A file and when its requests were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The file, for people.
    pub file: String,
    /// The host's name.
    pub host: String,
    /// The host's boot.
    pub boot_id: String,
    /// First request.
    pub first: DateTime<Utc>,
    /// Last request.
    pub last: DateTime<Utc>,
}

/// Something that cannot be true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Two boots of one name at one time.
    #[error(
        "{one} and {other}: two boots of the host \"{host}\" at one time; these are two hosts with one name, \
         or a clock was set back. Rename one of them: they are counted as one host"
    )]
    TwoHosts {
        /// The name.
        host: String,
        /// A file of one.
        one: String,
        /// A file of the other.
        other: String,
    },
    /// A clock that is years off.
    #[error(
        "{file}: its requests are of {day}, more than a year from those of {others}; the host's clock was \
         wrong. They are counted, but belong to no period"
    )]
    FarAway {
        /// The file.
        file: String,
        /// Its day.
        day: chrono::NaiveDate,
        /// Where the most files are.
        others: chrono::NaiveDate,
    },
    /// A clock that is ahead.
    #[error(
        "{file}: its requests are of {day}, which has not come yet; the clock of the host, or of this machine, is wrong"
    )]
    Future {
        /// The file.
        file: String,
        /// Its day.
        day: chrono::NaiveDate,
    },
}

/// All doubts about these files, as of `now`.
pub fn doubts(spans: &[Span], now: DateTime<Utc>) -> Vec<Doubt> {
    let mut doubts = namesakes(spans);
    doubts.extend(far_away(spans));
    let ahead = spans.iter().filter(|span| (span.last - now).num_days() >= AHEAD);
    doubts.extend(ahead.map(|span| Doubt::Future { file: span.file.clone(), day: span.last.date_naive() }));
    doubts
}

fn namesakes(spans: &[Span]) -> Vec<Doubt> {
    let mut boots: BTreeMap<(&str, &str), Span> = BTreeMap::new();
    for span in spans {
        let boot = boots.entry((&span.host, &span.boot_id)).or_insert_with(|| span.clone());
        boot.first = boot.first.min(span.first);
        boot.last = boot.last.max(span.last);
    }
    let mut boots: Vec<_> = boots.into_values().collect();
    boots.sort_by(|a, b| (&a.host, a.first, &a.boot_id).cmp(&(&b.host, b.first, &b.boot_id)));
    let overlap = |pair: &&[Span]| pair[0].host == pair[1].host && pair[1].first < pair[0].last;
    let told = |pair: &[Span]| Doubt::TwoHosts {
        host: pair[0].host.clone(),
        one: pair[0].file.clone(),
        other: pair[1].file.clone(),
    };
    let mut doubts: Vec<_> = boots.windows(2).filter(overlap).map(told).collect();
    // Once for each name is enough.
    doubts.dedup_by(
        |a, b| matches!((a, b), (Doubt::TwoHosts { host: a, .. }, Doubt::TwoHosts { host: b, .. }) if a == b),
    );
    doubts
}

/// Files that lie apart from where most are.
fn far_away(spans: &[Span]) -> Vec<Doubt> {
    let mut sorted: Vec<_> = spans.iter().collect();
    sorted.sort_by_key(|span| span.first);
    let near = |a: &&Span, b: &&Span| (b.first - a.last).num_days() < YEAR;
    let islands: Vec<_> = sorted.chunk_by(near).collect();
    let Some(main) = islands.iter().max_by_key(|island| island.len()) else { return Vec::new() };
    let others = main[0].first.date_naive();
    let apart = islands.iter().filter(|island| island[0].first.date_naive() != others).copied().flatten();
    apart
        .map(|span| Doubt::FarAway { file: span.file.clone(), day: span.first.date_naive(), others })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(host: &str, boot: &str, first: &str, last: &str) -> Span {
        let time = |day: &str| format!("{day}T12:00:00Z").parse().expect("a time");
        let file = format!("{host}/{boot}");
        Span { file, host: host.to_owned(), boot_id: boot.to_owned(), first: time(first), last: time(last) }
    }

    fn now() -> DateTime<Utc> {
        "2026-11-25T12:00:00Z".parse().expect("a time")
    }

    #[test]
    fn boots_that_follow_each_other_raise_no_doubt() {
        let boots = [
            span("web-1", "a", "2026-11-01", "2026-11-10"),
            span("web-1", "b", "2026-11-10", "2026-11-20"),
            span("web-2", "c", "2026-11-05", "2026-11-15"),
        ];
        assert_eq!(doubts(&boots, now()), []);
    }

    #[test]
    fn two_hosts_with_one_name_are_told_once_with_their_files() {
        let boots = [
            span("web-1", "a", "2026-11-01", "2026-11-10"),
            span("web-1", "b", "2026-11-05", "2026-11-20"),
            span("web-1", "a", "2026-11-11", "2026-11-12"),
        ];
        let [doubt] = doubts(&boots, now()).try_into().expect("one doubt");
        let told = doubt.to_string();
        assert!(told.starts_with("web-1/a and web-1/b: two boots of the host \"web-1\""), "{told}");
    }

    #[test]
    fn a_clock_years_behind_and_one_ahead_are_told_with_their_files() {
        let boots = [
            span("web-1", "a", "1970-01-01", "1970-01-02"),
            span("web-2", "b", "2026-11-01", "2026-11-02"),
            span("web-3", "c", "2026-11-03", "2026-11-04"),
            span("web-4", "d", "2026-12-25", "2026-12-25"),
        ];
        let told: Vec<_> = doubts(&boots, now()).iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("web-1/a: its requests are of 1970-01-01"), "{}", told[0]);
        assert!(
            told[1].starts_with("web-4/d: its requests are of 2026-12-25, which has not come yet"),
            "{}",
            told[1]
        );
    }

    #[test]
    fn years_of_records_without_a_gap_raise_no_doubt() {
        let year = |n: i32| span("web-1", &n.to_string(), &format!("{n}-01-01"), &format!("{n}-12-31"));
        let boots: Vec<_> = (2018..2026).map(year).collect();
        assert_eq!(doubts(&boots, now()), []);
    }
}
