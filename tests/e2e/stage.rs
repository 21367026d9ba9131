//! Where the tests play: a lab with hook and recorder.

use std::env;
use std::sync::OnceLock;

use softoff_lab::{Lab, Recorder};

/// A lab in which softoff is installed and records.
pub struct Stage {
    /// The lab.
    pub lab: Lab,
    /// Its recorder, kept alive.
    _recorder: Recorder,
}

impl Stage {
    /// Sets one up.
    pub fn open() -> anyhow::Result<Self> {
        let lab = Lab::start()?;
        lab.install_hook()?;
        let recorder = Recorder::start(lab.softoff_inside())?;
        Ok(Self { lab, _recorder: recorder })
    }

    /// The one that tests share. Whoever comes first sets it up; it ends with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Stage> = OnceLock::new();
        SHARED.get_or_init(|| Self::open().expect("the stage of the end-to-end tests"))
    }
}

/// Tells a test whether to go on: without root there is no lab. Where nothing may be skipped, the
/// lack of root is a failure.
pub fn is_possible() -> bool {
    let root = rustix::process::geteuid().is_root();
    let required = env::var_os("SOFTOFF_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(root || !required, "the end-to-end tests need root, and nothing may be skipped");
    if !root {
        eprintln!("skipped: the end-to-end tests need root");
    }
    root
}
