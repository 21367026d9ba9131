//! A run: one life of one QEMU process of one domain, and every fact recorded about it.

use std::cmp::Ordering;
use std::fmt;

use chrono::{DateTime, Utc};
use softoff_journal::process::NANOS_PER_TICK;
use softoff_journal::record::{
    AgentAnswer, AgentExchange, Coverage, DomainLog, GuestOs, HookCall, LogEntry, Operation, ProcessId,
    QemuProcess, Screen, ShutoffReason, Sign,
};
use uuid::Uuid;

use crate::activity::Timeline;
use crate::{attempt, limits};

/// The host and boot a run belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Boot {
    /// Boot id: boot clocks compare only within it.
    pub id: Uuid,
    /// Host name.
    pub host: String,
}

/// One life of one QEMU process.
#[derive(Debug, Clone)]
pub struct Run {
    /// Where and when it ran.
    pub boot: Boot,
    /// Domain UUID.
    pub uuid: Option<Uuid>,
    /// Domain name.
    pub name: Option<String>,
    /// libosinfo id of the guest.
    pub os: Option<String>,
    /// The process.
    pub process: Option<ProcessId>,
    /// What the tracer found out about the process, and when it began to watch it.
    pub watched: Option<(u64, QemuProcess)>,
    /// What the tracer found each time it met the process.
    pub sightings: Vec<Sighting>,
    /// What happened, in no particular order until [`Run::in_order`].
    pub facts: Vec<Fact>,
    /// What its guest did while a window was open.
    pub activity: Timeline,
    /// Facts and events that are known to be missing.
    pub lost: u64,
}

/// The state in which the tracer found a process: when it came to know it, and again when it was
/// started anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Boot clock in nanoseconds.
    pub at: u64,
    /// QEMU's run state in libvirt's words, where a probe tells when it ends.
    pub state: Option<String>,
    /// Whether the agent's port was open.
    pub agent_open: Option<bool>,
}

impl Sighting {
    /// What a record of the process says.
    pub fn of(at: u64, process: &QemuProcess) -> Self {
        let followed = process.coverage == Coverage::Symbols;
        let state = process.state.clone().filter(|_| followed);
        Self { at, state, agent_open: process.agent.as_ref().and_then(|agent| agent.open) }
    }
}

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Boot clock in nanoseconds.
    pub boot_ns: u64,
    /// Wall time, for people.
    pub wall: DateTime<Utc>,
    /// What happened.
    pub what: What,
}

/// Who saw what.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// libvirt called the hook.
    Hook(Box<HookCall>),
    /// A sentinel fired.
    Sign(Sign),
    /// The guest's screen was looked at.
    Screen(Box<Screen>),
    /// The guest's agent was asked.
    Agent(Box<AgentExchange>),
    /// The domain's log says it.
    Log(Box<DomainLog>),
}

impl Run {
    /// A run of which nothing is known yet.
    pub fn new(boot: Boot) -> Self {
        Self {
            boot,
            uuid: None,
            name: None,
            os: None,
            process: None,
            watched: None,
            sightings: Vec::new(),
            facts: Vec::new(),
            activity: Timeline::default(),
            lost: 0,
        }
    }

    /// Adds a fact. Beyond a bound the older half makes room: a guest can cause facts without end,
    /// and how a run ended is told by its last ones.
    pub fn add(&mut self, fact: Fact) {
        if self.facts.len() >= limits::FACTS_PER_RUN {
            self.facts.drain(..limits::FACTS_PER_RUN / 2);
            self.lost += limits::FACTS_PER_RUN as u64 / 2;
        }
        self.facts.push(fact);
    }

    /// Whether this is known to be a virtual machine at all. libvirt runs QEMU for a moment, without a
    /// domain, to learn what it can do, and ends it with a signal.
    pub fn is_a_vm(&self) -> bool {
        self.name.is_some() || self.uuid.is_some() || self.facts.iter().any(Fact::is_of_a_guest)
    }

    /// Takes over what another part of the same run holds.
    pub fn absorb(&mut self, other: Self) {
        self.uuid = self.uuid.or(other.uuid);
        self.name = self.name.take().or(other.name);
        self.os = self.os.take().or(other.os);
        self.process = self.process.or(other.process);
        self.watched = self.watched.take().or(other.watched);
        self.sightings.extend(other.sightings);
        self.facts.extend(other.facts);
        self.activity.absorb(other.activity);
        self.lost += other.lost;
    }

    /// The facts in the order of the boot clock; those of one moment in a fixed order, so that the
    /// same facts always give the same episode.
    pub fn in_order(&self) -> Vec<&Fact> {
        let mut facts: Vec<&Fact> = self.facts.iter().collect();
        let key = |fact: &Fact| (fact.boot_ns, fact.rank());
        facts.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| by_content(&a.what, &b.what)));
        facts
    }

    /// Whether libvirt's reason for the domain being off is known.
    pub fn has_reason(&self) -> bool {
        self.facts.iter().any(|fact| fact.reason().is_some())
    }

    /// Boot clock of the process's start, to the tick.
    pub fn process_start(&self) -> Option<u64> {
        self.process.map(|process| process.start_ticks.saturating_mul(NANOS_PER_TICK))
    }

    /// Whether nothing but the domain's log tells of this run.
    pub fn is_from_log(&self) -> bool {
        !self.facts.is_empty() && self.facts.iter().all(|fact| fact.log().is_some())
    }

    /// Whether any hook call of this run was recorded.
    pub fn has_hook(&self) -> bool {
        self.facts.iter().any(|fact| matches!(fact.what, What::Hook(_)))
    }
}

/// Some fixed order of things that nothing else tells apart. It costs, so it is asked last.
pub fn by_content(a: &impl fmt::Debug, b: &impl fmt::Debug) -> Ordering {
    format!("{a:?}").cmp(&format!("{b:?}"))
}

impl Fact {
    /// The hook's operation, if libvirt's hook is what this fact is about.
    pub fn operation(&self) -> Option<&Operation> {
        match &self.what {
            What::Hook(call) => Some(&call.operation),
            _ => None,
        }
    }

    /// The sign, if a sentinel is what this fact is about.
    pub fn sign(&self) -> Option<&Sign> {
        match &self.what {
            What::Sign(sign) => Some(sign),
            _ => None,
        }
    }

    /// libvirt's reason, if this fact carries one.
    pub fn reason(&self) -> Option<&ShutoffReason> {
        match &self.what {
            What::Hook(call) => call.reason.as_ref(),
            What::Log(log) => match &log.entry {
                LogEntry::ShuttingDown { reason } => reason.as_ref(),
                _ => None,
            },
            _ => None,
        }
    }

    /// What the domain's log says, if it is what this fact is about.
    pub fn log(&self) -> Option<&LogEntry> {
        match &self.what {
            What::Log(log) => Some(&log.entry),
            _ => None,
        }
    }

    /// Whether it shows something of the guest itself.
    pub fn is_from_inside(&self) -> bool {
        match &self.what {
            What::Screen(screen) => screen.picture.is_some(),
            What::Agent(said) => !matches!(said.answer, AgentAnswer::Silent | AgentAnswer::Failed(_)),
            What::Hook(_) | What::Sign(_) | What::Log(_) => false,
        }
    }

    /// The guest's system, if this fact is its agent's word for it.
    pub fn guest_os(&self) -> Option<&GuestOs> {
        match &self.what {
            What::Agent(said) => match &said.answer {
                AgentAnswer::Os(os) => Some(os),
                _ => None,
            },
            _ => None,
        }
    }

    /// What only a request to a guest, or a guest itself, can bring about.
    fn is_of_a_guest(&self) -> bool {
        self.sign().is_some_and(|sign| attempt::is_press(sign) || attempt::is_s5(sign))
            || matches!(
                self.sign(),
                Some(Sign::Sci { .. } | Sign::PortIo { .. } | Sign::SuspendRequest | Sign::GuestPanicked)
            )
    }

    /// Causes before effects where the clock cannot tell: signs, then the hook.
    fn rank(&self) -> u8 {
        match &self.what {
            What::Sign(Sign::Exit { .. }) => 1,
            What::Sign(_) | What::Screen(_) | What::Agent(_) => 0,
            What::Hook(_) => 2,
            What::Log(log) => {
                if matches!(log.entry, LogEntry::ShuttingDown { .. }) {
                    2
                } else {
                    0
                }
            }
        }
    }
}
