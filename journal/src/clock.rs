//! The two clocks of a record, read together.

use chrono::{DateTime, Utc};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// `CLOCK_BOOTTIME` in nanoseconds: monotonic, counts suspend, never steps.
    pub boot_ns: u64,
    /// `CLOCK_REALTIME`.
    pub wall: DateTime<Utc>,
}

impl Stamp {
    /// Reads both clocks now.
    pub fn now() -> Self {
        let boot_ns = nanos(clock_gettime(ClockId::Boottime));
        let real = nanos(clock_gettime(ClockId::Realtime));
        Self { boot_ns, wall: wall_from_nanos(real) }
    }

    /// The wall time of an event `boot_ns`, by this moment's offset between the clocks.
    pub fn wall_at(&self, boot_ns: u64) -> DateTime<Utc> {
        let delta = i128::from(boot_ns) - i128::from(self.boot_ns);
        let nanos = i64::try_from(delta).unwrap_or(0);
        self.wall + chrono::Duration::nanoseconds(nanos)
    }
}

fn nanos(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

fn wall_from_nanos(nanos: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}
