//! Attaching to QEMU's accounting of block requests: only while a window is open, and a while longer.
//!
//! Every disk model of QEMU calls these functions for each request of the guest
//! (`include/block/accounting.h`), so they are no sentinels.

use std::time::{Duration, Instant};

use softoff_journal::record::MissingSentinel;

/// How long the functions stay attached after the last window of an executable closed: VMs are often
/// shut down in a row, and the kernel needs some 110 ms to detach each. Meanwhile each request of
/// every VM that runs the executable pays for a hit that counts nothing.
const LINGER: Duration = Duration::from_mins(2);

/// A function and the program that runs there, in the order in which they are attached: no start is to
/// be counted whose end is not.
pub const FUNCTIONS: [(&str, &str); 3] = [
    ("block_acct_done", "block_done"),
    ("block_acct_failed", "block_failed"),
    ("block_acct_start", "block_start"),
];

/// A function in an executable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Offset of its first instruction in the file, as the kernel wants it.
    pub offset: u64,
    /// Its address in the image.
    pub address: u64,
}

/// Where [`FUNCTIONS`] are in one executable, and whether they are attached.
#[derive(Debug, Clone, Default)]
pub struct Accounting {
    places: Option<[Place; 3]>,
    /// Nothing in the executable calls them.
    uncalled: bool,
    attached: bool,
    /// Since when no window needs them.
    idle_since: Option<Instant>,
}

impl Accounting {
    /// Of an executable that has the functions at `places`; `uncalled` where nothing calls one of them.
    pub fn new(places: Option<[Place; 3]>, uncalled: bool) -> Self {
        Self { places, uncalled, ..Self::default() }
    }

    /// Has them attached by `attach` unless they are. Gives what cannot be told without.
    pub fn attach(
        &mut self,
        attach: impl FnOnce(&[Place; 3]) -> Result<(), String>,
    ) -> Option<MissingSentinel> {
        let Some(places) = &self.places else {
            return Some(lacking("this QEMU does not export them"));
        };
        if !self.attached
            && let Err(why) = attach(places)
        {
            return Some(lacking(&why));
        }
        self.attached = true;
        self.uncalled.then(|| lacking("nothing in this QEMU calls one of them (inlined?)"))
    }

    /// Whether they are attached and no window has needed them for long; they are then taken for
    /// detached.
    pub fn let_go(&mut self, in_use: bool, now: Instant) -> bool {
        if in_use || !self.attached {
            self.idle_since = None;
            return false;
        }
        let since = *self.idle_since.get_or_insert(now);
        let over = now.saturating_duration_since(since) >= LINGER;
        self.attached &= !over;
        over
    }
}

fn lacking(why: &str) -> MissingSentinel {
    MissingSentinel {
        name: "block_acct_start, block_acct_done, block_acct_failed".to_owned(),
        consequence: format!("{why}: what the guest reads, writes and flushes is not counted"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_attached_is_not_attached_again_until_it_was_let_go() {
        let mut accounting = Accounting::new(Some([Place::default(); 3]), false);
        assert_eq!(accounting.attach(|_| Ok(())), None);
        assert_eq!(accounting.attach(|_| unreachable!()), None);
        let now = Instant::now();
        assert!(!accounting.let_go(true, now));
        assert!(!accounting.let_go(false, now));
        assert!(!accounting.let_go(true, now + LINGER), "in use again");
        assert!(!accounting.let_go(false, now + LINGER));
        assert!(accounting.let_go(false, now + 2 * LINGER));
        assert!(!accounting.let_go(false, now + 4 * LINGER), "once");
        let missing = accounting.attach(|_| Err("no".to_owned())).expect("it is attached again, or not");
        assert!(missing.consequence.starts_with("no: "), "{missing:?}");
    }

    #[test]
    fn a_qemu_without_the_functions_or_without_calls_of_them_says_so() {
        let absent = Accounting::new(None, false).attach(|_| unreachable!()).expect("said");
        assert!(absent.consequence.contains("does not export"), "{absent:?}");
        let inlined = Accounting::new(Some([Place::default(); 3]), true).attach(|_| Ok(())).expect("said");
        assert!(inlined.consequence.contains("inlined"), "{inlined:?}");
    }
}
