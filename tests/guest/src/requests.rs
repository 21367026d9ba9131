//! The two ways in which a guest is asked to shut down, brought together.
//!
//! ```text
//! ACPI power button ── evdev ────────────────────────────────────┐
//! qemu-ga ── runs /sbin/shutdown, the init again ── named pipe ──┴──▶ Requests
//! ```

use std::fs::File;
use std::io::{Read, Write};
use std::sync::mpsc::{self, Receiver, Sender};

use anyhow::Context;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use softoff_guest::{Ending, MARK};

use crate::button::PowerButton;
use crate::work;

/// The pipe between the two lives of the init.
const PIPE: &str = "/shutdown-requests";

/// Somebody wants the guest to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// The power button was pressed.
    Press,
    /// The guest agent was asked.
    Agent(Ending),
}

/// The requests, in the order in which they come.
pub struct Requests {
    sender: Sender<Request>,
    receiver: Receiver<Request>,
}

impl Requests {
    /// Listens to the agent; the button has to be armed.
    pub fn listen() -> anyhow::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        mknodat(CWD, PIPE, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .with_context(|| format!("cannot create {PIPE}"))?;
        // Open for writing as well, or the end of each writer would be the end of the file.
        let mut pipe = open_pipe()?;
        forward(&sender, "agent", move || {
            let mut code = [0];
            pipe.read_exact(&mut code).with_context(|| format!("cannot read {PIPE}"))?;
            println!("{MARK}agent asked to shut down");
            Ok(Request::Agent(decode(code)))
        })?;
        Ok(Self { sender, receiver })
    }

    /// Listens to the power button too, whose driver is loaded.
    pub fn arm_button(&self) -> anyhow::Result<()> {
        let mut button = PowerButton::open()?;
        forward(&self.sender, "button", move || {
            button.wait_for_press()?;
            println!("{MARK}power button pressed");
            Ok(Request::Press)
        })
    }

    /// Waits for the next one.
    pub fn next(&self) -> anyhow::Result<Request> {
        self.receiver.recv().context("nobody is left to ask")
    }
}

/// Sends on whatever `wait` brings.
fn forward(
    sender: &Sender<Request>,
    name: &str,
    mut wait: impl FnMut() -> anyhow::Result<Request> + Send + 'static,
) -> anyhow::Result<()> {
    let sender = sender.clone();
    work::spawn(name, move || {
        let failure = loop {
            match wait() {
                // Nobody listens only when the guest has nothing left to do.
                Ok(request) => drop(sender.send(request)),
                Err(error) => break error,
            }
        };
        println!("{MARK}failed: {failure:#}");
    })
}

fn open_pipe() -> anyhow::Result<File> {
    File::options().read(true).write(true).open(PIPE).with_context(|| format!("cannot open {PIPE}"))
}

/// The life of `/sbin/shutdown`: tells the init what the agent was asked for.
pub fn pass_on(arguments: impl Iterator<Item = String>) -> anyhow::Result<()> {
    open_pipe()?.write_all(&encode(wanted(arguments))).with_context(|| format!("cannot write to {PIPE}"))
}

/// Reads the command line of `shutdown` as qemu-ga writes it: `-r` for a restart.
fn wanted(mut arguments: impl Iterator<Item = String>) -> Ending {
    if arguments.any(|argument| argument == "-r") { Ending::Reset } else { Ending::PowerOff }
}

fn encode(ending: Ending) -> [u8; 1] {
    match ending {
        Ending::PowerOff => *b"P",
        Ending::Reset => *b"R",
    }
}

fn decode(code: [u8; 1]) -> Ending {
    if code == encode(Ending::Reset) { Ending::Reset } else { Ending::PowerOff }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(command_line: &str) -> Ending {
        decode(encode(wanted(command_line.split_whitespace().map(Into::into))))
    }

    #[test]
    fn the_init_learns_what_the_agent_was_asked_for() {
        assert_eq!(asked("-h -P +0 hypervisor initiated shutdown"), Ending::PowerOff);
        assert_eq!(asked("-h -r +0 hypervisor initiated shutdown"), Ending::Reset);
    }
}
