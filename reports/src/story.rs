//! What there is to say about an episode, in the words that every format for people shares. All
//! text in a story has been through [`shown`].

use softoff_analyzer::Cause;
use softoff_analyzer::episode::{
    Domain, Episode, Evidence, Outcome, Path, Phase, PhaseName, Qemu, Request, Risk, Source, Tier, Verdict,
};

use crate::guest::GuestSide;
use crate::units::{bytes, counted, duration, moment, percent};
use crate::visible::{fit, name_in_sentence, visible};

/// The longest a text may be, in columns: far more than any that is meant to be read.
const TEXT_COLUMNS: usize = 1000;
/// The widest a name may be inside a sentence, in columns; it stands in full among the facts.
const NAME_COLUMNS: usize = 48;

/// An episode, told.
#[derive(Debug)]
pub(crate) struct Story {
    pub id: String,
    /// The domain's name, or what stands for it.
    pub name: String,
    /// Wall time of the request, or else of the end.
    pub when: Option<String>,
    pub outcome: &'static str,
    pub verdict: Verdict,
    /// Seconds from the request to the end.
    pub seconds: Option<f64>,
    pub duration: Option<String>,
    /// `guest.hung 80 %`, or `unknown`; absent where there is nothing to explain.
    pub cause_in_short: Option<String>,
    /// What happened, how long it took, how that is to be judged: one sentence.
    pub headline: String,
    /// Where the time went and why, in a sentence or two; may be empty.
    pub summary: String,
    pub facts: Vec<Fact>,
    pub phases: Vec<Stretch>,
    /// What the guest's own event log says.
    pub guest: Option<GuestSide>,
    pub evidence: Vec<Sighting>,
    /// Absent where it is not known, and where there is nothing to explain.
    pub cause: Option<Reason>,
    pub others: Vec<Reason>,
    /// The others are what the cause stands for, not what may be true instead.
    shares_its_cause: bool,
    pub advice: Vec<String>,
    pub risk: Option<Loss>,
    /// How much was seen, then what was not and what that costs.
    pub coverage: String,
    pub missing: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Fact {
    pub label: &'static str,
    pub text: String,
}

/// A phase with finite, non-negative times.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// Its place among all phases, for a colour that stays the same.
    pub index: usize,
    pub name: &'static str,
    /// What happens in it, or did not come to its end: `unfinished: …`.
    pub meaning: String,
    pub start: f64,
    pub seconds: f64,
}

/// A piece of evidence with a finite time.
#[derive(Debug)]
pub(crate) struct Sighting {
    pub at: f64,
    pub source: &'static str,
    pub text: String,
    /// The file of the picture that shows it.
    pub picture: Option<String>,
    pub bearing: Bearing,
}

impl Sighting {
    /// What was seen, and where the picture of it is.
    pub fn told(&self) -> String {
        match &self.picture {
            Some(file) => format!("{} (picture: {file})", self.text),
            None => self.text.clone(),
        }
    }
}

/// What a sighting means for the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bearing {
    Supports,
    Context,
    Against,
}

#[derive(Debug)]
pub(crate) struct Reason {
    pub code: &'static str,
    pub meaning: &'static str,
    pub confidence: String,
}

#[derive(Debug)]
pub(crate) struct Loss {
    pub level: &'static str,
    pub text: String,
    /// What was measured; empty where nothing was.
    pub measured: String,
}

impl Story {
    pub fn of(episode: &Episode) -> Self {
        let name = display_name(&episode.domain);
        Self {
            id: shown(&episode.id),
            when: episode.at().map(moment),
            outcome: episode.outcome.as_str(),
            verdict: episode.verdict,
            seconds: episode.duration_seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0),
            duration: episode.duration_seconds.map(duration),
            cause_in_short: cause_in_short(episode),
            headline: headline(episode, &subject(&episode.domain)),
            summary: summary(episode),
            facts: facts(episode),
            phases: phases(episode),
            guest: episode.guest_log.as_ref().map(GuestSide::of),
            evidence: episode.evidence.iter().map(sighting).collect(),
            cause: reason(episode.cause.code, episode.cause.confidence),
            others: others(episode),
            shares_its_cause: episode.cause.code == Cause::GuestIgnored,
            advice: all_shown(&episode.advice),
            risk: episode.risk.as_ref().map(loss),
            coverage: coverage(episode),
            missing: all_shown(&episode.completeness.missing),
            name,
        }
    }

    /// Whether any sighting speaks for or against the cause, so that a legend is due.
    pub fn weighs(&self) -> bool {
        self.evidence.iter().any(|sighting| sighting.bearing != Bearing::Context)
    }

    /// Whether there is something to explain.
    pub fn asks_why(&self) -> bool {
        self.cause_in_short.is_some() || !self.others.is_empty()
    }

    /// What stands in the place of a cause that is not known.
    pub const UNKNOWN_CAUSE: &str = "What was seen does not tell.";

    /// What stands before the other candidates.
    pub fn others_title(&self) -> &'static str {
        match &self.cause {
            Some(_) if self.shares_its_cause => "One of these, the likeliest first:",
            Some(_) => "Also possible:",
            None => "Possible:",
        }
    }
}

impl Bearing {
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Supports => "●",
            Self::Context => " ",
            Self::Against => "○",
        }
    }
}

const fn source(source: Source) -> &'static str {
    match source {
        Source::Hook => "hook",
        Source::Probe => "probe",
        Source::Kvm => "kvm",
        Source::Proc => "proc",
        Source::QemuLog => "qemu-log",
        Source::Agent => "agent",
        Source::Screen => "screen",
        Source::Evtx => "evtx",
    }
}

const fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Hook => "libvirt's hook alone",
        Tier::Log => "libvirt's hook and QEMU's log",
        Tier::Process => "libvirt's hook and QEMU's process",
        Tier::Kvm => "KVM's tracepoints",
        Tier::Probe => "the probe in QEMU",
        Tier::Guest => "evidence from inside the guest",
    }
}

fn display_name(domain: &Domain) -> String {
    match (&domain.name, domain.uuid) {
        (Some(name), _) => shown(name),
        (None, Some(uuid)) => uuid.to_string(),
        (None, None) => "unknown domain".to_owned(),
    }
}

/// The domain as the subject of a sentence.
fn subject(domain: &Domain) -> String {
    match (&domain.name, domain.uuid) {
        (None, None) => "An unknown domain".to_owned(),
        (None, Some(uuid)) => uuid.to_string(),
        (Some(name), _) => name_in_sentence(name, NAME_COLUMNS),
    }
}

fn headline(episode: &Episode, name: &str) -> String {
    let took = episode.duration_seconds.map(duration);
    let within = took.as_ref().map(|took| format!(" in {took}")).unwrap_or_default();
    let after = took.as_ref().map(|took| format!(" after {took}")).unwrap_or_default();
    match episode.outcome {
        Outcome::Soft => soft_headline(episode.verdict, name, took.as_deref()),
        Outcome::Hard => hard_headline(episode, name, &after),
        Outcome::Slept if episode.verdict == Verdict::Clean => format!("{name} went to sleep{within}."),
        Outcome::Slept => format!("{name} went to sleep instead of powering off{after}."),
        Outcome::Rebooted if episode.verdict == Verdict::Clean => format!("{name} restarted{within}."),
        Outcome::Rebooted if episode.verdict == Verdict::Slow => match took {
            Some(took) => format!("{name} restarted, but it took {took}."),
            None => format!("{name} restarted slowly."),
        },
        Outcome::Rebooted => format!("{name} started again instead of powering off{after}."),
        Outcome::Crashed => crash_headline(episode.cause.code, name),
        Outcome::Ignored => format!("{name} was asked to shut down and was still running{after}."),
        Outcome::Pending => format!("{name} was asked to shut down and has not ended yet{after}."),
        Outcome::Saved => format!("{name} was saved to disk, not shut down."),
        Outcome::Migrated => format!("{name} was moved to another host, not shut down."),
        Outcome::Unknown => format!("{name} ended{after}; how was not recorded."),
    }
}

fn soft_headline(verdict: Verdict, name: &str, took: Option<&str>) -> String {
    match (verdict, took) {
        (Verdict::Clean, Some(took)) => format!("{name} shut down cleanly in {took}."),
        (Verdict::Clean, None) => format!("{name} shut down cleanly."),
        (Verdict::Slow, Some(took)) => format!("{name} shut down, but it took {took}."),
        (Verdict::Slow, None) => format!("{name} shut down slowly."),
        (Verdict::Failed, Some(took)) => format!("{name} powered off after {took}, but not as it should."),
        (Verdict::Failed, None) => format!("{name} powered off, but not as it should."),
        (Verdict::Unknown, _) => format!("{name} powered off; how long it took was not recorded."),
    }
}

fn hard_headline(episode: &Episode, name: &str, after: &str) -> String {
    match episode.request.path {
        _ if episode.escalated => format!("{name} did not shut down when asked and was cut off{after}."),
        Path::Destroy => format!("{name} was cut off without being asked to shut down first."),
        Path::Signal => format!("{name} was ended by a signal to its QEMU process."),
        _ => format!("{name} was cut off{after}."),
    }
}

fn crash_headline(cause: Cause, name: &str) -> String {
    match cause {
        Cause::HostQemuCrash => format!("QEMU crashed under {name}."),
        Cause::GuestCrashed => format!("The system in {name} crashed."),
        _ => format!("{name} crashed."),
    }
}

fn summary(episode: &Episode) -> String {
    let sentences = [longest_phase(episode), likely_cause(episode)];
    sentences.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The phase that took most of the time, where one did.
fn longest_phase(episode: &Episode) -> Option<String> {
    let total: f64 = episode.phases.iter().map(|phase| phase.seconds).sum();
    let longest = episode.phases.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds))?;
    let share = longest.seconds / total;
    // A guest that was cut off did not do what the phase is for.
    let soft = episode.outcome == Outcome::Soft;
    let meaning = if soft { format!(": {}", longest.name.meaning()) } else { String::new() };
    let (took, name) = (duration(longest.seconds), longest.name.as_str());
    let tells = matches!(episode.verdict, Verdict::Slow | Verdict::Failed) && longest.seconds >= 1.0;
    (episode.phases.len() > 1 && share >= 0.5 && tells)
        .then(|| format!("Most of the time, {took} ({}), passed in phase {name}{meaning}.", percent(share)))
}

fn likely_cause(episode: &Episode) -> Option<String> {
    let finding = &episode.cause;
    let hedge = match finding.confidence {
        confidence if confidence >= 0.9 => "The cause",
        confidence if confidence >= 0.6 => "The likely cause",
        _ => "A possible cause",
    };
    match (finding.code, episode.verdict) {
        (Cause::None, Verdict::Clean) => None,
        (Cause::None, _) => Some("What was seen does not tell why.".to_owned()),
        (cause, _) => Some(format!("{hedge}: {}", cause.meaning())),
    }
}

fn cause_in_short(episode: &Episode) -> Option<String> {
    match (episode.cause.code, episode.verdict) {
        (Cause::None, Verdict::Clean) => None,
        (Cause::None, _) => Some("unknown".to_owned()),
        (cause, _) => Some(format!("{cause} {}", percent(episode.cause.confidence))),
    }
}

fn facts(episode: &Episode) -> Vec<Fact> {
    let fact = |label, text| Fact { label, text };
    let mut facts =
        vec![fact("Domain", domain(&episode.domain)), fact("Requested", request(&episode.request))];
    facts.push(fact("Outcome", judgement(episode)));
    facts.extend(episode.domain.os.as_ref().map(|os| fact("Guest", guest(&episode.domain, os))));
    facts.extend(episode.qemu.as_ref().map(|qemu| fact("QEMU", process(qemu))));
    facts.push(fact("Host", format!("{}, boot {}", shown(&episode.host), episode.boot_id)));
    facts.push(fact("Episode", shown(&episode.id)));
    facts
}

fn domain(domain: &Domain) -> String {
    match (&domain.name, domain.uuid) {
        (Some(name), Some(uuid)) => format!("{} ({uuid})", shown(name)),
        _ => display_name(domain),
    }
}

fn request(request: &Request) -> String {
    let at = request.at.map(|at| format!("{}, ", moment(at))).unwrap_or_default();
    let by = request.by.as_ref().map(|by| format!(", by {}", shown(by))).unwrap_or_default();
    let presses = match (request.path, request.presses) {
        (Path::Acpi, presses @ 2..) => format!(", pressed {presses} times"),
        (Path::Acpi, 0) => ", which was never pressed".to_owned(),
        _ => String::new(),
    };
    format!("{at}{}{presses}{by}", path(request.path))
}

const fn path(path: Path) -> &'static str {
    match path {
        Path::Acpi => "through the ACPI power button",
        Path::Agent => "through the guest agent",
        Path::Guest => "from inside the guest",
        Path::Signal => "by a signal to QEMU",
        Path::Destroy => "as a hard stop",
        Path::None => "no request was seen",
    }
}

fn judgement(episode: &Episode) -> String {
    let escalated = if episode.escalated { ", a hard stop after a soft request" } else { "" };
    let took = episode.duration_seconds.map(|took| format!(", {}", duration(took))).unwrap_or_default();
    format!("{}, {}{escalated}{took}", episode.outcome.as_str(), episode.verdict.as_str())
}

fn guest(domain: &Domain, os: &str) -> String {
    match &domain.os_source {
        Some(source) => format!("{} (says {})", shown(os), shown(source)),
        None => shown(os),
    }
}

fn process(qemu: &Qemu) -> String {
    let version = qemu.version.as_ref().map(|version| format!("{}, ", shown(version))).unwrap_or_default();
    let started = qemu.started_at.map(|at| format!(", started {}", moment(at))).unwrap_or_default();
    let build = qemu.build_id.as_ref().map(|id| format!(", build id {}", shown(id))).unwrap_or_default();
    format!("{version}pid {}{started}{build}", qemu.pid)
}

fn phases(episode: &Episode) -> Vec<Stretch> {
    let unfinished = unfinished(episode);
    episode.phases.iter().map(|phase| stretch(phase, unfinished)).collect()
}

/// The phase that the guest did not bring to its end, as it was cut off or lived on.
fn unfinished(episode: &Episode) -> Option<PhaseName> {
    use Outcome::{Crashed, Hard, Ignored, Pending, Slept};
    let ended = !matches!(episode.outcome, Hard | Crashed | Ignored | Pending | Slept);
    let of_guest = episode.phases.iter().map(|phase| phase.name).filter(|name| *name <= PhaseName::Guest);
    of_guest.max().filter(|_| !ended)
}

fn stretch(phase: &Phase, unfinished: Option<PhaseName>) -> Stretch {
    let prefix = if unfinished == Some(phase.name) { "unfinished: " } else { "" };
    Stretch {
        index: phase.name as usize,
        name: phase.name.as_str(),
        meaning: format!("{prefix}{}", phase.name.meaning()),
        start: finite(phase.start_seconds).max(0.0),
        seconds: finite(phase.seconds).max(0.0),
    }
}

fn sighting(evidence: &Evidence) -> Sighting {
    let bearing = match evidence.weight {
        weight if weight > 0.0 => Bearing::Supports,
        weight if weight < 0.0 => Bearing::Against,
        _ => Bearing::Context,
    };
    Sighting {
        at: finite(evidence.at_seconds),
        source: source(evidence.source),
        text: shown(&evidence.text),
        picture: evidence.picture.as_deref().map(shown),
        bearing,
    }
}

fn finite(seconds: f64) -> f64 {
    if seconds.is_finite() { seconds } else { 0.0 }
}

fn reason(code: Cause, confidence: f64) -> Option<Reason> {
    let reason = || Reason { code: code.code(), meaning: code.meaning(), confidence: percent(confidence) };
    (code != Cause::None).then(reason)
}

/// The candidates but for the cause itself.
fn others(episode: &Episode) -> Vec<Reason> {
    let others = episode.candidates.iter().filter(|candidate| candidate.code != episode.cause.code);
    others.filter_map(|candidate| reason(candidate.code, candidate.confidence)).collect()
}

/// A text from outside, visible and bounded.
pub(crate) fn shown(text: &str) -> String {
    fit(&visible(text), TEXT_COLUMNS)
}

fn all_shown(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| shown(text)).collect()
}

fn loss(risk: &Risk) -> Loss {
    let measured = [
        risk.unflushed_bytes.map(|count| format!("{} not flushed", bytes(count))),
        risk.inflight_requests.map(|count| format!("{} in flight", counted(count, "request"))),
        risk.writes_after_request.map(|count| format!("{} after the request", counted(count, "write"))),
    ];
    Loss {
        level: risk.level.as_str(),
        text: shown(&risk.text),
        measured: measured.into_iter().flatten().collect::<Vec<_>>().join(", "),
    }
}

/// Who saw it. A look inside stands beside the probe's evidence, not in its place.
fn seen_by(episode: &Episode) -> &'static str {
    let probed = episode.evidence.iter().any(|evidence| evidence.source == Source::Probe);
    match episode.completeness.tier {
        Tier::Guest if probed => "the probe and evidence from inside the guest",
        best => tier(best),
    }
}

fn coverage(episode: &Episode) -> String {
    let completeness = &episode.completeness;
    let losses =
        [(completeness.lost_events, "event", "lost"), (completeness.bad_lines, "journal line", "unreadable")];
    let losses: Vec<_> = losses
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, noun, fate)| format!("{} {fate}", counted(count, noun)))
        .collect();
    let losses = if losses.is_empty() { "no event lost".to_owned() } else { losses.join(", ") };
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let clocks = match completeness.clock_uncertainty_ns {
        0 => String::new(),
        nanos => format!(", times good to {}", duration(nanos as f64 / 1e9)),
    };
    if episode.is_of_log_alone() {
        return format!("Read in the domain's log alone{clocks}.");
    }
    format!("Seen by {}; {losses}{clocks}.", seen_by(episode))
}
