//! Phases of a cycle: the stretches between its marks.
//!
//! ```text
//! 1074 ─▶ 7002 ─▶ 6006 ─▶ 109 ─▶ 13
//!     sessions preshutdown services kernel
//! ```
//!
//! A mark that is missing gives its time to the next one's phase: without anybody logged on there is no
//! 7002, and the time is the pre-shutdown services'. What Windows measured itself refines this where
//! both agree.

use chrono::{DateTime, Timelike, Utc};

use super::cycles::Marks;
use crate::episode::{GuestLogPhase, GuestPhaseName};

/// Both agree where they are so close, in seconds: classic events are cut to whole seconds.
const AGREES: f64 = 1.5;
/// No kernel takes so long, in milliseconds: a clock was set in between.
const ABSURD: u64 = 600_000;

/// Windows' own names of the stretches.
const MEASURED: [(GuestPhaseName, &[&str]); 4] = [
    (
        GuestPhaseName::Sessions,
        &[
            "ShutdownUserSessionTime",
            "ShutdownUserPolicyTime",
            "ShutdownUserProfilesTime",
            "ShutdownSystemSessionsTime",
        ],
    ),
    (GuestPhaseName::Preshutdown, &["ShutdownPreShutdownNotificationsTime"]),
    (GuestPhaseName::Services, &["ShutdownServicesTime"]),
    (GuestPhaseName::Kernel, &["ShutdownKernelTime"]),
];

/// The phases of a cycle with these marks and, in milliseconds, these stretches of Windows' own.
pub fn phases(marks: &Marks, times: &[(String, u64)]) -> Vec<GuestLogPhase> {
    let off = marks.logged_off;
    // On Server 2008 R2 the event log may outlive the kernel's beginning: then it divides nothing.
    let in_order = |at: &DateTime<Utc>| marks.kernel.is_none_or(|kernel| *at <= kernel);
    let log_stopped = marks.log_stopped.filter(in_order);
    let ends = [
        (GuestPhaseName::Sessions, off),
        (GuestPhaseName::Preshutdown, log_stopped.map(|at| not_before(at, off))),
        (GuestPhaseName::Services, marks.kernel),
        (GuestPhaseName::Kernel, marks.stopped),
    ];
    let mut phases = Vec::new();
    let mut from = marks.asked;
    for (name, end) in ends {
        let Some(end) = end else { continue };
        // A mark that was written out of order divides nothing.
        if let Some(begin) = from.filter(|begin| *begin <= end) {
            let seconds = measured(name, times).filter(|own| (own - seconds(begin, end)).abs() <= AGREES);
            phases
                .push(GuestLogPhase { name, seconds: seconds.unwrap_or_else(|| self::seconds(begin, end)) });
        }
        from = from.max(Some(end));
    }
    phases
}

/// A time that is cut to whole seconds may be anywhere in its second.
fn not_before(at: DateTime<Utc>, other: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let same_second = |other: &DateTime<Utc>| at.nanosecond() == 0 && other.timestamp() == at.timestamp();
    other.filter(same_second).unwrap_or(at).max(at)
}

/// Seconds from one moment to another; negative where they run backwards.
pub fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    let nanos = (to - from).num_nanoseconds();
    #[expect(clippy::cast_precision_loss, reason = "spans of 100 days are exact to the nanosecond")]
    nanos.map_or_else(|| (to - from).num_seconds() as f64, |nanos| nanos as f64 / 1e9)
}

fn measured(name: GuestPhaseName, times: &[(String, u64)]) -> Option<f64> {
    let of = |wanted: &str| times.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    of("ShutdownKernelTime").filter(|kernel| *kernel <= ABSURD)?;
    let (_, parts) = MEASURED.iter().find(|(phase, _)| *phase == name)?;
    let millis = parts.iter().map(|part| of(part)).sum::<Option<u64>>()?;
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    Some(millis as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis)
    }

    fn marks(times: [Option<i64>; 5]) -> Marks {
        let [asked, logged_off, log_stopped, kernel, stopped] = times.map(|time| time.map(at));
        Marks { asked, logged_off, log_stopped, kernel, stopped }
    }

    fn lengths(marks: &Marks, times: &[(&str, u64)]) -> Vec<(GuestPhaseName, f64)> {
        let times: Vec<_> = times.iter().map(|(name, time)| ((*name).to_owned(), *time)).collect();
        phases(marks, &times).into_iter().map(|phase| (phase.name, phase.seconds)).collect()
    }

    use GuestPhaseName::{Kernel, Preshutdown, Services, Sessions};

    #[test]
    fn each_phase_lies_between_its_marks() {
        let marks = marks([Some(500), Some(1_500), Some(43_500), Some(48_500), Some(48_750)]);
        let expected = [(Sessions, 1.0), (Preshutdown, 42.0), (Services, 5.0), (Kernel, 0.25)];
        assert_eq!(lengths(&marks, &[]), expected);
    }

    #[test]
    fn a_missing_mark_gives_its_time_to_the_next_phase() {
        let nobody = marks([Some(0), None, Some(3_000), Some(4_000), Some(4_500)]);
        assert_eq!(lengths(&nobody, &[]), [(Preshutdown, 3.0), (Services, 1.0), (Kernel, 0.5)]);
        let begun_before = marks([None, None, None, Some(4_000), Some(4_500)]);
        assert_eq!(lengths(&begun_before, &[]), [(Kernel, 0.5)]);
    }

    #[test]
    fn a_mark_cut_to_its_whole_second_may_be_anywhere_in_it() {
        let marks = marks([Some(0), Some(10_554), Some(10_000), Some(15_832), None]);
        assert_eq!(lengths(&marks, &[]), [(Sessions, 10.554), (Preshutdown, 0.0), (Services, 5.278)]);
    }

    #[test]
    fn what_windows_measured_refines_a_phase_that_it_agrees_with() {
        let marks = marks([Some(0), None, Some(3_000), Some(8_000), Some(8_500)]);
        let times = [
            ("ShutdownPreShutdownNotificationsTime", 3_420),
            ("ShutdownServicesTime", 9_000),
            ("ShutdownKernelTime", 480),
        ];
        assert_eq!(lengths(&marks, &times), [(Preshutdown, 3.42), (Services, 5.0), (Kernel, 0.48)]);
    }

    #[test]
    fn measurements_across_a_clock_step_are_dropped() {
        let marks = marks([Some(0), None, Some(3_000), None, None]);
        let times = [("ShutdownPreShutdownNotificationsTime", 3_420), ("ShutdownKernelTime", 72_701_296)];
        assert_eq!(lengths(&marks, &times), [(Preshutdown, 3.0)]);
    }
}
