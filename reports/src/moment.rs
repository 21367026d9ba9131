//! A moment as people type it. All times are UTC unless they say otherwise.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, Utc};

/// A date, a date with time, or so long before `now` (`2h`, `3days`). The error says what is expected.
pub fn parse(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let read = absolute(text).or_else(|| ago(text, now));
    read.ok_or_else(|| {
        "expected 2026-11-23, \"2026-11-23 09:12\" (UTC), or so long ago: 30min, 2h, 3days".into()
    })
}

/// The end of what a text names: of the whole day where it is a date, else the moment itself.
pub fn end(text: &str) -> Option<DateTime<Utc>> {
    match day(text) {
        Some(day) => day.checked_add_days(Days::new(1)),
        None => absolute(text),
    }
}

/// The beginning of a date, or a date with time.
pub fn absolute(text: &str) -> Option<DateTime<Utc>> {
    const WITH_TIME: [&str; 4] =
        ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok();
    let time = || WITH_TIME.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    zoned.or_else(|| time().map(|time| time.and_utc())).or_else(|| day(text))
}

fn day(text: &str) -> Option<DateTime<Utc>> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc())
}

fn ago(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let length = humantime::parse_duration(text).ok()?;
    now.checked_sub_signed(chrono::Duration::from_std(length).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_times_and_zones_are_read_as_utc() {
        let expected: DateTime<Utc> = "2026-11-23T09:12:00Z".parse().expect("a time");
        for text in ["2026-11-23 09:12", "2026-11-23T09:12:00", "2026-11-23T10:12:00+01:00"] {
            assert_eq!(parse(text, DateTime::UNIX_EPOCH), Ok(expected), "{text}");
        }
        assert_eq!(
            parse("2026-11-23", DateTime::UNIX_EPOCH),
            Ok("2026-11-23T00:00:00Z".parse().expect("a time"))
        );
    }

    #[test]
    fn a_date_ends_with_its_day_and_a_time_where_it_is() {
        assert_eq!(end("2026-11-23"), absolute("2026-11-24"));
        assert_eq!(end("2026-11-23 00:00"), absolute("2026-11-23"));
        assert_eq!(end("soon"), None);
    }

    #[test]
    fn a_length_of_time_counts_back_from_now() {
        let now: DateTime<Utc> = "2026-11-23T09:12:00Z".parse().expect("a time");
        assert_eq!(ago("1day 2h", now), Some("2026-11-22T07:12:00Z".parse().expect("a time")));
    }

    #[test]
    fn anything_else_is_told_what_can_be_read() {
        for text in ["", "soon", "2026-13-01", "99999999999999999999y"] {
            assert!(
                parse(text, DateTime::UNIX_EPOCH).is_err_and(|error| error.contains("expected 2026-11-23")),
                "{text}"
            );
        }
    }
}
