//! Cycles: the state machine of a shutdown as Windows tells it.
//!
//! ```text
//!            1074, 6006, 109, 13              12, 6005
//!  Running ─────────────────────▶ Stopping ─────────────▶ Booting ── 41, 6008, 1001: it ended unexpectedly
//!     ▲  ▲                          │ 42 (Fast Startup)      │       200 to 203: where its time went
//!     │  └── 107 ── Asleep ◀────────┘                        │
//!     │  ── 42 ───▶    └─────────── 12, 6005 ───────────────▶│
//!     └── closed ◀───────────── 15 minutes later, or anything new ◀┘
//!
//!  Running ── 41, 6008, 1001 ──▶ a cycle of its own, of which only the end is known
//! ```
//!
//! Traps on the way: the marks are not strictly ordered and some are missing; classic ones are cut to
//! whole seconds; two requests can be one (the Shutdown Event Tracker: Explorer, then winlogon); a clock
//! that is set during boot puts 12 and 41 hours away from the 6008 they belong to, so what is written at
//! one boot is known by its numbers; Fast Startup writes no 6006 and no 13.

use chrono::{DateTime, TimeDelta, Utc};
use softoff_journal::record::WindowsEntry;

use super::{Moment, phases};
use crate::episode::{Culprit, CulpritKind, GuestLog, GuestLogEnd, GuestLogType};

/// A request that nothing followed for so long was given up.
const PATIENCE: TimeDelta = TimeDelta::hours(1);
/// What a boot has to say about the stop before it, it says within this time.
const BOOT: TimeDelta = TimeDelta::minutes(15);
/// Records written at one boot about one stop lie so close to each other.
const NEAR: u64 = 64;
/// The most culprits, requests and troubled services of a cycle.
const MOST: usize = 16;
/// Reasons of a restart for updates: "Operating System: Service pack (Planned)" and, on Windows 7,
/// "Operating System: Recovery (Planned)".
const UPDATE_REASONS: [&str; 2] = ["0x80020010", "0x80020002"];

/// One shutdown, restart, sleep or crash, by the guest's own log.
#[derive(Debug, Clone, PartialEq)]
pub struct Cycle {
    /// When each mark was written.
    pub marks: Marks,
    /// Who asked, and when: two where the Shutdown Event Tracker was answered.
    pub requests: Vec<Request>,
    /// What was to happen.
    pub kind: Option<GuestLogType>,
    /// How it ended.
    pub ended: GuestLogEnd,
    /// It went to sleep, or hibernated.
    pub slept: Option<Sleep>,
    /// The code of a bug check, where one ended it.
    pub bugcheck: Option<String>,
    /// When the guest had last been alive before an unexpected end, to a minute.
    pub last_alive: Option<DateTime<Utc>>,
    /// Updates were waiting to be installed, or were the reason.
    pub updates: bool,
    /// Services that did not end as they should, with the event's number.
    pub troubles: Vec<(DateTime<Utc>, u32, String)>,
    /// What the guest holds responsible.
    pub culprits: Vec<Culprit>,
    /// The stretches that Windows measured itself, in milliseconds.
    times: Vec<(String, u64)>,
    /// First and last event.
    span: (DateTime<Utc>, DateTime<Utc>),
    /// The numbers of the 41 and 6008 that tell of its end, and of its last event.
    numbers: Numbers,
}

/// When each mark of a cycle was written, by the guest's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// The first request (1074).
    pub asked: Option<DateTime<Utc>>,
    /// The last user was logged off (7002).
    pub logged_off: Option<DateTime<Utc>>,
    /// The event log service stopped (6006).
    pub log_stopped: Option<DateTime<Utc>>,
    /// The kernel began (109).
    pub kernel: Option<DateTime<Utc>>,
    /// The kernel stopped (13).
    pub stopped: Option<DateTime<Utc>>,
}

/// Somebody asked for a shutdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// When.
    pub at: DateTime<Utc>,
    /// The program.
    pub process: String,
    /// The reason's code.
    pub reason_code: String,
    /// The user in whose name.
    pub user: String,
}

/// A way to sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sleep {
    /// When.
    pub at: DateTime<Utc>,
    /// It was a shutdown with Fast Startup: hibernation after log-off.
    pub fast_startup: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Numbers {
    power_lost: Option<u64>,
    unexpected: Option<u64>,
}

impl Cycle {
    fn new(at: DateTime<Utc>) -> Self {
        Self {
            marks: Marks::default(),
            requests: Vec::new(),
            kind: None,
            ended: GuestLogEnd::Unknown,
            slept: None,
            bugcheck: None,
            last_alive: None,
            updates: false,
            troubles: Vec::new(),
            culprits: Vec::new(),
            times: Vec::new(),
            span: (at, at),
            numbers: Numbers::default(),
        }
    }

    /// First and last event of it. Of an unexpected end without a beginning both were written later.
    pub const fn span(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        self.span
    }

    /// Only its end is known, from what was written at the next boot.
    pub fn is_bare(&self) -> bool {
        self.marks == Marks::default() && self.slept.is_none()
    }

    /// The last moment that the guest is known to have lived.
    pub fn last_seen(&self) -> Option<DateTime<Utc>> {
        if self.is_bare() { self.last_alive } else { Some(self.span.1) }
    }

    /// The cycle as an episode tells it, without a host's clock.
    pub fn log(&self) -> GuestLog {
        let first = self.requests.first();
        GuestLog {
            started_at: self.marks.asked.or(self.slept.map(|sleep| sleep.at)),
            process: first.map(|request| request.process.clone()).filter(|process| !process.is_empty()),
            reason_code: first.map(|request| request.reason_code.clone()).filter(|code| !code.is_empty()),
            r#type: self.kind,
            phases: phases::phases(&self.marks, &self.times),
            ended: self.ended,
            culprits: self.culprits.clone(),
            clock_offset_seconds: None,
            clock_uncertainty_seconds: None,
        }
    }

    fn take(&mut self, moment: &Moment) {
        let at = moment.at;
        if is_mark(&moment.entry) {
            self.span.1 = self.span.1.max(at);
        }
        match &moment.entry {
            WindowsEntry::Asked { process, reason_code, kind, user } => {
                self.marks.asked.get_or_insert(at);
                self.kind = self.kind.or(in_words(kind));
                self.updates |= UPDATE_REASONS.iter().any(|code| code.eq_ignore_ascii_case(reason_code));
                let (process, reason_code, user) = (process.clone(), reason_code.clone(), user.clone());
                push(&mut self.requests, Request { at, process, reason_code, user });
            }
            WindowsEntry::LoggedOff if self.marks.kernel.is_none() => self.marks.logged_off = Some(at),
            WindowsEntry::LogStopped => _ = self.marks.log_stopped.get_or_insert(at),
            WindowsEntry::KernelShutdown { action } => {
                self.marks.kernel.get_or_insert(at);
                self.kind = by_action(*action).or(self.kind);
            }
            WindowsEntry::KernelStopped => {
                self.marks.stopped.get_or_insert(at);
                self.ended = GuestLogEnd::Clean;
            }
            WindowsEntry::Service { event, name } => {
                if *event == 7043 && !is_update_orchestrator(name) {
                    self.blame(CulpritKind::Service, name, None);
                }
                push(&mut self.troubles, (at, *event, name.clone()));
            }
            WindowsEntry::Vetoed { event, name } => self.blame(vetoes(*event), name, None),
            _ => {}
        }
    }

    fn blame(&mut self, kind: CulpritKind, name: &str, seconds: Option<f64>) {
        let known = self.culprits.iter_mut().find(|culprit| culprit.kind == kind && culprit.name == name);
        match known {
            Some(culprit) => culprit.seconds = culprit.seconds.or(seconds),
            None => push(&mut self.culprits, Culprit { kind, name: name.to_owned(), seconds }),
        }
    }

    /// What the next boot says about it: it ended unexpectedly.
    fn ended_unexpectedly(&mut self, moment: &Moment) {
        self.ended = GuestLogEnd::Unexpected;
        match &moment.entry {
            WindowsEntry::PowerLost { bugcheck } => {
                self.numbers.power_lost = Some(moment.record_id);
                let code = (*bugcheck != 0).then(|| format!("0x{bugcheck:08x}"));
                self.bugcheck = self.bugcheck.take().or(code);
            }
            WindowsEntry::Unexpected { last_alive } => {
                self.numbers.unexpected = Some(moment.record_id);
                self.last_alive = self.last_alive.or(*last_alive);
            }
            WindowsEntry::BugCheck { code } => self.bugcheck = Some(code.clone()),
            _ => {}
        }
    }

    /// What the next boot says about where its time went.
    fn measured(&mut self, entry: &WindowsEntry) {
        match entry {
            WindowsEntry::ShutdownTimes { milliseconds } => self.times.clone_from(milliseconds),
            WindowsEntry::Slowed { event, name, milliseconds } => {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "spans of 100 days are exact to the millisecond"
                )]
                let seconds = *milliseconds as f64 / 1000.0;
                self.blame(slows(*event), name, Some(seconds));
            }
            _ => {}
        }
    }

    /// Whether this was written at the same boot about the same stop: neither kind comes twice.
    fn is_told_by(&self, moment: &Moment) -> bool {
        let (own, other) = (self.numbers.power_lost, self.numbers.unexpected);
        let free = match moment.entry {
            WindowsEntry::PowerLost { .. } => own.is_none(),
            WindowsEntry::Unexpected { .. } => other.is_none(),
            _ => self.bugcheck.is_none() || own.is_some(),
        };
        let near = [own, other].into_iter().flatten().any(|number| number.abs_diff(moment.record_id) <= NEAR);
        free && (near || (moment.at - self.span.1).abs() <= BOOT)
    }
}

/// What only a shutdown writes, or a log-off that may be part of one.
const fn is_mark(entry: &WindowsEntry) -> bool {
    matches!(
        entry,
        WindowsEntry::Asked { .. }
            | WindowsEntry::LoggedOff
            | WindowsEntry::LogStopped
            | WindowsEntry::KernelShutdown { .. }
            | WindowsEntry::KernelStopped
    )
}

fn push<T>(all: &mut Vec<T>, one: T) {
    if all.len() < MOST {
        all.push(one);
    }
}

/// `POWER_ACTION`: what the kernel was told, in no language.
fn by_action(action: Option<u32>) -> Option<GuestLogType> {
    match action? {
        4 => Some(GuestLogType::Shutdown),
        5 => Some(GuestLogType::Restart),
        6 => Some(GuestLogType::PowerOff),
        _ => None,
    }
}

/// What was asked for, where it is in English.
fn in_words(kind: &str) -> Option<GuestLogType> {
    match kind {
        "shutdown" => Some(GuestLogType::Shutdown),
        "restart" => Some(GuestLogType::Restart),
        "power off" => Some(GuestLogType::PowerOff),
        _ => None,
    }
}

const fn vetoes(event: u32) -> CulpritKind {
    match event {
        9 => CulpritKind::Application,
        10 => CulpritKind::Service,
        _ => CulpritKind::Driver,
    }
}

const fn slows(event: u32) -> CulpritKind {
    match event {
        201 => CulpritKind::Application,
        203 => CulpritKind::Service,
        _ => CulpritKind::Driver,
    }
}

/// Its 7043 alone is harmless, by Microsoft's own word.
fn is_update_orchestrator(name: &str) -> bool {
    name.contains("UsoSvc") || name == "Update Orchestrator Service"
}

/// The cycles that these events, in the order of time, tell of.
pub fn cycles(moments: &[Moment]) -> Vec<Cycle> {
    let mut machine = Machine { state: State::Running, updates: false, done: Vec::new() };
    for moment in moments {
        machine.take(moment);
    }
    machine.close();
    machine.done.sort_by_key(|cycle| cycle.last_seen().unwrap_or(cycle.span.0));
    machine.done
}

#[derive(Debug)]
enum State {
    /// Nothing is being shut down.
    Running,
    /// Somebody asked, or something stopped.
    Stopping(Cycle),
    /// It went to sleep.
    Asleep(Cycle),
    /// It was started since: when, and whether the event log service was too.
    Booting(Cycle, DateTime<Utc>, bool),
}

#[derive(Debug)]
struct Machine {
    state: State,
    /// Servicing or Windows Update waits for a restart.
    updates: bool,
    done: Vec<Cycle>,
}

impl Machine {
    fn take(&mut self, moment: &Moment) {
        match std::mem::replace(&mut self.state, State::Running) {
            State::Running => self.running(moment),
            State::Stopping(cycle) => self.stopping(cycle, moment),
            State::Asleep(cycle) => self.asleep(cycle, moment),
            State::Booting(cycle, since, logs) => self.booting(cycle, since, logs, moment),
        }
    }

    fn running(&mut self, moment: &Moment) {
        match &moment.entry {
            WindowsEntry::Asked { .. }
            | WindowsEntry::LogStopped
            | WindowsEntry::KernelShutdown { .. }
            | WindowsEntry::KernelStopped => {
                let mut cycle = Cycle::new(moment.at);
                cycle.updates = std::mem::take(&mut self.updates);
                cycle.take(moment);
                self.state = State::Stopping(cycle);
            }
            WindowsEntry::Sleep { target, effective, .. } => {
                let cycle = slept(Cycle::new(moment.at), moment.at, *target, *effective);
                self.state = State::Asleep(cycle);
            }
            WindowsEntry::PowerLost { .. }
            | WindowsEntry::Unexpected { .. }
            | WindowsEntry::BugCheck { .. } => {
                self.unexpected(moment);
            }
            WindowsEntry::ServicingPending | WindowsEntry::Update { event: 21 | 22 } => self.updates = true,
            WindowsEntry::ShutdownTimes { .. } | WindowsEntry::Slowed { .. } => {
                if let Some(last) = self.done.last_mut() {
                    last.measured(&moment.entry);
                }
            }
            _ => {}
        }
    }

    fn stopping(&mut self, mut cycle: Cycle, moment: &Moment) {
        match &moment.entry {
            WindowsEntry::KernelStarted | WindowsEntry::LogStarted => {
                let logs = moment.entry == WindowsEntry::LogStarted;
                self.state = State::Booting(cycle, moment.at, logs);
            }
            WindowsEntry::PowerLost { .. }
            | WindowsEntry::Unexpected { .. }
            | WindowsEntry::BugCheck { .. } => {
                self.booting(cycle, moment.at, false, moment);
            }
            _ if moment.at - cycle.span.1 > PATIENCE || begins_another(&cycle, moment) => {
                self.done.push(cycle);
                self.running(moment);
            }
            // What was called off is no shutdown.
            WindowsEntry::CalledOff => {}
            WindowsEntry::Sleep { target, effective, .. } => {
                self.state = State::Asleep(slept(cycle, moment.at, *target, *effective));
            }
            _ => {
                cycle.take(moment);
                self.state = State::Stopping(cycle);
            }
        }
    }

    fn asleep(&mut self, mut cycle: Cycle, moment: &Moment) {
        match &moment.entry {
            WindowsEntry::Resumed => {
                cycle.ended = GuestLogEnd::Clean;
                self.done.push(cycle);
            }
            WindowsEntry::KernelStarted | WindowsEntry::LogStarted => {
                let logs = moment.entry == WindowsEntry::LogStarted;
                self.state = State::Booting(cycle, moment.at, logs);
            }
            WindowsEntry::PowerLost { .. } | WindowsEntry::Unexpected { .. } => {
                self.booting(cycle, moment.at, false, moment);
            }
            WindowsEntry::Asked { .. } | WindowsEntry::Sleep { .. } | WindowsEntry::LogStopped => {
                self.done.push(cycle);
                self.running(moment);
            }
            _ => self.state = State::Asleep(cycle),
        }
    }

    /// The event log service starts after the kernel and writes 6008 before its own 6005.
    fn booting(&mut self, mut cycle: Cycle, since: DateTime<Utc>, logs: bool, moment: &Moment) {
        let in_time = moment.at - since <= BOOT && cycle.marks.stopped.is_none();
        let told = match &moment.entry {
            WindowsEntry::Unexpected { last_alive } => {
                in_time && !logs && last_alive.is_none_or(|alive| alive <= since)
            }
            WindowsEntry::PowerLost { .. } | WindowsEntry::BugCheck { .. } => in_time,
            _ => false,
        };
        match &moment.entry {
            _ if told => {
                cycle.ended_unexpectedly(moment);
                self.state = State::Booting(cycle, since, logs);
            }
            WindowsEntry::Resumed if cycle.slept.is_some() => {
                cycle.ended = GuestLogEnd::Clean;
                self.done.push(cycle);
            }
            WindowsEntry::LogStarted if !logs => self.state = State::Booting(cycle, since, true),
            WindowsEntry::ShutdownTimes { .. } | WindowsEntry::Slowed { .. } => {
                cycle.measured(&moment.entry);
                self.state = State::Booting(cycle, since, logs);
            }
            WindowsEntry::LoggedOn
            | WindowsEntry::LoggedOff
            | WindowsEntry::Explained
            | WindowsEntry::Service { .. }
                if moment.at - since <= BOOT =>
            {
                self.state = State::Booting(cycle, since, logs);
            }
            _ => {
                self.done.push(cycle);
                self.running(moment);
            }
        }
    }

    /// Nothing was being shut down: the end is all that is known.
    fn unexpected(&mut self, moment: &Moment) {
        let last = self.done.iter_mut().rev().take(2).find(|cycle| {
            cycle.is_bare() && cycle.ended == GuestLogEnd::Unexpected && cycle.is_told_by(moment)
        });
        if let Some(cycle) = last {
            return cycle.ended_unexpectedly(moment);
        }
        let mut cycle = Cycle::new(moment.at);
        cycle.ended_unexpectedly(moment);
        self.done.push(cycle);
    }

    fn close(&mut self) {
        match std::mem::replace(&mut self.state, State::Running) {
            State::Running => {}
            State::Stopping(cycle) | State::Asleep(cycle) | State::Booting(cycle, ..) => {
                self.done.push(cycle);
            }
        }
    }
}

/// A request after the end, or after a beginning without one, is the next one's. What is cut to whole
/// seconds may stand before what it follows.
fn begins_another(cycle: &Cycle, moment: &Moment) -> bool {
    let asked = matches!(moment.entry, WindowsEntry::Asked { .. });
    let late = moment.at - cycle.span.0 > TimeDelta::seconds(1);
    asked && (cycle.marks.stopped.is_some() || (cycle.marks.asked.is_none() && late))
}

fn slept(mut cycle: Cycle, at: DateTime<Utc>, target: u32, effective: Option<u32>) -> Cycle {
    let fast_startup = target == 6 && effective == Some(5);
    cycle.slept = Some(Sleep { at, fast_startup });
    cycle.span.1 = cycle.span.1.max(at);
    cycle.kind =
        if fast_startup { cycle.kind.or(Some(GuestLogType::Shutdown)) } else { Some(GuestLogType::Sleep) };
    cycle
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: f64 = 1.0;
    const HOUR: f64 = 3600.0;

    fn log(events: &[(f64, u64, WindowsEntry)]) -> Vec<Cycle> {
        let moment = |(at, record_id, entry): &(f64, u64, WindowsEntry)| {
            #[expect(clippy::cast_possible_truncation, reason = "hours at most")]
            let at = DateTime::UNIX_EPOCH + TimeDelta::milliseconds((at * 1000.0) as i64);
            Moment { at, channel: "System".to_owned(), record_id: *record_id, entry: entry.clone() }
        };
        let mut moments: Vec<Moment> = events.iter().map(moment).collect();
        moments.sort_by_key(|moment| (moment.at, moment.record_id));
        cycles(&moments)
    }

    fn asked(process: &str) -> WindowsEntry {
        WindowsEntry::Asked {
            process: process.to_owned(),
            reason_code: "0x500ff".to_owned(),
            kind: "arrêter".to_owned(),
            user: String::new(),
        }
    }

    const OFF: WindowsEntry = WindowsEntry::KernelShutdown { action: Some(6) };
    const LOST: WindowsEntry = WindowsEntry::PowerLost { bugcheck: 0 };
    const UNEXPECTED: WindowsEntry = WindowsEntry::Unexpected { last_alive: None };

    #[test]
    fn what_was_asked_for_is_told_by_the_kernel_in_any_language() {
        let cycles = log(&[(0.0, 1, asked("a")), (3.0, 2, OFF), (4.0, 3, WindowsEntry::KernelStopped)]);
        assert_eq!((cycles.len(), cycles[0].kind), (1, Some(GuestLogType::PowerOff)));
    }

    #[test]
    fn a_fast_startup_is_a_shutdown_that_sleeps() {
        let sleep = WindowsEntry::Sleep { target: 6, effective: Some(5), reason: None };
        let cycles = log(&[(0.0, 1, asked("a")), (3.0, 2, sleep), (HOUR, 3, WindowsEntry::Resumed)]);
        assert_eq!((cycles.len(), cycles[0].ended), (1, GuestLogEnd::Clean));
        assert_eq!(cycles[0].kind, Some(GuestLogType::Shutdown));
        assert!(cycles[0].slept.is_some_and(|sleep| sleep.fast_startup));
    }

    #[test]
    fn a_power_cut_during_a_shutdown_is_the_end_of_that_shutdown() {
        let boot = [
            (HOUR, 2, WindowsEntry::KernelStarted),
            (HOUR + 3.0, 5, LOST),
            (HOUR + 8.0, 3, UNEXPECTED),
            (HOUR + 8.0, 4, WindowsEntry::LogStarted),
        ];
        let cycles = log(&[vec![(0.0, 1, asked("a"))], boot.to_vec()].concat());
        assert_eq!((cycles.len(), cycles[0].ended), (1, GuestLogEnd::Unexpected));
    }

    #[test]
    fn one_stop_told_of_by_two_events_hours_apart_is_one() {
        let set_during_boot = [
            (0.0, 50, UNEXPECTED),
            (SECOND, 51, WindowsEntry::LogStarted),
            (2.0 * HOUR, 48, WindowsEntry::KernelStarted),
            (2.0 * HOUR + 16.0, 54, LOST),
        ];
        assert_eq!(log(&set_during_boot).len(), 1);
    }

    #[test]
    fn two_crashes_in_a_row_are_two() {
        let crash = |at: f64, number: u64| {
            [
                (at, number, WindowsEntry::KernelStarted),
                (at + 3.0, number + 3, LOST),
                (at + 8.0, number + 1, UNEXPECTED),
            ]
        };
        assert_eq!(log(&[crash(0.0, 10), crash(120.0, 20)].concat()).len(), 2);
    }

    #[test]
    fn what_is_called_off_is_no_shutdown() {
        let cycles = log(&[(0.0, 1, asked("a")), (30.0, 2, WindowsEntry::CalledOff)]);
        assert_eq!(cycles, []);
    }

    #[test]
    fn a_request_that_nothing_followed_for_an_hour_is_another_ones_not() {
        let cycles = log(&[(0.0, 1, asked("a")), (2.0 * HOUR, 2, asked("b")), (2.0 * HOUR + 3.0, 3, OFF)]);
        let by: Vec<&str> = cycles.iter().map(|cycle| cycle.requests[0].process.as_str()).collect();
        assert_eq!(by, ["a", "b"]);
    }
}
