//! When a guest is looked at while its shutdown lasts. What is done then: see `witness`.
//!
//! ```text
//!            pressed, or libvirt asked                  S5, reset, sleep, exit
//!  nothing ──────────────────────────▶ waiting ──────────────────────────────────▶ nothing
//!     ▲                                │      ▲    (or ten looks: then only the end)
//!     └─ refused before the first look ┤      │ a minute after it began
//!                             20 s     ▼      │
//!                                     due ─▶ looked at, one of all guests at a time
//! ```
//!
//! A press that is repeated does not begin anew. The agent is asked until a look succeeds, and not again:
//! what it says of its system does not change.

use std::collections::HashMap;
use std::time::Duration;

use softoff_journal::record::{LibvirtCall, ProcessId, Sign};
use uuid::Uuid;

/// The most looks at one shutdown.
const MAX_LOOKS: u32 = 10;

/// How guests are looked at while their shutdown lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookPlan {
    /// How long after the request the first look is.
    pub after: Duration,
    /// How long after the beginning of a look the next one is.
    pub every: Duration,
    /// Whether Windows guests are asked for their settings, by programs that are run in them.
    pub settings: bool,
}

/// A look that is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The process.
    pub process: ProcessId,
    /// The domain that it runs.
    pub uuid: Uuid,
    /// Whether the agent is asked.
    pub agent: bool,
}

/// All shutdowns that last. Times are on `CLOCK_BOOTTIME` in nanoseconds.
#[derive(Debug)]
pub struct Looks {
    plan: LookPlan,
    lasting: HashMap<ProcessId, Lasting>,
}

#[derive(Debug)]
struct Lasting {
    uuid: Uuid,
    due: u64,
    taken: u32,
    /// A look has succeeded.
    answered: bool,
    /// The request has reached QEMU.
    arrived: bool,
}

impl Looks {
    /// None yet.
    pub fn new(plan: LookPlan) -> Self {
        Self { plan, lasting: HashMap::new() }
    }

    /// A sign of a process that runs a domain was seen `at`.
    pub fn see(&mut self, process: ProcessId, uuid: Uuid, sign: &Sign, at: u64) {
        if is_end(sign) || self.is_refused(process, sign) {
            self.lasting.remove(&process);
        } else if is_request(sign) {
            let due = at.saturating_add(nanos(self.plan.after));
            let new = Lasting { uuid, due, taken: 0, answered: false, arrived: false };
            let lasting = self.lasting.entry(process).or_insert(new);
            lasting.arrived |= !matches!(sign, Sign::LibvirtCall { .. });
        }
    }

    /// libvirt refused what nothing came of. Later, as after a minute in vain with the agent, the guest may be
    /// on its way all the same.
    fn is_refused(&self, process: ProcessId, sign: &Sign) -> bool {
        let refused = matches!(sign, Sign::LibvirtReturn { call, failed: true } if is_soft(*call));
        let came_of_it = |lasting: &Lasting| lasting.arrived || lasting.taken > 0;
        refused && self.lasting.get(&process).is_some_and(|lasting| !came_of_it(lasting))
    }

    /// The look that has been due for longest; it counts as begun.
    pub fn next(&mut self, now: u64) -> Option<Look> {
        let due = |(_, lasting): &(&ProcessId, &mut Lasting)| lasting.due <= now && lasting.taken < MAX_LOOKS;
        let waiting = self.lasting.iter_mut().filter(due);
        let (process, lasting) = waiting.min_by_key(|(process, lasting)| (lasting.due, **process))?;
        lasting.due = now.saturating_add(nanos(self.plan.every));
        lasting.taken += 1;
        Some(Look { process: *process, uuid: lasting.uuid, agent: !lasting.answered })
    }

    /// A look at the process succeeded.
    pub fn succeeded(&mut self, process: ProcessId) {
        if let Some(lasting) = self.lasting.get_mut(&process) {
            lasting.answered = true;
        }
    }

    /// Forgets processes that are not there any more.
    pub fn retain(&mut self, is_there: impl Fn(ProcessId) -> bool) {
        self.lasting.retain(|process, _| is_there(*process));
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Somebody outside asks the guest to end.
fn is_request(sign: &Sign) -> bool {
    match sign {
        Sign::LibvirtCall { call, .. } => is_soft(*call),
        Sign::QmpSystemPowerdown | Sign::PowerdownRequest | Sign::Powerdown | Sign::PowerButton { .. } => {
            true
        }
        _ => false,
    }
}

fn is_soft(call: LibvirtCall) -> bool {
    matches!(call, LibvirtCall::Shutdown | LibvirtCall::Reboot)
}

/// There is nothing to look at any more, or the guest has begun anew.
fn is_end(sign: &Sign) -> bool {
    matches!(
        sign,
        Sign::ShutdownRequest { .. }
            | Sign::Shutdown { .. }
            | Sign::ResetRequest { .. }
            | Sign::Reset { .. }
            | Sign::SuspendRequest
            | Sign::SuspendDisk
            | Sign::Killed { .. }
            | Sign::Exit { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const PLAN: LookPlan =
        LookPlan { after: Duration::from_secs(20), every: Duration::from_mins(1), settings: false };
    const ASKED: Sign = Sign::LibvirtCall { call: LibvirtCall::Shutdown, flags: 0 };
    const REFUSED: Sign = Sign::LibvirtReturn { call: LibvirtCall::Shutdown, failed: true };

    fn process(pid: u32) -> ProcessId {
        ProcessId { pid, start_ticks: 7 }
    }

    fn uuid(pid: u32) -> Uuid {
        Uuid::from_u128(pid.into())
    }

    fn s5() -> Sign {
        Sign::ShutdownRequest { cause: "guest-shutdown".to_owned() }
    }

    /// Looks after these signs of one process, each at a second.
    fn after(signs: impl IntoIterator<Item = (u64, Sign)>) -> Looks {
        let mut looks = Looks::new(PLAN);
        for (at, sign) in signs {
            looks.see(process(1), uuid(1), &sign, at * SECOND);
        }
        looks
    }

    /// The seconds at which something is looked at, asked each second as the recorder does.
    fn taken(looks: &mut Looks, until: u64) -> Vec<u64> {
        (0..until).filter(|second| looks.next(second * SECOND).is_some()).collect()
    }

    #[test]
    fn a_shutdown_is_looked_at_after_twenty_seconds_and_each_minute_ten_times() {
        let seconds: Vec<u64> = (0..10).map(|look| 100 + 20 + 60 * look).collect();
        assert_eq!(taken(&mut after([(100, Sign::PowerdownRequest)]), 10_000), seconds);
        assert_eq!(taken(&mut after([(100, ASKED)]), 10_000), seconds);
    }

    #[test]
    fn a_press_that_is_repeated_does_not_begin_anew() {
        let mut looks = after([(0, Sign::PowerdownRequest), (19, Sign::PowerdownRequest)]);
        assert_eq!(taken(&mut looks, 30), [20]);
        taken(&mut looks, 10_000);
        looks.see(process(1), uuid(1), &Sign::PowerdownRequest, 10_000 * SECOND);
        assert_eq!(looks.next(20_000 * SECOND), None, "ten looks are all");
    }

    #[test]
    fn what_is_over_is_not_looked_at_and_the_next_attempt_is() {
        let ends = [
            s5(),
            Sign::Reset { guest: true, cause: "guest-reset".to_owned() },
            Sign::SuspendRequest,
            Sign::SuspendDisk,
            Sign::Killed { signal: 15, sender: 1 },
            Sign::Exit { status: Some(0), signal: None },
        ];
        for end in ends {
            let mut looks = after([(0, Sign::PowerdownRequest), (19, end)]);
            assert_eq!(looks.next(100 * SECOND), None);
            looks.see(process(1), uuid(1), &Sign::PowerdownRequest, 100 * SECOND);
            assert_eq!(taken(&mut looks, 130), [120]);
        }
    }

    #[test]
    fn a_guest_that_ends_by_itself_or_is_destroyed_is_not_looked_at() {
        let destroy = Sign::LibvirtCall { call: LibvirtCall::Destroy, flags: 0 };
        for sign in [s5(), destroy, Sign::Stop, Sign::GuestPanicked] {
            assert_eq!(after([(0, sign)]).next(1000 * SECOND), None);
        }
    }

    #[test]
    fn a_request_that_libvirt_refuses_is_none_unless_something_came_of_it() {
        assert_eq!(after([(0, ASKED), (1, REFUSED)]).next(100 * SECOND), None);
        let arrived = [(0, ASKED), (1, Sign::QmpSystemPowerdown), (2, REFUSED)];
        assert!(after(arrived).next(100 * SECOND).is_some());
        let mut looked_at = after([(0, ASKED)]);
        assert!(looked_at.next(20 * SECOND).is_some());
        looked_at.see(process(1), uuid(1), &REFUSED, 60 * SECOND);
        assert!(looked_at.next(80 * SECOND).is_some(), "the agent was asked, and did not answer in time");
    }

    #[test]
    fn the_agent_is_asked_until_a_look_succeeds() {
        let mut looks = after([(0, ASKED)]);
        let mut asks = |second| looks.next(second * SECOND).map(|look| look.agent);
        assert_eq!((asks(20), asks(80)), (Some(true), Some(true)));
        looks.succeeded(process(1));
        assert_eq!(looks.next(140 * SECOND).map(|look| look.agent), Some(false));
    }

    #[test]
    fn guests_take_turns() {
        let mut looks = Looks::new(PLAN);
        for pid in 1..=3 {
            looks.see(process(pid), uuid(pid), &ASKED, u64::from(pid) * SECOND);
        }
        let mut order = Vec::new();
        for second in 25..90 {
            order.extend(looks.next(second * SECOND).map(|look| (second, look.process.pid, look.uuid)));
        }
        let turn = |second, pid| (second, pid, uuid(pid));
        assert_eq!(order, [turn(25, 1), turn(26, 2), turn(27, 3), turn(85, 1), turn(86, 2), turn(87, 3)]);
    }

    #[test]
    fn processes_that_are_gone_are_forgotten() {
        let mut looks = after([(0, ASKED)]);
        looks.retain(|_| false);
        assert_eq!(looks.next(100 * SECOND), None);
    }
}
