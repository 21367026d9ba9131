//! When a window opens, how closely it is looked into, and when it closes.
//!
//! ```text
//!  request or end                        process gone ── or 30 s after a reset or wake-up
//! ────────────────▶ open, 100 ms bins ──────────────────────────────────────────────────▶ closed
//!                     │ a minute ▼ 1 s bins                ▲    or an hour after the last request
//!                     └── ten minutes ▼ 10 s bins ─────────┘
//! ```

use softoff_journal::record::Sign;

const SECOND: u64 = 1_000_000_000;

/// Length of the shortest bin, of which every other is a multiple.
pub const GRID_NS: u64 = SECOND / 10;

/// How long a window stays open after the guest was reset or woken: what it does then says whether
/// the attempt is over.
const AFTERMATH: u64 = 30 * SECOND;

/// How long it stays open after the last request: as long as the analyzer waits for an answer.
const PATIENCE: u64 = 3600 * SECOND;

/// Lengths of bins, and how long after the last request of the host they serve.
const WIDTHS: [(u64, u64); 2] = [(60 * SECOND, GRID_NS), (600 * SECOND, SECOND)];
const WIDEST: u64 = 10 * SECOND;

/// The life of one window. Times are on `CLOCK_BOOTTIME` in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// Since when it is looked into: a guest that asks by itself must not keep the tracer busy.
    asked_by_host: u64,
    ends: u64,
}

impl Life {
    /// A window that opens at a sign; `None` for signs at which none does.
    pub fn begin(sign: &Sign, at: u64) -> Option<Self> {
        is_request(sign).then_some(Self { asked_by_host: at, ends: at + PATIENCE })
    }

    /// A further sign of the process.
    pub fn see(&mut self, sign: &Sign, at: u64) {
        if is_request(sign) {
            self.ends = at + PATIENCE;
        } else if matches!(sign, Sign::Reset { .. } | Sign::Wakeup) {
            self.ends = self.ends.min(at + AFTERMATH);
        }
        if is_hosts(sign) {
            self.asked_by_host = at;
        }
    }

    /// Whether it is to close.
    pub fn is_over(&self, now: u64) -> bool {
        now >= self.ends
    }

    /// Length of the bins in nanoseconds.
    pub fn bin_ns(&self, now: u64) -> u64 {
        let age = now.saturating_sub(self.asked_by_host);
        WIDTHS.into_iter().find(|(until, _)| age < *until).map_or(WIDEST, |(_, width)| width)
    }
}

/// Somebody asks for an end, or the end begins.
fn is_request(sign: &Sign) -> bool {
    is_hosts(sign)
        || matches!(
            sign,
            Sign::Powerdown
                | Sign::PowerButton { .. }
                | Sign::ShutdownRequest { .. }
                | Sign::ResetRequest { .. }
                | Sign::SuspendRequest
                | Sign::SuspendDisk
        )
}

/// Somebody outside of the guest does.
fn is_hosts(sign: &Sign) -> bool {
    matches!(
        sign,
        Sign::QmpSystemPowerdown
            | Sign::PowerdownRequest
            | Sign::LibvirtCall { .. }
            | Sign::Signal { .. }
            | Sign::Killed { .. }
    )
}

#[cfg(test)]
mod tests {
    use softoff_journal::record::LibvirtCall;

    use super::*;

    fn cause() -> String {
        "guest-reset".to_owned()
    }

    fn pressed(at: u64) -> Life {
        Life::begin(&Sign::PowerdownRequest, at).expect("a press opens a window")
    }

    #[test]
    fn requests_and_ends_open_a_window_and_nothing_else_does() {
        let opening = [
            Sign::QmpSystemPowerdown,
            Sign::PowerdownRequest,
            Sign::Powerdown,
            Sign::PowerButton { enabled: None },
            Sign::ShutdownRequest { cause: cause() },
            Sign::ResetRequest { cause: cause() },
            Sign::SuspendRequest,
            Sign::SuspendDisk,
            Sign::Killed { signal: 15, sender: 1 },
            Sign::LibvirtCall { call: LibvirtCall::Shutdown, flags: 0 },
        ];
        for sign in opening {
            assert!(Life::begin(&sign, 0).is_some(), "{sign:?}");
        }
        let others = [Sign::Wakeup, Sign::Stop, Sign::Resume, Sign::Reset { guest: true, cause: cause() }];
        for sign in others {
            assert!(Life::begin(&sign, 0).is_none(), "{sign:?}");
        }
    }

    #[test]
    fn a_window_closes_an_hour_after_the_last_request() {
        let mut life = pressed(5);
        assert!(!life.is_over(5 + 3600 * SECOND - 1));
        assert!(life.is_over(5 + 3600 * SECOND));
        life.see(&Sign::PowerdownRequest, 3000 * SECOND);
        assert!(!life.is_over(6000 * SECOND));
    }

    #[test]
    fn a_window_closes_soon_after_a_reset_unless_a_request_follows() {
        for sign in [Sign::Reset { guest: true, cause: cause() }, Sign::Wakeup] {
            let mut life = pressed(0);
            life.see(&sign, 10 * SECOND);
            assert!(!life.is_over(39 * SECOND));
            assert!(life.is_over(40 * SECOND));
            life.see(&Sign::PowerdownRequest, 20 * SECOND);
            assert!(!life.is_over(40 * SECOND));
        }
    }

    #[test]
    fn a_window_widens_with_age_and_is_fine_again_when_the_host_asks_again() {
        let mut life = pressed(0);
        assert_eq!(life.bin_ns(59 * SECOND), GRID_NS);
        assert_eq!(life.bin_ns(60 * SECOND), SECOND);
        assert_eq!(life.bin_ns(600 * SECOND), 10 * SECOND);
        life.see(&Sign::ResetRequest { cause: cause() }, 1000 * SECOND);
        assert_eq!(life.bin_ns(1000 * SECOND), 10 * SECOND, "a guest cannot ask for more");
        life.see(&Sign::PowerdownRequest, 1000 * SECOND);
        assert_eq!(life.bin_ns(1001 * SECOND), GRID_NS);
    }
}
