//! Where scenarios and tests play: a lab with the hook installed, and the recorder where it is wanted.

use anyhow::Context;

use crate::lab::Lab;
use crate::recorder::Recorder;

/// A lab in which softoff is installed.
#[derive(Debug)]
pub struct Stage {
    /// The lab.
    pub lab: Lab,
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
        Ok(Self { lab, recorder: None })
    }

    /// With a recorder or without.
    pub fn recording(records: bool) -> anyhow::Result<Self> {
        if records { Self::open() } else { Self::without_recorder() }
    }
}
