//! Warnings on stderr: the first of a kind in full, the rest counted.

use softoff_reports::visible;

/// So many of a kind are printed.
const IN_FULL: u64 = 5;

/// Warnings of one kind; what was not printed is counted in the end.
#[derive(Debug)]
pub struct Warnings {
    kind: &'static str,
    count: u64,
}

impl Warnings {
    /// None yet of what many of them are called.
    pub const fn new(kind: &'static str) -> Self {
        Self { kind, count: 0 }
    }

    /// Says one.
    pub fn say(&mut self, text: &str) {
        self.count += 1;
        if self.count <= IN_FULL {
            eprintln!("softoff-fleet: warning: {}", visible(text));
        }
    }
}

impl Drop for Warnings {
    fn drop(&mut self) {
        if let more @ 1.. = self.count.saturating_sub(IN_FULL) {
            eprintln!("softoff-fleet: warning: {more} more {}", self.kind);
        }
    }
}
