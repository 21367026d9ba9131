//! Quantities as people read them.

use chrono::{DateTime, Utc};

/// A length of time to about three digits: `40 µs`, `3.1 ms`, `2.90 s`, `12 min 3 s`, `3 h 5 min`.
pub fn duration(seconds: f64) -> String {
    if seconds.is_nan() || seconds < 0.0 {
        return "an unknown time".to_owned();
    }
    match seconds {
        0.0 => "0 s".to_owned(),
        s if s < 0.000_999_5 => format!("{:.0} µs", s * 1e6),
        s if s < 0.009_95 => format!("{:.1} ms", s * 1e3),
        s if s < 0.999_5 => format!("{:.0} ms", s * 1e3),
        s if s < 9.995 => format!("{s:.2} s"),
        s if s < 119.95 => format!("{s:.1} s"),
        s if s < 7199.5 => two_units(s.round(), ("min", 60.0), ("s", 1.0)),
        s if s < 172_770.0 => two_units(s, ("h", 3600.0), ("min", 60.0)),
        s => two_units(s, ("d", 86_400.0), ("h", 3600.0)),
    }
}

fn two_units(seconds: f64, big: (&str, f64), small: (&str, f64)) -> String {
    let smalls = (seconds / small.1).round();
    let per_big = big.1 / small.1;
    format!("{:.0} {} {:.0} {}", (smalls / per_big).floor(), big.0, smalls % per_big, small.0)
}

/// A moment relative to the request: `+0.031 s`; ten hours away and more, `-26 h 0 min`.
pub fn offset(seconds: f64) -> String {
    if seconds.abs() >= 36_000.0 {
        let sign = if seconds < 0.0 { '-' } else { '+' };
        return format!("{sign}{}", duration(seconds.abs()));
    }
    let milliseconds = (seconds * 1e3).round();
    // Adding zero turns -0 into 0.
    format!("{:+.3} s", milliseconds / 1e3 + 0.0)
}

/// A wall time, to the second, in UTC.
pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// An amount of data: `512 B`, `12.5 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut amount = count as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1023.95 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

/// A share or confidence from 0 to 1: `80 %`.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share.clamp(0.0, 1.0) * 100.0)
}

/// `count` and the noun it counts: `1 shutdown`, `2 shutdowns`.
pub fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// A number with its thousands apart.
pub fn thousands(count: u64, apart: char) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(apart);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits_from_microseconds_to_days() {
        let shown = [0.0, 0.00004, 0.0031, 0.031, 0.9999, 2.9, 59.96, 120.0, 723.4, 11_100.0, 180_000.0];
        let expected = [
            "0 s",
            "40 µs",
            "3.1 ms",
            "31 ms",
            "1.00 s",
            "2.90 s",
            "60.0 s",
            "2 min 0 s",
            "12 min 3 s",
            "3 h 5 min",
            "2 d 2 h",
        ];
        assert_eq!(shown.map(duration), expected);
    }

    #[test]
    fn rounding_never_gives_sixty_seconds_or_minutes() {
        assert_eq!(duration(179.7), "3 min 0 s");
        assert_eq!(duration(10_799.0), "3 h 0 min");
    }

    #[test]
    fn offsets_show_milliseconds_and_no_negative_zero() {
        assert_eq!(
            [0.0312, -0.0001, -1.5, -93_600.0].map(offset),
            ["+0.031 s", "+0.000 s", "-1.500 s", "-26 h 0 min"]
        );
    }

    #[test]
    fn amounts_step_up_by_1024() {
        assert_eq!(
            [0, 1023, 1024, 13_107_200, u64::MAX].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "12.5 MiB", "16.0 EiB"]
        );
    }
}
