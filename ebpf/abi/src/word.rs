//! One word in the memory of a BPF map, shared by programs on several CPUs.
//!
//! This is what `AtomicU64` would be, had LLVM relaxed atomic loads for BPF. The machine reads and
//! writes an aligned word whole; volatile keeps the compiler from doing otherwise.

use core::cell::UnsafeCell;

/// A word that may change at any time.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Word(UnsafeCell<u64>);

// SAFETY: every access is that of one aligned word as a whole; there is nothing to see half done.
unsafe impl Sync for Word {}

impl Word {
    /// Its value now.
    #[inline(always)]
    pub fn load(&self) -> u64 {
        // SAFETY: the pointer comes from a reference; races give an old or a new value.
        unsafe { self.0.get().read_volatile() }
    }

    /// Sets it.
    #[inline(always)]
    pub fn store(&self, value: u64) {
        // SAFETY: as for `load`; this type is the only way to the value.
        unsafe { self.0.get().write_volatile(value) }
    }

    /// Sets it and tells whether it was another value before.
    #[inline(always)]
    pub fn change(&self, value: u64) -> bool {
        let before = self.load();
        self.store(value);
        before != value
    }

    /// Adds one and loses no other CPU's addition.
    #[inline(always)]
    pub fn add_one(&self) {
        self.add(1);
    }

    /// Adds and loses no other CPU's addition; beyond the largest value it begins again at zero. Rust
    /// offers no atomic addition for BPF, though every BPF has the instruction.
    #[inline(always)]
    pub fn add(&self, value: u64) {
        #[cfg(target_arch = "bpf")]
        // SAFETY: the instruction touches only this word's eight aligned bytes.
        unsafe {
            core::arch::asm!("lock *(u64 *)({at} + 0) += {value}", at = in(reg) self.0.get(), value = in(reg) value);
        }
        #[cfg(not(target_arch = "bpf"))]
        self.store(self.load().wrapping_add(value));
    }
}
