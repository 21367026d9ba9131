//! The end of a look: everything has to be over by then, whatever libvirt, the guest or a reader does.

use std::thread;
use std::time::{Duration, Instant};

/// For how long a look may last. An agent that answers does so within 10 s, and a reader in one or two.
const LIMIT: Duration = Duration::from_secs(16);

/// The same where programs are to be run in the guest. The recorder ends a look that is not over after 30 s.
const LONG_LIMIT: Duration = Duration::from_secs(26);

/// What is left at the end for writing.
const WRITING: Duration = Duration::from_secs(1);

/// A moment that is not to be passed.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// The end of a look that begins now.
    pub fn of_look(runs_programs: bool) -> Self {
        Self::after(if runs_programs { LONG_LIMIT } else { LIMIT })
    }

    /// When looking ends, so that what was seen can be written.
    pub fn before_writing(self) -> Self {
        Self(self.0.checked_sub(WRITING).unwrap_or(self.0))
    }

    /// So long from now.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// The earlier of this one and another, so long from now.
    pub fn but_within(self, limit: Duration) -> Self {
        Self(self.0.min(Instant::now() + limit))
    }

    /// What is left.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether nothing is left.
    pub fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// Does `act` when it is over, unless the program has ended by then: a call that hangs cannot be
    /// taken back in any other way.
    pub fn or_else(self, act: impl FnOnce() + Send + 'static) {
        thread::spawn(move || {
            thread::sleep(self.left());
            act();
        });
    }
}
