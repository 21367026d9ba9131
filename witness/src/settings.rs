//! What is run in a Windows guest to know its settings: `reg query` and `powercfg /q`, which only read.
//!
//! | Question | Where |
//! |---|---|
//! | Shutdown Event Tracker | `HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Reliability` |
//! | Shutdown without log-on | `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System` |
//! | Power button | `powercfg`, and a policy above it |
//! | Restart pending | a key that servicing, or Windows Update, creates |

use softoff_journal::record::{AgentAnswer, AgentQuestion};

use crate::agent::Refusal;
use crate::answer::Output;
use crate::{powercfg, reg};

const RELIABILITY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Reliability";
const SYSTEM: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System";
const BUTTON_POLICY: &str =
    r"HKLM\SOFTWARE\Policies\Microsoft\Power\PowerSettings\7648efa3-dd9c-4e3e-b566-50f929386280";
const RESTART: [&str; 2] = [
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
];

/// All that is asked of a Windows guest.
pub const QUESTIONS: [AgentQuestion; 5] = [
    AgentQuestion::PowerButtonAction,
    AgentQuestion::ShutdownWithoutLogon,
    AgentQuestion::ShutdownReasonOn,
    AgentQuestion::ShutdownReasonUi,
    AgentQuestion::RestartPending,
];

/// A program and its arguments.
pub type Command<'a> = &'a [&'a str];

/// Answers a question with what `run` says of the commands it takes.
pub fn answer(
    question: AgentQuestion,
    run: &mut impl FnMut(Command<'_>) -> Result<Output, Refusal>,
) -> AgentAnswer {
    let answered = match question {
        AgentQuestion::ShutdownReasonOn => value(RELIABILITY, "ShutdownReasonOn", run),
        AgentQuestion::ShutdownReasonUi => value(RELIABILITY, "ShutdownReasonUI", run),
        AgentQuestion::ShutdownWithoutLogon => value(SYSTEM, "ShutdownWithoutLogon", run),
        AgentQuestion::PowerButtonAction => return button(run).unwrap_or_else(Refusal::into_answer),
        AgentQuestion::RestartPending => return restart(run).unwrap_or_else(Refusal::into_answer),
        AgentQuestion::Ping | AgentQuestion::Os => Err(Refusal::Failed("this is no setting".to_owned())),
    };
    answered.map_or_else(Refusal::into_answer, AgentAnswer::Value)
}

/// A value of the registry; `None` where it is not set.
fn value(
    key: &str,
    name: &str,
    run: &mut impl FnMut(Command<'_>) -> Result<Output, Refusal>,
) -> Result<Option<u32>, Refusal> {
    let output = run(&["reg", "query", key, "/v", name])?;
    if is_absent(&output)? {
        Ok(None)
    } else {
        reg::dword(&output.bytes, name).map(Some).map_err(Refusal::Failed)
    }
}

/// The exit status is 1 where the key or the value is not there.
fn is_absent(output: &Output) -> Result<bool, Refusal> {
    match output.code {
        0 => Ok(false),
        1 => Ok(true),
        code => Err(Refusal::Failed(format!("reg query failed in the guest (exit status {code})"))),
    }
}

/// A policy has the last word over the power plan.
fn button(run: &mut impl FnMut(Command<'_>) -> Result<Output, Refusal>) -> Result<AgentAnswer, Refusal> {
    let output = run(&["powercfg", "/q", "SCHEME_CURRENT", "SUB_BUTTONS", "PBUTTONACTION"])?;
    if output.code != 0 {
        return Err(Refusal::Failed(format!("powercfg failed in the guest (exit status {})", output.code)));
    }
    let (ac, dc) = powercfg::indices(&output.bytes).map_err(Refusal::Failed)?;
    let ac = value(BUTTON_POLICY, "ACSettingIndex", run)?.unwrap_or(ac);
    let dc = value(BUTTON_POLICY, "DCSettingIndex", run)?.unwrap_or(dc);
    Ok(AgentAnswer::PowerButton { ac, dc })
}

fn restart(run: &mut impl FnMut(Command<'_>) -> Result<Output, Refusal>) -> Result<AgentAnswer, Refusal> {
    for key in RESTART {
        if !is_absent(&run(&["reg", "query", key])?)? {
            return Ok(AgentAnswer::Is(true));
        }
    }
    Ok(AgentAnswer::Is(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "it is what running gives")]
    fn printed(text: &str) -> Result<Output, Refusal> {
        Ok(Output { code: 0, bytes: text.as_bytes().to_vec() })
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is what running gives")]
    fn absent() -> Result<Output, Refusal> {
        Ok(Output { code: 1, bytes: Vec::new() })
    }

    const BUTTON: &str = "AC: 0x00000000\r\nDC: 0x00000003\r\n";

    #[test]
    fn a_value_is_told_and_so_is_its_absence() {
        let question = AgentQuestion::ShutdownWithoutLogon;
        let set = answer(question, &mut |_| printed("  shutdownwithoutlogon    REG_DWORD    0x0\r\n"));
        assert_eq!(set, AgentAnswer::Value(Some(0)));
        assert_eq!(answer(question, &mut |_| absent()), AgentAnswer::Value(None));
        let odd = answer(question, &mut |_| Ok(Output { code: -1, bytes: Vec::new() }));
        assert!(matches!(odd, AgentAnswer::Failed(_)), "{odd:?}");
    }

    #[test]
    fn a_policy_has_the_last_word_over_the_power_plan() {
        let plan = answer(AgentQuestion::PowerButtonAction, &mut |command| match command[0] {
            "powercfg" => printed(BUTTON),
            _ => absent(),
        });
        assert_eq!(plan, AgentAnswer::PowerButton { ac: 0, dc: 3 });
        let policy = answer(AgentQuestion::PowerButtonAction, &mut |command| match command {
            ["powercfg", ..] => printed(BUTTON),
            [.., "ACSettingIndex"] => printed("  ACSettingIndex  REG_DWORD  0x3\r\n"),
            _ => absent(),
        });
        assert_eq!(policy, AgentAnswer::PowerButton { ac: 3, dc: 3 });
    }

    #[test]
    fn a_restart_is_due_where_either_key_is_there() {
        let is_due = |there: &str| {
            answer(AgentQuestion::RestartPending, &mut |command| {
                if command[2].contains(there) { printed("") } else { absent() }
            })
        };
        assert_eq!(is_due("RebootPending"), AgentAnswer::Is(true));
        assert_eq!(is_due("RebootRequired"), AgentAnswer::Is(true));
        assert_eq!(is_due("nothing"), AgentAnswer::Is(false));
    }

    #[test]
    fn every_setting_is_only_read() {
        for question in QUESTIONS {
            let _ = answer(question, &mut |command| {
                assert!(matches!(command, ["reg", "query", ..] | ["powercfg", "/q", ..]), "{command:?}");
                if command[0] == "powercfg" { printed(BUTTON) } else { absent() }
            });
        }
    }

    #[test]
    fn silence_is_told_as_silence() {
        for question in QUESTIONS {
            assert_eq!(answer(question, &mut |_| Err(Refusal::Silent)), AgentAnswer::Silent);
        }
    }
}
