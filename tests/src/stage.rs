//! Where scenarios and tests play: a lab with the hook installed, and the recorder where it is wanted.

use anyhow::Context;

use crate::lab::Lab;
use crate::recorder::Recorder;
use crate::view::View;

/// The recorder looks at guests early, as the lab's shutdowns drag on for seconds, not for minutes.
const LOOKS: [(&str, &str); 3] =
    [("SOFTOFF_LOOK_AFTER", "4s"), ("SOFTOFF_LOOK_EVERY", "5s"), ("SOFTOFF_ASK_SETTINGS", "1")];

/// A lab in which softoff is installed.
#[derive(Debug)]
pub struct Stage {
    /// The lab.
    pub lab: Lab,
    /// Whether the recorder looks at guests.
    pub looks: bool,
    /// Its recorder, kept alive.
    recorder: Option<Recorder>,
}

impl Stage {
    /// One that records all it can.
    pub fn open() -> anyhow::Result<Self> {
        let mut stage = Self::without_recorder()?;
        stage.recorder = Some(Recorder::start(stage.lab.softoff_inside())?);
        Ok(stage)
    }

    /// One in which only the hook tells of anything.
    pub fn without_recorder() -> anyhow::Result<Self> {
        let lab = Lab::start()?;
        lab.install_hook().context("cannot install the hook in the lab")?;
        Ok(Self { lab, looks: false, recorder: None })
    }

    /// One for scenarios that are judged in this view and those below it.
    pub fn showing(view: View) -> anyhow::Result<Self> {
        let mut stage = Self::without_recorder()?;
        if view > View::Log {
            let mut softoff = stage.lab.softoff_inside();
            match view {
                View::Guest => softoff.envs(LOOKS),
                _ => softoff.env("SOFTOFF_NEVER_LOOK", "1"),
            };
            stage.looks = view == View::Guest;
            stage.recorder = Some(Recorder::start(softoff)?);
        }
        Ok(stage)
    }
}
