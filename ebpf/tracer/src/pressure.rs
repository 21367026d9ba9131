//! Pressure stall information of the host (Documentation/accounting/psi.rst).

use std::fs;

const NANOS_PER_MILLI: u64 = 1_000_000;

/// How long one reading serves all VMs: the kernel sums over all its CPUs for each.
const FRESH_NS: u64 = 100 * NANOS_PER_MILLI;

/// For how long tasks of the host have waited since it started, in microseconds. Absent: not
/// readable (a kernel without PSI, or with `psi=0`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressure {
    /// Some task waited for a CPU.
    pub cpu_some: Option<u64>,
    /// Some task waited for I/O.
    pub io_some: Option<u64>,
    /// All tasks waited for I/O.
    pub io_full: Option<u64>,
    /// Some task waited for memory.
    pub memory_some: Option<u64>,
}

impl Pressure {
    /// Reads `/proc/pressure`.
    fn read() -> Self {
        let text = |resource| fs::read_to_string(format!("/proc/pressure/{resource}")).unwrap_or_default();
        let io = text("io");
        Self {
            cpu_some: total(&text("cpu"), "some"),
            io_some: total(&io, "some"),
            io_full: total(&io, "full"),
            memory_some: total(&text("memory"), "some"),
        }
    }
}

/// The latest reading.
#[derive(Debug, Default)]
pub struct Gauge {
    latest: Option<(u64, Pressure)>,
}

impl Gauge {
    /// The pressure at `now_ns`, read anew unless that was done just before.
    pub fn at(&mut self, now_ns: u64) -> Pressure {
        match self.latest {
            Some((at, pressure)) if now_ns.saturating_sub(at) < FRESH_NS => pressure,
            _ => self.latest.insert((now_ns, Pressure::read())).1,
        }
    }
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`
fn total(text: &str, line: &str) -> Option<u64> {
    let fields = text.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(' '))?;
    fields.split(' ').find_map(|field| field.strip_prefix("total="))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IO: &str = "some avg10=1.50 avg60=0.00 avg300=0.00 total=4711\n\
        full avg10=0.00 avg60=0.00 avg300=0.00 total=42\n";

    #[test]
    fn totals_are_found_by_their_line() {
        assert_eq!((total(IO, "some"), total(IO, "full")), (Some(4711), Some(42)));
    }

    #[test]
    fn what_is_not_there_is_absent_and_not_zero() {
        assert_eq!(total("some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n", "full"), None);
        assert_eq!(total("", "some"), None);
        assert_eq!(total("some avg10=0.00\n", "some"), None);
    }

    #[test]
    fn one_reading_serves_all_for_a_moment() {
        let kept = Pressure { cpu_some: Some(u64::MAX), ..Pressure::default() };
        let mut gauge = Gauge { latest: Some((0, kept)) };
        assert_eq!(gauge.at(FRESH_NS - 1), kept);
        assert_ne!(gauge.at(FRESH_NS), kept);
    }
}
