//! Attempts: a request to end a run, and everything up to what came of it.
//!
//! ```text
//!            call, press, S5, signal, …        Reset ───────────▶ rebooted (the run goes on)
//!  running ──────────────────────▶ open ──────┤SuspendRequest ──▶ slept    (the run goes on)
//!     ▲                                       │exit, release ───▶ gone     (the run is over)
//!     │       nothing for an hour ◀───────────┘no more facts ───▶ still open
//!     └────────────── given up
//! ```
//!
//! Traps on the way: every clean stop shows SHUTDOWN twice and a SIGTERM from libvirt; `virsh
//! reboot` is S5 followed by a reset; `stopped` may come without `started`; a guest that restarts
//! without having seen the press does not answer it.

use std::rc::Rc;

use softoff_journal::record::{LibvirtCall, LogEntry, Operation, ShutoffReason, Sign};

use crate::run::{Fact, Run, What};
use crate::{limits, marks};

/// Bits of the PM1 registers (ACPI 6.5, 4.8.3).
pub mod pm1 {
    /// PWRBTN_STS and PWRBTN_EN.
    pub const PWRBTN: u32 = 0x0100;
    /// SLP_EN in PM1_CNT.
    pub const SLP_EN: u32 = 0x2000;
    /// SLP_TYP in PM1_CNT.
    pub const SLP_TYP: u32 = 0x1c00;
    /// The bases firmware uses: SeaBIOS and OVMF on q35, OVMF on i440fx.
    pub const BASES: [u16; 2] = [0x600, 0xb000];
    /// Offset of PM1_STS.
    pub const STS: u16 = 0;
    /// Offset of PM1_CNT.
    pub const CNT: u16 = 4;
}

/// One attempt to end a run.
#[derive(Debug, Clone)]
pub struct Attempt<'a> {
    /// Its facts in order, the request first.
    pub facts: Vec<&'a Fact>,
    /// All facts of the run in order.
    all: Rc<[&'a Fact]>,
    /// How many of them came before it.
    begins: usize,
    /// How it left the state machine.
    pub close: Close,
    /// Boot clock of the last sign of a soft request.
    last_press: u64,
    /// What the guest made of the last press.
    press: Press,
    /// The guest wrote S5, or something else ends QEMU: it is no longer waited for.
    ending: bool,
    /// QEMU is gone.
    gone: bool,
}

/// What a guest made of a press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Press {
    /// It acknowledged it, or nothing tells that it did not.
    Seen,
    /// The press was lost, or raised an SCI that is not acknowledged.
    Unseen,
    /// The machine was reset since, which clears the registers that an acknowledgement clears.
    Gone,
}

/// How an attempt left the state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// QEMU is gone; libvirt released the domain, as far as its hook is recorded.
    Gone,
    /// The machine was reset: the guest or libvirt started it again.
    Reset,
    /// The guest went to S3.
    Suspended,
    /// Nothing came of it for [`limits::PATIENCE`].
    GivenUp,
    /// Still going on, or the records end here.
    Open,
}

impl<'a> Attempt<'a> {
    fn begin(fact: &'a Fact, all: &Rc<[&'a Fact]>, begins: usize) -> Self {
        let mut attempt = Self {
            facts: Vec::new(),
            all: Rc::clone(all),
            begins,
            close: Close::Open,
            last_press: fact.boot_ns,
            press: Press::Seen,
            ending: false,
            gone: false,
        };
        attempt.take(fact);
        attempt
    }

    /// Adds a fact. A hostile guest can cause many, so what decides the next step is kept, not
    /// looked for in all of them each time.
    fn take(&mut self, fact: &'a Fact) {
        if fact.sign().is_some_and(is_soft_request) {
            self.last_press = fact.boot_ns;
        }
        match fact.sign() {
            Some(Sign::PowerButton { enabled: Some(false) }) => self.press = Press::Unseen,
            Some(sign) if marks::is_sci_raised(sign) => self.press = Press::Unseen,
            Some(sign) if is_reset(sign) && self.press == Press::Unseen => self.press = Press::Gone,
            _ if marks::is_acknowledgement(fact) && self.press == Press::Unseen => self.press = Press::Seen,
            _ => {}
        }
        self.ending |= fact.sign().is_some_and(|sign| is_s5(sign) || is_fatal(sign));
        self.ending |= is_terminating(fact) || is_shutting_down(fact);
        self.gone |= is_gone(fact);
        self.facts.push(fact);
    }

    /// What came before it in this run, in order.
    pub fn before(&self) -> &[&'a Fact] {
        &self.all[..self.begins]
    }

    /// Boot clock of the request.
    pub fn began(&self) -> u64 {
        self.facts.first().map_or(0, |fact| fact.boot_ns)
    }

    /// Boot clock of the last fact that was seen from outside. Looks at the guest are no part of its course:
    /// they may go on after it.
    pub fn last_from_outside(&self) -> u64 {
        let outside = |fact: &&&Fact| matches!(fact.what, What::Hook(_) | What::Sign(_));
        self.facts.iter().rfind(outside).map_or_else(|| self.began(), |fact| fact.boot_ns)
    }

    /// The signs of this attempt with their facts, in order.
    pub fn signs(&self) -> impl Iterator<Item = (&'a Fact, &'a Sign)> + '_ {
        self.facts.iter().filter_map(|fact| Some((*fact, fact.sign()?)))
    }

    /// Whether some sign satisfies `test`.
    pub fn any(&self, test: impl Fn(&Sign) -> bool) -> bool {
        self.signs().any(|(_, sign)| test(sign))
    }

    fn is_given_up(&self, now: u64) -> bool {
        now.saturating_sub(self.last_press) > limits::PATIENCE && !self.ending
    }
}

/// All attempts of a run, as of `now`.
pub fn attempts(run: &Run, now: u64) -> Vec<Attempt<'_>> {
    let all: Rc<[&Fact]> = run.in_order().into();
    let mut machine = Machine { all: Rc::clone(&all), past: 0, open: None, closed: Vec::new() };
    for fact in all.iter() {
        machine.take(fact);
    }
    machine.finish(now)
}

#[derive(Debug)]
struct Machine<'a> {
    all: Rc<[&'a Fact]>,
    /// How many of them were taken.
    past: usize,
    open: Option<Attempt<'a>>,
    closed: Vec<Attempt<'a>>,
}

impl<'a> Machine<'a> {
    fn take(&mut self, fact: &'a Fact) {
        self.give_up(fact.boot_ns);
        // In a log QEMU's last word on a signal is the true one: an earlier one ended nothing.
        if is_terminating(fact) && self.open.as_ref().is_some_and(|attempt| !attempt.gone) {
            self.open = None;
        }
        if let Some(attempt) = &mut self.open {
            attempt.take(fact);
        } else if self.begins(fact) {
            self.open = Some(Attempt::begin(fact, &self.all, self.past));
        }
        if let Some(close) = self.open.as_ref().and_then(|attempt| closes(attempt, fact)) {
            self.close(close);
        }
        self.past += 1;
    }

    /// What can be the first sign of an attempt.
    fn begins(&self, fact: &Fact) -> bool {
        match (fact.sign(), fact.operation()) {
            (Some(sign), _) => {
                is_soft_request(sign)
                    || is_s5(sign)
                    || is_fatal(sign)
                    || matches!(
                        sign,
                        Sign::SuspendDisk | Sign::LibvirtCall { call: LibvirtCall::Destroy, .. }
                    )
            }
            // Without a probe the first thing to be seen is the end. A run that never started has
            // nothing to end.
            (_, Some(Operation::Stopped | Operation::Release)) => self.ran(fact),
            _ => is_terminating(fact) || (is_shutting_down(fact) && self.ran(fact)),
        }
    }

    /// Not a start that failed: libvirt calls `stopped` and `release` then too. Where the beginning
    /// was not recorded, the run is taken to have run.
    fn ran(&self, ended: &Fact) -> bool {
        let failed = ended.reason() == Some(&ShutoffReason::Failed);
        let past = &self.all[..self.past];
        let began = past.iter().any(|fact| is_start(fact));
        !failed && (!began || past.iter().any(|fact| is_running(fact)))
    }

    fn give_up(&mut self, now: u64) {
        if self.open.as_ref().is_some_and(|attempt| attempt.is_given_up(now)) {
            self.close(Close::GivenUp);
        }
    }

    fn close(&mut self, close: Close) {
        if let Some(mut attempt) = self.open.take() {
            attempt.close = close;
            self.closed.push(attempt);
        }
    }

    fn finish(mut self, now: u64) -> Vec<Attempt<'a>> {
        self.give_up(now);
        let gone = self.open.as_ref().is_some_and(|attempt| attempt.gone);
        self.close(if gone { Close::Gone } else { Close::Open });
        self.closed
    }
}

fn closes(attempt: &Attempt<'_>, fact: &Fact) -> Option<Close> {
    if attempt.gone {
        return None;
    }
    match fact.sign()? {
        Sign::Reset { cause, .. } | Sign::ResetRequest { cause } => {
            let answers = attempt.press == Press::Seen || cause != "guest-reset";
            // libvirt restarts a guest that panicked, where it is told to.
            let dying = |sign: &Sign| is_fatal(sign) && !is_panic(sign);
            ((answers || attempt.any(is_panic)) && !attempt.any(dying)).then_some(Close::Reset)
        }
        Sign::SuspendRequest => Some(Close::Suspended),
        _ => None,
    }
}

fn is_start(fact: &Fact) -> bool {
    matches!(fact.operation(), Some(Operation::Prepare | Operation::Start))
}

fn is_running(fact: &Fact) -> bool {
    matches!(fact.operation(), Some(Operation::Started | Operation::Reconnect)) || fact.sign().is_some()
}

fn is_gone(fact: &Fact) -> bool {
    matches!(fact.sign(), Some(Sign::Exit { .. }))
        || matches!(fact.operation(), Some(Operation::Stopped | Operation::Release))
        || is_shutting_down(fact)
}

/// The log has QEMU's last words on a signal.
pub fn is_terminating(fact: &Fact) -> bool {
    matches!(fact.log(), Some(LogEntry::Terminating(_)))
}

/// The log has libvirt's word that the domain is off.
pub fn is_shutting_down(fact: &Fact) -> bool {
    matches!(fact.log(), Some(LogEntry::ShuttingDown { .. }))
}

/// A press of the power button, on any stretch of its way into the PM1 block.
pub fn is_press(sign: &Sign) -> bool {
    matches!(
        sign,
        Sign::QmpSystemPowerdown | Sign::PowerdownRequest | Sign::Powerdown | Sign::PowerButton { .. }
    )
}

/// A request to the guest, in libvirt or further on its way.
pub fn is_soft_request(sign: &Sign) -> bool {
    is_press(sign)
        || matches!(sign, Sign::LibvirtCall { call: LibvirtCall::Shutdown | LibvirtCall::Reboot, .. })
}

/// The machine was reset, or is about to be.
pub fn is_reset(sign: &Sign) -> bool {
    matches!(sign, Sign::Reset { .. } | Sign::ResetRequest { .. })
}

/// The guest powered itself off: S5, as QEMU's function, its event or KVM's port write shows it.
pub fn is_s5(sign: &Sign) -> bool {
    match sign {
        Sign::ShutdownRequest { cause } | Sign::Shutdown { cause, .. } => cause == "guest-shutdown",
        Sign::PortIo { port, write: true, value } => {
            is_pm1(*port, pm1::CNT) && value & pm1::SLP_EN != 0 && value & pm1::SLP_TYP == 0
        }
        _ => false,
    }
}

/// Whether `port` is the PM1 register at `offset`, on either base.
pub fn is_pm1(port: u16, offset: u16) -> bool {
    pm1::BASES.iter().any(|base| port == base + offset)
}

fn is_panic(sign: &Sign) -> bool {
    match sign {
        Sign::GuestPanicked => true,
        Sign::ShutdownRequest { cause } | Sign::Shutdown { cause, .. } => cause == "guest-panic",
        _ => false,
    }
}

/// What ends QEMU without the guest: a signal, `quit`, a panic, its own exit.
pub fn is_fatal(sign: &Sign) -> bool {
    match sign {
        Sign::Signal { .. }
        | Sign::Killed { .. }
        | Sign::OomKill
        | Sign::GuestPanicked
        | Sign::Exit { .. } => true,
        Sign::ShutdownRequest { cause } | Sign::Shutdown { cause, .. } => cause != "guest-shutdown",
        _ => false,
    }
}
