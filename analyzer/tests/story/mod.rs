//! A small language for journals: what hook and probe would have recorded, in seconds after a
//! moment at which the VM already runs.

#![allow(dead_code, reason = "each test binary uses its own part of the language")]

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use softoff_analyzer::limits::SLOW;
use softoff_analyzer::{AsOf, Episode, GuestLogs, analyze, analyze_with};
use softoff_journal::record::{
    Activity, AgentAnswer, AgentChannel, AgentExchange, AgentQuestion, Bin, Clocks, Coverage, HookCall,
    HostLoad, LibvirtCall, Loss, LossStage, Operation, Picture, ProbeHit, ProcessId, Provenance, QemuProcess,
    ReasonSource, Screen, Sender, ShutoffReason, Sign, TracerState, Window, WindowState, WindowsEntry,
    WindowsEvent,
};
use softoff_journal::{Defect, DefectKind, Entry, Event, Origin, Record};
use uuid::Uuid;

pub const PROCESS: ProcessId = ProcessId { pid: 4242, start_ticks: 100_000 };
pub const UUID: Uuid = Uuid::from_u128(0x5050);
pub const BOOT: Uuid = Uuid::from_u128(0xb007);
/// The process starts 1000 s after boot; stories begin 100 s later.
const ZERO: u64 = 1_100_000_000_000;

#[derive(Debug, Clone)]
pub struct Story {
    pub process: ProcessId,
    pub domain: String,
    pub uuid: Uuid,
    pub records: Vec<Record>,
}

pub fn at(seconds: f64) -> u64 {
    let delta = std::time::Duration::from_secs_f64(seconds.abs()).as_nanos();
    let delta = u64::try_from(delta).expect("a few hours at most");
    if seconds < 0.0 { ZERO - delta } else { ZERO + delta }
}

fn wall(boot_ns: u64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("a date")
        + Duration::nanoseconds(i64::try_from(boot_ns).expect("small"))
}

impl Default for Story {
    fn default() -> Self {
        Self { process: PROCESS, domain: "web-1".to_owned(), uuid: UUID, records: Vec::new() }
    }
}

impl Story {
    /// A VM that the tracer has watched from its start, and the hook too.
    pub fn watched() -> Self {
        Self::default().started(-100.0).found(-100.0, Coverage::Symbols)
    }

    pub fn record(mut self, seconds: f64, event: Event) -> Self {
        let boot_ns = at(seconds);
        self.records.push(Record { boot_ns, wall: wall(boot_ns), event });
        self
    }

    pub fn sign(self, seconds: f64, sign: Sign) -> Self {
        let process = self.process;
        self.record(seconds, Event::Probe(ProbeHit { process, tid: process.pid, sign }))
    }

    pub fn hook(self, seconds: f64, operation: Operation, reason: Option<ShutoffReason>) -> Self {
        let with_pid = matches!(operation, Operation::Started | Operation::Reconnect | Operation::Stopped);
        let call = HookCall {
            domain: self.domain.clone(),
            uuid: Some(self.uuid),
            operation,
            sub_operation: "end".to_owned(),
            extra: "-".to_owned(),
            reason_source: reason.as_ref().map(|_| ReasonSource::Argument),
            reason,
            terminated: None,
            pid: with_pid.then_some(self.process.pid),
            start_ticks: with_pid.then_some(self.process.start_ticks),
            os: None,
            trouble: Vec::new(),
        };
        self.record(seconds, Event::Hook(call))
    }

    pub fn started(self, seconds: f64) -> Self {
        self.hook(seconds - 0.5, Operation::Prepare, None).hook(seconds - 0.4, Operation::Start, None).hook(
            seconds + 0.6,
            Operation::Started,
            None,
        )
    }

    pub fn found(self, seconds: f64, coverage: Coverage) -> Self {
        self.found_with_agent(seconds, coverage, None)
    }

    /// `agent`: whether the domain's agent channel was open then; none without such a channel.
    pub fn found_with_agent(self, seconds: f64, coverage: Coverage, agent: Option<bool>) -> Self {
        let agent = agent.map(|open| AgentChannel { port: "channel0".to_owned(), open: Some(open) });
        let found = QemuProcess {
            process: self.process,
            domain: Some(self.domain.clone()),
            uuid: Some(self.uuid),
            os: None,
            executable: "/usr/bin/qemu-system-x86_64".to_owned(),
            build_id: Some("ab12".to_owned()),
            version: None,
            accelerator: Some("kvm".to_owned()),
            agent,
            state: None,
            coverage,
            missing: Vec::new(),
        };
        self.record(seconds - 500.0, Event::Tracer(TracerState::Ready { pid: 7, missing: Vec::new() }))
            .record(seconds + 0.01, Event::Qemu(found))
    }

    /// libvirt is asked, and begins to act.
    pub fn called(self, seconds: f64, call: LibvirtCall, flags: u32) -> Self {
        self.sign(seconds, Sign::LibvirtCall { call, flags })
    }

    pub fn refused(self, seconds: f64, call: LibvirtCall) -> Self {
        self.sign(seconds, Sign::LibvirtReturn { call, failed: true })
    }

    pub fn state(self, seconds: f64, state: &str) -> Self {
        self.sign(seconds, Sign::RunState { state: state.to_owned() })
    }

    pub fn guest_resets(self, seconds: f64) -> Self {
        self.sign(seconds, Sign::ResetRequest { cause: "guest-reset".to_owned() })
    }

    pub fn agents_port(self, seconds: f64, open: bool) -> Self {
        self.sign(seconds, Sign::VserportChange { id: "channel0".to_owned(), open })
    }

    /// A window in which every second is like ten of this bin, from one whole second to another.
    pub fn measured(self, from: u32, to: u32, bin: Bin, host: HostLoad) -> Self {
        let process = self.process;
        let opened = Window { process, state: WindowState::Opened, missing: Vec::new() };
        (from..to).fold(self.record(from.into(), Event::Window(opened)), |story, second| {
            let activity = Activity { process, bin_ms: 100, vcpus: 1, bins: vec![bin; 10], host };
            story.record(f64::from(second + 1), Event::Activity(activity))
        })
    }

    /// `system_powerdown` up to the PM1 block.
    pub fn press(self, seconds: f64, enabled: bool) -> Self {
        self.sign(seconds, Sign::QmpSystemPowerdown)
            .sign(seconds + 0.000_01, Sign::PowerdownRequest)
            .sign(seconds + 0.001, Sign::Powerdown)
            .sign(seconds + 0.001_1, Sign::PowerButton { enabled: Some(enabled) })
    }

    pub fn sci(self, seconds: f64) -> Self {
        self.sign(seconds, Sign::Sci { vcpu: false, status: Some(0x100), enable: Some(0x120) })
    }

    pub fn acknowledged(self, seconds: f64) -> Self {
        self.sign(seconds, Sign::Sci { vcpu: true, status: Some(0), enable: Some(0x120) })
    }

    /// A press that the guest takes.
    pub fn heard(self, seconds: f64) -> Self {
        self.press(seconds, true).sci(seconds + 0.001_2).acknowledged(seconds + 0.05)
    }

    pub fn s5(self, seconds: f64) -> Self {
        self.sign(seconds, Sign::ShutdownRequest { cause: "guest-shutdown".to_owned() })
            .sign(seconds + 0.001, Sign::Shutdown { guest: true, cause: "guest-shutdown".to_owned() })
            .sign(seconds + 0.002, Sign::Stop)
            .sign(seconds + 0.006, Sign::VmStop { duration_ns: 5_000_000 })
    }

    pub fn signal(self, seconds: f64, signal: i32, comm: &str) -> Self {
        let sender = Sender { pid: 999, comm: comm.to_owned() };
        self.sign(seconds, Sign::Signal { signal, sender })
    }

    /// SIGTERM and what QEMU makes of it.
    pub fn terminated(self, seconds: f64, comm: &str) -> Self {
        self.signal(seconds, 15, comm)
            .sign(seconds + 0.001, Sign::Killed { signal: 15, sender: 999 })
            .sign(seconds + 0.002, Sign::Shutdown { guest: false, cause: "host-signal".to_owned() })
    }

    pub fn exit(self, seconds: f64) -> Self {
        self.sign(seconds, Sign::Exit { status: Some(0), signal: None })
    }

    pub fn released(self, seconds: f64, reason: Option<ShutoffReason>) -> Self {
        self.hook(seconds, Operation::Stopped, reason.clone()).hook(seconds + 0.1, Operation::Release, reason)
    }

    /// The same without a hook, which would name the domain.
    pub fn torn_down_unnamed(self, seconds: f64) -> Self {
        self.terminated(seconds + 0.01, "libvirtd").exit(seconds + 0.05)
    }

    /// Everything after the guest's S5 on libvirt's side.
    pub fn torn_down(self, seconds: f64) -> Self {
        self.terminated(seconds + 0.01, "libvirtd").exit(seconds + 0.05).released(seconds + 0.06, None)
    }

    /// A look at the screen; without a text it is black.
    pub fn looked(self, seconds: f64, text: Option<&str>) -> Self {
        self.look(seconds, text, None)
    }

    /// A look of which it is known whether the screen has changed since the one before.
    pub fn looked_again(self, seconds: f64, text: &str, changed: Option<bool>) -> Self {
        self.look(seconds, Some(text), changed)
    }

    /// A look that brought nothing.
    pub fn failed_to_look(self, seconds: f64, why: &str) -> Self {
        let screen = Screen {
            process: self.process,
            picture: None,
            text: None,
            reader: None,
            took_ms: 0,
            trouble: vec![why.to_owned()],
        };
        self.record(seconds, Event::Screen(screen))
    }

    fn look(self, seconds: f64, text: Option<&str>, changed: Option<bool>) -> Self {
        let picture = Picture {
            file: format!("screens/{seconds}.png"),
            width: 1024,
            height: 768,
            black: text.is_none(),
            changed,
        };
        let screen = Screen {
            process: self.process,
            picture: Some(picture),
            text: text.map(str::to_owned),
            reader: None,
            took_ms: 40,
            trouble: Vec::new(),
        };
        self.record(seconds, Event::Screen(screen))
    }

    /// A question to the agent and its answer.
    pub fn asked(self, seconds: f64, question: AgentQuestion, answer: AgentAnswer) -> Self {
        let process = self.process;
        let said = AgentExchange { process, question, command: "guest-exec".to_owned(), took_ms: 3, answer };
        self.record(seconds, Event::Agent(said))
    }

    /// The three settings of Windows that can make it drop a request.
    pub fn settings(self, seconds: f64, button: u32, without_logon: u32, tracker: u32) -> Self {
        self.asked(
            seconds,
            AgentQuestion::PowerButtonAction,
            AgentAnswer::PowerButton { ac: button, dc: button },
        )
        .asked(seconds + 0.1, AgentQuestion::ShutdownWithoutLogon, AgentAnswer::Value(Some(without_logon)))
        .asked(seconds + 0.2, AgentQuestion::ShutdownReasonOn, AgentAnswer::Value(Some(tracker)))
    }

    pub fn entries(&self) -> Vec<Entry> {
        entries(&self.records)
    }

    pub fn episodes(&self) -> Vec<Episode> {
        episodes(self.entries(), None)
    }

    pub fn episodes_as_of(&self, seconds: f64) -> Vec<Episode> {
        episodes(self.entries(), Some(AsOf { boot_id: BOOT, boot_ns: at(seconds) }))
    }

    /// With one line of the journal torn, somewhere between these seconds.
    pub fn episodes_with_a_line_torn(&self, from: f64, to: f64) -> Vec<Episode> {
        let torn = Defect {
            path: "test.jsonl".into(),
            line: 3,
            boot_id: Some(BOOT),
            between: at(from)..=at(to),
            kind: DefectKind::Torn(String::new()),
        };
        let mut items: Vec<_> = self.entries().into_iter().map(Ok).collect();
        items.push(Err(torn));
        let episodes = analyze(items, None, SLOW).episodes;
        assert!(episodes.iter().all(|episode| episode.completeness.bad_lines == 1));
        episodes
    }

    pub fn episode(&self) -> Episode {
        let mut episodes = self.episodes();
        assert_eq!(episodes.len(), 1, "{episodes:#?}");
        episodes.remove(0)
    }
}

/// A host that does nothing to its guests.
pub const QUIET: HostLoad = HostLoad {
    cpu_some_us: None,
    io_some_us: None,
    io_full_us: None,
    memory_some_us: None,
    throttled_us: None,
    stopped_us: None,
};

/// A tenth of a second of a guest that waits.
pub fn idle() -> Bin {
    Bin { run_us: 1_000, ..Bin::default() }
}

/// A tenth of a second of a guest at work.
pub fn writing() -> Bin {
    Bin { writes: 2, write_bytes: 512 << 10, unflushed_bytes: 1 << 20, run_us: 60_000, ..Bin::default() }
}

/// A guest whose agent runs.
pub fn with_agent() -> Story {
    Story::default().started(-100.0).found_with_agent(-100.0, Coverage::Symbols, Some(true))
}

fn provenance() -> Provenance {
    Provenance {
        schema: softoff_journal::SCHEMA.to_owned(),
        writer: "test".to_owned(),
        version: "0".to_owned(),
        host: "host-a".to_owned(),
        boot_id: BOOT,
        kernel: "6.18".to_owned(),
        clocks: Clocks { boot_ns: String::new(), wall: String::new() },
    }
}

pub fn entries(records: &[Record]) -> Vec<Entry> {
    let origin = Arc::new(Origin { path: "test.jsonl".into(), provenance: provenance() });
    records.iter().map(|record| Entry { origin: Arc::clone(&origin), record: record.clone() }).collect()
}

pub fn episodes(entries: Vec<Entry>, as_of: Option<AsOf>) -> Vec<Episode> {
    analyze(entries.into_iter().map(Ok), as_of, SLOW).episodes
}

/// A guest's event log, in seconds of the same clock as a [`Story`]'s plus the offset of the guest's.
#[derive(Debug, Clone)]
pub struct GuestStory {
    pub computer: String,
    pub domain: Option<String>,
    /// How far the guest's clock is ahead, in seconds.
    pub ahead: f64,
    /// When, in which log, what.
    pub events: Vec<(f64, &'static str, WindowsEntry)>,
    /// A part of it could not be read.
    pub damaged: bool,
}

impl GuestStory {
    /// The log of the domain that a [`Story`] is about by default; it covers an hour to either side.
    pub fn new(ahead: f64) -> Self {
        let domain = Some("web-1".to_owned());
        let log = Self { computer: "WIN-1".to_owned(), domain, ahead, events: Vec::new(), damaged: false };
        log.says(-3600.0, WindowsEntry::LoggedOn).says(3600.0, WindowsEntry::LoggedOn)
    }

    pub fn says(self, seconds: f64, entry: WindowsEntry) -> Self {
        self.says_in(seconds, "System", entry)
    }

    pub fn says_in(mut self, seconds: f64, channel: &'static str, entry: WindowsEntry) -> Self {
        self.events.push((seconds, channel, entry));
        self
    }

    pub fn asked(self, seconds: f64, process: &str, reason_code: &str) -> Self {
        let entry = WindowsEntry::Asked {
            process: process.to_owned(),
            reason_code: reason_code.to_owned(),
            kind: "power off".to_owned(),
            user: "NT AUTHORITY\\SYSTEM".to_owned(),
        };
        self.says(seconds, entry)
    }

    /// 7002, 6006, 109 and 13.
    pub fn marks(self, off: f64, log: f64, kernel: f64, stopped: f64) -> Self {
        self.says(off, WindowsEntry::LoggedOff)
            .says(log, WindowsEntry::LogStopped)
            .says(kernel, WindowsEntry::KernelShutdown { action: Some(6) })
            .says(stopped, WindowsEntry::KernelStopped)
    }

    /// What Windows writes when it starts.
    pub fn boots(self, seconds: f64) -> Self {
        self.says(seconds, WindowsEntry::KernelStarted).says(seconds + 8.0, WindowsEntry::LogStarted)
    }

    pub fn boots_after_a_cut(self, seconds: f64, last_alive: f64) -> Self {
        let alive = self.wall(last_alive);
        self.says(seconds, WindowsEntry::KernelStarted)
            .says(seconds + 3.0, WindowsEntry::PowerLost { bugcheck: 0 })
            .says(seconds + 7.9, WindowsEntry::Unexpected { last_alive: Some(alive) })
            .says(seconds + 8.0, WindowsEntry::LogStarted)
    }

    /// By the guest's clock; a log may begin long before the host's boot.
    fn wall(&self, seconds: f64) -> DateTime<Utc> {
        let micros = format!("{:.0}", (seconds + self.ahead) * 1e6);
        wall(ZERO) + Duration::microseconds(micros.parse().expect("a number"))
    }

    pub fn entries(&self) -> Vec<Entry> {
        let name = format!("{} {:?}", self.computer, self.domain);
        let provenance = Provenance {
            writer: "evtx".to_owned(),
            boot_id: Uuid::new_v5(&BOOT, name.as_bytes()),
            ..provenance()
        };
        let origin = Arc::new(Origin { path: format!("{name}.jsonl").into(), provenance });
        let event = |(number, (seconds, channel, entry)): (u64, &(f64, &str, WindowsEntry))| {
            let event = WindowsEvent {
                computer: self.computer.clone(),
                domain: self.domain.clone(),
                channel: (*channel).to_owned(),
                record_id: number,
                entry: entry.clone(),
            };
            (self.wall(*seconds), Event::Windows(event))
        };
        let loss = Event::Loss(Loss { stage: LossStage::Import, count: 1, process: None });
        let events = (0..).zip(&self.events).map(event).chain(self.damaged.then(|| (wall(at(0.0)), loss)));
        let record = |(wall, event)| Record { boot_ns: 0, wall, event };
        events.map(|event| Entry { origin: Arc::clone(&origin), record: record(event) }).collect()
    }
}

/// The episodes of a host's journal with guests' event logs imported beside it.
pub fn episodes_with(stories: &[Story], guests: &[GuestStory]) -> Vec<Episode> {
    let of_guests: Vec<Entry> = guests.iter().flat_map(GuestStory::entries).collect();
    let mut logs = GuestLogs::default();
    for entry in &of_guests {
        logs.push(entry);
    }
    let mut records: Vec<Record> = stories.iter().flat_map(|story| story.records.clone()).collect();
    records.sort_by_key(|record| record.boot_ns);
    let items = entries(&records).into_iter().chain(of_guests);
    analyze_with(logs, items.map(Ok), None, SLOW).episodes
}
