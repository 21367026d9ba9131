//! Stretches of time as people type them.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, Utc};

/// A moment, as SQL writes it.
pub fn moment(text: &str) -> Result<String, String> {
    read(text).map(written).ok_or_else(|| "expected 2026-11-23 or \"2026-11-23 09:12\" (UTC)".to_owned())
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
    let side = |text: &str| if text.is_empty() { Some(None) } else { read(text).map(Some) };
    let (from, until) = side(from).zip(side(until)).ok_or_else(expected)?;
    let until = until.map(|time| if is_day(time) { time + Days::new(1) } else { time });
    if (from.is_none() && until.is_none()) || from.zip(until).is_some_and(|(from, until)| from >= until) {
        return Err(expected());
    }
    Ok(Range { name: text.to_owned(), from: from.map(written), until: until.map(written) })
}

fn is_day(time: DateTime<Utc>) -> bool {
    time.time() == chrono::NaiveTime::MIN
}

fn read(text: &str) -> Option<DateTime<Utc>> {
    const WITH_TIME: [&str; 4] =
        ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok();
    let time = || WITH_TIME.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    zoned.or_else(|| time().or_else(date).map(|time| time.and_utc()))
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
