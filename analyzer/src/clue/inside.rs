//! Clues from inside the guest: what its screen showed and what its agent said, while the shutdown
//! lasted. Both are the guest's own words, and may be false: they weigh less than what the probe proves.

use softoff_journal::record::{AgentAnswer, AgentExchange, AgentQuestion, Screen};

use super::{Case, Clue, Kind};
use crate::episode::{Outcome, Path, Source};
use crate::limits;
use crate::outcome::Ender;
use crate::phases::seconds;
use crate::run::What;
use crate::screen::{self, Message};

/// What the power button can do in Windows (`POWERBUTTON_ACTION_INDEX`).
mod button {
    pub const NOTHING: u32 = 0;
    pub const SLEEP: u32 = 1;
    pub const HIBERNATE: u32 = 2;
    pub const SHUT_DOWN: u32 = 3;
    pub const DISPLAY_OFF: u32 = 4;
}

/// A guest that does nothing for so long before its end does not work on updates, in nanoseconds. Between
/// two stretches of work an update may well rest for some seconds.
const AT_REST: u64 = 60_000_000_000;

pub fn clues(case: &Case<'_>) -> Vec<Clue> {
    let looks: Vec<(u64, &Screen)> = looks(case).collect();
    let mut clues: Vec<Clue> = screen(case, &looks).into_iter().collect();
    clues.extend(contradiction(case, &clues));
    clues.extend(movement(&looks));
    clues.extend(agent(case));
    clues
}

/// What the last look shows decides: a screen changes as a shutdown goes on. Black counts where no look
/// showed anything. The last moments of a shutdown that worked show its end, not what had held it up.
fn screen(case: &Case<'_>, looks: &[(u64, &Screen)]) -> Option<Clue> {
    let stalled = case.marks.s5.map_or(u64::MAX, |s5| s5.saturating_sub(limits::LONG));
    let looks = &looks[..looks.partition_point(|(at, _)| *at <= stalled)];
    let (at, last) = *looks.last()?;
    let black = |screen: &Screen| screen.picture.as_ref().is_some_and(|picture| picture.black);
    if looks.iter().all(|(_, screen)| black(screen)) {
        return Some(clue(Kind::ScreenBlack, at, Source::Screen));
    }
    let kind = kind(case, screen::message(last.text.as_deref()?)?);
    Some(clue(kind, at, Source::Screen))
}

/// The looks that gave a picture, before the guest's time was over.
fn looks<'a>(case: &Case<'a>) -> impl Iterator<Item = (u64, &'a Screen)> {
    let end = case.guests_end();
    case.attempt.facts.iter().filter_map(move |fact| match &fact.what {
        What::Screen(screen) if screen.picture.is_some() && fact.boot_ns <= end => {
            Some((fact.boot_ns, &**screen))
        }
        _ => None,
    })
}

fn kind(case: &Case<'_>, message: Message) -> Kind {
    let cut_off = case.end.outcome == Outcome::Hard && case.end.by == Ender::Libvirt;
    match message {
        Message::Updating | Message::RollingBack if cut_off => Kind::ScreenUpdatingCutOff,
        Message::Updating => Kind::ScreenUpdating,
        Message::RollingBack => Kind::ScreenRollingBack,
        Message::GettingReady => Kind::ScreenGettingReady,
        Message::ModulesInstaller => Kind::ScreenModulesInstaller,
        Message::Service => Kind::ScreenService,
        Message::ShuttingDown | Message::ButtonHeld => Kind::ScreenShuttingDown,
        Message::SafeToTurnOff => Kind::ScreenSafeToTurnOff,
        Message::AppsBlock => Kind::ScreenApps,
        Message::OthersLoggedOn => Kind::ScreenOthers,
        Message::Tracker => Kind::ScreenTracker,
        Message::FirstBoot => Kind::ScreenFirstBoot,
        Message::LogOn => Kind::ScreenLogOn,
        Message::BugCheck => Kind::ScreenBugCheck,
    }
}

/// A screen that speaks of work over a guest that does none: what the probe proves counts for more.
fn contradiction(case: &Case<'_>, seen: &[Clue]) -> Option<Clue> {
    let speaks = seen.iter().find(|clue| speaks_of_work(clue.kind))?;
    let end = case.guests_end();
    let totals = case.totals(case.heard()?, end).filter(|totals| totals.disks && totals.cpus)?;
    let since = case.run.activity.idle_tail(case.heard()?, end).filter(|_| totals.inflight == 0)?;
    let idle = end.saturating_sub(since);
    let text = format!(
        "the screen spoke of updates, and for {:.0} s the guest neither wrote to its disks nor used its CPUs: either they \
         are stuck, or the screen showed what was not so",
        seconds(idle)
    );
    (case.sight.intact && since <= speaks.at && idle >= AT_REST)
        .then(|| Clue::new(Kind::ScreenContradicted, end, Source::Probe, text))
}

fn speaks_of_work(kind: Kind) -> bool {
    use Kind::{ScreenModulesInstaller, ScreenRollingBack, ScreenUpdating, ScreenUpdatingCutOff};
    matches!(kind, ScreenUpdating | ScreenUpdatingCutOff | ScreenRollingBack | ScreenModulesInstaller)
}

/// Whether the picture changed from one look to the next.
fn movement(looks: &[(u64, &Screen)]) -> Option<Clue> {
    let compared = |(at, screen): &(u64, &Screen)| Some((*at, screen.picture.as_ref()?.changed?));
    // The first look is compared with one of an earlier shutdown.
    let changes: Vec<(u64, bool)> = looks.iter().skip(1).filter_map(compared).collect();
    let (last, _) = *changes.last()?;
    match changes.iter().rfind(|(_, changed)| *changed) {
        Some((at, _)) => Some(clue(Kind::ScreenChanged, *at, Source::Screen)),
        None => Some(clue(Kind::ScreenStill, last, Source::Screen)),
    }
}

/// The last answer to each question.
fn agent(case: &Case<'_>) -> Vec<Clue> {
    let mut answers: Vec<(u64, &AgentExchange)> = Vec::new();
    for fact in &case.attempt.facts {
        let What::Agent(said) = &fact.what else { continue };
        answers.retain(|(_, earlier)| earlier.question != said.question);
        answers.push((fact.boot_ns, said));
    }
    let asked_in_vain = |said: &AgentExchange| {
        said.question == AgentQuestion::Ping
            && said.answer == AgentAnswer::Silent
            && case.path == Path::Agent
            && case.port.is_some_and(|port| port.is_open(case.guests_end()) == Some(true))
    };
    let kind = |said: &AgentExchange| {
        answer(said.question, &said.answer).or_else(|| asked_in_vain(said).then_some(Kind::AgentMute))
    };
    answers.iter().filter_map(|(at, said)| Some(clue(kind(said)?, *at, Source::Agent))).collect()
}

fn answer(question: AgentQuestion, answer: &AgentAnswer) -> Option<Kind> {
    use AgentQuestion::{RestartPending, ShutdownReasonOn, ShutdownReasonUi, ShutdownWithoutLogon};
    Some(match (question, answer) {
        (_, AgentAnswer::Alive) => Kind::AgentAnswers,
        (ShutdownWithoutLogon, AgentAnswer::Value(Some(0))) => Kind::LogonNeeded,
        (ShutdownWithoutLogon, AgentAnswer::Value(Some(_))) => Kind::LogonNotNeeded,
        (ShutdownReasonOn, AgentAnswer::Value(Some(0))) => Kind::TrackerOff,
        (ShutdownReasonOn, AgentAnswer::Value(Some(_))) => Kind::TrackerOn,
        (ShutdownReasonUi, AgentAnswer::Value(Some(0))) => Kind::TrackerHasNoDialog,
        (ShutdownReasonUi, AgentAnswer::Value(Some(_))) => Kind::TrackerHasDialog,
        (RestartPending, AgentAnswer::Is(true)) => Kind::UpdatesPending,
        // A virtual machine without a battery is on mains.
        (_, AgentAnswer::PowerButton { ac, .. }) => match *ac {
            button::NOTHING => Kind::ButtonDoesNothing,
            button::SLEEP | button::HIBERNATE => Kind::ButtonSleeps,
            button::SHUT_DOWN => Kind::ButtonShutsDown,
            button::DISPLAY_OFF => Kind::ButtonDarkens,
            _ => return None,
        },
        _ => return None,
    })
}

/// The fact itself is told as evidence; the clue only weighs it.
fn clue(kind: Kind, at: u64, source: Source) -> Clue {
    Clue::new(kind, at, source, String::new())
}
