//! What the guest itself showed and said, in sentences. All of it is the guest's to choose: it is quoted,
//! and cut.

use softoff_journal::record::{AgentAnswer, AgentExchange, AgentQuestion, GuestOs, Screen};

use crate::clue::Case;
use crate::episode::{Path, Verdict};
use crate::run::What;
use crate::screen;

/// The most that is quoted of a screen, in characters.
const QUOTED: usize = 160;

/// The most reasons that are given for what looks did not bring.
const REASONS: usize = 5;

/// So long after the request the recorder looks at the guest where nobody said otherwise, in nanoseconds; and
/// some time for the look itself.
const LOOKED_AT_AFTER: u64 = 40_000_000_000;

/// A look at the screen, for whoever is to picture it.
pub fn screen(screen: &Screen) -> Option<String> {
    let Some(picture) = &screen.picture else {
        return screen.trouble.first().map(|why| format!("its screen could not be looked at: {why}"));
    };
    if picture.black {
        return Some("its screen was black".to_owned());
    }
    let still = if picture.changed == Some(false) { ", unchanged" } else { "" };
    let text = screen.text.as_deref().map(one_line).filter(|text| !text.is_empty());
    Some(match (text, screen.text.as_deref().and_then(screen::message)) {
        (Some(text), Some(message)) => format!("its screen{still} read “{text}”: {}", message.meaning()),
        (Some(text), None) => format!("its screen{still} read “{text}”"),
        (None, _) if screen.text.is_some() => format!("its screen{still} held no text"),
        (None, _) => format!("its screen{still} was photographed, but not read"),
    })
}

/// What a guest says as one line, cut.
fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(QUOTED) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// A question to the agent and its answer.
pub fn agent(said: &AgentExchange) -> String {
    match &said.answer {
        AgentAnswer::Alive => format!("its agent answers ({} ms)", said.took_ms),
        AgentAnswer::Os(os) => format!("its agent says it is {}", name(os)),
        AgentAnswer::Value(value) => setting(said.question, *value),
        AgentAnswer::PowerButton { ac, .. } => {
            format!("its agent says: the power button is set to {} (PBUTTONACTION = {ac})", button(*ac))
        }
        AgentAnswer::Is(true) => "its agent says: a restart is due to finish updates".to_owned(),
        AgentAnswer::Is(false) => "its agent says: no restart is due for updates".to_owned(),
        AgentAnswer::Silent => {
            format!("its agent did not answer within {:.1} s ({})", milliseconds(said.took_ms), said.command)
        }
        AgentAnswer::Failed(why) => format!("its agent could not be asked ({}): {why}", said.command),
    }
}

#[expect(clippy::cast_precision_loss, reason = "told with one digit")]
fn milliseconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// The guest's system by its own word.
pub fn name(os: &GuestOs) -> String {
    let names = [&os.pretty_name, &os.version, &os.id].into_iter().flatten().map(|name| one_line(name));
    let mut told = names.filter(|name| !name.is_empty());
    told.next().unwrap_or_else(|| "an unnamed system".to_owned())
}

/// Reasons for what looks did not bring, each once.
pub fn missing(case: &Case<'_>) -> Vec<String> {
    let mut missing: Vec<String> = Vec::new();
    for fact in &case.attempt.facts {
        let What::Screen(screen) = &fact.what else { continue };
        for why in &screen.trouble {
            let why = format!("the look at the screen: {}", one_line(why));
            if !missing.contains(&why) && missing.len() < REASONS {
                missing.push(why);
            }
        }
    }
    missing.extend(never_looked(case).map(str::to_owned));
    missing
}

/// The recorder looks at a guest that has not shut down after a while, unless it was told not to.
fn never_looked(case: &Case<'_>) -> Option<&'static str> {
    let facts = &case.attempt.facts;
    let looked = facts.iter().any(|fact| matches!(fact.what, What::Screen(_) | What::Agent(_)));
    let lasted = case.guests_end().saturating_sub(case.marks.request) >= LOOKED_AT_AFTER;
    let asked = matches!(case.path, Path::Acpi | Path::Agent);
    let failed = case.verdict != Verdict::Clean;
    (!looked && lasted && asked && failed && case.run.watched.is_some()).then_some(
        "nobody looked at the guest: softoff trace was told not to (--never-look) or to wait longer (--look-after), or found no \
         softoff-witness",
    )
}

fn setting(question: AgentQuestion, value: Option<u32>) -> String {
    let (name, meaning) = match (question, value) {
        (AgentQuestion::ShutdownWithoutLogon, Some(0)) => {
            ("ShutdownWithoutLogon", "no shutdown while nobody is logged on")
        }
        (AgentQuestion::ShutdownWithoutLogon, Some(_)) => {
            ("ShutdownWithoutLogon", "a shutdown needs no log-on")
        }
        (AgentQuestion::ShutdownWithoutLogon, None) => {
            ("ShutdownWithoutLogon", "the default holds, which forbids it on servers")
        }
        (AgentQuestion::ShutdownReasonOn, Some(0)) => {
            ("ShutdownReasonOn", "the Shutdown Event Tracker is off")
        }
        (AgentQuestion::ShutdownReasonOn, Some(_)) => {
            ("ShutdownReasonOn", "the Shutdown Event Tracker may ask")
        }
        (AgentQuestion::ShutdownReasonOn, None) => {
            ("ShutdownReasonOn", "the default holds, which is on on servers")
        }
        (AgentQuestion::ShutdownReasonUi, Some(0)) => {
            ("ShutdownReasonUI", "the Shutdown Event Tracker has no dialog")
        }
        (AgentQuestion::ShutdownReasonUi, _) => {
            ("ShutdownReasonUI", "the Shutdown Event Tracker has its dialog")
        }
        _ => ("a setting", "it was read"),
    };
    let value = value.map_or_else(|| "not set".to_owned(), |value| value.to_string());
    format!("its agent says: {name} = {value}: {meaning}")
}

fn button(action: u32) -> &'static str {
    match action {
        0 => "do nothing",
        1 => "sleep",
        2 => "hibernate",
        3 => "shut down",
        4 => "turn off the display",
        _ => "something unknown",
    }
}
