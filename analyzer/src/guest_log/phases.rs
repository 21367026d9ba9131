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
    let ends = [
        (GuestPhaseName::Sessions, off),
        (GuestPhaseName::Preshutdown, marks.log_stopped.map(|at| not_before(at, off))),
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
