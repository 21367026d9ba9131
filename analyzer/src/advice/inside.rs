//! Advice from what was seen of the guest itself: the setting that was read and the command that changes
//! it; and where nothing was seen, what would decide and how to come by it.

use softoff_journal::record::{AgentQuestion, Screen};

use crate::advice::in_time;
use crate::cause::Cause;
use crate::classify::Finding;
use crate::clue::{Case, Clue, Kind};
use crate::run::What;

/// A candidate below this is not worth changing a guest for.
const WORTH_CHANGING: f64 = 0.1;

/// What is most urgent of all, where the guest's screen says so.
pub fn first(clues: &[Clue], case: &Case<'_>) -> Vec<String> {
    let says = |kind| clues.iter().any(|clue| clue.kind == kind);
    let advice = if says(Kind::ScreenRollingBack) {
        "While it runs: do not stop it. Windows takes a failed update back, and a system whose power is cut in between may \
         not start again."
    } else if says(Kind::ScreenContradicted) {
        "While it runs: look at its screen again before anything is done: it spoke of updates while the guest did nothing. \
         Windows gives an update up after 15 minutes without progress."
    } else if says(Kind::ScreenSafeToTurnOff) {
        "While it runs: the guest has shut down and waits for its power to be cut: virsh destroy DOMAIN loses nothing now. \
         For good: give the domain ACPI (<features><acpi/></features>), without which Windows cannot switch off."
    } else {
        return Vec::new();
    };
    vec![in_time(advice, case.end.outcome)]
}

/// What fits the settings that were read, then what would tell more.
pub fn then(clues: &[Clue], finding: &Finding, case: &Case<'_>) -> Vec<String> {
    let mut advice: Vec<String> = SETTINGS
        .iter()
        .filter(|(kind, cause, _)| clues.iter().any(|clue| clue.kind == *kind) && is_likely(finding, *cause))
        .map(|(.., advice)| (*advice).to_owned())
        .collect();
    if finding.cause.code == Cause::GuestIgnored {
        advice.extend(would_decide(case).into_iter().map(str::to_owned));
    }
    advice
}

fn is_likely(finding: &Finding, cause: Cause) -> bool {
    finding.candidates.iter().any(|one| one.code == cause && one.confidence >= WORTH_CHANGING)
}

/// The setting, the cause it stands for, and how to change it.
const SETTINGS: &[(Kind, Cause, &str)] = &[
    (
        Kind::LogonNeeded,
        Cause::GuestLogonRequired,
        r#"ShutdownWithoutLogon is 0 in this guest. To allow a shutdown while nobody is logged on, run in it: reg add "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System" /v ShutdownWithoutLogon /t REG_DWORD /d 1 /f (a group policy may set it again)."#,
    ),
    (
        Kind::TrackerOn,
        Cause::GuestShutdownTracker,
        r#"ShutdownReasonOn is 1 in this guest. To switch the Shutdown Event Tracker off, run in it: reg add "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Reliability" /v ShutdownReasonOn /t REG_DWORD /d 0 /f, and the same with ShutdownReasonUI (a group policy may set them again)."#,
    ),
    (
        Kind::ButtonDoesNothing,
        Cause::GuestButtonDisabled,
        "PBUTTONACTION is 0 (do nothing) in this guest's power plan. To have the power button shut it down, run in it: powercfg /setacvalueindex scheme_current sub_buttons pbuttonaction 3, then powercfg /setactive scheme_current.",
    ),
    (
        Kind::ButtonSleeps,
        Cause::GuestSleep,
        "PBUTTONACTION is 1 or 2 (sleep, hibernate) in this guest's power plan. To have the power button shut it down, run in it: powercfg /setacvalueindex scheme_current sub_buttons pbuttonaction 3, then powercfg /setactive scheme_current.",
    ),
    (
        Kind::ButtonDarkens,
        Cause::GuestDisplayAsleep,
        "PBUTTONACTION is 4 (turn off the display) in this guest's power plan: a press does no more than that. To have the power button shut it down, run in it: powercfg /setacvalueindex scheme_current sub_buttons pbuttonaction 3, then powercfg /setactive scheme_current.",
    ),
];

/// What was not looked at, and how it would be.
fn would_decide(case: &Case<'_>) -> Vec<&'static str> {
    let facts = || case.attempt.facts.iter().map(|fact| &fact.what);
    let looks: Vec<&Screen> = facts()
        .filter_map(|what| match what {
            What::Screen(screen) => Some(&**screen),
            _ => None,
        })
        .collect();
    let pictured = looks.iter().any(|screen| screen.picture.is_some());
    let read = looks.iter().any(|screen| screen.text.is_some());
    let asked = facts().any(|what| matches!(what, What::Agent(said) if is_setting(said.question)));
    let mut advice = Vec::new();
    if !pictured {
        advice.push(
            "To know which it is: have softoff trace look at the screen (not --never-look, softoff-witness beside softoff, and \
             --look-after shorter than whoever stops the VM waits).",
        );
    } else if !read {
        advice.push(
            "To know which it is: look at the pictures named above, and install tesseract-ocr with the guest's language on \
             this host so that softoff can read them.",
        );
    }
    if !asked {
        advice.push(
            "To know which setting it is: softoff trace --ask-settings reads them through the guest's agent, while the shutdown \
             lasts. It needs the QEMU guest agent in the guest and its channel in the domain.",
        );
    }
    advice
}

fn is_setting(question: AgentQuestion) -> bool {
    !matches!(question, AgentQuestion::Ping | AgentQuestion::Os)
}
