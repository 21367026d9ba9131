//! Hand-made episodes for the tests: one of each shape that the formats must cope with.

use chrono::{DateTime, Utc};
use softoff_analyzer::Cause;
use softoff_analyzer::episode::{
    Candidate, CauseFinding, Completeness, Culprit, CulpritKind, Domain, Episode, Evidence, GuestLog,
    GuestLogEnd, GuestLogPhase, GuestLogType, GuestPhaseName, Outcome, Path, Phase, PhaseName, Qemu, Request,
    Risk, RiskLevel, SCHEMA, Source, Tier, Verdict,
};
use uuid::Uuid;

/// A name that tries everything: quotes, markup, escapes, direction, line breaks, length.
pub fn hostile_name() -> String {
    let nasty = "<script>alert('x')</script> \"q\" & `c` | [l](http://h.example) **b** \u{1b}[31m\u{9b}2J\n# h\t\u{202e}gpj\u{0}\u{ffff}";
    nasty.to_owned() + &"漢ü".repeat(40)
}

/// All shapes, each with a name for its golden file.
pub fn all() -> Vec<(&'static str, Episode)> {
    vec![
        ("clean", clean()),
        ("slow", slow()),
        ("ignored", ignored()),
        ("hard", hard()),
        ("single_phase", single_phase()),
        ("hostile", hostile()),
        ("bare", bare()),
        ("looked_at", looked_at()),
        ("guest_log", guest_log()),
    ]
}

/// Only the episodes.
pub fn episodes() -> Vec<Episode> {
    all().into_iter().map(|(_, episode)| episode).collect()
}

/// Asked through ACPI, gone in three seconds.
pub fn clean() -> Episode {
    Episode {
        phases: phases(&[0.0004, 0.0312, 2.8712, 0.012, 0.148, 0.057]),
        duration_seconds: Some(3.1198),
        ended_at: None,
        evidence: vec![
            seen(Source::Probe, 0.0, "libvirt sent system_powerdown over QMP", 0.0),
            seen(Source::Probe, 0.0004, "QEMU raised the SCI; the guest listens (PWRBTN_EN set)", 0.0),
            seen(Source::Probe, 0.0316, "guest acknowledged the power button (PM1_STS cleared)", 0.0),
            seen(Source::Probe, 2.9028, "guest powered off (S5)", 0.0),
            seen(Source::Probe, 2.9148, "vCPUs paused, block devices drained and flushed in 11 ms", 0.0),
            seen(Source::Hook, 2.95, "libvirt called the hook: stopped, reason shutdown", 0.0),
            seen(Source::Probe, 3.0628, "QEMU exited with status 0", 0.0),
            seen(Source::Hook, 3.1198, "libvirt called the hook: release", 0.0),
        ],
        ..base("web-01", 1)
    }
}

/// Took twelve minutes, most of them in the guest.
pub fn slow() -> Episode {
    Episode {
        id: "51d0c2aa".to_owned(),
        verdict: Verdict::Slow,
        phases: phases(&[0.0005, 0.044, 722.9, 0.31, 0.2, 0.06]),
        duration_seconds: Some(723.5145),
        ended_at: None,
        cause: cause(Cause::GuestSlowServices, 0.65),
        candidates: candidates(&[(Cause::GuestSlowServices, 0.65), (Cause::GuestUpdate, 0.3)]),
        evidence: vec![
            seen(Source::Proc, -86_400.0, "QEMU has run since yesterday", 0.0),
            seen(Source::Probe, 0.0, "libvirt sent system_powerdown over QMP", 0.0),
            seen(Source::Probe, 0.0445, "guest acknowledged the power button (PM1_STS cleared)", 0.4),
            seen(Source::Probe, 200.0, "guest wrote 1.4 GiB since the request", -0.2),
            seen(Source::Probe, 722.9445, "guest powered off (S5)", 0.5),
            seen(Source::Hook, 723.5145, "libvirt called the hook: release", 0.0),
        ],
        advice: vec!["Look at the guest's System event log for services that stop slowly.".to_owned()],
        ..base("sql-prod-02", 2)
    }
}

/// Acknowledged, ignored for two minutes, then destroyed.
pub fn ignored() -> Episode {
    Episode {
        id: "9be01f77".to_owned(),
        outcome: Outcome::Hard,
        verdict: Verdict::Failed,
        escalated: true,
        phases: phases(&[0.0004, 0.0271, 120.01, 0.004, 0.16, 0.05]),
        duration_seconds: Some(120.2515),
        ended_at: None,
        cause: cause(Cause::GuestIgnored, 0.8),
        candidates: candidates(&[
            (Cause::GuestIgnored, 0.8),
            (Cause::GuestLogonRequired, 0.3),
            (Cause::GuestButtonDisabled, 0.3),
        ]),
        evidence: vec![
            seen(Source::Probe, 0.0, "libvirt sent system_powerdown over QMP", 0.0),
            seen(Source::Probe, 0.0004, "QEMU raised the SCI; the guest listens (PWRBTN_EN set)", 0.2),
            seen(Source::Probe, 0.0275, "guest acknowledged the power button (PM1_STS cleared)", 0.6),
            seen(Source::Probe, 60.0, "libvirt sent system_powerdown over QMP a second time, and the guest acknowledged it again without doing anything about it", 0.6),
            seen(Source::Probe, 120.0375, "libvirtd sent SIGTERM to QEMU", 0.0),
            seen(Source::Hook, 120.1, "libvirt called the hook: stopped, reason destroyed", 0.0),
        ],
        advice: vec![
            "Look at the console: a dialog may wait for an answer.".to_owned(),
            "In the guest, set the power-button action to \"shut down\" and allow shutdown without log-on (policy \"Shutdown: Allow system to be shut down without having to log on\").".to_owned(),
        ],
        risk: Some(Risk {
            level: RiskLevel::High,
            unflushed_bytes: Some(13_107_200),
            inflight_requests: Some(3),
            writes_after_request: Some(412),
            text: "The guest was writing when it was cut off: unsaved work and a dirty NTFS are likely.".to_owned(),
        }),
        ..base("win2k22-dc", 3)
    }
}

/// Destroyed without being asked.
pub fn hard() -> Episode {
    Episode {
        id: "77aa0001".to_owned(),
        outcome: Outcome::Hard,
        verdict: Verdict::Failed,
        request: Request { path: Path::Destroy, presses: 0, ..request() },
        phases: phases_from(PhaseName::Teardown, &[0.21, 0.04]),
        duration_seconds: Some(0.25),
        ended_at: None,
        cause: cause(Cause::OperatorDestroy, 1.0),
        candidates: candidates(&[(Cause::OperatorDestroy, 1.0)]),
        evidence: vec![
            seen(Source::Probe, 0.0, "libvirtd sent SIGTERM to QEMU", 1.0),
            seen(Source::Hook, 0.21, "libvirt called the hook: stopped, reason destroyed", 0.8),
        ],
        risk: Some(Risk {
            level: RiskLevel::Unknown,
            unflushed_bytes: None,
            inflight_requests: None,
            writes_after_request: None,
            text: "Nothing tells what the guest was writing.".to_owned(),
        }),
        ..base("build-7", 4)
    }
}

/// Nothing but the hook: one phase, and much that was not seen.
pub fn single_phase() -> Episode {
    Episode {
        id: "0000beef".to_owned(),
        phases: phases_from(PhaseName::Release, &[0.5]),
        request: Request { at: None, path: Path::None, presses: 0, by: None },
        qemu: None,
        duration_seconds: None,
        ended_at: None,
        evidence: vec![seen(Source::Hook, 0.0, "libvirt called the hook: stopped", 0.0)],
        completeness: Completeness {
            tier: Tier::Hook,
            lost_events: 12,
            bad_lines: 1,
            clock_uncertainty_ns: 2_000_000,
            missing: vec![
                "The request: softoff trace was not running, so the time in the guest is unknown.".to_owned(),
            ],
        },
        ..base("legacy", 5)
    }
}

/// Hostile in every string.
pub fn hostile() -> Episode {
    let name = hostile_name();
    Episode {
        id: "0bad0bad".to_owned(),
        host: name.clone(),
        domain: Domain { os: Some(name.clone()), os_source: Some(name.clone()), ..domain(&name, 6) },
        qemu: Some(Qemu { version: Some(name.clone()), build_id: Some(name.clone()), ..qemu() }),
        request: Request { by: Some(name.clone()), ..request() },
        guest_log: Some(GuestLog { reason_code: Some(name.clone()), ..log(&name) }),
        evidence: vec![seen(Source::Hook, f64::NAN, &name, 1.0), seen(Source::Evtx, 3.0, &name, -1.0)],
        advice: vec![name.clone(), format!("1. {name}"), format!("    {name}")],
        risk: Some(Risk {
            level: RiskLevel::Medium,
            unflushed_bytes: None,
            inflight_requests: None,
            writes_after_request: None,
            text: name.clone(),
        }),
        completeness: Completeness { missing: vec![name.clone()], ..completeness() },
        ..ignored()
    }
}

/// Ignored, with a dialog on the screen and settings read through the agent.
pub fn looked_at() -> Episode {
    let shown = |at, text: &str, file: &str| Evidence {
        picture: Some(file.to_owned()),
        ..seen(Source::Screen, at, text, 7.0)
    };
    let dialog = "its screen read “Shutdown Event Tracker Choose a reason that best describes why you want to shut down this PC”: the Shutdown Event Tracker asks for a reason";
    let still = "its screen, unchanged, read “Shutdown Event Tracker Choose a reason that best describes why you want to shut down this PC”: the Shutdown Event Tracker asks for a reason";
    let mut episode = ignored();
    episode.evidence.insert(3, shown(20.2, dialog, "screens/3f2a9c41-4242-7-1.png"));
    episode.evidence.insert(
        4,
        seen(
            Source::Agent,
            21.0,
            "its agent says: ShutdownReasonOn = 1: the Shutdown Event Tracker may ask",
            2.5,
        ),
    );
    episode.evidence.insert(6, shown(80.4, still, "screens/3f2a9c41-4242-7-1.png"));
    episode.evidence.insert(7, shown(100.0, "its screen was black", "screens/3f2a9c41-4242-7-2.png"));
    Episode {
        id: "5c2ee110".to_owned(),
        cause: cause(Cause::GuestShutdownTracker, 0.97),
        candidates: candidates(&[(Cause::GuestShutdownTracker, 0.97)]),
        completeness: Completeness { tier: Tier::Guest, ..completeness() },
        ..episode
    }
}

/// Next to nothing is known, not even why it failed.
pub fn bare() -> Episode {
    Episode {
        id: "00000000".to_owned(),
        domain: Domain { name: None, uuid: None, os: None, os_source: None },
        outcome: Outcome::Crashed,
        verdict: Verdict::Failed,
        cause: cause(Cause::None, 0.0),
        candidates: candidates(&[(Cause::GuestCrashed, 0.4), (Cause::HostQemuCrash, 0.3)]),
        duration_seconds: None,
        ended_at: None,
        phases: vec![],
        evidence: vec![],
        ..base("", 7)
    }
}

/// Installed updates, by its own event log beside the host's records.
pub fn guest_log() -> Episode {
    Episode {
        id: "e0e0e0e0".to_owned(),
        verdict: Verdict::Slow,
        phases: phases(&[0.0004, 0.02, 88.4, 0.012, 0.15, 0.06]),
        duration_seconds: Some(88.6424),
        cause: cause(Cause::GuestUpdate, 0.97),
        candidates: candidates(&[(Cause::GuestUpdate, 0.97)]),
        guest_log: Some(log("C:\\Windows\\system32\\svchost.exe")),
        evidence: vec![
            seen(Source::Probe, 0.0, "system_powerdown arrived over QMP", 0.0),
            seen(Source::Evtx, 1.2, "Windows: the last user is logged off (7002)", 0.0),
            seen(
                Source::Evtx,
                87.9,
                "Windows spent 80.1 s in pre-shutdown services, with updates to install",
                10.0,
            ),
        ],
        completeness: Completeness { tier: Tier::Guest, ..completeness() },
        ..base("win11-03", 8)
    }
}

/// A guest's own log with this text wherever the guest chooses it.
pub fn log(text: &str) -> GuestLog {
    let phase = |name, seconds| GuestLogPhase { name, seconds };
    GuestLog {
        started_at: Some(time("2026-11-23T09:12:08Z")),
        process: Some(text.to_owned()),
        reason_code: Some("0x80020010".to_owned()),
        r#type: Some(GuestLogType::Restart),
        phases: vec![
            phase(GuestPhaseName::Sessions, 1.2),
            phase(GuestPhaseName::Preshutdown, 80.1),
            phase(GuestPhaseName::Services, 5.0),
            phase(GuestPhaseName::Kernel, 0.4),
        ],
        ended: GuestLogEnd::Clean,
        culprits: vec![Culprit { kind: CulpritKind::Service, name: text.to_owned(), seconds: Some(4.97) }],
        clock_offset_seconds: Some(-2.75),
        clock_uncertainty_seconds: Some(1.25),
    }
}

fn base(name: &str, number: u128) -> Episode {
    Episode {
        schema: SCHEMA.to_owned(),
        id: "3f2a9c41".to_owned(),
        host: "hv-01".to_owned(),
        boot_id: Uuid::from_u128(0xb007),
        domain: domain(name, number),
        qemu: Some(qemu()),
        request: request(),
        outcome: Outcome::Soft,
        verdict: Verdict::Clean,
        escalated: false,
        duration_seconds: None,
        ended_at: None,
        phases: vec![],
        cause: cause(Cause::None, 1.0),
        candidates: candidates(&[(Cause::None, 1.0)]),
        guest_log: None,
        evidence: vec![],
        advice: vec![],
        risk: None,
        completeness: completeness(),
    }
}

fn domain(name: &str, number: u128) -> Domain {
    Domain { name: Some(name.to_owned()), uuid: Some(Uuid::from_u128(number)), os: None, os_source: None }
}

fn qemu() -> Qemu {
    let started_at = Some(time("2026-11-22T07:00:00Z"));
    Qemu {
        pid: 4242,
        started_at,
        version: Some("QEMU 7.2.19".to_owned()),
        build_id: Some("c0ffee".to_owned()),
    }
}

fn request() -> Request {
    let at = Some(time("2026-11-23T09:12:04.25Z"));
    Request { at, path: Path::Acpi, presses: 1, by: Some("libvirt".to_owned()) }
}

fn completeness() -> Completeness {
    Completeness {
        tier: Tier::Probe,
        lost_events: 0,
        bad_lines: 0,
        clock_uncertainty_ns: 1000,
        missing: vec![],
    }
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn phases(seconds: &[f64]) -> Vec<Phase> {
    phases_from(PhaseName::Deliver, seconds)
}

fn phases_from(first: PhaseName, seconds: &[f64]) -> Vec<Phase> {
    let names = PhaseName::ALL.into_iter().skip_while(|name| *name != first);
    let mut start_seconds = 0.0;
    let mut phases = Vec::new();
    for (name, &seconds) in names.zip(seconds) {
        phases.push(Phase { name, start_seconds, seconds });
        // Microseconds, so that the numbers in the golden files are as short as those above.
        start_seconds = ((start_seconds + seconds) * 1e6).round() / 1e6;
    }
    phases
}

fn cause(code: Cause, confidence: f64) -> CauseFinding {
    CauseFinding { code, confidence, scenario: code.scenario() }
}

fn candidates(ranked: &[(Cause, f64)]) -> Vec<Candidate> {
    ranked.iter().map(|&(code, confidence)| Candidate { code, confidence }).collect()
}

fn seen(source: Source, at_seconds: f64, text: &str, weight: f64) -> Evidence {
    Evidence { source, at_seconds, text: text.to_owned(), weight, picture: None }
}
