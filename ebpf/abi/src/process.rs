//! What the probes remember of each QEMU process and each daemon of libvirt, and the two rules that follow from it: what is
//! no change is not sent, and nobody sends without limit.
//!
//! Programs on several CPUs work on one entry at a time, without a lock: a race can let one event
//! too many through, never lose the count of those that were dropped.

use crate::{
    APM_CNT, CALLS_PER_SECOND, EVENTS_PER_SECOND, Kind, PM1_BASES, PWRBTN, Pm1, PortIo, SLP_EN, Word,
};

/// Values of [`APM_CNT`] that switch ACPI mode: ICH9 on, off; PIIX4 on, off.
const ACPI_SWITCHES: [u32; 4] = [0x02, 0x03, 0xf1, 0xf0];

/// One entry of the map of processes. All zero but the start means: nothing seen yet.
#[derive(Debug)]
#[repr(C)]
pub struct Process {
    /// Start on `CLOCK_BOOTTIME` in nanoseconds; 0 where not known.
    start_ns: Word,
    /// Events dropped by the rate limit.
    dropped: Word,
    /// The attached file whose hits count: see [`crate::Cookie::binary`]. 0: whichever is hit first.
    binary: Word,
    /// The second of `CLOCK_BOOTTIME` that `sent` counts in.
    second: Word,
    /// Events sent in that second, by [`Kind`].
    sent: [Word; Kind::COUNT],
    /// Last state seen by `acpi_update_sci`.
    sci: Word,
    /// What the guest last did to the power button's status bit, as KVM saw it.
    pm1_status: Word,
    /// The power button's enable bit, as KVM saw it written.
    pm1_enable: Word,
    /// `PM1_CNT` as KVM saw it written.
    pm1_control: Word,
    /// ACPI mode, as KVM saw it switched.
    acpi_mode: Word,
}

/// [`Process`] as the tracer reads and writes it, through system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct ProcessImage {
    /// Start on `CLOCK_BOOTTIME` in nanoseconds; 0 where not known.
    pub start_ns: u64,
    /// Events dropped by the rate limit since the process was entered.
    pub dropped: u64,
    /// The attached file whose hits count: see [`crate::Cookie::binary`]. 0: whichever is hit first.
    pub binary: u64,
    /// The probes' own.
    rest: [u64; Kind::COUNT + 6],
}

const _: () = assert!(size_of::<Process>() == size_of::<ProcessImage>());

impl ProcessImage {
    /// A process of which nothing was seen yet.
    pub const fn new(start_ns: u64) -> Self {
        Self { start_ns, dropped: 0, binary: 0, rest: [0; Kind::COUNT + 6] }
    }
}

impl Process {
    /// Start on `CLOCK_BOOTTIME` in nanoseconds; 0 where not known.
    pub fn start_ns(&self) -> u64 {
        self.start_ns.load()
    }

    /// Sets the start, where that has become known.
    pub fn started_at(&self, start_ns: u64) {
        self.start_ns.store(start_ns);
    }

    /// Events dropped by the rate limit so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load()
    }

    /// Whether a hit of this attached file counts. The first file that is hit is the one.
    pub fn belongs_to(&self, binary: u16) -> bool {
        let binary = u64::from(binary);
        let owner = self.binary.load();
        if owner == 0 {
            self.binary.store(binary);
        }
        owner == 0 || owner == binary
    }

    /// Whether one more event of this kind may be sent at `boot_ns`; counts it either way.
    #[inline(always)]
    pub fn admits(&self, kind: u8, boot_ns: u64) -> bool {
        let second = boot_ns / 1_000_000_000;
        if self.second.load() != second {
            self.second.store(second);
            for sent in &self.sent {
                sent.store(0);
            }
        }
        // Hidden from the compiler, which else cuts the number out of its word once to compare it and
        // once to index with it; the verifier then does not see that they are the same.
        let at = core::hint::black_box(usize::from(kind));
        let Some(sent) = self.sent.get(at) else { return false };
        let count = sent.load();
        if count >= per_second(kind) {
            self.dropped.add_one();
            return false;
        }
        sent.store(count + 1);
        true
    }

    /// The button was pressed: the SCI that follows is news even where no bit changes.
    pub fn button_pressed(&self) {
        self.sci.store(SCI_PRESSED);
    }

    /// Whether this re-evaluation of the SCI shows anything new about the power button. Both bits
    /// clear, as after a reset, is where it begins.
    pub fn sci_is_news(&self, vcpu: bool, registers: Option<Pm1>) -> bool {
        let bits = match registers {
            Some(Pm1 { status, enable }) => {
                u64::from(status & PWRBTN != 0) << 1 | u64::from(enable & PWRBTN != 0) << 2
            }
            None => SCI_UNREADABLE,
        };
        self.sci.change(if bits == 0 { 0 } else { bits | u64::from(vcpu) })
    }

    /// Whether this access of `size` bytes shows anything new about power button, sleep or ACPI
    /// mode.
    pub fn port_io_is_news(&self, access: PortIo, size: u32) -> bool {
        if access.port == APM_CNT {
            return access.write
                && ACPI_SWITCHES.contains(&access.value)
                && self.acpi_mode.change(u64::from(access.value));
        }
        match Block::touched_by(access, size) {
            Some(block) if access.write => self.write_is_news(block),
            Some(block) => block.status_press() && self.pm1_status.change(SEEN),
            None => false,
        }
    }

    fn write_is_news(&self, block: Block) -> bool {
        let acknowledged = block.status_press() && self.pm1_status.change(ACKNOWLEDGED);
        let enabled = block.enable().is_some_and(|on| self.pm1_enable.change(1 + u64::from(on)));
        let controlled = block.control().is_some_and(|control| {
            // Asking for sleep twice is news: the first may have been ignored.
            self.pm1_control.change(1 << 16 | u64::from(control)) || control & SLP_EN != 0
        });
        acknowledged | enabled | controlled
    }
}

/// How many events of a kind one process may send within one second.
#[inline(always)]
fn per_second(kind: u8) -> u64 {
    if kind == Kind::LibvirtCall as u8 || kind == Kind::LibvirtReturn as u8 {
        CALLS_PER_SECOND
    } else {
        EVENTS_PER_SECOND
    }
}

/// The button was pressed since the SCI was last evaluated.
const SCI_PRESSED: u64 = 1 << 4;
/// The registers could not be read.
const SCI_UNREADABLE: u64 = 1 << 3;
/// The guest read the status bit while it was set.
const SEEN: u64 = 1;
/// The guest wrote the status bit to clear it.
const ACKNOWLEDGED: u64 = 2;

/// The eight bytes of PM1 status (+0), enable (+2) and control (+4), as far as one access has them.
#[derive(Clone, Copy)]
struct Block {
    bytes: u64,
    /// First byte and the one after the last.
    from: u32,
    to: u32,
}

impl Block {
    fn touched_by(access: PortIo, size: u32) -> Option<Self> {
        let base = access.port & !7;
        if base != PM1_BASES[0] && base != PM1_BASES[1] {
            return None;
        }
        let from = u32::from(access.port & 7);
        Some(Self { bytes: u64::from(access.value) << (8 * from), from, to: from + size })
    }

    fn has(self, byte: u32) -> bool {
        self.from <= byte && byte < self.to
    }

    /// The power button's bit in the status register, where that byte was accessed.
    fn status_press(self) -> bool {
        self.has(1) && self.bytes & u64::from(PWRBTN) != 0
    }

    /// The power button's bit in the enable register, where that byte was accessed.
    fn enable(self) -> Option<bool> {
        self.has(3).then_some(self.bytes >> 16 & u64::from(PWRBTN) != 0)
    }

    /// The control register, where a byte of it was accessed.
    #[allow(clippy::cast_possible_truncation, reason = "the register is cut out on purpose")]
    fn control(self) -> Option<u16> {
        (self.has(4) || self.has(5)).then_some((self.bytes >> 32) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process() -> Process {
        // SAFETY: both are plain integers of the same size and layout, asserted above.
        unsafe { core::mem::transmute(ProcessImage::new(7)) }
    }

    fn write(port: u16, value: u32) -> PortIo {
        PortIo { port, write: true, value }
    }

    fn read(port: u16, value: u32) -> PortIo {
        PortIo { port, write: false, value }
    }

    #[test]
    fn a_flood_of_one_kind_is_cut_and_counted_and_hides_no_other_kind() {
        let process = process();
        let sent = (0..1000).filter(|_| process.admits(Kind::Sci as u8, 5_000_000_000)).count();
        assert_eq!(sent, 200);
        assert_eq!(process.dropped(), 800);
        assert!(process.admits(Kind::Shutdown as u8, 5_100_000_000));
        assert!(process.admits(Kind::Sci as u8, 6_000_000_000), "the next second begins afresh");
        assert_eq!(process.dropped(), 800);
    }

    #[test]
    fn a_daemon_serves_many_domains_and_has_a_limit_all_the_same() {
        let process = process();
        let sent = (0..5000).filter(|_| process.admits(Kind::LibvirtCall as u8, 0)).count();
        assert_eq!((sent, process.dropped()), (1000, 4000));
        assert!(process.admits(Kind::LibvirtReturn as u8, 0));
    }

    #[test]
    fn a_kind_that_does_not_exist_is_not_sent() {
        assert!(!process().admits(u8::MAX, 0));
    }

    #[test]
    fn an_inode_attached_under_two_names_counts_once() {
        let process = process();
        assert!(process.belongs_to(3));
        assert!(!process.belongs_to(4));
        assert!(process.belongs_to(3));
    }

    #[test]
    fn an_sci_that_changes_nothing_about_the_button_is_no_news() {
        let process = process();
        let registers = |status, enable| Some(Pm1 { status, enable });
        assert!(!process.sci_is_news(false, registers(0, 0)), "a reset");
        assert!(process.sci_is_news(true, registers(0, PWRBTN)));
        assert!(!process.sci_is_news(true, registers(1, PWRBTN | 1)), "the timer is not the button");
        assert!(process.sci_is_news(false, registers(PWRBTN, PWRBTN)), "raised");
        assert!(!process.sci_is_news(false, registers(PWRBTN, PWRBTN)));
        assert!(process.sci_is_news(true, registers(0, PWRBTN)), "acknowledged");
        assert!(process.sci_is_news(true, registers(0, 0)), "disabled");
        assert!(process.sci_is_news(true, None), "not readable is not the same as clear");
    }

    #[test]
    fn every_press_makes_its_sci_news() {
        let process = process();
        let pending = Some(Pm1 { status: PWRBTN, enable: PWRBTN });
        assert!(process.sci_is_news(false, pending));
        process.button_pressed();
        assert!(process.sci_is_news(false, pending));
    }

    #[test]
    fn kvm_tells_seen_acknowledged_enabled_and_asleep_once_each() {
        let process = process();
        assert!(!process.port_io_is_news(read(0x600, 0), 2), "nothing pending");
        assert!(process.port_io_is_news(read(0x600, 0x100), 2), "seen");
        assert!(!process.port_io_is_news(read(0x600, 0x100), 2), "seen again");
        assert!(process.port_io_is_news(write(0x600, 0x100), 2), "acknowledged");
        assert!(!process.port_io_is_news(write(0x600, 0x100), 2));
        assert!(process.port_io_is_news(write(0x602, 0x120), 2), "enabled");
        assert!(!process.port_io_is_news(write(0x602, 0x100), 2), "still enabled");
        assert!(process.port_io_is_news(write(0x602, 0x20), 2), "disabled");
        assert!(process.port_io_is_news(write(0x604, 0x2001), 2), "asleep");
        assert!(process.port_io_is_news(write(0x604, 0x2001), 2), "asking again is news");
    }

    #[test]
    fn accesses_of_one_and_four_bytes_are_understood() {
        let process = process();
        assert!(!process.port_io_is_news(read(0x600, 0xff), 1), "the button is in the other byte");
        assert!(process.port_io_is_news(read(0x601, 0x01), 1));
        assert!(process.port_io_is_news(write(0xb000, 0x0100_0100), 4), "status and enable at once");
        assert!(!process.port_io_is_news(write(0xb003, 0x01), 1), "still enabled");
    }

    #[test]
    fn other_ports_and_the_timer_are_no_news() {
        let process = process();
        assert!(!process.port_io_is_news(read(0x608, 0x100), 4), "the PM timer");
        assert!(!process.port_io_is_news(write(0x70, 0x100), 2));
        assert!(!process.port_io_is_news(read(APM_CNT, 0x02), 1));
        assert!(!process.port_io_is_news(write(APM_CNT, 0x80), 1), "another SMI");
        assert!(process.port_io_is_news(write(APM_CNT, 0x02), 1), "ACPI on");
    }
}
