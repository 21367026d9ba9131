//! The second stage against real QEMU processes: what is counted while a shutdown lasts.

use std::time::Duration;

use rustix::process::Signal;
use softoff_journal::record::{Activity, Bin, Sign, WindowState};

use crate::boot_sector::{IDLE, POWER_OFF_WHEN_PRESSED, READ, WRITE};
use crate::needs;
use crate::qemu::{self, Qemu, Setup};
use crate::recording::{self, Recording};

const GRID_NS: u64 = 100_000_000;

fn start(boot: &'static [u8]) -> Qemu {
    Qemu::start(&Setup { boot: Some(boot), ..Setup::default() })
}

fn bins(activity: &[(u64, Activity)]) -> Vec<Bin> {
    activity.iter().flat_map(|(_, activity)| activity.bins.clone()).collect()
}

/// Its process was stopped at the end of each bin.
fn is_stopped((_, activity): &(u64, Activity)) -> bool {
    activity.host.stopped_us == Some(activity.bins.len() as u64 * u64::from(activity.bin_ms) * 1000)
}

/// The records of a window follow each other from its beginning, without a gap.
fn follow_each_other(opened: u64, activity: &[(u64, Activity)]) {
    let mut end = opened;
    for (boot_ns, activity) in activity {
        end += activity.bins.len() as u64 * u64::from(activity.bin_ms) * 1_000_000;
        assert_eq!(*boot_ns, end, "{activity:?}");
        assert_eq!(u64::from(activity.bin_ms) * 1_000_000 % GRID_NS, 0, "{activity:?}");
    }
}

#[test]
fn a_busy_guest_shows_its_reads_and_a_press_is_all_it_takes() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let mut qemu = start(READ);
    recording.qemu(qemu.pid());
    // Until firmware is through.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(recording.windows(qemu.pid()), [], "nothing is counted while a guest just runs");
    qemu.qmp("system_powerdown");
    let (opened, window) = recording.until_window(qemu.pid(), WindowState::Opened);
    assert_eq!(window.missing, []);
    let activity = recording.until_activity(qemu.pid(), 3);
    follow_each_other(opened, &activity);
    assert!(activity.iter().all(|(_, activity)| activity.vcpus == 1), "{activity:?}");
    let bins = bins(&activity);
    assert!(bins.iter().filter(|bin| bin.reads > 0).count() > bins.len() / 2, "{bins:?}");
    let sum = |count: fn(&Bin) -> u64| bins.iter().map(count).sum::<u64>();
    assert!(sum(|bin| bin.reads) > 100, "{bins:?}");
    assert_eq!(sum(|bin| bin.read_bytes), 512 * sum(|bin| bin.reads), "{bins:?}");
    assert!(sum(|bin| bin.run_us) > 100_000, "{bins:?}");
    assert!(bins.iter().all(|bin| bin.inflight <= 1 && bin.writes == 0 && bin.failed == 0), "{bins:?}");
}

#[test]
fn what_was_written_and_not_flushed_adds_up() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let mut qemu = start(WRITE);
    recording.qemu(qemu.pid());
    std::thread::sleep(Duration::from_secs(3));
    qemu.qmp("system_powerdown");
    let bins = bins(&recording.until_activity(qemu.pid(), 2));
    let mut written = 0;
    for bin in &bins {
        written += bin.write_bytes;
        assert_eq!(bin.unflushed_bytes, written, "{bins:?}");
        assert_eq!(bin.write_bytes, 512 * bin.writes, "{bins:?}");
    }
    assert!(written > 512 * 100, "{bins:?}");
}

#[test]
fn an_idle_guest_shows_nothing_and_hardly_runs() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let mut qemu = start(IDLE);
    recording.qemu(qemu.pid());
    std::thread::sleep(Duration::from_secs(3));
    qemu.qmp("system_powerdown");
    let activity = recording.until_activity(qemu.pid(), 2);
    let bins = bins(&activity);
    let run: u64 = bins.iter().map(|bin| bin.run_us).sum();
    assert!(run < 100_000 * bins.len() as u64 / 10, "a tenth at most: {bins:?}");
    let disk = |bin: &Bin| Bin { run_us: 0, wait_us: 0, ..*bin };
    assert!(bins.iter().all(|bin| disk(bin) == Bin::default()), "{bins:?}");
    for (_, activity) in activity {
        assert_eq!(activity.host.stopped_us, Some(0));
        let pressure = std::path::Path::new("/proc/pressure/cpu").exists();
        assert_eq!(activity.host.cpu_some_us.is_some(), pressure, "{activity:?}");
    }
}

#[test]
fn a_process_that_is_stopped_is_told_from_one_that_idles() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let mut qemu = start(IDLE);
    recording.qemu(qemu.pid());
    qemu.qmp("system_powerdown");
    recording.until_window(qemu.pid(), WindowState::Opened);
    qemu.signal(Signal::STOP);
    // It may have run at the beginning of the first bin that ends with it stopped.
    let stopped = recording.until_stretches(qemu.pid(), 2, is_stopped);
    qemu.signal(Signal::CONT);
    assert!(stopped[1].1.bins.iter().all(|bin| bin.run_us == 0), "{stopped:?}");
    let (end, _) = stopped[stopped.len() - 1];
    recording.until_stretches(qemu.pid(), 1, |later| later.0 > end && later.1.host.stopped_us == Some(0));
}

#[test]
fn the_window_of_a_qemu_that_is_killed_closes_with_its_last_bin() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let mut qemu = start(READ);
    recording.qemu(qemu.pid());
    qemu.qmp("system_powerdown");
    let (opened, _) = recording.until_window(qemu.pid(), WindowState::Opened);
    recording.until_activity(qemu.pid(), 1);
    qemu.signal(Signal::KILL);
    let (closed, window) = recording.until_window(qemu.pid(), WindowState::Closed);
    assert_eq!(window.missing, []);
    let activity = recording.activity(qemu.pid());
    follow_each_other(opened, &activity);
    assert_eq!(activity.last().map(|(end, _)| *end), Some(closed));
    let ended = recording.time_of(qemu.pid(), &Sign::Exit { status: None, signal: Some(9) });
    assert!(ended <= closed && closed < ended + 2 * GRID_NS, "from {ended} to {closed}");
    assert_eq!(recording.windows(qemu.pid()).len(), 2);
}

#[test]
fn several_windows_are_open_at_once_and_each_counts_its_own() {
    needs!(recording::is_possible());
    let recording = Recording::start();
    let mut guests = [start(READ), start(IDLE), start(WRITE), start(POWER_OFF_WHEN_PRESSED)];
    for qemu in &guests {
        recording.qemu(qemu.pid());
    }
    std::thread::sleep(Duration::from_secs(5));
    for qemu in &mut guests {
        qemu.qmp("system_powerdown");
    }
    let of = |at: usize| bins(&recording.until_activity(guests[at].pid(), 2));
    assert!(of(0).iter().any(|bin| bin.reads > 0) && of(0).iter().all(|bin| bin.writes == 0));
    assert!(of(1).iter().all(|bin| bin.reads == 0 && bin.writes == 0));
    assert!(of(2).iter().any(|bin| bin.writes > 0) && of(2).iter().all(|bin| bin.reads == 0));
    guests[3].signal(Signal::TERM);
    recording.until_window(guests[3].pid(), WindowState::Closed);
    assert_eq!(recording.windows(guests[0].pid()).len(), 1, "the others stay open");
}

#[test]
fn a_qemu_without_symbols_still_shows_its_vcpus_and_says_what_is_missing() {
    needs!(recording::is_possible());
    let without = qemu::without_symbols();
    let recording = Recording::start();
    let setup = Setup { program: &without, boot: Some(READ), ..Setup::default() };
    let qemu = Qemu::start(&setup);
    recording.qemu(qemu.pid());
    // A polite signal that QEMU takes no notice of: it is stopped.
    qemu.signal(Signal::STOP);
    qemu.signal(Signal::TERM);
    let (_, window) = recording.until_window(qemu.pid(), WindowState::Opened);
    assert!(window.missing[0].consequence.contains("is not counted"), "{window:?}");
    let activity = recording.until_stretches(qemu.pid(), 1, is_stopped);
    assert_eq!(activity[0].1.vcpus, 1);
    qemu.signal(Signal::CONT);
    recording.until_window(qemu.pid(), WindowState::Closed);
}
