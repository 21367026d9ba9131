//! Asking a guest's agent, one question after the other, until one is not answered.
//!
//! ```text
//! ping ─ alive ─▶ os ─ Windows, and settings wanted ─▶ settings, each by guest-exec
//!   │ silent, refused             │ other
//!   ▼                             ▼
//!  end                           end
//! ```

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use softoff_journal::record::{AgentAnswer, AgentQuestion, GuestOs};
use virt::domain::Domain;
use virt::enumutil::Enum;
use virt::error::{Error, ErrorNumber};

use crate::answer::{self, Output};
use crate::deadline::Deadline;
use crate::domain::message;
use crate::report::Report;
use crate::settings::{self, Command};

/// How long libvirt waits for an answer of the agent, in seconds.
const PATIENCE: i32 = 5;

/// How long a program in the guest may take.
const EXEC_PATIENCE: Duration = Duration::from_secs(5);

/// How long a program in the guest is left before it is asked for again.
const EXEC_INTERVAL: Duration = Duration::from_millis(100);

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing came in time.
    Silent,
    /// It, or libvirt, refused, or what came makes no sense.
    Failed(String),
}

impl Refusal {
    /// As it is recorded.
    pub fn into_answer(self) -> AgentAnswer {
        match self {
            Self::Silent => AgentAnswer::Silent,
            Self::Failed(why) => AgentAnswer::Failed(why),
        }
    }
}

/// The way to an agent.
pub trait Channel {
    /// Sends a command and returns the whole answer.
    fn send(&self, command: &str) -> Result<String, Refusal>;
}

impl Channel for Domain {
    fn send(&self, command: &str) -> Result<String, Refusal> {
        self.qemu_agent_command(command, PATIENCE, 0).map_err(|error| refusal(&error))
    }
}

fn refusal(error: &Error) -> Refusal {
    match error.code() {
        Enum::Known(
            ErrorNumber::AgentUnresponsive | ErrorNumber::AgentUnsynced | ErrorNumber::AgentCommandTimeout,
        ) => Refusal::Silent,
        Enum::Known(ErrorNumber::OperationTimeout) => {
            Refusal::Failed(format!("another client of libvirt is asking the agent ({})", message(error)))
        }
        _ => Refusal::Failed(message(error)),
    }
}

/// Asks all there is to ask.
pub fn ask(channel: &impl Channel, settings: bool, deadline: Deadline, report: &Report) {
    if !ask_ping(channel, report) {
        return;
    }
    let Some(os) = ask_os(channel, report) else { return };
    if settings && os.id.as_deref() == Some("mswindows") {
        ask_settings(channel, deadline, report);
    }
}

fn ask_ping(channel: &impl Channel, report: &Report) -> bool {
    report.ask(AgentQuestion::Ping, "guest-ping".to_owned());
    let answer = send(channel, "guest-ping", None, answer::of_ping);
    let is_alive = answer.is_ok();
    report.answered(answer.map_or_else(Refusal::into_answer, |()| AgentAnswer::Alive));
    is_alive
}

fn ask_os(channel: &impl Channel, report: &Report) -> Option<GuestOs> {
    report.ask(AgentQuestion::Os, "guest-get-osinfo".to_owned());
    let answer = send(channel, "guest-get-osinfo", None, answer::of_osinfo);
    let os = answer.as_ref().ok().cloned();
    report.answered(answer.map_or_else(Refusal::into_answer, AgentAnswer::Os));
    os
}

fn ask_settings(channel: &impl Channel, deadline: Deadline, report: &Report) {
    for question in settings::QUESTIONS {
        let (mut first, mut is_silent) = (true, false);
        let answer = settings::answer(question, &mut |command| {
            let told = told(command);
            if std::mem::take(&mut first) {
                report.ask(question, told);
            } else {
                report.ask_also(&told);
            }
            let output = exec(channel, command, deadline.but_within(EXEC_PATIENCE));
            is_silent = output == Err(Refusal::Silent);
            output
        });
        report.answered(answer);
        // One that has fallen silent is not asked again: each question would take its time in vain.
        if is_silent {
            return;
        }
    }
}

/// A command as it would be typed.
fn told(command: Command<'_>) -> String {
    let quoted = |word: &&str| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() };
    command.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Runs a program in the guest.
fn exec(channel: &impl Channel, command: Command<'_>, deadline: Deadline) -> Result<Output, Refusal> {
    let [path, arguments @ ..] = command else { return Err(Refusal::Failed("nothing to run".to_owned())) };
    let arguments = json!({ "path": path, "arg": arguments, "capture-output": true });
    let pid = send(channel, "guest-exec", Some(arguments), answer::of_exec)?;
    while !deadline.is_over() {
        let status = send(channel, "guest-exec-status", Some(json!({ "pid": pid })), answer::of_exec_status)?;
        if let Some(output) = status {
            return Ok(output);
        }
        thread::sleep(EXEC_INTERVAL);
    }
    Err(Refusal::Failed(format!("{path} did not end in the guest in time")))
}

fn send<T>(
    channel: &impl Channel,
    command: &str,
    arguments: Option<Value>,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Refusal> {
    let mut request = json!({ "execute": command });
    if let Some(arguments) = arguments {
        request["arguments"] = arguments;
    }
    read(&channel.send(&request.to_string())?).map_err(Refusal::Failed)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use softoff_journal::record::{AgentExchange, ProcessId};
    use softoff_journal::{Event, Reader};

    use super::*;

    /// An agent that answers as it is told to.
    struct Scripted<F>(F, RefCell<Vec<String>>);

    impl<F: Fn(&Value) -> Result<String, Refusal>> Channel for Scripted<F> {
        fn send(&self, command: &str) -> Result<String, Refusal> {
            let command: Value = serde_json::from_str(command).expect("softoff's own JSON");
            self.1.borrow_mut().push(command["execute"].to_string());
            (self.0)(&command)
        }
    }

    fn asked(settings: bool, answer: impl Fn(&Value) -> Result<String, Refusal>) -> Vec<AgentExchange> {
        let dir = tempfile::tempdir().expect("tempdir");
        let report = Report::open(dir.path(), ProcessId { pid: 1, start_ticks: 2 }).expect("open");
        let deadline = Deadline::after(Duration::from_millis(500));
        ask(&Scripted(answer, RefCell::default()), settings, deadline, &report);
        report.result().expect("written");
        let events = Reader::open(dir.path()).expect("read").map(|entry| entry.expect("sound").record.event);
        let agents =
            events.filter_map(|event| if let Event::Agent(agent) = event { Some(agent) } else { None });
        agents.collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is what a channel gives")]
    fn windows(command: &Value) -> Result<String, Refusal> {
        let text = match command["execute"].as_str().expect("a command") {
            "guest-get-osinfo" => r#"{"return":{"id":"mswindows"}}"#,
            "guest-exec" => r#"{"return":{"pid":7}}"#,
            "guest-exec-status" => r#"{"return":{"exited":true,"exitcode":1}}"#,
            _ => r#"{"return":{}}"#,
        };
        Ok(text.to_owned())
    }

    #[test]
    fn a_silent_agent_is_asked_once() {
        let exchanges = asked(true, |_| Err(Refusal::Silent));
        assert_eq!(exchanges.len(), 1);
        assert_eq!(
            (&exchanges[0].question, &exchanges[0].answer),
            (&AgentQuestion::Ping, &AgentAnswer::Silent)
        );
    }

    #[test]
    fn settings_are_asked_of_windows_where_they_are_wanted_and_of_nobody_else() {
        assert_eq!(asked(false, windows).len(), 2);
        assert_eq!(asked(true, |_| Ok(r#"{"return":{"id":"debian"}}"#.to_owned())).len(), 2);
        let exchanges = asked(true, windows);
        assert_eq!(exchanges.len(), 2 + settings::QUESTIONS.len());
        assert!(exchanges[3].command.contains(r"reg query HKLM\SOFTWARE\Microsoft\Windows"), "{exchanges:?}");
    }

    #[test]
    fn a_program_that_never_ends_is_not_waited_for_forever() {
        let exchanges = asked(true, |command| match command["execute"].as_str() {
            Some("guest-exec-status") => Ok(r#"{"return":{"exited":false}}"#.to_owned()),
            _ => windows(command),
        });
        let last = &exchanges[2].answer;
        assert!(matches!(last, AgentAnswer::Failed(why) if why.contains("did not end")), "{exchanges:?}");
    }

    #[test]
    fn an_agent_that_falls_silent_is_left_alone() {
        let count = Cell::new(0);
        let exchanges = asked(true, |command| {
            count.set(count.get() + 1);
            if count.get() > 2 { Err(Refusal::Silent) } else { windows(command) }
        });
        assert_eq!((exchanges.len(), count.get()), (3, 3));
    }

    #[test]
    fn an_agent_that_talks_nonsense_is_quoted_for_it() {
        let exchanges = asked(true, |_| Ok("\u{1b}[2J".to_owned()));
        assert!(matches!(&exchanges[0].answer, AgentAnswer::Failed(why) if why.contains("makes no sense")));
    }
}
