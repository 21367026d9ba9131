//! What a look has come to so far, and the journal it goes to.
//!
//! ```text
//!  screen: looking ─▶ picture ─▶ read ─┐                 each part is written once: when it is complete,
//!  agent:  question asked ─▶ answered ─┴─▶ journal       or at the deadline as far as it has come
//! ```

use std::path::Path;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use softoff_journal::record::{AgentAnswer, AgentExchange, AgentQuestion, ProcessId, Screen};
use softoff_journal::{Event, JournalError, Record, Stamp, Writer};

use crate::deadline::Deadline;

/// What is being found out, shared with whoever ends it.
#[derive(Debug, Clone)]
pub struct Report(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    process: ProcessId,
    writer: Writer,
    /// The look at the screen, until it is written.
    screen: Option<(Stamp, Screen)>,
    /// What the screen's look waits for, in words.
    screen_waits: &'static str,
    /// The question that the agent has not answered.
    asked: Option<(Stamp, AgentQuestion, String)>,
    /// The first record that could not be written.
    failed: Option<JournalError>,
}

impl Report {
    /// An empty one, for the journal in `dir`.
    pub fn open(dir: &Path, process: ProcessId) -> Result<Self, JournalError> {
        let writer = Writer::open(dir, "witness", env!("CARGO_PKG_VERSION"))?;
        let inner = Inner { process, writer, screen: None, screen_waits: "", asked: None, failed: None };
        Ok(Self(Arc::new(Mutex::new(inner))))
    }

    /// Writes what there is when `deadline` is over, and ends the program.
    pub fn end_at(&self, deadline: Deadline) {
        let report = self.clone();
        deadline.or_else(move || {
            let mut inner = report.lock();
            inner.give_up();
            process::exit(if inner.failed.is_some() { 2 } else { 1 });
        });
    }

    /// A look at the screen begins.
    pub fn begin_screen(&self) {
        let process = self.lock().process;
        let screen =
            Screen { process, picture: None, text: None, reader: None, took_ms: 0, trouble: Vec::new() };
        self.lock().screen = Some((Stamp::now(), screen));
    }

    /// What the look at the screen waits for from here on: what is said if it is in vain.
    pub fn screen_waits_for(&self, what: &'static str) {
        self.lock().screen_waits = what;
    }

    /// The look at the screen has come further.
    pub fn of_screen(&self, change: impl FnOnce(&mut Screen)) {
        if let Some((_, screen)) = &mut self.lock().screen {
            change(screen);
        }
    }

    /// The look at the screen is over.
    pub fn end_screen(&self) {
        self.lock().write_screen();
    }

    /// The agent is asked.
    pub fn ask(&self, question: AgentQuestion, command: String) {
        self.lock().asked = Some((Stamp::now(), question, command));
    }

    /// What is being asked is asked with a further command.
    pub fn ask_also(&self, also: &str) {
        if let Some((_, _, command)) = &mut self.lock().asked {
            command.push_str("; ");
            command.push_str(also);
        }
    }

    /// What came of the question.
    pub fn answered(&self, answer: AgentAnswer) {
        self.lock().write_answer(answer);
    }

    /// Whether all could be written.
    pub fn result(&self) -> Result<(), JournalError> {
        self.lock().failed.take().map_or(Ok(()), Err)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn give_up(&mut self) {
        if let Some((_, screen)) = &mut self.screen {
            screen.trouble.push(format!("the look was ended: {} did not end in time", self.screen_waits));
        }
        self.write_screen();
        let why = "libvirt did not answer in time: the agent is slow, or another client is asking it";
        self.write_answer(AgentAnswer::Failed(why.to_owned()));
    }

    fn write_screen(&mut self) {
        if let Some((stamp, screen)) = self.screen.take() {
            self.write(stamp, Event::Screen(screen));
        }
    }

    fn write_answer(&mut self, answer: AgentAnswer) {
        if let Some((asked, question, command)) = self.asked.take() {
            let now = Stamp::now();
            let took_ms = now.boot_ns.saturating_sub(asked.boot_ns) / 1_000_000;
            let exchange = AgentExchange { process: self.process, question, command, took_ms, answer };
            self.write(now, Event::Agent(exchange));
        }
    }

    fn write(&mut self, Stamp { boot_ns, wall }: Stamp, event: Event) {
        if let Err(error) = self.writer.append(&Record { boot_ns, wall, event }) {
            self.failed.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use softoff_journal::Reader;

    use super::*;

    const PROCESS: ProcessId = ProcessId { pid: 7, start_ticks: 9 };

    fn written(dir: &Path) -> Vec<Event> {
        let events = Reader::open(dir).expect("read").map(|entry| entry.expect("no defect").record.event);
        events.filter(|event| !matches!(event, Event::Provenance(_))).collect()
    }

    #[test]
    fn a_look_that_is_ended_says_what_it_waited_for() {
        let dir = tempfile::tempdir().expect("tempdir");
        let report = Report::open(dir.path(), PROCESS).expect("open");
        report.begin_screen();
        report.screen_waits_for("libvirt's picture");
        report.ask(AgentQuestion::Ping, "guest-ping".to_owned());
        report.lock().give_up();
        let written = written(dir.path());
        let [Event::Screen(screen), Event::Agent(agent)] = &written[..] else { panic!("{written:?}") };
        assert_eq!(screen.trouble, ["the look was ended: libvirt's picture did not end in time"]);
        assert!(matches!(&agent.answer, AgentAnswer::Failed(why) if why.contains("in time")), "{agent:?}");
    }

    #[test]
    fn each_part_is_written_once() {
        let dir = tempfile::tempdir().expect("tempdir");
        let report = Report::open(dir.path(), PROCESS).expect("open");
        report.begin_screen();
        report.end_screen();
        report.ask(AgentQuestion::Ping, "guest-ping".to_owned());
        report.answered(AgentAnswer::Alive);
        report.lock().give_up();
        assert_eq!(written(dir.path()).len(), 2);
        report.result().expect("all was written");
    }
}
