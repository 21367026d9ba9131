//! The end of a look: everything has to be over by then, whatever libvirt, the guest or a reader does.

use std::thread;
use std::time::{Duration, Instant};

/// For how long a look may last. The recorder ends one that is not over after 30 s.
pub const LIMIT: Duration = Duration::from_secs(26);

/// When looking ends: the rest is for writing.
pub const LOOKING: Duration = Duration::from_secs(25);

/// A moment that is not to be passed.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
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
