//! Stretches of time as people type them.

use chrono::{DateTime, Utc};
use softoff_reports::moment;

/// A moment, as SQL writes it.
pub fn moment(text: &str) -> Result<String, String> {
    moment::parse(text, Utc::now()).map(written)
}

/// A stretch of time: from (inclusive) until (exclusive), as SQL writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// As it was typed.
    pub name: String,
    from: Option<String>,
    until: Option<String>,
}

impl Range {
    /// The condition in SQL.
    pub fn sql(&self) -> String {
        let from = self.from.as_ref().map(|time| format!("requested_at >= TIMESTAMP '{time}'"));
        let until = self.until.as_ref().map(|time| format!("requested_at < TIMESTAMP '{time}'"));
        from.into_iter().chain(until).collect::<Vec<_>>().join(" AND ")
    }
}

/// `2026-11-01..2026-11-15` (the last day counts), one of them left out, or one day.
pub fn range(text: &str) -> Result<Range, String> {
    let expected =
        || "expected 2026-11-01..2026-11-14 (the last day counts), 2026-11-15.. or 2026-11-20".to_owned();
    let (from, until) = text.split_once("..").unwrap_or((text, text));
    let from = side(from, moment::absolute).map_err(|()| expected())?;
    let until = side(until, moment::end).map_err(|()| expected())?;
    if (from.is_none() && until.is_none()) || from.zip(until).is_some_and(|(from, until)| from >= until) {
        return Err(expected());
    }
    Ok(Range { name: text.to_owned(), from: from.map(written), until: until.map(written) })
}

/// One side of a range, which may be left open.
fn side(text: &str, read: fn(&str) -> Option<DateTime<Utc>>) -> Result<Option<DateTime<Utc>>, ()> {
    if text.is_empty() { Ok(None) } else { read(text).map(Some).ok_or(()) }
}

fn written(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_of_a_range_counts() {
        let sql = range("2026-11-01..2026-11-14").expect("a range").sql();
        assert_eq!(
            sql,
            "requested_at >= TIMESTAMP '2026-11-01T00:00:00Z' AND requested_at < TIMESTAMP '2026-11-15T00:00:00Z'"
        );
        let until_midnight = range("2026-11-01..2026-11-14 00:00").expect("a range").sql();
        assert!(until_midnight.ends_with("< TIMESTAMP '2026-11-14T00:00:00Z'"), "a time is itself");
        assert_eq!(
            range("2026-11-01"),
            range("2026-11-01..2026-11-01").map(|range| Range { name: "2026-11-01".into(), ..range })
        );
    }

    #[test]
    fn a_side_can_be_left_open() {
        assert_eq!(
            range("2026-11-15..").expect("a range").sql(),
            "requested_at >= TIMESTAMP '2026-11-15T00:00:00Z'"
        );
        assert_eq!(
            range("..2026-11-14").expect("a range").sql(),
            "requested_at < TIMESTAMP '2026-11-15T00:00:00Z'"
        );
    }

    #[test]
    fn what_is_no_range_is_told_what_one_is() {
        for text in ["", "..", "soon", "2026-11-20..2026-11-01", "2026-13-01", "' OR TRUE"] {
            assert!(range(text).is_err_and(|error| error.contains("expected 2026-11-01..")), "{text}");
        }
    }
}
