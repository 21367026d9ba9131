//! Clues from inside the guest: what its screen showed and what its agent said, while the shutdown
//! lasted. Both are the guest's own words, and may be false: they weigh less than what the probe proves.

use softoff_journal::record::{AgentAnswer, AgentQuestion, Screen};

use super::{Case, Clue, Kind};
use crate::episode::{Outcome, Source};
use crate::outcome::Ender;
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

pub fn clues(case: &Case<'_>) -> Vec<Clue> {
    let mut clues: Vec<Clue> = screen(case).into_iter().collect();
    clues.extend(agent(case));
    clues
}

/// What the last look shows decides: a screen changes as a shutdown goes on. Black counts where no look
/// showed anything.
fn screen(case: &Case<'_>) -> Option<Clue> {
    let looks: Vec<(u64, &Screen)> = looks(case).collect();
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
        Message::Updating if cut_off => Kind::ScreenUpdatingCutOff,
        Message::Updating => Kind::ScreenUpdating,
        Message::GettingReady => Kind::ScreenGettingReady,
        Message::ModulesInstaller => Kind::ScreenModulesInstaller,
        Message::Service => Kind::ScreenService,
        Message::ShuttingDown => Kind::ScreenShuttingDown,
        Message::AppsBlock => Kind::ScreenApps,
        Message::Tracker => Kind::ScreenTracker,
        Message::FirstBoot => Kind::ScreenFirstBoot,
        Message::LogOn => Kind::ScreenLogOn,
        Message::BugCheck => Kind::ScreenBugCheck,
    }
}

/// The last answer to each question.
fn agent(case: &Case<'_>) -> Vec<Clue> {
    let mut clues: Vec<Clue> = Vec::new();
    for fact in &case.attempt.facts {
        let What::Agent(said) = &fact.what else { continue };
        if let Some(kind) = answer(said.question, &said.answer) {
            clues.retain(|clue| clue.kind != kind);
            clues.push(clue(kind, fact.boot_ns, Source::Agent));
        }
    }
    clues
}

fn answer(question: AgentQuestion, answer: &AgentAnswer) -> Option<Kind> {
    use AgentQuestion::{RestartPending, ShutdownReasonOn, ShutdownReasonUi, ShutdownWithoutLogon};
    Some(match (question, answer) {
        (_, AgentAnswer::Alive) => Kind::AgentAnswers,
        (ShutdownWithoutLogon, AgentAnswer::Value(Some(0))) => Kind::LogonNeeded,
        (ShutdownWithoutLogon, AgentAnswer::Value(Some(_))) => Kind::LogonNotNeeded,
        (ShutdownReasonOn | ShutdownReasonUi, AgentAnswer::Value(Some(0))) => Kind::TrackerOff,
        (ShutdownReasonOn, AgentAnswer::Value(Some(_))) => Kind::TrackerOn,
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
